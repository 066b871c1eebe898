//! A connection lives as long as the rule that admits it, whichever side sends.

use crate::kernel::Kernel;
use crate::place::{LEGS, Place};
use crate::text::{canonical, inbound, plan};
use firewall::compile::elements;
use host::conntrack::Tuple;
use std::net::{IpAddr, SocketAddr};
use std::process::Command;
use testkit::lab::container::Bridge;
use testkit::lab::{Flow, Host, Push, Reach, Service, Transport, wire};

const KINDS: [(Transport, Push); 4] = [
    (Transport::Tcp, Push::Client),
    (Transport::Tcp, Push::Server),
    (Transport::Udp, Push::Client),
    (Transport::Udp, Push::Server),
];
const KEPT: [&str; 2] =
    [r#"{ allow = "7000-7003/tcp", id = "kept-tcp" }"#, r#"{ allow = "7000-7003/udp", id = "kept-udp" }"#];
const REMOVED: [&str; 2] =
    [r#"{ allow = "7100-7103/tcp", id = "gone-tcp" }"#, r#"{ allow = "7100-7103/udp", id = "gone-udp" }"#];

/// Flows of every kind and both families to four ports from this one on, to `to` and behind it at `at`.
fn flows(client: &Host, server: &Host, port: u16, to: [&str; 2], at: [&str; 2]) -> Vec<Flow> {
    let address = |text: &str, port: u16| SocketAddr::new(text.parse().expect("an address"), port);
    let mut flows = Vec::new();
    for (kind, port) in KINDS.into_iter().zip(port..) {
        for family in [0, 1] {
            let (to, at) = (address(to[family], port), address(at[family], port));
            flows.push(Flow::open(kind, (client, to), (server, at)));
        }
    }
    flows
}

/// What is kept passes and what is removed does not; afterwards the other way round.
fn lives_and_dies(kernel: &mut Kernel, kept: &[Flow], removed: &[Flow]) {
    assert_eq!(Flow::which_pass(removed), [true; 8], "while there is a rule");
    kernel.put(&inbound(&KEPT));
    assert_eq!(Flow::which_pass(removed), [false; 8], "their rule is removed");
    assert_eq!(Flow::which_pass(kept), [true; 8], "their rule stays");
    assert!(kernel.count("r_kept-tcp") > 0 && kernel.count("r_kept-udp") > 0);
}

#[test]
fn removing_a_rule_cuts_connections_to_the_host() {
    let place = Place::new();
    let mut kernel = Kernel::with(&place.server, &inbound(&[KEPT, REMOVED].concat()));
    let own = LEGS[0].server;
    let open = |port| flows(&place.clients[0], &place.server, port, own, own);
    let (kept, removed) = (open(7000), open(7100));
    lives_and_dies(&mut kernel, &kept, &removed);
}

#[test]
fn removing_a_rule_cuts_connections_to_a_published_port() {
    let (client, server) = (Host::new("client"), Host::new("server"));
    let leg = &LEGS[0];
    let (own, other) = (leg.own(), ["192.0.2.10/24", "2001:db8::10/64"]);
    wire(client.end("eth0", &other), server.end("eth0", &[&own[0], &own[1]]));
    let mut bridge = Bridge::new(&server);
    let web = bridge.container("web");
    for port in (7000..7004).chain(7100..7104) {
        bridge.publish(port, &web, port);
        publish_udp(&server, port, &web.four.to_string(), &web.six.to_string());
    }
    let mut kernel = Kernel::with(&server, &inbound(&[KEPT, REMOVED].concat()));
    let at = [web.four.to_string(), web.six.to_string()];
    let open = |port| flows(&client, &web.host, port, leg.server, [&at[0], &at[1]]);
    let (kept, removed) = (open(7000), open(7100));
    lives_and_dies(&mut kernel, &kept, &removed);
    kernel.put(&inbound(&[]));
    assert_eq!(Flow::which_pass(&kept), [false; 8]);
}

#[test]
fn a_flow_whose_rule_is_gone_stays_silent_when_connection_tracking_forgets_it() {
    let (client, server) = (Host::new("client"), Host::new("server"));
    let leg = &LEGS[0];
    let (own, other) = (leg.own(), ["192.0.2.10/24", "2001:db8::10/64"]);
    wire(client.end("eth0", &other), server.end("eth0", &[&own[0], &own[1]]));
    let mut bridge = Bridge::new(&server);
    let web = bridge.container("web");
    publish_udp(&server, 7001, &web.four.to_string(), &web.six.to_string());
    let mut kernel = Kernel::with(&server, &inbound(&[r#"{ allow = "7000-7001/udp" }"#]));
    let kind = (Transport::Udp, Push::Server);
    let at = |address: IpAddr, port| SocketAddr::new(address, port);
    let behind = [IpAddr::V4(web.four), IpAddr::V6(web.six)];
    let flows: Vec<Flow> = leg
        .own_addresses()
        .into_iter()
        .zip(behind)
        .flat_map(|(to, behind)| {
            let own = Flow::open(kind, (&client, at(to, 7000)), (&server, at(to, 7000)));
            let published = Flow::open(kind, (&client, at(to, 7001)), (&web.host, at(behind, 7001)));
            [own, published]
        })
        .collect();
    let known = server.run(|| host::conntrack::flows().expect("the table of connections"));
    let opened = known.iter().filter(|flow| flow.protocol == 17 && flow.original.destination.port() >= 7000);
    let opened: Vec<Tuple> = opened.map(|flow| flow.reply).collect();
    assert_eq!(opened.len(), 4, "{known:?}");
    kernel.put(&inbound(&[]));
    let forget = || drop(server.finish(Command::new("conntrack").args(["-D", "-p", "udp"])));
    forget();
    assert_eq!(Flow::which_pass(&flows), [true; 4], "nothing else remembers them");
    forget();
    let remembered = opened.iter().map(|reply| {
        let (peer, port) = (reply.destination, reply.source.port());
        elements::cut(kernel.slot(), peer, 17, port).expect("UDP has ports")
    });
    let remembered: Vec<_> = remembered.collect();
    kernel.add_all(&remembered);
    forget();
    assert_eq!(Flow::which_pass(&flows), [false; 4]);
    assert!(kernel.count("frame_refused") > 0);
    // The server may ask others from the same port, and the peer may ask it again where a rule says so.
    let ask = |port| Flow::open((Transport::Udp, Push::Client), (&server, port), (&client, port));
    assert!(ask(at(leg.client[0].parse().expect("an address"), 7003)).passes());
    kernel.put(&inbound(&[r#"{ allow = "7000-7001/udp" }"#]));
    assert_eq!(Flow::which_pass(&flows), [true; 4]);
}

#[test]
fn a_container_is_not_answered_by_whom_it_may_not_ask_any_more() {
    let (client, server) = (Host::new("client"), Host::new("server"));
    let leg = &LEGS[0];
    let (own, other) = (leg.own(), ["192.0.2.10/24", "2001:db8::10/64"]);
    wire(client.end("eth0", &other), server.end("eth0", &[&own[0], &own[1]]));
    let mut bridge = Bridge::new(&server);
    let (web, db) = (bridge.container("web"), bridge.container("db"));
    let to = |ports: &str| {
        let text = format!("[firewall]\ncontainer_outbound = [{ports}]\n");
        canonical(&plan(&text))
    };
    let mut kernel = Kernel::with(&server, &to(r#""7000-7003", "7100-7103""#));
    let out = |port| flows(&web.host, &client, port, leg.client, leg.client);
    let (kept, removed) = (out(7000), out(7100));
    let at = [db.four.to_string(), db.six.to_string()];
    let siblings = |port| flows(&web.host, &db.host, port, [&at[0], &at[1]], [&at[0], &at[1]]);
    let unseen = siblings(7200);
    assert_eq!(Flow::which_pass(&removed), [true; 8], "while there is a rule");
    kernel.put(&to(r#""7000-7003""#));
    assert_eq!(Flow::which_pass(&removed), [false; 8], "whichever side sends");
    assert_eq!(Flow::which_pass(&kept), [true; 8]);
    assert_eq!(Flow::which_pass(&unseen), [true; 8], "a bridge is a switch");
    // Where the kernel has br_netfilter, frames on the bridge come to the firewall as well.
    for family in ["iptables", "ip6tables"].map(|family| format!("net/bridge/bridge-nf-call-{family}")) {
        if server.has_sysctl(&family) {
            server.sysctl(&family, "1");
        }
    }
    assert_eq!(Flow::which_pass(&siblings(7300)), [true; 8], "also where its frames are seen");
}

fn publish_udp(server: &Host, port: u16, four: &str, six: &str) {
    for (family, address, target) in [("ip", four, four.to_owned()), ("ip6", six, format!("[{six}]"))] {
        server.nft(&format!(
            "add rule {family} nat DOCKER iifname != docker0 udp dport {port} dnat to {target}:{port}\n\
             add rule {family} filter DOCKER iifname != docker0 oifname docker0 {family} daddr {address} \
             udp dport {port} accept\n"
        ));
    }
}

#[test]
fn a_rule_for_an_interface_opens_the_port_there_alone() {
    let place = Place::new();
    let _service = Service::on_ports(&place.server, &[7000]);
    let _kernel = Kernel::with(&place.server, &inbound(&[r#"{ allow = "7000", on = "eth1" }"#]));
    for (leg, client) in LEGS.iter().zip(&place.clients) {
        let targets = leg.own_addresses().map(|address| SocketAddr::new(address, 7000));
        let expected = if leg.interface == "eth1" { Reach::Open } else { Reach::Filtered };
        assert_eq!(client.tcp_all(&targets), [expected; 2], "TCP by {}", leg.interface);
        assert_eq!(client.udp_all(&targets), [expected; 2], "UDP by {}", leg.interface);
    }
}
