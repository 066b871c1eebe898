//! Opening the listening sockets.

use crate::failure::Failure;
use crate::report;
use crate::supervision::{BACKLOG, Bound, restore};
use crate::taken;
use gate::{Listener, PlannedPort, Speaks};
use link::HeldSocket;
use model::plan::Listen;
use socket2::{Domain, Protocol, Socket, Type};
use std::collections::BTreeSet;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{BorrowedFd, OwnedFd};
use std::sync::Arc;

/// Bytes of datagrams that may wait on a socket.
const DATAGRAMS: usize = 4 << 20;

/// The open listeners.
#[derive(Clone, Debug, Default)]
pub(crate) struct Listeners {
    open: Vec<Bound>,
    /// Sockets of a former keeper, each with the port that it was opened for.
    inherited: Vec<(Arc<OwnedFd>, u16)>,
}

impl Listeners {
    /// None is open but what somebody else opened, each for a port of the plan.
    pub(crate) fn inherit(sockets: Vec<(OwnedFd, u16)>) -> Self {
        let mut known = BTreeSet::new();
        // One socket may come on several ways; where the kernel does not number it, nobody can tell.
        let mut is_new = |socket: &OwnedFd| {
            rustix::net::sockopt::socket_cookie(socket).map_or(true, |number| known.insert(number))
        };
        let once = sockets.into_iter().filter(|(socket, _)| is_new(socket));
        let as_opened = once.inspect(|(socket, _)| restore(socket));
        let inherited = as_opened.map(|(socket, port)| (Arc::new(socket), port)).collect();
        Self { open: Vec::new(), inherited }
    }

