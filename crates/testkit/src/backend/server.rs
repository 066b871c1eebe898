//! The listening half of every backend: a thread for each connection, all of them ended with the value.

use crate::patience::PATIENCE;
use crate::raw::Connection;
use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

/// A listener and its threads.
#[derive(Debug)]
pub(super) struct Server {
    place: Place,
    shared: Arc<Shared>,
}

#[derive(Debug)]
enum Place {
    Tcp(SocketAddr),
    Unix(PathBuf),
}

#[derive(Debug, Default)]
struct Shared {
    stopped: AtomicBool,
    accepted: AtomicUsize,
    /// By number; a socket leaves before its thread closes it, so that closing closes.
    open: Mutex<BTreeMap<usize, Socket>>,
}

impl Shared {
    fn open(&self) -> MutexGuard<'_, BTreeMap<usize, Socket>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An accepted connection of either kind.
#[derive(Debug)]
pub(super) enum Socket {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Socket {
    pub(super) fn try_clone(&self) -> io::Result<Self> {
        match self {
            Self::Tcp(stream) => stream.try_clone().map(Self::Tcp),
            Self::Unix(stream) => stream.try_clone().map(Self::Unix),
        }
    }

    pub(super) fn shutdown(&self, how: Shutdown) {
        // The peer may be gone already, and then there is nothing to shut.
        let _ = match self {
            Self::Tcp(stream) => stream.shutdown(how),
            Self::Unix(stream) => stream.shutdown(how),
        };
    }

    /// Makes the coming close a reset (RST) instead of an orderly end. Unix sockets have no reset.
    pub(super) fn reset_on_close(&self) {
        if let Self::Tcp(stream) = self {
            socket2::SockRef::from(stream)
                .set_linger(Some(std::time::Duration::ZERO))
                .expect("a connection takes options");
        }
    }

    fn set_deadline(&self) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => stream.set_nodelay(true).and_then(|()| stream.set_deadline(PATIENCE)),
            Self::Unix(stream) => stream.set_deadline(PATIENCE),
        }
    }
}

impl io::Read for Socket {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.read(buffer),
            Self::Unix(stream) => stream.read(buffer),
        }
    }
}

impl io::Write for Socket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.write(bytes),
            Self::Unix(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Server {
    /// Listens on a free port of the loopback and gives every connection, with its number from 0, to `serve`.
    pub(super) fn tcp(serve: impl Fn(&mut Socket, usize) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("the loopback has a free port");
        let place = Place::Tcp(listener.local_addr().expect("a bound listener has an address"));
        Self::run(place, move || listener.accept().map(|(stream, _)| Socket::Tcp(stream)), serve)
    }

    /// Listens on a Unix socket.
    pub(super) fn unix(path: &Path, serve: impl Fn(&mut Socket, usize) + Send + Sync + 'static) -> Self {
        let listener = UnixListener::bind(path).expect("a path for a socket");
        let place = Place::Unix(path.to_owned());
        Self::run(place, move || listener.accept().map(|(stream, _)| Socket::Unix(stream)), serve)
    }

    /// The TCP address.
    pub(super) fn address(&self) -> SocketAddr {
        match &self.place {
            Place::Tcp(address) => *address,
            Place::Unix(path) => panic!("a backend at {} has no address", path.display()),
        }
    }

    /// How many connections were accepted.
    pub(super) fn accepted(&self) -> usize {
        self.shared.accepted.load(Ordering::SeqCst)
    }

    /// Ends every open connection.
    pub(super) fn cut_connections(&self) {
        for socket in self.shared.open().values() {
            socket.shutdown(Shutdown::Both);
        }
    }

    fn run(
        place: Place,
        accept: impl Fn() -> io::Result<Socket> + Send + 'static,
        serve: impl Fn(&mut Socket, usize) + Send + Sync + 'static,
    ) -> Self {
        let shared = Arc::new(Shared::default());
        let (of_thread, serve) = (Arc::clone(&shared), Arc::new(serve));
        thread::spawn(move || {
            while let Ok(mut socket) = accept() {
                if of_thread.stopped.load(Ordering::SeqCst) {
                    break;
                }
                let number = of_thread.accepted.fetch_add(1, Ordering::SeqCst);
                let (Ok(()), Ok(clone)) = (socket.set_deadline(), socket.try_clone()) else { continue };
                of_thread.open().insert(number, clone);
                let (shared, serve) = (Arc::clone(&of_thread), Arc::clone(&serve));
                thread::spawn(move || {
                    serve(&mut socket, number);
                    shared.open().remove(&number);
                });
            }
        });
        Self { place, shared }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::SeqCst);
        // Wakes the accepting thread, which then sees that it should stop.
        match &self.place {
            Place::Tcp(address) => drop(TcpStream::connect(address)),
            Place::Unix(path) => drop(UnixStream::connect(path)),
        }
        self.cut_connections();
    }
}
