//! Whatever the kernel gives back, reading it ends, and ends without a panic.

use super::build::{R, base, chain, packet, table};
use crate::foreign::{Facts, ForeignFamily, judge, published};
use crate::nft::{Element, Expression, Field, Hook, PayloadBase, Register, Set, Verdict};
use proptest::prelude::*;

fn expression() -> impl Strategy<Value = Expression> {
    const NAMES: [&str; 4] = ["a", "b", "c", "d"];
    let bytes = || prop::collection::vec(any::<u8>(), 0..80);
    prop_oneof![
        (any::<u8>(), any::<u32>(), any::<u32>()).prop_map(|(to, offset, length)| Expression::Payload {
            base: PayloadBase::Transport,
            offset,
            length,
            to: Register(to)
        }),
        (bytes(), bytes()).prop_map(|(mask, xor)| Expression::Mask { from: R, to: R, mask, xor }),
        (bytes(), bytes()).prop_map(|(first, last)| Expression::Range {
            from: R,
            operator: crate::nft::Operator::Equal,
            first,
            last
        }),
        prop::sample::select(&NAMES[..]).prop_map(|to| Expression::Verdict(Verdict::Jump(to.to_owned()))),
        prop::sample::select(&NAMES[..]).prop_map(|to| Expression::Verdict(Verdict::Goto(to.to_owned()))),
        Just(Expression::Verdict(Verdict::Return)),
        any::<bool>().prop_map(|verdict| Expression::Lookup {
            set: "s".to_owned(),
            from: R,
            inverted: false,
            verdict
        }),
        (prop::sample::select(&["match", "target", "nat", "objref", "meta"][..]), bytes())
            .prop_map(|(name, data)| Expression::Unknown { name: name.to_owned(), data }),
        (
            prop::sample::select(&["tcp", "udp", "multiport", "conntrack", "addrtype", "iprange"][..]),
            0..4_u32,
            bytes()
        )
            .prop_map(|(name, revision, info)| super::build::xt("match", name, revision, &info)),
        any::<u8>().prop_map(|address| Expression::DestinationNat {
            v6: true,
            address: Register(address),
            port: None
        }),
    ]
}

proptest! {
    #[test]
    fn any_table_is_judged(
        rules in prop::collection::vec(prop::collection::vec(expression(), 0..5), 0..6),
        first in prop::collection::vec(any::<u8>(), 0..20),
        last in prop::collection::vec(any::<u8>(), 0..20),
        port: u16,
    ) {
        let mut table = table(
            ForeignFamily::Inet,
            "t",
            vec![
                ("in", super::build::nat(Hook::Prerouting, rules.clone())),
                ("input", base(Hook::Input, 0, false, rules.clone())),
                ("a", chain(rules.clone())),
                ("b", chain(rules.iter().rev().cloned().collect())),
                ("c", chain(rules)),
            ],
        );
        let element = Element::range(first, last).to(Verdict::Jump("a".to_owned()));
        let key = vec![Field::Port, Field::Ip6, Field::Other { kind: 7, length: 200 }];
        table.table.sets.insert("s".to_owned(), Set { key, elements: vec![element], ..Set::default() });
        let judgement = judge(std::slice::from_ref(&table), &packet("198.51.100.7", port), &Facts::default());
        prop_assert_ne!(format!("{judgement:?}"), "");
        prop_assert!(published(&[table]).len() < 10_000);
    }
}
