//! The allow-only form of an order admits exactly the packets that the order's first match admits.

use crate::addresses::{AddressSet, Family};
use crate::adopt::ordered::{Ordered, allowed};
use model::plan::{InterfaceName, RuleLimit, Traffic, Transport};
use proptest::prelude::*;
use std::net::Ipv4Addr;
use std::time::Duration;

const INTERFACES: [&str; 3] = ["eth0", "eth1", "eth2"];

fn rule() -> impl Strategy<Value = Ordered> {
    let traffic = prop_oneof![
        (0..12_u16, 0..6_u16).prop_map(|(first, more)| Traffic::Ports {
            transport: Transport::Tcp,
            first: first + 1,
            last: first + 1 + more
        }),
        (0..12_u16).prop_map(|first| Traffic::Ports {
            transport: Transport::Udp,
            first: first + 1,
            last: first + 1
        }),
        Just(Traffic::All),
        Just(Traffic::Protocol(47)),
    ];
    let interface = prop_oneof![3 => Just(None), 1 => (0..2_usize).prop_map(Some)];
    (any::<bool>(), any::<bool>(), traffic, (0..16_u128, 0..8_u128), interface).prop_map(
        |(allow, limited, traffic, (first, more), interface)| Ordered {
            allow,
            limit: (allow && limited).then_some(RuleLimit { count: 6, period: Duration::from_secs(30) }),
            traffic: vec![traffic],
            peers: AddressSet::from_intervals([(Family::V4, first, first + more)]),
            interface: interface.map(|at| InterfaceName(INTERFACES[at].to_owned())),
            note: None,
        },
    )
}

fn is_about(traffic: &[Traffic], protocol: u8, port: u16) -> bool {
    traffic.iter().any(|traffic| match *traffic {
        Traffic::All => true,
        Traffic::Ports { transport, first, last } => {
            transport.number() == protocol && (first..=last).contains(&port)
        }
        Traffic::Protocol(number) => number == protocol,
        Traffic::Icmp { .. } => false,
    })
}

/// Whether a packet is admitted, and with a limit.
type Verdict = Option<Option<RuleLimit>>;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn the_set_admits_what_the_first_match_admits(
        rules in prop::collection::vec(rule(), 1..10),
        packets in prop::collection::vec(
            (prop::sample::select(&[6_u8, 17, 47, 50][..]), 1..20_u16, 0..26_u32, 0..3_usize), 1..40),
    ) {
        let interfaces = INTERFACES.map(|name| InterfaceName(name.to_owned()));
        let set = allowed(&rules, &interfaces);
        for (protocol, port, source, interface) in packets {
            let source = Ipv4Addr::from_bits(source).into();
            let interface = &interfaces[interface];
            let here = |own: &Option<InterfaceName>| own.is_none() || own.as_ref() == Some(interface);
            let first = rules.iter().find(|rule| {
                here(&rule.interface) && is_about(&rule.traffic, protocol, port) && rule.peers.contains(source)
            });
            let wanted: Verdict = first.filter(|rule| rule.allow).map(|rule| rule.limit);
            let admitting: Vec<Option<RuleLimit>> = set
                .rules
                .iter()
                .filter(|rule| {
                    here(&rule.interface) && is_about(&rule.traffic, protocol, port) && rule.peers.contains(source)
                })
                .map(|rule| rule.limit)
                .collect();
            // What any rule admits without a limit is admitted without one.
            let found: Verdict = if admitting.contains(&None) { Some(None) } else { admitting.first().copied() };
            prop_assert_eq!(found, wanted, "{} {} {} {}", protocol, port, source, interface);
            // Two limits would let twice as many through.
            prop_assert!(found.flatten().is_none() || admitting.len() == 1);
        }
    }
}
