//! People who are logged in, as far as the kernel and the environment tell: a live connection to the port of ssh, and what
//! the ssh server would have said about it.

use std::net::{Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use testkit::lab::Host;

/// The port of ssh of a host, which takes connections and keeps them.
pub(crate) struct Door(TcpListener);

impl Door {
    pub(crate) fn at(host: &Host) -> Self {
        Self(host.listen((Ipv6Addr::UNSPECIFIED, 22).into()))
    }

    /// Somebody logs in.
    pub(crate) fn enter(&self, client: &Host, to: SocketAddr) -> Session {
        let near = client.run(|| TcpStream::connect(to)).unwrap();
        let (far, _) = self.0.accept().unwrap();
        Session { _near: near, far }
    }
}

/// A live connection over which somebody is logged in. It ends with the value.
pub(crate) struct Session {
    _near: TcpStream,
    far: TcpStream,
}

impl Session {
    /// The content of `SSH_CONNECTION`.
    pub(crate) fn variable(&self) -> String {
        let [peer, local] = [self.far.peer_addr().unwrap(), self.far.local_addr().unwrap()]
            .map(|end| format!("{} {}", end.ip().to_canonical(), end.port()));
        format!("{peer} {local}")
    }
}
