//! Sending answers of our own: bytes that are at hand, and files.
//!
//! A file is never allowed to stall the thread: what is not in the page cache is read by another thread first.

use super::Client;
use crate::files::{Body, FileSlice};
use crate::forward::{Blocked, Patience, Stall};
use crate::transport::Sink;
use crate::worker::buffers::{Buffer, PIECE};
use rustix::io::{Errno, ReadWriteFlags, preadv2};
use rustix::net::SendFlags;
use std::future::poll_fn;
use std::io::{self, IoSliceMut};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tokio::io::Interest;

/// Bytes of a file that are sent before others get their turn.
const AT_ONCE: usize = 512 << 10;

/// Keeps the time of an answer that is being sent.
pub(super) struct Sending {
    stall: Stall,
    patience: Patience,
    sent: u64,
}

impl Sending {
    fn pending<T>(&mut self, client: &Client) -> Poll<io::Result<T>> {
        client.deadline.set_at(self.stall.observe(Blocked::OnSink, self.sent, self.patience));
        if client.deadline.is_due() {
            Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
        } else {
            Poll::Pending
        }
    }
}

impl Client {
    fn sending(&self) -> Sending {
        let active = self.worker.active();
        let limits = &active.served.snapshot.plan.limits;
        let patience = Patience { silence: limits.write_timeout, rate: limits.min_rate };
        Sending { stall: Stall::default(), patience, sent: 0 }
    }

    /// Sends bytes, within the time that a client has to take them.
    pub(crate) async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut sending = self.sending();
        self.send_bytes(bytes, &[], &mut sending).await
    }

    /// Sends a head and its body; answers how many bytes were sent, and whether all of them were.
    pub(super) async fn send_answer(&mut self, head: &[u8], body: &Body) -> (u64, io::Result<()>) {
        let mut sending = self.sending();
        let done = match body {
            Body::Empty => self.send_bytes(head, &[], &mut sending).await,
            Body::Memory(memory) => self.send_bytes(head, memory.bytes(), &mut sending).await,
            Body::Text(text) => self.send_bytes(head, text, &mut sending).await,
            Body::File(slice) => self.send_head_and_file(head, slice, &mut sending).await,
            Body::Parts(parts) => self.send_parts(head, parts, &mut sending).await,
        };
        (sending.sent, done)
    }

    async fn send_parts(&mut self, head: &[u8], parts: &[Body], sending: &mut Sending) -> io::Result<()> {
        self.send_bytes(head, &[], sending).await?;
        for part in parts {
            match part {
                Body::Memory(memory) => self.send_bytes(memory.bytes(), &[], sending).await?,
                Body::Text(text) => self.send_bytes(text, &[], sending).await?,
                Body::File(slice) => self.send_file(slice, sending).await?,
                Body::Empty | Body::Parts(_) => {}
            }
        }
        Ok(())
    }

    async fn send_bytes(&mut self, lead: &[u8], rest: &[u8], sending: &mut Sending) -> io::Result<()> {
        let mut done = 0;
        poll_fn(|context| {
            while done < lead.len() + rest.len() {
                let lead_left = &lead[done.min(lead.len())..];
                let rest_left = &rest[done.saturating_sub(lead.len())..];
                match self.stream.poll_send(context, lead_left, rest_left) {
                    Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                    Poll::Ready(Ok(count)) => {
                        done += count;
                        sending.sent += count as u64;
                    }
                    Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                    Poll::Pending => return sending.pending(self),
                }
            }
            match self.stream.poll_flush(context) {
                Poll::Pending => sending.pending(self),
                flushed => flushed,
            }
        })
        .await
    }

    async fn send_head_and_file(
        &mut self,
        head: &[u8],
        slice: &FileSlice,
        sending: &mut Sending,
    ) -> io::Result<()> {
        if self.stream.plain_socket().is_none() {
            self.send_bytes(head, &[], sending).await?;
        } else {
            // The head waits for the first bytes of the file, so that they travel together.
            self.send_more(head, sending).await?;
        }
        self.send_file(slice, sending).await
    }

    async fn send_more(&mut self, head: &[u8], sending: &mut Sending) -> io::Result<()> {
        let mut done = 0;
        poll_fn(|context| {
            while done < head.len() {
                let flags = SendFlags::MORE | SendFlags::NOSIGNAL;
                let sent =
                    self.poll_socket(context, |socket| Ok(rustix::net::send(socket, &head[done..], flags)?));
                match sent {
                    Poll::Ready(Ok(count)) => {
                        done += count;
                        sending.sent += count as u64;
                    }
                    Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                    Poll::Pending => return sending.pending(self),
                }
            }
            Poll::Ready(Ok(()))
        })
        .await
    }

    /// Does something with the socket of a plain connection when it takes bytes.
    fn poll_socket(
        &self,
        context: &mut Context<'_>,
        mut act: impl FnMut(&tokio::net::TcpStream) -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        let socket = self.stream.plain_socket().ok_or(io::ErrorKind::Unsupported)?;
        loop {
            ready!(socket.poll_write_ready(context))?;
            match socket.try_io(Interest::WRITABLE, || act(socket)) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                done => return Poll::Ready(done),
            }
        }
    }

    async fn send_file(&mut self, slice: &FileSlice, sending: &mut Sending) -> io::Result<()> {
        let mut offset = slice.offset;
        let end = slice.offset + slice.length;
        while offset < end {
            let left = usize::try_from(end - offset).unwrap_or(usize::MAX);
            offset += if self.stream.plain_socket().is_none() {
                self.encrypt_from_file(&slice.file, offset, left.min(PIECE), sending).await?
            } else {
                self.send_from_file(&slice.file, offset, left.min(AT_ONCE), sending).await?
            } as u64;
            if offset < end {
                tokio::task::yield_now().await;
            }
        }
        Ok(())
    }

    /// Sends a piece of a file without reading it.
    async fn send_from_file(
        &mut self,
        file: &Arc<OwnedFd>,
        offset: u64,
        count: usize,
        sending: &mut Sending,
    ) -> io::Result<usize> {
        if !(is_at_hand(file, offset) && is_at_hand(file, offset + count as u64 - 1)) {
            fetch(file, offset, count).await?;
        }
        let mut done = 0;
        poll_fn(|context| {
            while done < count {
                let sent = self.poll_socket(context, |socket| {
                    let mut place = offset + done as u64;
                    Ok(rustix::fs::sendfile(socket, file, Some(&mut place), count - done)?)
                });
                match sent {
                    Poll::Ready(Ok(0)) => return Poll::Ready(Err(truncated())),
                    Poll::Ready(Ok(count)) => {
                        done += count;
                        sending.sent += count as u64;
                    }
                    Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                    Poll::Pending => return sending.pending(self),
                }
            }
            Poll::Ready(Ok(done))
        })
        .await
    }

    /// Reads a piece of a file and sends it encrypted.
    async fn encrypt_from_file(
        &mut self,
        file: &Arc<OwnedFd>,
        offset: u64,
        count: usize,
        sending: &mut Sending,
    ) -> io::Result<usize> {
        let mut buffer = Buffer::large();
        let mut read = read_at_hand(file, offset, &mut buffer.room()[..count]);
        if read.is_none() {
            fetch(file, offset, count).await?;
            read = read_at_hand(file, offset, &mut buffer.room()[..count]);
        }
        let read = match read {
            Some(read) => read?,
            // It went out of the cache again at once: this once the thread waits.
            None => rustix::io::pread(file, &mut buffer.room()[..count], offset)?,
        };
        if read == 0 {
            return Err(truncated());
        }
        buffer.filled(read);
        self.send_bytes(buffer.data(), &[], sending).await?;
        Ok(read)
    }
}

