//! What a request comes from and its answer goes to: the connection itself, or one stream of HTTP/2.

use super::socket::SocketStream;
use super::{Sink, Source};
use crate::http2::Http2Stream;
use http1::Refusal;
use std::io;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::net::TcpStream;

/// Where a request comes from.
#[derive(Debug)]
pub(crate) enum ClientStream {
    Socket(SocketStream),
    Http2(Box<Http2Stream>),
}

impl ClientStream {
    pub(crate) fn plain(socket: TcpStream) -> Self {
        Self::Socket(SocketStream::plain(socket))
    }

    pub(crate) fn tls(socket: TcpStream, config: Arc<rustls::ServerConfig>) -> io::Result<Self> {
        SocketStream::tls(socket, config).map(Self::Socket)
    }

    pub(crate) fn poll_handshake(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Socket(stream) => stream.poll_handshake(context),
            Self::Http2(_) => Poll::Ready(Ok(())),
        }
    }

    /// The negotiated version of TLS.
    pub(crate) fn tls_version(&self) -> Option<rustls::ProtocolVersion> {
        match self {
            Self::Socket(stream) => stream.tls_version(),
            Self::Http2(stream) => stream.tls_version(),
        }
    }

    /// The protocol that was chosen by ALPN.
    pub(crate) fn protocol(&self) -> Option<&[u8]> {
        self.socket_stream().and_then(SocketStream::protocol)
    }

    /// Whether this is a connection with TLS.
    pub(crate) fn is_tls(&self) -> bool {
        self.socket_stream().is_some_and(SocketStream::is_tls)
    }

    /// Whether a request is one of several at once on its connection.
    pub(crate) fn is_http2(&self) -> bool {
        matches!(self, Self::Http2(_))
    }

    /// One stream of HTTP/2, if it is one.
    pub(crate) fn as_http2(&mut self) -> Option<&mut Http2Stream> {
        match self {
            Self::Socket(_) => None,
            Self::Http2(stream) => Some(stream),
        }
    }

    /// Why there is no head to be read, where that is known already.
    pub(crate) fn refused(&self) -> Option<Refusal> {
        match self {
            Self::Socket(_) => None,
            Self::Http2(stream) => stream.refused(),
        }
    }

    /// Whether something was received that is not consumed yet.
    pub(crate) fn has_more(&self) -> bool {
        match self {
            Self::Socket(stream) => stream.has_more(),
            Self::Http2(stream) => !stream.received().is_empty(),
        }
    }

    /// Waits until something can be received; `false` when the socket failed.
    pub(crate) fn poll_readable(&mut self, context: &mut Context<'_>) -> Poll<bool> {
        match self {
            Self::Socket(stream) => stream.poll_readable(context),
            Self::Http2(_) => Poll::Ready(true),
        }
    }

    /// The connection itself, unless others share it.
    pub(crate) fn as_socket(&mut self) -> Option<&mut SocketStream> {
        match self {
            Self::Socket(stream) => Some(stream),
            Self::Http2(_) => None,
        }
    }

    fn socket_stream(&self) -> Option<&SocketStream> {
        match self {
            Self::Socket(stream) => Some(stream),
            Self::Http2(_) => None,
        }
    }

    /// The socket itself, unless others share it.
    pub(crate) fn socket(&self) -> Option<&TcpStream> {
        self.socket_stream().map(SocketStream::socket)
    }

    /// The socket of a connection without TLS, for what only that can do.
    pub(crate) fn plain_socket(&self) -> Option<&TcpStream> {
        self.socket_stream().filter(|stream| !stream.is_tls()).map(SocketStream::socket)
    }

    /// Says that nothing more will be sent. What was sent has to be flushed before.
    pub(crate) fn poll_close(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Socket(stream) => stream.poll_close(context),
            Self::Http2(stream) => Poll::Ready(stream.end()),
        }
    }

    /// Queues the TLS alert that says that nothing more will be sent.
    pub(crate) fn notify_close(&mut self) -> io::Result<()> {
        match self {
            Self::Socket(stream) => stream.notify_close(),
            Self::Http2(stream) => stream.end(),
        }
    }
}

impl Source for ClientStream {
    fn received(&self) -> &[u8] {
        match self {
            Self::Socket(stream) => stream.received(),
            Self::Http2(stream) => stream.received(),
        }
    }

    fn consume(&mut self, count: usize) {
        match self {
            Self::Socket(stream) => stream.consume(count),
            Self::Http2(stream) => stream.consume(count),
        }
    }

    fn poll_fill(&mut self, context: &mut Context<'_>, large: bool) -> Poll<io::Result<usize>> {
        match self {
            Self::Socket(stream) => stream.poll_fill(context, large),
            Self::Http2(stream) => stream.poll_fill(context, large),
        }
    }
}

impl Sink for ClientStream {
    fn poll_send(&mut self, context: &mut Context<'_>, lead: &[u8], rest: &[u8]) -> Poll<io::Result<usize>> {
        match self {
            Self::Socket(stream) => stream.poll_send(context, lead, rest),
            Self::Http2(stream) => stream.poll_send(context, lead, rest),
        }
    }

    fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Socket(stream) => stream.poll_flush(context),
            Self::Http2(stream) => stream.poll_flush(context),
        }
    }
}
