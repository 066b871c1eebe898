//! What sets of addresses promise.

#![expect(clippy::unwrap_used, reason = "what cannot be read or found fails the test")]

use super::{AddressSet, Family, number};
use ipnet::IpNet;
use proptest::prelude::*;
use std::net::IpAddr;

fn set(prefixes: &[&str]) -> AddressSet {
    let prefixes: Vec<IpNet> = prefixes.iter().map(|text| text.parse().unwrap()).collect();
    AddressSet::from_prefixes(&prefixes)
}

#[test]
fn neighbours_and_overlaps_become_one() {
    assert_eq!(set(&["10.0.0.0/9", "10.128.0.0/9", "10.1.0.0/16"]), set(&["10.0.0.0/8"]));
    assert_eq!(set(&["0.0.0.0/0", "::/0"]), AddressSet::everything());
}

#[test]
fn sets_have_short_texts() {
    for (prefixes, expected) in [
        (&[][..], "nobody"),
        (&["0.0.0.0/0", "::/0"], "anywhere"),
        (&["0.0.0.0/0"], "any IPv4"),
        (&["::/0", "192.0.2.7/32"], "192.0.2.7, any IPv6"),
        (&["198.51.100.0/24", "2001:db8::/32"], "198.51.100.0/24, 2001:db8::/32"),
        (&["10.0.0.0/8", "12.0.0.0/8", "14.0.0.0/8"], "10.0.0.0/8, 12.0.0.0/8, 14.0.0.0/8"),
        (
            &["10.0.0.0/8", "12.0.0.0/8", "14.0.0.0/8", "16.0.0.0/8", "18.0.0.0/8", "::1/128"],
            "10.0.0.0/8, 12.0.0.0/8, 14.0.0.0/8, 16.0.0.0/8 and 2 more",
        ),
    ] {
        assert_eq!(set(prefixes).to_string(), expected);
    }
}

#[test]
fn what_is_nearly_everything_is_said_by_what_it_leaves_out() {
    for (from, without, expected) in [
        (&["0.0.0.0/0", "::/0"][..], &["10.0.0.7/32"][..], "all but 10.0.0.7"),
        (&["0.0.0.0/0", "::/0"], &["2001:db8::1/128"], "all but 2001:db8::1"),
        (&["0.0.0.0/0", "::/0"], &["10.0.0.0/8", "2001:db8::/32"], "all but 10.0.0.0/8, 2001:db8::/32"),
        (&["0.0.0.0/0"], &["192.0.2.0/24"], "any IPv4 but 192.0.2.0/24"),
        (&["::/0", "192.0.2.7/32"], &["fe80::/10"], "192.0.2.7, any IPv6 but fe80::/10"),
        (&["0.0.0.0/0", "2001:db8::/32"], &["10.0.0.7/32"], "2001:db8::/32, any IPv4 but 10.0.0.7"),
    ] {
        assert_eq!(set(from).subtract(&set(without)).to_string(), expected);
    }
}

#[test]
fn a_cover_has_the_fewest_prefixes() {
    let first = |text: &str| number(text.parse::<IpAddr>().unwrap());
    let odd = AddressSet::from_intervals([(Family::V4, first("10.0.0.1"), first("10.0.0.14"))]);
    let cover: Vec<String> = odd.prefixes().iter().map(ToString::to_string).collect();
    assert_eq!(
        cover,
        ["10.0.0.1/32", "10.0.0.2/31", "10.0.0.4/30", "10.0.0.8/30", "10.0.0.12/31", "10.0.0.14/32"]
    );
    let all: Vec<String> = AddressSet::everything().prefixes().iter().map(ToString::to_string).collect();
    assert_eq!(all, ["0.0.0.0/0", "::/0"]);
}

/// A small world, so that intervals touch and overlap often.
fn sets() -> impl Strategy<Value = AddressSet> {
    let interval =
        (prop::bool::ANY, 0_u128..40, 0_u128..12, prop::bool::ANY).prop_map(|(v4, first, span, top)| {
            let family = if v4 { Family::V4 } else { Family::V6 };
            let base = if top { family.last() - 52 } else { 0 };
            (family, base + first, base + first + span)
        });
    prop::collection::vec(interval, 0..8).prop_map(AddressSet::from_intervals)
}

/// Every address of that world.
fn world() -> impl Iterator<Item = IpAddr> {
    Family::BOTH.into_iter().flat_map(|family| {
        let low = 0..60;
        let high = 0..=56;
        low.chain(high.map(move |n| family.last() - n)).map(move |n| family.address(n))
    })
}

proptest! {
    #[test]
    fn operations_are_those_of_sets(a in sets(), b in sets()) {
        let (union, common, rest) = (a.union(&b), a.intersect(&b), a.subtract(&b));
        for address in world() {
            let (in_a, in_b) = (a.contains(address), b.contains(address));
            prop_assert_eq!(union.contains(address), in_a || in_b);
            prop_assert_eq!(common.contains(address), in_a && in_b);
            prop_assert_eq!(rest.contains(address), in_a && !in_b);
        }
        prop_assert_eq!(a.covers(&b), b.subtract(&a).is_empty());
        prop_assert_eq!(&rest.union(&common), &a);
        prop_assert_eq!(union.count() + common.count(), a.count() + b.count());
    }

    #[test]
    fn intervals_are_sorted_apart_and_not_touching(a in sets(), b in sets()) {
        for made in [a.union(&b), a.intersect(&b), a.subtract(&b)] {
            for family in Family::BOTH {
                let intervals = made.of(family).as_slice();
                prop_assert!(intervals.iter().all(|(first, last)| first <= last && *last <= family.last()));
                prop_assert!(intervals.windows(2).all(|pair| pair[0].1 + 1 < pair[1].0));
            }
        }
    }

    #[test]
    fn prefixes_make_up_the_set_again(a in sets()) {
        prop_assert_eq!(&AddressSet::from_prefixes(&a.prefixes()), &a);
        prop_assert_eq!(&AddressSet::try_from(Vec::<String>::from(a.clone())).unwrap(), &a);
    }
}
