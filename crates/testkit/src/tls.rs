//! A TLS client that trusts one given authority and nothing else.

use crate::patience::PATIENCE;
use crate::raw::{Connection, Raw};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use std::io;
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

type TlsStream = StreamOwned<ClientConnection, TcpStream>;

impl Connection for TlsStream {
    fn set_deadline(&self, deadline: Duration) -> io::Result<()> {
        self.sock.set_deadline(deadline)
    }

    fn end_sending(&mut self) -> io::Result<()> {
        self.conn.send_close_notify();
        self.conn.complete_io(&mut self.sock)?;
        self.sock.shutdown(Shutdown::Write)
    }
}

/// How a test wants its handshake.
#[derive(Clone, Debug)]
pub struct Tls {
    config: ClientConfig,
}

impl Tls {
    /// Trusts the authorities in this PEM text alone; offers `http/1.1` by ALPN.
    ///
    /// # Panics
    /// When the text has no certificate.
    #[must_use]
    pub fn trusting(authorities: impl AsRef<[u8]>) -> Self {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(authorities.as_ref()) {
            roots.add(certificate.expect("PEM")).expect("a certificate that can be a root");
        }
        assert!(!roots.is_empty(), "no certificate to trust");
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("the provider knows the versions")
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Self { config }
    }

    /// Offers these protocols by ALPN instead.
    #[must_use]
    pub fn offering(mut self, protocols: &[&str]) -> Self {
        self.config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        self
    }

    /// Sends no server name, as very old clients do.
    #[must_use]
    pub fn without_server_name(mut self) -> Self {
        self.config.enable_sni = false;
        self
    }

    /// The same for a client with a transport of its own.
    #[must_use]
    pub fn into_config(self) -> ClientConfig {
        self.config
    }

    /// Connects, completes the handshake and verifies that the certificate is for `name`.
    ///
    /// # Panics
    /// When any of it fails within [`PATIENCE`].
    #[must_use]
    pub fn connect(&self, address: SocketAddr, name: &str) -> Raw {
        self.try_connect(address, name)
            .unwrap_or_else(|error| panic!("no TLS with {address} as {name}: {error}"))
    }

    /// Connects, completes the handshake and verifies that the certificate is for `name`.
    ///
    /// # Errors
    /// When any of it fails within [`PATIENCE`]; rustls' own error is inside.
    pub fn try_connect(&self, address: SocketAddr, name: &str) -> io::Result<Raw> {
        Ok(Raw::over(self.handshake(address, name)?))
    }

    /// The certificate chain that a server shows for a name, verified, leaf first, as DER.
    ///
    /// # Errors
    /// As [`Self::try_connect`].
    pub fn chain(&self, address: SocketAddr, name: &str) -> io::Result<Vec<Vec<u8>>> {
        let stream = self.handshake(address, name)?;
        Ok(stream.conn.peer_certificates().unwrap_or_default().iter().map(|der| der.to_vec()).collect())
    }

    fn handshake(&self, address: SocketAddr, name: &str) -> io::Result<TlsStream> {
        let name = ServerName::try_from(name.to_owned()).map_err(io::Error::other)?;
        let connection =
            ClientConnection::new(Arc::new(self.config.clone()), name).map_err(io::Error::other)?;
        let socket = TcpStream::connect_timeout(&address, PATIENCE)?;
        socket.set_nodelay(true)?;
        socket.set_deadline(PATIENCE)?;
        let mut stream = StreamOwned::new(connection, socket);
        stream.conn.complete_io(&mut stream.sock)?;
        Ok(stream)
    }
}
