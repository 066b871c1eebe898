//! Answers of the server: they pass as long as the policy in force admits the connection that they belong to.

use crate::agreement::{explain, runner};
use crate::borders::{Borders, Dice};
use crate::kernel::Kernel;
use crate::place::{LEGS, Place};
use crate::policies::policy;
use crate::seen;
use firewall::canonical::{Canonical, Facts};
use firewall::compiled::Compiled;
use firewall::packet::{Packet as Asked, Way};
use model::plan::{Essential, InterfaceName};
use proptest::prelude::*;
use std::cell::RefCell;
use testkit::lab::{Content, Fate, Hook, Packet, Witness};

/// Connections of a policy by each leg.
const BY_LEG: usize = 60;

#[test]
fn answers_to_what_the_policy_no_longer_admits_do_not_leave() {
    let place = Place::new();
    // What the server's kernel says by itself would end what the test has opened.
    place.server.nft(
        "table inet mute { chain c { type filter hook output priority -400; policy drop;\n\
         ip dscp 43 accept; ip6 dscp 43 accept; }\n}\n",
    );
    let kernel = RefCell::new(Kernel::of(&place.server));
    let ports = RefCell::new((1024_u16..=u16::MAX).cycle());
    let done = runner(6).run(&(policy(), any::<u64>()), |(policy, seed)| {
        let mut dice = Dice(seed);
        let borders = Borders::of(&policy.canonical);
        let mut kernel = kernel.borrow_mut();
        let port = || ports.borrow_mut().next().expect("the ports begin anew");
        kernel.put(&everything());
        let opened: Vec<Packet> = LEGS
            .iter()
            .zip(&place.senders)
            .flat_map(|(leg, sender)| {
                let packets: Vec<_> = (0..BY_LEG).map(|_| borders.opening(&mut dice, leg, port())).collect();
                packets.iter().for_each(|packet| sender.send(packet, 1));
                packets
            })
            .collect();
        kernel.put(&policy.canonical);
        let answers: Vec<_> = opened.iter().map(answer).collect();
        let fates = Witness::new(&place.server, Hook::Output).judge(&place.out, &answers);
        for (packet, fate) in opened.iter().zip(fates) {
            let expected = if may_go_on(&policy, packet) { Fate::Passed } else { Fate::Dropped };
            prop_assert_eq!(fate, expected, "the answer to {:?}", packet);
        }
        Ok(())
    });
    explain(done);
}

/// A policy that restricts nothing.
fn everything() -> Canonical {
    let rule = firewall::rule::RuleView {
        traffic: vec![model::plan::Traffic::All],
        ..Compiled::minimum([22], []).rules.remove(0)
    };
    let essentials = Essential::ALL.into_iter().collect();
    Canonical::of(&[rule], Facts { essentials, ..Facts::default() })
}

fn answer(packet: &Packet) -> Packet {
    let content = match packet.content {
        Content::Udp { source, destination } => Content::Udp { source: destination, destination: source },
        Content::UdpLite { source, destination } => {
            Content::UdpLite { source: destination, destination: source }
        }
        ref other => other.clone(),
    };
    Packet { source: packet.destination, destination: packet.source, content }
}

/// Whether the connection may go on by some interface. Answers of sshd, which are not tracked, pass always.
fn may_go_on(policy: &Compiled, packet: &Packet) -> bool {
    let (protocol, (source_port, key)) = (packet.protocol(), ports(packet));
    let ways = policy.canonical.inbound.interfaces.keys().cloned();
    let by = InterfaceName(seen::route(packet.source).to_owned());
    let mut bare = policy.clone();
    // Lists and the places of containers are asked about packets that come in.
    bare.canonical.denied = firewall::canonical::Denied::default();
    bare.canonical.container_sources = firewall::addresses::AddressSet::empty();
    // Services for containers are for those that the answer goes to.
    bare.canonical.containers.retain(|name| *name == by);
    ways.chain([by, InterfaceName("eth9".to_owned())]).any(|interface| {
        let asked = Asked {
            way: Way::In,
            interface,
            source: packet.source,
            destination: packet.destination,
            protocol,
            key,
            source_port,
            opens: true,
            user: None,
        };
        bare.judge(&asked).passes()
    })
}

const fn ports(packet: &Packet) -> (u16, u16) {
    match packet.content {
        Content::Udp { source, destination } | Content::UdpLite { source, destination } => {
            (source, destination)
        }
        _ => (0, 0),
    }
}
