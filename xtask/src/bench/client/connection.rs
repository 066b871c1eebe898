//! A connection to the proxy, plain or TLS 1.3. It moves bytes and judges none of them.

use rustls::client::Resumption;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, HandshakeKind, RootCertStore};
use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;

/// How TLS is spoken: to whom, and with what. One group and one cipher, so that every proxy does the same work.
pub(super) struct Tls {
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
}

impl Tls {
    /// Trusts one certificate; offers TLS 1.3 with X25519 and AES-128-GCM; never resumes.
    pub(super) fn new(trust: &Path, host: &str) -> Result<Self, Box<dyn std::error::Error>> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(trust)?)?;
        let mut provider = aws_lc_rs::default_provider();
        provider.kx_groups = vec![aws_lc_rs::kx_group::X25519];
        provider.cipher_suites = vec![aws_lc_rs::cipher_suite::TLS13_AES_128_GCM_SHA256];
        let mut config = ClientConfig::builder_with_provider(Arc::new(provider))
            .with_protocol_versions(&[&rustls::version::TLS13])?
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.resumption = Resumption::disabled();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self { config: Arc::new(config), name: ServerName::try_from(host.to_owned())? })
    }
}

/// An open connection.
pub(super) struct Connection {
    pub(super) stream: TcpStream,
    session: Option<Box<ClientConnection>>,
}

impl Connection {
    /// Connects, and sends the first flight of the handshake where there is one.
    pub(super) fn open(address: SocketAddr, tls: Option<&Tls>) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        let session = match tls {
            Some(tls) => {
                let session = ClientConnection::new(tls.config.clone(), tls.name.clone());
                Some(Box::new(session.map_err(io::Error::other)?))
            }
            None => None,
        };
        let mut connection = Self { stream, session };
        connection.flush()?;
        Ok(connection)
    }

    /// Whether requests can be sent.
    pub(super) fn is_open(&self) -> bool {
        self.session.as_ref().is_none_or(|session| !session.is_handshaking())
    }

    /// Whether the handshake, if there was one, was a full one.
    pub(super) fn was_full(&self) -> bool {
        self.session.as_ref().is_none_or(|session| session.handshake_kind() == Some(HandshakeKind::Full))
    }

    /// Sends a request, which is short enough for every socket buffer.
    pub(super) fn send(&mut self, request: &[u8]) -> io::Result<()> {
        match &mut self.session {
            Some(session) => {
                session.writer().write_all(request)?;
                self.flush()
            }
            None => self.stream.write_all(request),
        }
    }

    /// Reads once from the socket and hands what came, decrypted, to `sink`. The end of the stream is an error.
    pub(super) fn receive(&mut self, buffer: &mut Buffers, sink: &mut dyn FnMut(&[u8])) -> io::Result<()> {
        let count = match self.stream.read(&mut buffer.wire) {
            Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
            Ok(count) => count,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error),
        };
        let mut wire = &buffer.wire[..count];
        let Some(session) = &mut self.session else {
            sink(wire);
            return Ok(());
        };
        while !wire.is_empty() {
            session.read_tls(&mut wire)?;
            let state = session.process_new_packets().map_err(io::Error::other)?;
            if state.plaintext_bytes_to_read() > 0 {
                let count = session.reader().read(&mut buffer.plain)?;
                sink(&buffer.plain[..count]);
            }
        }
        self.flush()
    }

    fn flush(&mut self) -> io::Result<()> {
        let Some(session) = &mut self.session else { return Ok(()) };
        while session.wants_write() {
            session.write_tls(&mut self.stream)?;
        }
        Ok(())
    }
}

/// Space that all connections share.
pub(super) struct Buffers {
    wire: Vec<u8>,
    plain: Vec<u8>,
}

impl Buffers {
    pub(super) fn new() -> Self {
        Self { wire: vec![0; 256 << 10], plain: vec![0; 64 << 10] }
    }
}
