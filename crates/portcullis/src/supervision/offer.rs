//! What a gate serves, as it is sent to it: the plan, what lies in the files that it names, the listeners, the
//! certificates.

use certs::{Change, Serving};
use gate::{Given, Listener, Speaks};
use link::{Certificate, CertificateChange, Install, Key, Protocol};
use model::plan::{Delta, Edition};
use rustls::pki_types::PrivateKeyDer;
use std::sync::Arc;

/// Connections that may wait to be accepted.
pub(crate) const BACKLOG: i32 = 4096;

/// A listener that is open, with the numbers that the kernel gave its sockets.
#[derive(Clone, Debug)]
pub(crate) struct Bound {
    /// The sockets.
    pub(crate) listener: Listener,
    /// Their numbers, in the same order.
    pub(crate) numbers: Vec<u64>,
}

impl Bound {
    /// Has sockets listen again that a gate has shut down, which is so for everybody who has them.
    pub(super) fn revive(&self) {
        if self.listener.planned().speaks == Speaks::Udp {
            return;
        }
        for socket in self.listener.descriptors() {
            if !rustix::net::sockopt::socket_acceptconn(socket).unwrap_or(true) {
                // Where it fails, the gate that is started now says so.
                let _ = rustix::net::listen(socket, BACKLOG);
            }
        }
    }
}

/// Everything that a gate serves.
#[derive(Clone, Debug)]
pub(crate) struct Offer {
    /// The plan of this host. Each offer has a number of its own, above 0.
    pub(crate) edition: Edition,
    /// What lies in the files that it names.
    pub(crate) given: Given,
    /// The listeners of exactly this plan.
    pub(crate) listeners: Vec<Bound>,
    /// Which certificate serves which host.
    pub(crate) serving: Arc<Serving>,
}

impl Offer {
    /// The order to serve it.
    pub(super) fn install(&self, before: Option<&Self>) -> Install {
        let nothing = Edition::default();
        let plan = Delta::between(before.map_or(&nothing, |before| &before.edition), &self.edition);
        let certificates = match before {
            Some(before) => before.serving.change_to(&self.serving),
            None => self.serving.whole(),
        };
        let shared = |files: &std::collections::BTreeMap<std::path::PathBuf, Arc<[u8]>>| {
            files.iter().map(|(path, bytes)| (path.clone(), Arc::clone(bytes))).collect()
        };
        Install {
            plan,
            whole: before.is_none(),
            pages: shared(&self.given.pages),
            authorities: shared(&self.given.authorities),
            roots: self.given.roots.clone(),
            certificates: Some(change(certificates)),
            listeners: self.listeners.iter().map(listener).collect(),
        }
    }
}

fn listener(bound: &Bound) -> link::Listener {
    let planned = bound.listener.planned();
    link::Listener {
        port: planned.port,
        protocol: match planned.speaks {
            Speaks::Http => Protocol::Http,
            Speaks::Https => Protocol::Https,
            Speaks::Tcp => Protocol::Tcp,
            Speaks::Udp => Protocol::Udp,
        },
        address: planned.address,
        local: bound.listener.local(),
        sockets: bound.numbers.clone(),
    }
}

/// A change of certificates as it is sent.
pub(super) fn change(change: Change) -> CertificateChange {
    let certificate = |(id, pair): (certs::CertificateId, Arc<certs::Pair>)| {
        let key = match pair.key() {
            PrivateKeyDer::Pkcs1(der) => Key::Pkcs1(der.secret_pkcs1_der().to_vec()),
            PrivateKeyDer::Sec1(der) => Key::Sec1(der.secret_sec1_der().to_vec()),
            other => Key::Pkcs8(other.secret_der().to_vec()),
        };
        let chain = pair.chain().iter().map(|der| der.to_vec()).collect();
        Certificate { id: id.into(), chain, key }
    };
    CertificateChange {
        whole: change.whole,
        new: change.new.into_iter().map(certificate).collect(),
        hosts: change.hosts.into_iter().map(|(host, id)| (host, id.map(u64::from))).collect(),
        nameless: change.nameless.map(u64::from),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gate::PlannedPort;
    use std::net::{TcpListener, TcpStream};

    /// A port that the kernel has chosen is given back when its socket is shut down; one that was named stays, as those of a
    /// plan do.
    fn of_a_named_port() -> TcpListener {
        let free = || TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr());
        let mut tries = (0..100).filter_map(|_| TcpListener::bind(free().ok()?).ok());
        tries.next().expect("a free port")
    }

    #[test]
    fn a_listener_that_a_gate_has_shut_down_listens_again() {
        let socket = of_a_named_port();
        let (theirs, local) =
            (socket.try_clone().expect("a descriptor"), socket.local_addr().expect("bound"));
        let planned = PlannedPort { port: local.port(), speaks: Speaks::Http, address: None };
        let bound = Bound { listener: Listener::new(planned, local, vec![socket]), numbers: vec![1] };
        rustix::net::shutdown(&theirs, rustix::net::Shutdown::Read).expect("whoever has it may");
        TcpStream::connect(local).expect_err("it is so for everybody");
        bound.revive();
        TcpStream::connect(local).expect("it listens");
        theirs.accept().expect("whoever has it takes what comes");
        // One that listens stays as it is, with who waits there.
        let waiting = TcpStream::connect(local).expect("it listens");
        bound.revive();
        assert_eq!(theirs.accept().expect("it waits").1, waiting.local_addr().expect("connected"));
    }
}
