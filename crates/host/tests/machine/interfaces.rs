//! Interfaces, addresses, and what a machine is as a whole.

use crate::namespace::{in_namespace, run};
use firewall::observed::{Interface, InterfaceKind};

fn told(interfaces: &[Interface], name: &str) -> (Vec<String>, InterfaceKind) {
    let one = interfaces.iter().find(|one| one.name.0 == name).expect("an interface of this name");
    (
        one.addresses
            .iter()
            .filter(|one| !one.to_string().starts_with("fe80"))
            .map(ToString::to_string)
            .collect(),
        one.kind,
    )
}

#[test]
fn interfaces_are_told_with_their_addresses_and_kinds() {
    in_namespace("interfaces::interfaces_are_told_with_their_addresses_and_kinds", || {
        run("ip link add docker0 type bridge");
        run("ip addr add 172.17.0.1/16 dev docker0");
        run("ip addr add 2001:db8:17::1/64 dev docker0 nodad");
        run("ip link add br0 type bridge");
        run("ip link add eth0 type veth peer name eth1");
        run("ip addr add 192.0.2.1 peer 198.51.100.1/32 dev eth0");
        let seen = host::interfaces::interfaces(&["eth1".to_owned()]).expect("interfaces");
        assert_eq!(
            told(&seen, "lo"),
            (vec!["127.0.0.1/8".into(), "::1/128".into()], InterfaceKind::Loopback)
        );
        let docker = vec!["172.17.0.1/16".into(), "2001:db8:17::1/64".into()];
        assert_eq!(told(&seen, "docker0"), (docker, InterfaceKind::Containers));
        assert_eq!(told(&seen, "br0"), (vec![], InterfaceKind::Other));
        assert_eq!(told(&seen, "eth0"), (vec!["192.0.2.1/32".into()], InterfaceKind::Other));
        assert_eq!(told(&seen, "eth1"), (vec![], InterfaceKind::Containers));
    });
}

#[test]
fn a_route_tells_the_interface_by_which_a_peer_is_reached() {
    in_namespace("interfaces::a_route_tells_the_interface_by_which_a_peer_is_reached", || {
        for (name, peer) in [("eth0", "far0"), ("eth1", "far1")] {
            run(&format!("ip link add {name} type veth peer name {peer}"));
            run(&format!("ip link set {name} up"));
            run(&format!("ip link set {peer} up"));
        }
        run("ip addr add 192.0.2.1/24 dev eth0");
        run("ip addr add 198.51.100.1/24 dev eth1");
        run("ip addr add 2001:db8::1/64 dev eth0 nodad");
        run("ip route add default via 192.0.2.254");
        run("ip rule add from 198.51.100.1 lookup 7");
        run("ip route add default via 198.51.100.254 table 7");
        for (local, peer, expected) in [
            ("192.0.2.1", "192.0.2.9", Some("eth0")),
            ("192.0.2.1", "203.0.113.9", Some("eth0")),
            ("192.0.2.1", "198.51.100.9", Some("eth1")),
            ("198.51.100.1", "203.0.113.9", Some("eth1")),
            ("::ffff:192.0.2.1", "::ffff:192.0.2.9", Some("eth0")),
            ("2001:db8::1", "2001:db8::9", Some("eth0")),
            ("2001:db8::1", "2001:db8:1::9", None),
            ("10.0.0.1", "192.0.2.9", None),
            ("192.0.2.1", "192.0.2.1", Some("lo")),
        ] {
            let ends = [local, peer].map(|end| end.parse().expect("an address"));
            let found = host::interfaces::route(ends[0], ends[1]).expect("an answer");
            assert_eq!(found.as_ref().map(|name| name.0.as_str()), expected, "{local} to {peer}");
        }
    });
}

#[test]
fn a_machine_is_observed_as_a_whole() {
    in_namespace("interfaces::a_machine_is_observed_as_a_whole", || {
        let seen = host::observe(990, &[], 1_700_000_000).expect("this machine");
        assert_eq!((seen.gate_user, seen.now), (990, 1_700_000_000));
        assert!(!seen.host_name.is_empty() && !seen.host_name.contains('.'), "{}", seen.host_name);
        assert_eq!(seen.interfaces.iter().filter(|one| one.kind == InterfaceKind::Loopback).count(), 1);
        assert_eq!(seen.listeners, []);
        assert!(seen.my_ip.is_empty() && seen.domains.is_empty() && seen.lists.is_empty());
    });
}

#[test]
fn forwarding_of_one_interface_is_seen() {
    in_namespace("interfaces::forwarding_of_one_interface_is_seen", || {
        let root = std::path::Path::new("/");
        std::fs::write("/proc/sys/net/ipv4/ip_forward", "0").expect("our own namespace");
        assert!(!host::settings::forwards(root));
        std::fs::write("/proc/sys/net/ipv6/conf/lo/forwarding", "1").expect("our own namespace");
        assert!(host::settings::forwards(root));
        assert_eq!(host::settings::exposes_loopback(root), Vec::<String>::new());
        std::fs::write("/proc/sys/net/ipv4/conf/lo/route_localnet", "1").expect("our own namespace");
        assert_eq!(host::settings::exposes_loopback(root), ["lo"]);
    });
}

#[test]
fn a_namespace_made_on_purpose_is_nobodys_container() {
    in_namespace("interfaces::a_namespace_made_on_purpose_is_nobodys_container", || {
        let root = std::path::Path::new("/");
        assert_eq!(host::rights::Namespace::read(root), host::rights::Namespace::Separate);
        assert_eq!(host::rights::in_namespace_of_container(root), None);
        assert!(host::rights::may_change_packets(root));
    });
}
