//! Opening a connection to an instance.

use super::instance::{Endpoint, Lease};
use super::multiplexed::Claimed;
use super::{Instance, ServiceRuntime};
use crate::fastcgi::FastCgiStream;
use crate::transport::instance::InstanceStream;
use model::plan::ProxyProtocol;
use rustls::pki_types::ServerName;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream, UnixStream};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use wire::proxy;

/// The two ends of a client's connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ends {
    /// Who the client is.
    pub(crate) client: SocketAddr,
    /// The address that it connected to.
    pub(crate) local: SocketAddr,
}

/// The step at which opening a connection failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ConnectStep {
    Connect,
    TlsHandshake,
    /// The first frames.
    Http2,
}

/// Why a connection could not be opened.
#[derive(Debug)]
pub(crate) struct ConnectError {
    pub(crate) step: ConnectStep,
    pub(crate) error: io::Error,
    /// What may be the matter.
    pub(crate) hint: Option<&'static str>,
}

impl ConnectError {
    fn new(step: ConnectStep, error: io::Error) -> Self {
        Self { step, error, hint: None }
    }

    fn connect(error: io::Error) -> Self {
        Self::new(ConnectStep::Connect, error)
    }

    /// Whether the instance has no room for another connection in its queue.
    pub(crate) fn is_full(&self) -> bool {
        self.error.kind() == io::ErrorKind::WouldBlock
    }

    /// Adds what is the matter when a Unix socket is another user's.
    fn of_unix(self) -> Self {
        let hint = "let the gate's user (portcullis, where root starts it) write to the socket, and through the \
                    folders above it";
        match self.error.kind() {
            io::ErrorKind::PermissionDenied => Self { hint: Some(hint), ..self },
            _ => self,
        }
    }

    /// Adds what usually is the matter when PHP-FPM cannot be reached.
    fn of_fastcgi(self, endpoint: &Endpoint) -> Self {
        let hint = match (self.error.kind(), endpoint) {
            (io::ErrorKind::NotFound, _) => {
                "is php-fpm running? the socket is where `listen` of its pool says: \
                 grep -r ^listen /etc/php/*/fpm/pool.d"
            }
            (io::ErrorKind::PermissionDenied, Endpoint::Unix(_)) => {
                "let the gate's user (portcullis, where root starts it) use the socket: in the pool of php-fpm, \
                 listen.group = its group, listen.mode = 0660; the socket's folder has to let it through"
            }
            (io::ErrorKind::ConnectionRefused, _) => "is php-fpm running? nobody listens there",
            (io::ErrorKind::WouldBlock, Endpoint::Unix(_)) => {
                "the queue of php-fpm is full: every process is busy (pm.max_children, listen.backlog)"
            }
            _ => return self,
        };
        Self { hint: Some(hint), ..self }
    }
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let step = match self.step {
            ConnectStep::Connect => "connect",
            ConnectStep::TlsHandshake => "TLS handshake",
            ConnectStep::Http2 => "HTTP/2",
        };
        write!(f, "{step}: {}", self.error)?;
        self.hint.map_or(Ok(()), |hint| write!(f, "; {hint}"))
    }
}

impl ServiceRuntime {
    /// A connection to an instance for one exchange, opened within the service's time, and announced where there is a
    /// client to announce. Where the instance speaks HTTP/2, it may be a stream of a connection that others opened.
    pub(crate) async fn connect(
        &self,
        instance: &Instance,
        client: Option<Ends>,
    ) -> Result<Lease, ConnectError> {
        if instance.http2 {
            self.lease_http2(instance, client).await
        } else {
            self.connect_alone(instance, client).await
        }
    }

    async fn connect_alone(&self, instance: &Instance, client: Option<Ends>) -> Result<Lease, ConnectError> {
        let opened = timeout(self.plan.connect_timeout, self.open(instance, client)).await;
        let stream = opened.unwrap_or_else(|_| Err(ConnectError::connect(self.late())));
        let stream = stream
            .map_err(|error| if instance.fastcgi { error.of_fastcgi(&instance.endpoint) } else { error })?;
        let stream =
            if instance.fastcgi { InstanceStream::fastcgi(FastCgiStream::new(stream)) } else { stream };
        Ok(Lease { stream, reused: false })
    }

