//! Unix sockets that have a name: a file left by a program that is gone is replaced, one that answers never is.

use rustix::fs::Mode;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};
use std::fmt;
use std::fs;
use std::io;
use std::os::unix::fs::FileTypeExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;

/// Why there is no socket.
#[derive(Debug)]
pub(crate) enum BindError {
    /// A running program answers there; its process id where the kernel tells.
    InUse(Option<i32>),
    /// Something that is no socket has this name.
    NotASocket,
    /// The machine refused.
    Io(io::Error),
}

impl fmt::Display for BindError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InUse(Some(pid)) => write!(f, "process {pid} answers there"),
            Self::InUse(None) => f.write_str("another program answers there"),
            Self::NotASocket => f.write_str("there is a file that is no socket"),
            Self::Io(error) => error.fmt(f),
        }
    }
}

impl From<io::Error> for BindError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<rustix::io::Errno> for BindError {
    fn from(error: rustix::io::Errno) -> Self {
        Self::Io(error.into())
    }
}

/// Listens at a path, which then has these permissions from its first moment on.
pub(crate) fn bind(path: &Path, mode: Mode) -> Result<UnixListener, BindError> {
    remove_stale(path)?;
    let flags = SocketFlags::CLOEXEC;
    let socket = rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    // The file takes the mode of the socket's inode less the umask, so there is no moment at which it is wider; what
    // the umask took is given back afterwards.
    rustix::fs::fchmod(&socket, mode)?;
    rustix::net::bind(&socket, &SocketAddrUnix::new(path)?)?;
    rustix::fs::chmod(path, mode)?;
    rustix::net::listen(&socket, 128)?;
    Ok(UnixListener::from(socket))
}

/// The process at the other end of a connection, or the one that listens when the connection was just made.
pub(crate) fn peer(stream: &UnixStream) -> io::Result<rustix::net::UCred> {
    Ok(rustix::net::sockopt::socket_peercred(stream)?)
}

fn remove_stale(path: &Path) -> Result<(), BindError> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error.into()),
        Ok(facts) if !facts.file_type().is_socket() => return Err(BindError::NotASocket),
        Ok(_) => {}
    }
    match UnixStream::connect(path) {
        Ok(stream) => Err(BindError::InUse(peer(&stream).ok().map(|peer| peer.pid.as_raw_pid()))),
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => Ok(fs::remove_file(path)?),
        Err(error) => Err(error.into()),
    }
}
