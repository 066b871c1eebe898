//! Asking one site over TLS what it says now.

use super::farm::{Farm, name};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use std::error::Error;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long a proxy may take to say what it should.
const PATIENCE: Duration = Duration::from_secs(180);
/// Between two questions.
const PAUSE: Duration = Duration::from_millis(2);

/// Who asks.
pub(super) struct Asker {
    tls: Arc<ClientConfig>,
    address: SocketAddr,
}

impl Asker {
    pub(super) fn new(farm: &Farm) -> Result<Self, Box<dyn Error>> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(farm.path("root.pem"))?)?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let tls = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
        let mut tls = tls.with_root_certificates(roots).with_no_client_auth();
        // A resumed session would not show the certificate.
        tls.resumption = rustls::client::Resumption::disabled();
        Ok(Self { tls: Arc::new(tls), address: (Ipv4Addr::LOCALHOST, farm.port).into() })
    }

    /// Asks until a site says this.
    pub(super) fn until(&self, site: usize, says: &str) -> Result<(), Box<dyn Error>> {
        let end = Instant::now() + PATIENCE;
        while Instant::now() < end {
            if self.ask(site).is_ok_and(|answer| answer.ends_with(says)) {
                return Ok(());
            }
            std::thread::sleep(PAUSE);
        }
        Err(format!("{} never said {says:?}; last: {:?}", name(site), self.ask(site)).into())
    }

    fn ask(&self, site: usize) -> io::Result<String> {
        let name = name(site);
        let stream = TcpStream::connect(self.address)?;
        stream.set_read_timeout(Some(Duration::from_secs(2)))?;
        let server = name.clone().try_into().map_err(io::Error::other)?;
        let client = ClientConnection::new(Arc::clone(&self.tls), server).map_err(io::Error::other)?;
        let mut stream = StreamOwned::new(client, stream);
        write!(stream, "GET /hello HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n")?;
        let mut answer = Vec::new();
        match stream.read_to_end(&mut answer) {
            Err(error) if error.kind() != io::ErrorKind::UnexpectedEof => Err(error),
            _ => Ok(String::from_utf8_lossy(&answer).into_owned()),
        }
    }
}
