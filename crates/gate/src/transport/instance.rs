//! A connection to an instance.

use super::plain::Plain;
use super::{Input, Sink, Source, poll_receive};
use crate::fastcgi::FastCgiStream;
use crate::http2::Http2Exchange;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::client::TlsStream;

/// A connection to an instance.
#[derive(Debug)]
pub(crate) struct InstanceStream {
    stream: Stream,
    input: Input,
}

#[derive(Debug)]
enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
    Tls(Box<TlsStream<TcpStream>>),
    Http2(Box<Http2Exchange>),
    FastCgi(Box<FastCgiStream>),
}

impl InstanceStream {
    pub(crate) fn tcp(stream: TcpStream) -> Self {
        Self { stream: Stream::Tcp(stream), input: Input::default() }
    }

    pub(crate) fn unix(stream: UnixStream) -> Self {
        Self { stream: Stream::Unix(stream), input: Input::default() }
    }

    pub(crate) fn tls(stream: TlsStream<TcpStream>) -> Self {
        Self { stream: Stream::Tls(Box::new(stream)), input: Input::default() }
    }

    pub(crate) fn http2(exchange: Http2Exchange) -> Self {
        Self { stream: Stream::Http2(Box::new(exchange)), input: Input::default() }
    }

    pub(crate) fn fastcgi(stream: FastCgiStream) -> Self {
        Self { stream: Stream::FastCgi(Box::new(stream)), input: Input::default() }
    }

    /// The connection as one of FastCGI, which has to be told of a request before it is sent.
    pub(crate) fn as_fastcgi(&mut self) -> Option<&mut FastCgiStream> {
        match &mut self.stream {
            Stream::FastCgi(stream) => Some(stream),
            _ => None,
        }
    }

    /// Whether it carries one exchange and others travel beside it.
    pub(crate) fn is_shared(&self) -> bool {
        matches!(self.stream, Stream::Http2(_))
    }

    /// Whether the instance said that it has not looked at the request.
    pub(crate) fn is_refused(&self) -> bool {
        match &self.stream {
            Stream::Http2(exchange) => exchange.is_refused(),
            Stream::FastCgi(stream) => stream.is_overloaded(),
            _ => false,
        }
    }

    /// Whether a WebSocket can be asked for.
    pub(crate) fn takes_websockets(&self) -> bool {
        match &self.stream {
            Stream::Tcp(_) | Stream::Unix(_) | Stream::Tls(_) => true,
            Stream::Http2(exchange) => exchange.takes_websockets(),
            Stream::FastCgi(_) => false,
        }
    }

    /// The connection for the kernel to move bytes from and to; nothing where they have to be seen.
    pub(crate) fn as_plain(&self) -> Option<Plain<'_>> {
        match &self.stream {
            Stream::Tcp(stream) => Some(Plain::Tcp(stream)),
            Stream::Unix(stream) => Some(Plain::Unix(stream)),
            Stream::Tls(_) | Stream::Http2(_) | Stream::FastCgi(_) => None,
        }
    }

    /// Has the instance see that the connection was broken off.
    pub(crate) fn abort(self) {
        match self.stream {
            Stream::Tcp(stream) => {
                // Without it the end looks like one that was meant.
                let _ = stream.set_zero_linger();
            }
            Stream::FastCgi(stream) => stream.abort(),
            Stream::Unix(_) | Stream::Tls(_) | Stream::Http2(_) => {}
        }
    }

    /// Whether an idle connection has something to say, which can only be its end or a response that nobody asked
    /// for: either way it must not be used again. Asks the runtime, not the kernel.
    pub(crate) fn is_stale(&mut self, context: &mut Context<'_>) -> bool {
        let ready = match &mut self.stream {
            Stream::Tcp(stream) => stream.poll_read_ready(context).is_ready(),
            Stream::Unix(stream) => stream.poll_read_ready(context).is_ready(),
            Stream::Tls(stream) => {
                let (socket, session) = stream.get_ref();
                // A record behind the response may be decrypted already: the socket will not announce it again.
                !session.wants_read() || is_readable(socket, context)
            }
            Stream::Http2(_) => true,
            Stream::FastCgi(stream) => stream.is_stale(context),
        };
        ready || !self.input.is_empty()
    }

    /// Says that nothing more will be sent.
    pub(crate) fn poll_close(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.stream {
            Stream::Tcp(stream) => Pin::new(stream).poll_shutdown(context),
            Stream::Unix(stream) => Pin::new(stream).poll_shutdown(context),
            Stream::Tls(stream) => Pin::new(stream).poll_shutdown(context),
            Stream::Http2(exchange) => Poll::Ready(exchange.end()),
            Stream::FastCgi(_) => Poll::Ready(Ok(())),
        }
    }
}