/// Whether a byte of a file is in the page cache, as far as the file system tells.
fn is_at_hand(file: &OwnedFd, offset: u64) -> bool {
    read_at_hand(file, offset, &mut [0]).is_some()
}

/// Reads what is in the page cache; `None` when the disk would have to be waited for.
fn read_at_hand(file: &OwnedFd, offset: u64, into: &mut [u8]) -> Option<io::Result<usize>> {
    match preadv2(file, &mut [IoSliceMut::new(into)], offset, ReadWriteFlags::NOWAIT) {
        Ok(count) => Some(Ok(count)),
        Err(Errno::AGAIN) => None,
        // The file system cannot tell (it is one in memory, most likely).
        Err(Errno::OPNOTSUPP) => Some(rustix::io::pread(file, into, offset).map_err(Into::into)),
        Err(error) => Some(Err(error.into())),
    }
}

/// Brings a piece of a file into the page cache, on a thread that may wait for the disk.
async fn fetch(file: &Arc<OwnedFd>, offset: u64, count: usize) -> io::Result<()> {
    let file = Arc::clone(file);
    let fetched = tokio::task::spawn_blocking(move || {
        let mut piece = vec![0; PIECE];
        let mut done = 0;
        while done < count {
            match rustix::io::pread(&file, &mut piece, offset + done as u64) {
                Ok(0) => break,
                Ok(read) => done += read,
                Err(error) => return Err(io::Error::from(error)),
            }
        }
        Ok(())
    });
    fetched.await.map_err(io::Error::other)?
}

fn truncated() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "the file became shorter while it was sent")
}
