//! Rates of new connections for each source.

use crate::kernel::Kernel;
use crate::place::{LEGS, Place};
use crate::text::inbound;
use firewall::compile::elements::Live;
use firewall::nft::{Element, Set};
use std::net::SocketAddr;
use testkit::lab::{Flow, Push, Reach, Service, Transport};

const RULE: &str = r#"{ allow = "7000-7009", limit = "6/30s", id = "limited" }"#;

fn to(leg: usize, family: usize, port: u16) -> SocketAddr {
    SocketAddr::new(LEGS[leg].own_addresses()[family], port)
}

#[test]
fn the_seventh_new_connection_is_refused_and_old_ones_go_on() {
    let place = Place::new();
    let mut kernel = Kernel::with(&place.server, &inbound(&[RULE]));
    let _service = Service::on_ports(&place.server, &[7001]);
    let (client, other) = (&place.clients[0], &place.clients[1]);
    for family in [0, 1] {
        let first = to(0, family, 7000 + family as u16 * 2);
        let old = Flow::open((Transport::Tcp, Push::Server), (client, first), (&place.server, first));
        let port = to(0, family, 7001);
        assert_eq!(client.tcp_all(&[port; 5]), [Reach::Open; 5], "the second to the sixth");
        assert_eq!(client.tcp(port), Reach::Filtered, "the seventh");
        assert_eq!(client.udp(port), Reach::Filtered, "the limit is one for the whole rule");
        kernel.put(&inbound(&[RULE, r#"{ allow = "80/tcp" }"#]));
        assert_eq!(client.tcp(port), Reach::Filtered, "a replacement forgets nothing");
        assert!(old.passes(), "an old one goes on");
        assert_eq!(other.tcp(to(1, family, 7001)), Reach::Open, "another source");
    }
}

#[test]
fn datagrams_of_a_known_flow_are_not_counted_anew() {
    let place = Place::new();
    let mut kernel = Kernel::with(&place.server, &inbound(&[RULE]));
    let port = to(0, 0, 7000);
    let flow = Flow::open((Transport::Udp, Push::Client), (&place.clients[0], port), (&place.server, port));
    testkit::eventually("more datagrams than the limit", || (kernel.count("r_limited") > 20).then_some(()));
    assert!(flow.passes());
}

#[test]
fn the_addresses_of_one_network_of_ipv6_share_a_limit() {
    let place = Place::new();
    let _kernel = Kernel::with(&place.server, &inbound(&[RULE]));
    let _service = Service::on_ports(&place.server, &[7001]);
    let client = &place.clients[0];
    let port = to(0, 1, 7001);
    assert_eq!(client.tcp_all(&[port; 6]), [Reach::Open; 6]);
    client.ip("address add 2001:db8::11/128 dev eth0 nodad\n");
    place.server.ip("route add 2001:db8::11/128 via 2001:db8::10 dev eth0\n");
    client.ip("route replace 2001:db8::1 dev eth0 src 2001:db8::11\n");
    assert_eq!(client.tcp(port), Reach::Filtered, "an address of the same /64");
}

#[test]
fn a_full_set_of_sources_refuses() {
    let place = Place::new();
    let mut kernel = Kernel::with(&place.server, &inbound(&[RULE]));
    let _service = Service::on_ports(&place.server, &[7001]);
    let is_full =
        |(name, set): &(&String, &Set)| set.dynamic && name.starts_with("l_") && name.ends_with('4');
    let (set, full) = kernel.sent.sets.iter().find(is_full).expect("the limit has a set");
    let source = |low: u32| Live {
        set: set.clone(),
        element: Element::one((0x0a00_0000 + low).to_be_bytes()).timeout(60_000),
    };
    let sources: Vec<Live> = (0..full.size.expect("it is bounded")).map(source).collect();
    kernel.add_all(&sources);
    assert_eq!(place.clients[0].tcp(to(0, 0, 7001)), Reach::Filtered);
    assert_eq!(place.clients[0].tcp(to(0, 1, 7001)), Reach::Open, "the other family has its own");
    kernel.delete(&sources[0]);
    assert_eq!(place.clients[0].tcp(to(0, 0, 7001)), Reach::Open, "with room again");
}