    /// A stream of a connection of HTTP/2, when none that is open had room. As many are opened at once as the requests
    /// that come together need, while the others wait for what comes of it.
    async fn lease_http2(&self, instance: &Instance, client: Option<Ends>) -> Result<Lease, ConnectError> {
        if client.is_some() {
            return self.open_http2(instance, client, 0).await;
        }
        let kept = self.plan.keep_alive;
        let claimed = timeout(self.plan.connect_timeout, instance.multiplexed.claim(instance.tls, kept));
        let claimed = claimed.await.unwrap_or_else(|_| Err(self.late())).map_err(ConnectError::connect)?;
        match claimed {
            Claimed::Stream(stream) => Ok(Lease { stream, reused: true }),
            Claimed::Alone => self.open_http2(instance, None, 0).await,
            Claimed::Open(opening) => {
                let opened = self.open_http2(instance, None, kept).await;
                opening.ended(opened.is_ok());
                opened
            }
        }
    }

    /// Nothing came within the service's time.
    fn late(&self) -> io::Error {
        let error = format!("no answer within {:?}", self.plan.connect_timeout);
        io::Error::new(io::ErrorKind::TimedOut, error)
    }

    async fn open_http2(
        &self,
        instance: &Instance,
        client: Option<Ends>,
        kept: usize,
    ) -> Result<Lease, ConnectError> {
        let failed = |error| ConnectError::new(ConnectStep::Http2, error);
        let opened = timeout(self.plan.connect_timeout, async {
            let stream = self.open(instance, client).await?;
            instance.multiplexed.start(stream, instance.tls, kept).await.map_err(failed)
        });
        let stream = opened.await.unwrap_or_else(|_| Err(failed(self.late())))?;
        Ok(Lease { stream, reused: false })
    }

    /// Whether each connection is announced as one client's, so that it cannot serve another.
    pub(crate) fn announces(&self) -> bool {
        self.plan.proxy_protocol.is_some()
    }

    async fn open(&self, instance: &Instance, client: Option<Ends>) -> Result<InstanceStream, ConnectError> {
        let failed = ConnectError::connect;
        let addresses = match &instance.endpoint {
            Endpoint::Unix(path) => {
                let mut stream = UnixStream::connect(path).await.map_err(|error| failed(error).of_unix())?;
                self.announce(&mut stream, client).await.map_err(failed)?;
                return Ok(InstanceStream::unix(stream));
            }
            Endpoint::Tcp(addresses) => addresses,
        };
        let mut stream = open_tcp(addresses, instance).await.map_err(failed)?;
        self.announce(&mut stream, client).await.map_err(failed)?;
        match &self.tls {
            Some(config) if instance.tls => self.handshake(config, instance, stream).await,
            _ => Ok(InstanceStream::tcp(stream)),
        }
    }

    /// Sends the header of the PROXY protocol.
    async fn announce<S: AsyncWrite + Unpin>(&self, stream: &mut S, client: Option<Ends>) -> io::Result<()> {
        let (Some(version), Some(ends)) = (self.plan.proxy_protocol, client) else { return Ok(()) };
        let version = match version {
            ProxyProtocol::V1 => proxy::Version::V1,
            ProxyProtocol::V2 => proxy::Version::V2,
        };
        let mut header = Vec::new();
        proxy::write(&mut header, version, ends.client, ends.local);
        stream.write_all(&header).await
    }

    async fn handshake(
        &self,
        config: &Arc<rustls::ClientConfig>,
        instance: &Instance,
        stream: TcpStream,
    ) -> Result<InstanceStream, ConnectError> {
        let failed = |error| ConnectError::new(ConnectStep::TlsHandshake, error);
        let name = self.plan.tls.server_name.as_deref().unwrap_or(&instance.host).to_owned();
        let name = ServerName::try_from(name).map_err(|error| failed(io::Error::other(error)))?;
        let connector = TlsConnector::from(Arc::clone(config));
        let stream = connector.connect(name, stream).await.map_err(failed)?;
        if instance.http2 && stream.get_ref().1.alpn_protocol() != Some(b"h2") {
            return Err(failed(io::Error::other("the instance does not offer HTTP/2")));
        }
        Ok(InstanceStream::tls(stream))
    }
}

/// Connects to the first address that answers, starting with the one that answered last.
async fn open_tcp(addresses: &[SocketAddr], instance: &Instance) -> io::Result<TcpStream> {
    let mut refused = io::Error::from(io::ErrorKind::AddrNotAvailable);
    let preferred = instance.preferred.get();
    for step in 0..addresses.len() {
        let place = (preferred + step) % addresses.len();
        let socket = if addresses[place].is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
        match socket.connect(addresses[place]).await {
            Ok(stream) => {
                instance.preferred.set(place);
                // Without it a small request can wait 40 ms for an acknowledgement.
                stream.set_nodelay(true)?;
                return Ok(stream);
            }
            Err(error) => refused = error,
        }
    }
    Err(refused)
}
