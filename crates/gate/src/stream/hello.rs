//! Hearing the first message of TLS without answering it.

use crate::worker::buffers::Buffer;
use crate::worker::deadlines::Deadline;
use std::future::poll_fn;
use std::io;
use std::task::Poll;
use tokio::net::TcpStream;
use wire::tls_hello::{Hello, Malformed, parse};

/// What a client said first.
#[derive(Debug)]
pub(crate) struct Heard {
    /// Every byte that was received, to be passed on.
    pub(crate) received: Buffer,
    pub(crate) hello: Result<Hello, Malformed>,
}

/// Receives until the message is complete or cannot become one, until a deadline that has to wake this task.
///
/// # Errors
///
/// The client went away or took too long.
pub(crate) async fn hear(socket: &TcpStream, deadline: &Deadline) -> io::Result<Heard> {
    let mut received = Buffer::small();
    let hello = poll_fn(|context| -> Poll<io::Result<_>> {
        loop {
            if let Some(hello) = parse(received.data()).transpose() {
                return Poll::Ready(Ok(hello));
            }
            let count = match socket.poll_read_ready(context) {
                Poll::Ready(ready) => {
                    ready?;
                    match socket.try_read(received.room()) {
                        Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
                        count => count?,
                    }
                }
                Poll::Pending if deadline.is_due() => {
                    return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
                }
                Poll::Pending => return Poll::Pending,
            };
            if count == 0 {
                return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
            }
            received.filled(count);
        }
    })
    .await?;
    Ok(Heard { received, hello })
}
