//! Opening the listening sockets.

use crate::failure::Failure;
use crate::report;
use gate::{Listener, PlannedPort};
use model::plan::Listen;
use socket2::{Domain, Protocol, Socket, Type};
use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener};

/// Connections that may wait to be accepted.
const BACKLOG: i32 = 4096;

/// The open listeners.
#[derive(Clone, Debug, Default)]
pub(crate) struct Listeners {
    open: Vec<Listener>,
}

impl Listeners {
    /// Opens what is planned and not open yet, and answers with the listeners of exactly this plan. When one cannot
    /// be opened, nothing changes.
    pub(crate) fn open(
        &mut self,
        planned: &[PlannedPort],
        listen: &Listen,
        threads: usize,
    ) -> Result<Vec<Listener>, Failure> {
        let mut wanted = Vec::new();
        for port in planned {
            for address in &listen.addresses {
                if let Some(listener) = self.one(*port, *address, listen, threads)? {
                    wanted.push(listener);
                }
            }
        }
        if wanted.is_empty() {
            return Err(
                Failure::refused("there is no address to listen on").with_hint("see [listen] addresses")
            );
        }
        self.open.clone_from(&wanted);
        Ok(wanted)
    }

    /// Where the gate listens, for people and programs.
    pub(crate) fn describe(&self) -> Vec<String> {
        self.open.iter().map(|listener| listener.local().to_string()).collect()
    }

    fn one(
        &self,
        planned: PlannedPort,
        address: IpAddr,
        listen: &Listen,
        threads: usize,
    ) -> Result<Option<Listener>, Failure> {
        let known = self.open.iter().find(|open| open.planned() == planned && open.local().ip() == address);
        if let Some(known) = known {
            return Ok(Some(known.clone()));
        }
        let local = SocketAddr::new(address, planned.port);
        match open_sockets(local, threads) {
            Ok(sockets) => Ok(Some(listener(planned, local, sockets))),
            Err(error) if is_missing_family(&error, address) => Ok(None),
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                unprivileged(planned, local, listen, threads).map(Some)
            }
            Err(error) => Err(refused(local, &error)),
        }
    }
}

/// Without the right to open 80 and 443, 8080 and 8443 serve in their place, unless the file insists.
fn unprivileged(
    planned: PlannedPort,
    local: SocketAddr,
    listen: &Listen,
    threads: usize,
) -> Result<Listener, Failure> {
    let other = match planned.port {
        80 if !listen.ports_written => 8080,
        443 if !listen.ports_written => 8443,
        _ => {
            return Err(Failure::refused(format!("no right to listen on {local}")).with_hint(
                "ports below 1024 need root or CAP_NET_BIND_SERVICE; [listen] takes other ports",
            ));
        }
    };
    let instead = SocketAddr::new(local.ip(), other);
    let sockets = open_sockets(instead, threads).map_err(|error| refused(instead, &error))?;
    report::warning(format_args!("no right to listen on {local}, so {instead} serves in its place"));
    Ok(listener(planned, instead, sockets))
}

fn listener(planned: PlannedPort, local: SocketAddr, sockets: Vec<TcpListener>) -> Listener {
    // With port 0 the kernel chose.
    let local = sockets[0].local_addr().unwrap_or(local);
    Listener::new(planned, local, sockets)
}

fn open_sockets(local: SocketAddr, threads: usize) -> io::Result<Vec<TcpListener>> {
    let count = Listener::sockets_for(threads);
    (0..count).map(|_| open_socket(local, count > 1)).collect()
}

fn open_socket(local: SocketAddr, shared: bool) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(local), Type::STREAM, Some(Protocol::TCP))?;
    if local.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_reuse_address(true)?;
    // A socket that shares its port would hide that somebody else has it, so it does so only where it must.
    socket.set_reuse_port(shared)?;
    socket.set_nonblocking(true)?;
    socket.bind(&local.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// A machine without IPv6 is no reason not to serve IPv4.
fn is_missing_family(error: &io::Error, address: IpAddr) -> bool {
    let missing = error.raw_os_error() == Some(rustix::io::Errno::AFNOSUPPORT.raw_os_error())
        || error.kind() == io::ErrorKind::AddrNotAvailable;
    missing && address.is_unspecified()
}

fn refused(local: SocketAddr, error: &io::Error) -> Failure {
    let port = local.port();
    let failure = Failure::refused(format!("cannot listen on {local}: {error}"));
    if error.kind() == io::ErrorKind::AddrInUse {
        return failure
            .with_hint(format!("`ss -ltnp 'sport = :{port}'` names who has it; [listen] takes other ports"));
    }
    failure
}
