//! The ports of sshd are judged packet by packet, without the table of connections.

use crate::kernel::Kernel;
use crate::place::{LEGS, Place};
use crate::text::inbound;
use host::conntrack::flows;
use std::net::SocketAddr;
use testkit::eventually;
use testkit::lab::{Flow, Push, Transport};

const SSH: &str = r#"{ allow = "22/tcp", from = ["192.0.2.0/24", "2001:db8::/64"] }"#;
const OTHER: &str = r#"{ allow = "7000/tcp" }"#;

fn open(place: &Place, port: u16, push: Push) -> Vec<Flow> {
    let to = LEGS[0].own_addresses().map(|address| SocketAddr::new(address, port));
    to.map(|to| Flow::open((Transport::Tcp, push), (&place.clients[0], to), (&place.server, to))).into()
}

#[test]
fn sessions_of_sshd_are_not_tracked() {
    let place = Place::new();
    let mut kernel = Kernel::with(&place.server, &inbound(&[SSH, OTHER]));
    let (session, other) = (open(&place, 22, Push::Server), open(&place, 7000, Push::Server));
    assert_eq!(Flow::which_pass(&session), [true; 2]);
    assert_eq!(Flow::which_pass(&other), [true; 2]);
    let tracked = place.server.run(|| flows().expect("the table of connections"));
    let to = |port| tracked.iter().filter(|flow| flow.original.destination.port() == port).count();
    assert_eq!((to(22), to(7000)), (0, 2));
    kernel.put(&inbound(&[r#"{ allow = "22/tcp", from = "203.0.113.9" }"#]));
    // What sshd sends leaves, but no acknowledgement comes in, and so it ends with the window.
    eventually("the end of the sessions", || (Flow::which_pass(&session) == [false; 2]).then_some(()));
}

#[test]
fn what_a_client_sends_to_sshd_needs_the_rule_at_once() {
    let place = Place::new();
    let mut kernel = Kernel::with(&place.server, &inbound(&[SSH]));
    let session = open(&place, 22, Push::Client);
    assert_eq!(Flow::which_pass(&session), [true; 2]);
    kernel.put(&inbound(&[r#"{ allow = "22/tcp", from = "203.0.113.9" }"#]));
    assert_eq!(Flow::which_pass(&session), [false; 2]);
}
