//! What lives in sets: ends of rules, grants, connections that drain, bans.

use crate::kernel::{Kernel, now};
use crate::place::{LEGS, Place};
use crate::text::{canonical, inbound, plan};
use firewall::compile::elements::{self, Live};
use host::conntrack::flows;
use std::net::{IpAddr, SocketAddr};
use testkit::eventually;
use testkit::lab::{Flow, Push, Reach, Service, Transport};

const OPEN: &str = r#"{ allow = "7000-7009", id = "open" }"#;

fn to(family: usize, port: u16) -> SocketAddr {
    SocketAddr::new(LEGS[0].own_addresses()[family], port)
}

fn client(family: usize) -> IpAddr {
    LEGS[0].client[family].parse().expect("an address")
}

/// Flows of the first client: each transport, push and family, from a port on.
fn open(place: &Place, from: u16) -> Vec<Flow> {
    let kinds = [Transport::Tcp, Transport::Udp].map(|t| [(t, Push::Client), (t, Push::Server)]).concat();
    let ports =
        kinds.iter().zip(from..).flat_map(|(kind, port)| [(*kind, to(0, port)), (*kind, to(1, port))]);
    ports.map(|(kind, to)| Flow::open(kind, (&place.clients[0], to), (&place.server, to))).collect()
}

#[test]
fn a_rule_ends_by_the_clock_of_the_kernel() {
    let place = Place::new();
    let mut plan = plan(&format!("[firewall]\ninbound = [{OPEN}]\n"));
    let rules = plan.policy.firewall.iter_mut().flat_map(|firewall| &mut firewall.inbound);
    rules.for_each(|rule| rule.expires = Some(now() + 3));
    let _kernel = Kernel::with(&place.server, &canonical(&plan));
    let flows = open(&place, 7000);
    eventually("the end of all flows", || (Flow::which_pass(&flows) == [false; 8]).then_some(()));
}

#[test]
fn a_grant_opens_one_port_to_one_address_until_it_ends() {
    let place = Place::new();
    let mut kernel = Kernel::with(&place.server, &inbound(&[]));
    let _service = Service::on_ports(&place.server, &[7000, 7001]);
    for family in [0, 1] {
        let grant = elements::grant(client(family), 6, 7000);
        let asked = [to(family, 7000), to(family, 7001)];
        assert_eq!(place.clients[0].tcp_all(&asked), [Reach::Filtered; 2]);
        kernel.add(&grant);
        assert_eq!(place.clients[0].tcp_all(&asked), [Reach::Open, Reach::Filtered]);
        assert_eq!(place.clients[0].udp(asked[0]), Reach::Filtered, "another protocol");
        let other = SocketAddr::new(LEGS[1].own_addresses()[family], 7000);
        assert_eq!(place.clients[1].tcp(other), Reach::Filtered, "another address");
        kernel.delete(&grant);
        assert_eq!(place.clients[0].tcp(asked[0]), Reach::Filtered);
    }
}

#[test]
fn connections_by_a_grant_end_with_it() {
    let place = Place::new();
    let mut kernel = Kernel::with(&place.server, &inbound(&[]));
    let of = |protocol, port| [0, 1].map(|family| elements::grant(client(family), protocol, port));
    let grants = [of(6, 7000), of(6, 7001), of(17, 7002), of(17, 7003)].concat();
    kernel.add_all(&grants);
    let flows = open(&place, 7000);
    assert_eq!(Flow::which_pass(&flows), [true; 8]);
    kernel.put(&inbound(&[]));
    assert_eq!(Flow::which_pass(&flows), [true; 8], "a replacement keeps grants");
    grants.iter().for_each(|grant| kernel.delete(grant));
    assert_eq!(Flow::which_pass(&flows), [false; 8]);
}

#[test]
fn drained_connections_go_on_and_new_ones_are_refused() {
    let place = Place::new();
    let mut kernel = Kernel::with(&place.server, &inbound(&[OPEN]));
    let _service = Service::on_ports(&place.server, &[7009]);
    let open = open(&place, 7000);
    let known = place.server.run(|| flows().expect("the table of connections"));
    let drains: Vec<Live> = known
        .iter()
        .filter(|flow| (7000..7009).contains(&flow.original.destination.port()))
        .map(|flow| elements::drain(flow.original.source, flow.protocol, flow.original.destination.port()))
        .collect();
    assert_eq!(drains.len(), 8);
    kernel.add_all(&drains);
    kernel.put(&inbound(&[]));
    assert_eq!(Flow::which_pass(&open), [true; 8]);
    assert_eq!(place.clients[0].tcp_all(&[to(0, 7009), to(1, 7009)]), [Reach::Filtered; 2]);
    drains.iter().for_each(|drain| kernel.delete(drain));
    assert_eq!(Flow::which_pass(&open), [false; 8]);
}

#[test]
fn a_ban_refuses_before_anything_is_tracked() {
    let place = Place::new();
    let mut kernel = Kernel::with(&place.server, &inbound(&[OPEN]));
    let _service = Service::on_ports(&place.server, &[7009]);
    let (net4, net6) = ("192.0.2.8/29", "2001:db8::/112");
    let nets = [net4, net6].map(|text| elements::ban_net(text.parse().expect("a prefix")));
    let singles = [0, 1].map(|family| elements::ban(client(family)));
    let asked = [to(0, 7009), to(1, 7009)];
    for bans in [singles, nets] {
        assert_eq!(place.clients[0].tcp_all(&asked), [Reach::Open; 2]);
        let before = kernel.count("frame_banned");
        kernel.add_all(&bans);
        let tracked = || place.server.run(|| flows().expect("the table of connections")).len();
        let known = tracked();
        assert_eq!(place.clients[0].tcp_all(&asked), [Reach::Filtered; 2]);
        assert!(tracked() <= known, "nothing is tracked");
        assert!(kernel.count("frame_banned") >= before + 2);
        let other = SocketAddr::new(LEGS[1].own_addresses()[0], 7009);
        assert_eq!(place.clients[1].tcp(other), Reach::Open, "another source");
        bans.iter().for_each(|ban| kernel.delete(ban));
    }
}

#[test]
fn a_ban_survives_a_replacement_and_ends_what_a_client_sends() {
    let place = Place::new();
    let mut kernel = Kernel::with(&place.server, &inbound(&[OPEN]));
    let pushed = [0, 1].map(|family| {
        let to = to(family, 7000);
        Flow::open((Transport::Udp, Push::Client), (&place.clients[0], to), (&place.server, to))
    });
    kernel.add_all(&[0, 1].map(|family| elements::ban(client(family))));
    assert_eq!(Flow::which_pass(&pushed), [false; 2]);
    kernel.put(&inbound(&[OPEN]));
    assert_eq!(Flow::which_pass(&pushed), [false; 2]);
}
