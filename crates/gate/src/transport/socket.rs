//! The connection of a client, with TLS or without.

use super::plain::Plain;
use super::tls::TlsStream;
use super::{Input, Sink, Source, poll_receive};
use crate::worker::buffers::Buffer;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tokio::io::AsyncWrite;
use tokio::net::TcpStream;

/// The connection of a client, with TLS or without.
#[derive(Debug)]
pub(crate) struct SocketStream {
    socket: TcpStream,
    tls: Option<Box<TlsStream>>,
    input: Input,
}

impl SocketStream {
    pub(crate) fn plain(socket: TcpStream) -> Self {
        Self { socket, tls: None, input: Input::default() }
    }

    pub(crate) fn tls(socket: TcpStream, config: Arc<rustls::ServerConfig>) -> io::Result<Self> {
        let tls = TlsStream::new(config).map_err(io::Error::other)?;
        Ok(Self { socket, tls: Some(Box::new(tls)), input: Input::default() })
    }

    /// A plain connection of which something was received already.
    pub(crate) fn plain_after(socket: TcpStream, received: Buffer) -> Self {
        let mut stream = Self::plain(socket);
        stream.input = Input::of(received);
        stream
    }

    /// The same with TLS. A small buffer is expected, in which records of a handshake stand.
    pub(crate) fn tls_after(
        socket: TcpStream,
        config: Arc<rustls::ServerConfig>,
        received: Buffer,
    ) -> io::Result<Self> {
        let mut stream = Self::tls(socket, config)?;
        stream.begin_with(received);
        Ok(stream)
    }

    /// Gives TLS what was received before.
    pub(crate) fn begin_with(&mut self, received: Buffer) {
        if let Some(tls) = &mut self.tls {
            tls.begin_with(received);
        }
    }

    /// The socket alone, of a connection of which nothing was received.
    pub(crate) fn into_socket(self) -> TcpStream {
        self.socket
    }

    /// The connection for the kernel to move bytes from and to; nothing where they have to be seen.
    pub(crate) fn as_plain(&self) -> Option<Plain<'_>> {
        self.tls.is_none().then_some(Plain::Tcp(&self.socket))
    }

    /// Has the peer see that the connection was broken off.
    pub(crate) fn abort(self) {
        // Without it the end looks like one that was meant.
        let _ = self.socket.set_zero_linger();
    }

    pub(crate) fn poll_handshake(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.tls {
            Some(tls) => tls.poll_handshake(&mut self.socket, context),
            None => Poll::Ready(Ok(())),
        }
    }

    /// The negotiated version of TLS.
    pub(crate) fn tls_version(&self) -> Option<rustls::ProtocolVersion> {
        self.tls.as_ref().and_then(|tls| tls.version())
    }

    /// The protocol that was chosen by ALPN.
    pub(crate) fn protocol(&self) -> Option<&[u8]> {
        self.tls.as_ref().and_then(|tls| tls.protocol())
    }

    pub(crate) fn is_tls(&self) -> bool {
        self.tls.is_some()
    }

    /// Whether something was received that is not consumed yet.
    pub(crate) fn has_more(&self) -> bool {
        !self.input.is_empty() || self.tls.as_ref().is_some_and(|tls| tls.is_readable())
    }

    /// Waits until something can be received; `false` when the socket failed.
    pub(crate) fn poll_readable(&mut self, context: &mut Context<'_>) -> Poll<bool> {
        if self.has_more() {
            return Poll::Ready(true);
        }
        self.socket.poll_read_ready(context).map(|ready| ready.is_ok())
    }

    /// The socket itself, for what only a plain connection can do.
    pub(crate) fn socket(&self) -> &TcpStream {
        &self.socket
    }

    /// Says that nothing more will be sent. What was sent has to be flushed before.
    pub(crate) fn poll_close(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Some(tls) = &mut self.tls {
            ready!(tls.poll_flush(&mut self.socket, context))?;
        }
        Pin::new(&mut self.socket).poll_shutdown(context)
    }

    /// Queues the TLS alert that says that nothing more will be sent.
    pub(crate) fn notify_close(&mut self) -> io::Result<()> {
        self.tls.as_mut().map_or(Ok(()), |tls| tls.close())
    }
}

impl Source for SocketStream {
    fn received(&self) -> &[u8] {
        self.input.received()
    }

    fn consume(&mut self, count: usize) {
        self.input.consume(count);
    }

    fn poll_fill(&mut self, context: &mut Context<'_>, large: bool) -> Poll<io::Result<usize>> {
        if self.input.is_empty() && !self.tls.as_ref().is_some_and(|tls| tls.is_readable()) {
            // No buffer is lent before there is something to put into it.
            ready!(self.socket.poll_read_ready(context))?;
        }
        let Self { socket, tls, input } = self;
        input.fill(large, |buffer| match tls {
            Some(tls) => tls.poll_read(socket, context, buffer),
            None => poll_receive(socket, context, buffer),
        })
    }
}

impl Sink for SocketStream {
    fn poll_send(&mut self, context: &mut Context<'_>, lead: &[u8], rest: &[u8]) -> Poll<io::Result<usize>> {
        if let Some(tls) = &mut self.tls {
            return tls.poll_send(&mut self.socket, context, lead, rest);
        }
        let socket = Pin::new(&mut self.socket);
        match (lead, rest) {
            (lead, []) => socket.poll_write(context, lead),
            ([], rest) => socket.poll_write(context, rest),
            _ => socket.poll_write_vectored(context, &[IoSlice::new(lead), IoSlice::new(rest)]),
        }
    }

    fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.tls {
            Some(tls) => tls.poll_flush(&mut self.socket, context),
            None => Poll::Ready(Ok(())),
        }
    }
}
