//! Where `hello` listens.

use crate::cli::Hello;
use crate::failure::Failure;
use crate::socket_file;
use rustix::fs::Mode;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::net::UnixListener;
use std::path::PathBuf;

/// A listener of either kind, in non-blocking mode.
#[derive(Debug)]
pub(super) enum Listener {
    Tcp(TcpListener),
    Unix(UnixListener, PathBuf),
}

impl Listener {
    /// Listens where the arguments say.
    pub(super) fn bind(arguments: &Hello) -> Result<Self, Failure> {
        let listener = match &arguments.unix {
            Some(path) => {
                // Whoever is to reach it, the gate under its own user included, must be able to connect.
                let socket = socket_file::bind(path, Mode::from_bits_truncate(0o666)).map_err(|error| {
                    Failure::refused(format!("cannot listen on {}: {error}", path.display()))
                })?;
                Self::Unix(socket, path.clone())
            }
            None => Self::bind_tcp(SocketAddr::new(arguments.address, arguments.port))?,
        };
        listener.set_nonblocking().map_err(|error| Failure::refused(format!("cannot listen: {error}")))?;
        Ok(listener)
    }

    fn bind_tcp(address: SocketAddr) -> Result<Self, Failure> {
        let failed = |error: io::Error| {
            let failure = Failure::refused(format!("cannot listen on {address}: {error}"));
            match error.kind() {
                io::ErrorKind::AddrInUse => failure.with_hint("--port 0 takes a free one"),
                io::ErrorKind::PermissionDenied => failure.with_hint("ports below 1024 need root"),
                _ => failure,
            }
        };
        TcpListener::bind(address).map(Self::Tcp).map_err(failed)
    }

    /// The same listener for another thread.
    pub(super) fn duplicate(&self) -> io::Result<Self> {
        match self {
            Self::Tcp(listener) => listener.try_clone().map(Self::Tcp),
            Self::Unix(listener, path) => Ok(Self::Unix(listener.try_clone()?, path.clone())),
        }
    }

    /// The address as a person would use it.
    pub(super) fn describe(&self, scheme: &str) -> String {
        match self {
            Self::Tcp(listener) => match listener.local_addr() {
                Ok(address) => format!("{scheme}://{address}"),
                Err(error) => format!("an unknown address ({error})"),
            },
            Self::Unix(_, path) => format!("unix:{}", path.display()),
        }
    }

    fn set_nonblocking(&self) -> io::Result<()> {
        match self {
            Self::Tcp(listener) => listener.set_nonblocking(true),
            Self::Unix(listener, _) => listener.set_nonblocking(true),
        }
    }
}
