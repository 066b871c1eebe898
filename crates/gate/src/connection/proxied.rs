//! Connections through a proxy that announces its clients: a header of the PROXY protocol stands before everything else.
//!
//! Whether a peer is such a proxy was decided when it was accepted. Without a whole header nothing is served: the bytes
//! could be anybody's.

use super::pool::Pool;
use super::{After, Client};
use crate::service::Ends;
use crate::worker::deadlines::Deadline;
use crate::worker::scratch::Working;
use std::future::{Future, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use tokio::io::ReadBuf;
use tokio::net::TcpStream;
use wire::proxy::{self, Header};

impl Client {
    /// Reads the header, then serves the connection as that of the client it names.
    pub(super) async fn serve_announced<F>(mut self: Box<Self>, pool: Rc<Pool<F>>)
    where
        F: Future<Output = (Box<Self>, After)> + 'static,
    {
        self.wake_when_due().await;
        let Ok(header) = self.announcement().await else {
            return self.worker.shared.metrics.failed_proxy_header();
        };
        if let Header::Proxied { source, destination } = header {
            let Some(place) = self.worker.shared.connections.admit(source) else {
                return self.worker.shared.metrics.refused_connection();
            };
            self.place = Rc::new(place);
            self.announced = Some(destination);
        }
        self.serve(pool).await;
    }

    async fn announcement(&mut self) -> io::Result<Header> {
        let timeout = self.worker.active().served.snapshot.plan.limits.handshake_timeout;
        self.deadline.set(timeout);
        let socket = self.stream.socket().ok_or(io::ErrorKind::Unsupported)?;
        header(socket, &self.deadline).await
    }
}

/// Reads the header at the beginning of a connection until a deadline, which has to wake this task.
pub(crate) async fn header(socket: &TcpStream, deadline: &Deadline) -> io::Result<Header> {
    let mut received = Vec::new();
    poll_fn(|context| match poll_header(socket, context, &mut received) {
        Poll::Pending if deadline.is_due() => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
        polled => polled,
    })
    .await
}

/// Takes from the socket what belongs to the header, and nothing of what follows.
fn poll_header(
    socket: &TcpStream,
    context: &mut Context<'_>,
    received: &mut Vec<u8>,
) -> Poll<io::Result<Header>> {
    loop {
        let taken = received.len();
        received.resize(proxy::LONGEST, 0);
        let mut buffer = ReadBuf::new(&mut received[taken..]);
        let peeked = socket.poll_peek(context, &mut buffer);
        let count = buffer.filled().len();
        received.truncate(taken + count);
        if ready!(peeked)? == 0 {
            return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
        }
        let parsed = proxy::parse(received).map_err(io::Error::other)?;
        let ours = parsed.map_or(received.len(), |(_, length)| length) - taken;
        take(socket, ours)?;
        if let Some((header, _)) = parsed {
            return Poll::Ready(Ok(header));
        }
    }
}

impl Client {
    /// Who the client of a request is, and the address that it connected to. The port of a client behind a proxy that
    /// tells addresses alone is not known: 0.
    pub(crate) fn ends(&self, working: &Working) -> Ends {
        let (client, peer) = (working.facts.client_ip, working.facts.peer);
        let port = if peer.ip().to_canonical() == client { peer.port() } else { 0 };
        let local = self.announced.or_else(|| self.stream.socket()?.local_addr().ok());
        Ends { client: SocketAddr::new(client, port), local: local.unwrap_or(self.port.local) }
    }
}

/// Takes bytes that were seen already.
fn take(socket: &TcpStream, mut count: usize) -> io::Result<()> {
    let mut taken = [0; 256];
    while count > 0 {
        let most = count.min(taken.len());
        match socket.try_read(&mut taken[..most])? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            read => count -= read,
        }
    }
    Ok(())
}