/// Whether the socket beneath TLS has bytes. Whether they are a ticket or an end cannot be told from outside, so the
/// connection is not used again; instances send their tickets with their first response.
fn is_readable(socket: &TcpStream, context: &mut Context<'_>) -> bool {
    socket.poll_read_ready(context).is_ready()
}

impl Source for InstanceStream {
    fn received(&self) -> &[u8] {
        match &self.stream {
            Stream::Http2(exchange) => exchange.received(),
            Stream::FastCgi(stream) => stream.received(),
            _ => self.input.received(),
        }
    }

    fn consume(&mut self, count: usize) {
        match &mut self.stream {
            Stream::Http2(exchange) => exchange.consume(count),
            Stream::FastCgi(stream) => stream.consume(count),
            _ => self.input.consume(count),
        }
    }

    fn poll_fill(&mut self, context: &mut Context<'_>, large: bool) -> Poll<io::Result<usize>> {
        let Self { stream, input } = self;
        match stream {
            Stream::Http2(exchange) => return exchange.poll_fill(context, large),
            Stream::FastCgi(stream) => return stream.poll_fill(context, large),
            _ => {}
        }
        input.fill(large, |buffer| match stream {
            Stream::Tcp(stream) => poll_receive(stream, context, buffer),
            Stream::Unix(stream) => poll_receive(stream, context, buffer),
            Stream::Tls(stream) => poll_receive(stream, context, buffer),
            Stream::Http2(_) | Stream::FastCgi(_) => Poll::Ready(Ok(0)),
        })
    }
}

impl Sink for InstanceStream {
    fn poll_send(&mut self, context: &mut Context<'_>, lead: &[u8], rest: &[u8]) -> Poll<io::Result<usize>> {
        match &mut self.stream {
            Stream::Tcp(stream) => send(stream, context, lead, rest),
            Stream::Unix(stream) => send(stream, context, lead, rest),
            Stream::Tls(stream) => send(stream, context, lead, rest),
            Stream::Http2(exchange) => exchange.poll_send(context, lead, rest),
            Stream::FastCgi(stream) => stream.poll_send(context, lead, rest),
        }
    }

    fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.stream {
            Stream::Tcp(_) | Stream::Unix(_) => Poll::Ready(Ok(())),
            Stream::Tls(stream) => Pin::new(stream).poll_flush(context),
            Stream::Http2(exchange) => exchange.poll_flush(context),
            Stream::FastCgi(stream) => stream.poll_flush(context),
        }
    }
}

fn send<S: AsyncWrite + Unpin>(
    stream: &mut S,
    context: &mut Context<'_>,
    lead: &[u8],
    rest: &[u8],
) -> Poll<io::Result<usize>> {
    let stream = Pin::new(stream);
    match (lead, rest) {
        (lead, []) => stream.poll_write(context, lead),
        ([], rest) => stream.poll_write(context, rest),
        _ => stream.poll_write_vectored(context, &[IoSlice::new(lead), IoSlice::new(rest)]),
    }
}

impl AsyncRead for InstanceStream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match &mut self.get_mut().stream {
            Stream::Tcp(stream) => Pin::new(stream).poll_read(context, into),
            Stream::Unix(stream) => Pin::new(stream).poll_read(context, into),
            Stream::Tls(stream) => Pin::new(stream).poll_read(context, into),
            Stream::Http2(_) | Stream::FastCgi(_) => Poll::Ready(Err(io::ErrorKind::Unsupported.into())),
        }
    }
}

impl AsyncWrite for InstanceStream {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.get_mut().poll_send(context, bytes, &[])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let mut filled = slices.iter().filter(|slice| !slice.is_empty());
        let mut next = || filled.next().map_or(&[][..], |slice| slice);
        let (lead, rest) = (next(), next());
        self.get_mut().poll_send(context, lead, rest)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Sink::poll_flush(self.get_mut(), context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().poll_close(context)
    }
}
