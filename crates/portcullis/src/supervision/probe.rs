//! Whether a gate answers: a connection that nobody else can take.

use super::offer::Bound;
use crate::failure::Failure;
use gate::{Listener, PROBE_HOST, PlannedPort};
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// A listener on this machine alone, for one question.
pub(super) fn listener(planned: PlannedPort) -> Result<Bound, Failure> {
    let opened = || -> io::Result<Bound> {
        let socket = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        socket.set_nonblocking(true)?;
        let number = rustix::net::sockopt::socket_cookie(&socket)?;
        let local = socket.local_addr()?;
        Ok(Bound { listener: Listener::new(planned, local, vec![socket]), numbers: vec![number] })
    };
    opened().map_err(|error| Failure::refused(format!("it cannot be seen whether the gate answers: {error}")))
}

/// Asks for a host that is nobody's, which counts as no request. Any answer will do: one of HTTP, or of TLS that this is not TLS.
pub(super) fn ask(address: SocketAddr) -> Result<(), Failure> {
    let asked = || -> io::Result<usize> {
        let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        write!(stream, "GET / HTTP/1.1\r\nHost: {PROBE_HOST}\r\nConnection: close\r\n\r\n")?;
        stream.read(&mut [0; 16])
    };
    match asked() {
        Ok(1..) => Ok(()),
        Ok(0) => Err(Failure::no("the gate takes connections and answers nothing")),
        Err(error) => Err(Failure::no(format!("the gate does not answer: {error}"))),
    }
}
