//! The listening sockets that the keeper handed over, by the numbers that the kernel gave them.

use gate::{Listener, PlannedPort, Speaks};
use link::{HeldSocket, Protocol};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::{TcpListener, UdpSocket};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// Sockets that fit into one message.
const AT_ONCE: usize = 100;

/// The sockets, and for which port each was opened.
#[derive(Debug, Default)]
pub(super) struct Held {
    sockets: BTreeMap<u64, (OwnedFd, u16)>,
}

impl Held {
    /// Takes sockets that came, in the order of their numbers.
    pub(super) fn take(&mut self, numbers: Vec<u64>, sockets: Vec<OwnedFd>) -> Result<(), String> {
        if numbers.len() != sockets.len() {
            return Err(format!("{} sockets came for {} numbers", sockets.len(), numbers.len()));
        }
        let with_ports = sockets.into_iter().map(|socket| (socket, 0));
        self.sockets.extend(numbers.into_iter().zip(with_ports));
        Ok(())
    }

    /// The listeners of a plan.
    pub(super) fn listeners(&mut self, planned: &[link::Listener]) -> Result<Vec<Listener>, String> {
        planned.iter().map(|listener| self.listener(listener)).collect()
    }

    /// Forgets the sockets of no listener.
    pub(super) fn keep(&mut self, planned: &[link::Listener]) {
        let used: BTreeSet<u64> = planned.iter().flat_map(|listener| &listener.sockets).copied().collect();
        self.sockets.retain(|number, _| used.contains(number));
    }

    /// Those with a number above this one, as many as fit into a message.
    pub(super) fn after(&self, number: u64) -> (Vec<HeldSocket>, Vec<BorrowedFd<'_>>) {
        let range = self.sockets.range(number.saturating_add(1)..).take(AT_ONCE);
        range
            .map(|(number, (socket, port))| (HeldSocket { number: *number, port: *port }, socket.as_fd()))
            .unzip()
    }

    fn listener(&mut self, planned: &link::Listener) -> Result<Listener, String> {
        let port = PlannedPort {
            port: planned.port,
            speaks: match planned.protocol {
                Protocol::Http => Speaks::Http,
                Protocol::Https => Speaks::Https,
                Protocol::Tcp => Speaks::Tcp,
                Protocol::Udp => Speaks::Udp,
            },
            address: planned.address,
        };
        let failed = |error: io::Error| format!("a socket of {} cannot be used: {error}", planned.local);
        let mut sockets = Vec::new();
        for number in &planned.sockets {
            let held = self.sockets.get_mut(number);
            let (socket, of) = held.ok_or_else(|| format!("a socket of {} never came", planned.local))?;
            *of = planned.port;
            sockets.push(socket.try_clone().map_err(failed)?);
        }
        if sockets.is_empty() {
            return Err(format!("{} has no socket", planned.local));
        }
        if port.speaks == Speaks::Udp {
            let sockets = sockets.into_iter().map(UdpSocket::from).collect();
            return Listener::datagrams(port, planned.local, sockets).map_err(failed);
        }
        Ok(Listener::new(port, planned.local, sockets.into_iter().map(TcpListener::from).collect()))
    }
}