    /// Opens what is planned and not open yet, and answers with the listeners of exactly this plan. When one cannot
    /// be opened, nothing changes.
    pub(crate) fn bind(
        &mut self,
        planned: &[PlannedPort],
        listen: &Listen,
        threads: usize,
    ) -> Result<Vec<Bound>, Failure> {
        let mut wanted = Vec::new();
        for port in planned {
            let addresses = port.address.as_ref().map_or(&listen.addresses[..], std::slice::from_ref);
            for address in addresses {
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
        // What nobody wants is closed, unless the former gate serves it to its end.
        self.inherited.clear();
        Ok(wanted)
    }

    /// The sockets, for another process.
    pub(crate) fn lend(&self) -> io::Result<Vec<(HeldSocket, OwnedFd)>> {
        let mut lent = Vec::new();
        for bound in &self.open {
            let port = bound.listener.planned().port;
            for (number, socket) in bound.numbers.iter().zip(bound.listener.descriptors()) {
                lent.push((HeldSocket { number: *number, port }, socket.try_clone_to_owned()?));
            }
        }
        lent.sort_by_key(|(held, _)| held.number);
        Ok(lent)
    }

    /// The open listeners.
    pub(crate) fn open(&self) -> &[Bound] {
        &self.open
    }

    /// Where the gate listens, for people and programs.
    pub(crate) fn describe(&self) -> Vec<String> {
        self.open.iter().map(|bound| describe(&bound.listener)).collect()
    }

    /// The sockets of a former keeper for a port and an address.
    fn inherited(&self, planned: PlannedPort, address: IpAddr, threads: usize) -> Option<Bound> {
        let wanted = if planned.speaks == Speaks::Udp { Type::DGRAM } else { Type::STREAM };
        let of_port = self.inherited.iter().filter(|(_, port)| *port == planned.port);
        let sockets = of_port.filter_map(|(socket, _)| Some(Socket::from(socket.try_clone().ok()?)));
        let fits = |socket: &Socket| {
            let local = socket.local_addr().ok().and_then(|local| local.as_socket());
            socket.r#type().is_ok_and(|kind| kind == wanted)
                && local.is_some_and(|local| local.ip() == address && may_serve(local.port(), planned))
                // One that a gate gave, and that does not listen, would be no listener.
                && (wanted == Type::DGRAM || socket.is_listener().unwrap_or(false))
        };
        // Nobody would take what comes to more of them than the threads need.
        let most = Listener::sockets_for(planned.speaks, threads);
        let sockets: Vec<Socket> = sockets.filter(fits).take(most).collect();
        let local = sockets.first()?.local_addr().ok()?.as_socket()?;
        let listener = match planned.speaks {
            Speaks::Udp => {
                Listener::datagrams(planned, local, sockets.into_iter().map(Into::into).collect()).ok()?
            }
            _ => Listener::new(planned, local, sockets.into_iter().map(Into::into).collect()),
        };
        numbered(listener).ok()
    }

    fn one(
        &self,
        planned: PlannedPort,
        address: IpAddr,
        listen: &Listen,
        threads: usize,
    ) -> Result<Option<Bound>, Failure> {
        let at = |open: &&Bound| {
            open.listener.planned().port == planned.port && open.listener.local().ip() == address
        };
        // A port that serves something else now keeps its sockets, for nobody could open them beside the old ones.
        let known = self.open.iter().filter(at).find_map(|open| serving(open, planned));
        if let Some(known) = known {
            return Ok(Some(known));
        }
        if let Some(inherited) = self.inherited(planned, address, threads) {
            return Ok(Some(inherited));
        }
        let local = SocketAddr::new(address, planned.port);
        match listener(planned, local, threads) {
            Ok(listener) => Ok(Some(listener)),
            Err(error) if is_missing_family(&error, address) => Ok(None),
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                unprivileged(planned, local, listen, threads).map(Some)
            }
            Err(error) => Err(refused(planned, local, &error)),
        }
    }
}

/// Where a listener is, as a person would write it.
pub(super) fn describe(listener: &Listener) -> String {
    match listener.planned().speaks {
        Speaks::Udp => format!("{}/udp", listener.local()),
        _ => listener.local().to_string(),
    }
}

/// Without the right to open 80 and 443, 8080 and 8443 serve in their place, unless the file insists.
fn unprivileged(
    planned: PlannedPort,
    local: SocketAddr,
    listen: &Listen,
    threads: usize,
) -> Result<Bound, Failure> {
    let Some(other) = instead_of(planned).filter(|_| !listen.ports_written) else {
        return Err(Failure::refused(format!("no right to listen on {local}")).with_hint(
            "ports below 1024 need root or CAP_NET_BIND_SERVICE; [listen] and [stream] take other ports",
        ));
    };
    let instead = SocketAddr::new(local.ip(), other);
    let listener = listener(planned, instead, threads).map_err(|error| refused(planned, instead, &error))?;
    report::warning(format_args!("no right to listen on {local}, so {instead} serves in its place"));
    Ok(listener)
}

/// The port that serves where there is no right to a usual one.
fn instead_of(planned: PlannedPort) -> Option<u16> {
    match (planned.speaks, planned.port) {
        (Speaks::Http, 80) => Some(8080),
        (Speaks::Https, 443) => Some(8443),
        _ => None,
    }
}

/// Whether a socket that a gate gave is one for a port of the plan, whatever the gate says: the kernel knows where it is.
fn may_serve(port: u16, planned: PlannedPort) -> bool {
    port == planned.port || instead_of(planned) == Some(port)
}

/// The same sockets for another port of the plan; nothing where they are of another kind.
fn serving(open: &Bound, planned: PlannedPort) -> Option<Bound> {
    let listener = open.listener.serving(planned)?;
    Some(Bound { listener, numbers: open.numbers.clone() })
}

fn listener(planned: PlannedPort, local: SocketAddr, threads: usize) -> io::Result<Bound> {
    numbered(sockets(planned, local, threads)?)
}

/// A listener with the numbers that the kernel gave its sockets.
fn numbered(listener: Listener) -> io::Result<Bound> {
    let cookie = |socket: &BorrowedFd<'_>| rustix::net::sockopt::socket_cookie(socket);
    let numbers = listener.descriptors().iter().map(cookie).collect::<Result<_, _>>()?;
    Ok(Bound { listener, numbers })
}

fn sockets(planned: PlannedPort, local: SocketAddr, threads: usize) -> io::Result<Listener> {
    let count = Listener::sockets_for(planned.speaks, threads);
    if planned.speaks == Speaks::Udp {
        if count > 1 {
            // Sockets that share a port would hide that somebody else has it; one that does not share is told.
            drop(datagram_socket(local, false)?);
        }
        let sockets = (0..count).map(|_| datagram_socket(local, count > 1).map(Into::into));
        return Listener::datagrams(planned, local, sockets.collect::<io::Result<_>>()?);
    }
    let sockets = (0..count).map(|_| open_socket(local, count > 1).map(Into::into));
    Ok(Listener::new(planned, local, sockets.collect::<io::Result<_>>()?))
}

fn open_socket(local: SocketAddr, shared: bool) -> io::Result<Socket> {
    let socket = socket(local, Type::STREAM, Protocol::TCP)?;
    socket.set_reuse_address(true)?;
    // A socket that shares its port would hide that somebody else has it, so it does so only where it must.
    socket.set_reuse_port(shared)?;
    socket.bind(&local.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket)
}

fn datagram_socket(local: SocketAddr, shared: bool) -> io::Result<Socket> {
    let socket = socket(local, Type::DGRAM, Protocol::UDP)?;
    socket.set_reuse_port(shared)?;
    // What comes at once waits here; where the system allows less, that is what it is.
    let _ = socket.set_recv_buffer_size(DATAGRAMS);
    socket.bind(&local.into())?;
    Ok(socket)
}

fn socket(local: SocketAddr, kind: Type, protocol: Protocol) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(local), kind, Some(protocol))?;
    if local.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_nonblocking(true)?;
    Ok(socket)
}

/// A machine without IPv6 is no reason not to serve IPv4.
fn is_missing_family(error: &io::Error, address: IpAddr) -> bool {
    let missing = error.raw_os_error() == Some(rustix::io::Errno::AFNOSUPPORT.raw_os_error())
        || error.kind() == io::ErrorKind::AddrNotAvailable;
    missing && address.is_unspecified()
}

fn refused(planned: PlannedPort, local: SocketAddr, error: &io::Error) -> Failure {
    if error.kind() != io::ErrorKind::AddrInUse {
        return Failure::refused(format!("cannot listen on {local}: {error}"));
    }
    let (protocol, section) = match planned.speaks {
        Speaks::Http | Speaks::Https => (taken::TCP, "[listen]"),
        Speaks::Tcp => (taken::TCP, "[stream]"),
        Speaks::Udp => (taken::UDP, "[stream]"),
    };
    match taken::who_has(protocol, local) {
        Some(taken) => Failure::refused(format!("cannot listen on {local}: {} has it", taken.by))
            .with_hint(format!("{}; {section} takes other ports", taken.freed_by)),
        // It is gone by now, or may not be seen.
        None => Failure::refused(format!("cannot listen on {local}: {error}"))
            .with_hint(format!("try again; {section} takes other ports")),
    }
}
