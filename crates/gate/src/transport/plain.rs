//! Connections whose bytes nobody has to see: the kernel moves them through a pipe.

use rustix::pipe::{PipeFlags, SpliceFlags, fcntl_setpipe_size, pipe_with, splice};
use std::cell::{Cell, RefCell};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::task::{Context, Poll, ready};
use tokio::io::Interest;
use tokio::net::{TcpStream, UnixStream};

/// Bytes of a pipe, where the kernel grants them.
const SIZE: usize = 256 << 10;
/// Pipes of a thread at most: each takes two descriptors, which connections need too.
const MOST: usize = 32;

thread_local! {
    static FREE: RefCell<Vec<Ends>> = const { RefCell::new(Vec::new()) };
    static MADE: Cell<usize> = const { Cell::new(0) };
}

/// A connection without TLS.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Plain<'a> {
    Tcp(&'a TcpStream),
    Unix(&'a UnixStream),
}

/// Both ends of a pipe.
#[derive(Debug)]
struct Ends {
    read: OwnedFd,
    write: OwnedFd,
}

/// A pipe that a thread lends to one direction of a connection, and what is in it.
#[derive(Debug)]
pub(crate) struct Pipe {
    ends: Option<Ends>,
    held: usize,
}

impl Pipe {
    /// A pipe, unless the thread has lent as many as it may.
    pub(crate) fn lend() -> Option<Self> {
        let free = FREE.with_borrow_mut(Vec::pop);
        let ends = match free {
            Some(ends) => ends,
            None if MADE.get() < MOST => {
                let (read, write) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK).ok()?;
                // The usual size serves too.
                let _ = fcntl_setpipe_size(&write, SIZE);
                MADE.set(MADE.get() + 1);
                Ends { read, write }
            }
            None => return None,
        };
        Some(Self { ends: Some(ends), held: 0 })
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.held == 0
    }

    /// Takes bytes of a connection into the pipe, which is empty; 0 is the end.
    pub(crate) fn poll_fill(
        &mut self,
        context: &mut Context<'_>,
        from: Plain<'_>,
    ) -> Poll<io::Result<usize>> {
        let ends = self.ends.as_ref().ok_or_else(gone)?;
        let count = ready!(from.poll_io(context, Interest::READABLE, |from| {
            Ok(splice(from, None, &ends.write, None, SIZE, SpliceFlags::NONBLOCK | SpliceFlags::MOVE)?)
        }))?;
        self.held = count;
        Poll::Ready(Ok(count))
    }

    /// Gives bytes of the pipe, which is not empty, to a connection.
    pub(crate) fn poll_drain(&mut self, context: &mut Context<'_>, to: Plain<'_>) -> Poll<io::Result<usize>> {
        let ends = self.ends.as_ref().ok_or_else(gone)?;
        let held = self.held;
        let count = ready!(to.poll_io(context, Interest::WRITABLE, |to| {
            Ok(splice(&ends.read, None, to, None, held, SpliceFlags::NONBLOCK | SpliceFlags::MOVE)?)
        }))?;
        self.held -= count.min(held);
        Poll::Ready(Ok(count))
    }
}

impl Drop for Pipe {
    fn drop(&mut self) {
        let Some(ends) = self.ends.take() else { return };
        if self.held > 0 {
            // What is left in it belongs to nobody else.
            return MADE.set(MADE.get().saturating_sub(1));
        }
        let _ = FREE.try_with(|free| free.borrow_mut().push(ends));
    }
}

fn gone() -> io::Error {
    io::Error::other("a pipe is there until it is dropped")
}

impl Plain<'_> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Tcp(stream) => stream.as_fd(),
            Self::Unix(stream) => stream.as_fd(),
        }
    }

    /// Runs `act` once the connection is ready for it, until it does not say that it would block.
    fn poll_io(
        &self,
        context: &mut Context<'_>,
        interest: Interest,
        act: impl Fn(BorrowedFd<'_>) -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        loop {
            ready!(match (self, interest.is_readable()) {
                (Self::Tcp(stream), true) => stream.poll_read_ready(context),
                (Self::Tcp(stream), false) => stream.poll_write_ready(context),
                (Self::Unix(stream), true) => stream.poll_read_ready(context),
                (Self::Unix(stream), false) => stream.poll_write_ready(context),
            })?;
            match self.try_io(interest, &act) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                done => return Poll::Ready(done),
            }
        }
    }

    fn try_io(
        &self,
        interest: Interest,
        act: &impl Fn(BorrowedFd<'_>) -> io::Result<usize>,
    ) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.try_io(interest, || act(self.as_fd())),
            Self::Unix(stream) => stream.try_io(interest, || act(self.as_fd())),
        }
    }
}
