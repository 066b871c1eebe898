//! A network namespace for each test: the test runs itself again in a fresh one, where nothing else is and nothing
//! stays.

use firewall::observed::{Interface, InterfaceKind};
use model::plan::InterfaceName;
use rustix::net::{AddressFamily, SocketType, bind, connect, socket};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::OwnedFd;
use std::process::Command;

const INSIDE: &str = "PORTCULLIS_TEST_INSIDE";
/// After this a test that waits for what never comes is ended, and so failed.
const DEADLINE_SECONDS: &str = "60";

/// Runs `body` in a network namespace of its own, with loopback up. `name` is the test's path in this program.
pub(crate) fn in_namespace(name: &str, body: impl FnOnce()) {
    if std::env::var(INSIDE).is_ok_and(|inside| inside == name) {
        return body();
    }
    let program = std::env::current_exe().expect("this program");
    let inside = Command::new("unshare")
        .args([
            "--net",
            "--",
            "timeout",
            DEADLINE_SECONDS,
            "sh",
            "-c",
            "ip link set lo up && exec \"$0\" \"$@\"",
        ])
        .arg(program)
        .args(["--exact", name, "--nocapture"])
        .env(INSIDE, name)
        .output()
        .expect("unshare of util-linux");
    let (told, failed) = (String::from_utf8_lossy(&inside.stdout), String::from_utf8_lossy(&inside.stderr));
    assert!(
        inside.status.success() && told.contains("1 passed"),
        "in a network namespace, which needs CAP_SYS_ADMIN to make:\n{told}\n{failed}"
    );
}

/// Runs a command of the system that must succeed.
pub(crate) fn run(command: &str) {
    let words: Vec<&str> = command.split(' ').collect();
    let (program, arguments) = words.split_first().expect("a command");
    let done = Command::new(program).args(arguments).output().expect("a program of the system");
    assert!(done.status.success(), "{command}: {}", String::from_utf8_lossy(&done.stderr));
}

pub(crate) fn at(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}

/// This machine, and one that only seems to be another: the same namespace, told to nobody.
pub(crate) const HERE: &str = "192.0.2.1";
pub(crate) const THERE: &str = "192.0.2.2";

/// Gives loopback both addresses.
pub(crate) fn two_ends() {
    for address in [HERE, THERE] {
        run(&format!("ip addr add {address}/32 dev lo"));
    }
}

/// An interface with this machine's address alone, so that the other end is another machine's.
pub(crate) fn here() -> Vec<Interface> {
    let addresses = vec![format!("{HERE}/24").parse().expect("a prefix")];
    vec![Interface { name: InterfaceName("eth0".to_owned()), addresses, kind: InterfaceKind::Other }]
}

/// A TCP connection from `from`, whose port may be 0, to a listener here.
pub(crate) fn tcp(from: SocketAddr, to: &TcpListener) -> (TcpStream, TcpStream) {
    let client = tcp_to(from, to.local_addr().expect("its address"));
    let (server, _) = to.accept().expect("the connection");
    (client, server)
}

/// A TCP connection that somebody else accepts.
pub(crate) fn tcp_to(from: SocketAddr, to: SocketAddr) -> TcpStream {
    TcpStream::from(from_address(SocketType::STREAM, from, to))
}

/// A UDP socket with a peer.
pub(crate) fn udp(from: SocketAddr, to: SocketAddr) -> UdpSocket {
    UdpSocket::from(from_address(SocketType::DGRAM, from, to))
}

fn from_address(kind: SocketType, from: SocketAddr, to: SocketAddr) -> OwnedFd {
    let family = if from.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let client = socket(family, kind, None).expect("a socket");
    bind(&client, &from).expect("an address to begin at");
    connect(&client, &to).expect("a connection");
    client
}
