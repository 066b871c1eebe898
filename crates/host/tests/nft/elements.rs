//! Elements of live sets: many, one, with timeouts.

use crate::{
    namespace::{apart, open, run},
    samples::NAME,
};
use firewall::nft::{Element, Field, Set, Table};
use host::nft::{Event, Nft, Ownership, Refused, Replacement, SetOf, Watch};
use std::time::{Duration, Instant};

fn table() -> Table {
    let live = Set { timeout: true, live: true, ..Set::default() };
    let sets = [
        ("ban4", Set { key: vec![Field::Ip4], ..live.clone() }),
        ("ban_net4", Set { key: vec![Field::Ip4], interval: true, ..live.clone() }),
        ("drain4", Set { key: vec![Field::Ip4, Field::Port, Field::Protocol, Field::Port], ..live }),
    ];
    let sets = sets.into_iter().map(|(name, set)| (name.to_owned(), set)).collect();
    Table { name: NAME.into(), sets, ..Table::default() }
}

fn with_table(test: impl FnOnce(&mut Nft, &dyn Fn(&'static str) -> SetOf<'static>) + Send) {
    apart(|| {
        let table: &'static Table = Box::leak(Box::new(table()));
        let mut nft = open();
        nft.replace(&Replacement::new(None, table), Ownership::OwnerPersist).expect("written");
        test(&mut nft, &|name| SetOf { table: NAME, name, set: &table.sets[name] });
    });
}

fn addresses(count: u32) -> Vec<Element> {
    (0..count).map(|number| Element::one((number << 3).to_be_bytes()).timeout(600_000)).collect()
}

#[test]
fn a_million_bans_are_loaded_and_end() {
    with_table(|nft, set| {
        let bans = addresses(1_000_000);
        let mut watch = Watch::open().expect("opened");
        let start = Instant::now();
        nft.add_elements(set("ban4"), &bans).expect("loaded");
        println!("a million loaded in {:?}", start.elapsed());
        assert!(watch.read().expect("read").contains(&Event::Lost), "it is told that not all was heard");
        nft.delete_elements(set("ban4"), &bans[..1000]).expect("deleted");
        let refused = nft.delete_elements(set("ban4"), &bans[..1]);
        assert!(matches!(refused, Err(Refused::Kernel { .. })), "it is not there any more: {refused:?}");
        nft.flush(NAME, "ban4").expect("emptied");
        assert_eq!(nft.elements(set("ban4")).expect("read"), []);
    });
}

#[test]
fn one_ban_among_a_hundred_thousand_is_quick() {
    with_table(|nft, set| {
        nft.add_elements(set("ban4"), &addresses(100_000)).expect("loaded");
        let quickest = (1..20u8).map(|last| {
            let start = Instant::now();
            nft.add_elements(set("ban4"), &[Element::one([203, 0, 113, last]).timeout(1000)]).expect("added");
            start.elapsed()
        });
        let quickest = quickest.min().expect("some");
        assert!(quickest < Duration::from_millis(5), "{quickest:?}");
    });
}

#[test]
fn a_timeout_begins_anew_when_renewed_and_not_when_added() {
    with_table(|nft, set| {
        for (name, element) in [
            ("ban4", Element::one([192, 0, 2, 1])),
            ("ban_net4", Element::range([192, 0, 2, 0], [192, 0, 2, 255])),
            ("drain4", Element::one([192, 0, 2, 1, 0, 80, 0, 0, 6, 0, 0, 0, 1, 187, 0, 0])),
        ] {
            let for_long = |milliseconds| [element.clone().timeout(milliseconds)];
            nft.renew_elements(set(name), &for_long(50_000)).expect("it need not be there");
            nft.renew_elements(set(name), &for_long(900_000)).expect("renewed");
            let found = nft.elements(set(name)).expect("read");
            assert_eq!(found.len(), 1, "{name}");
            assert_eq!((&found[0].first, &found[0].last), (&element.first, &element.last), "{name}");
            assert_eq!(found[0].timeout, Some(900_000), "{name}");
            assert!(found[0].expires.is_some_and(|left| left > 800_000), "{name}");
            nft.flush(NAME, name).expect("flushed");
            assert!(nft.elements(set(name)).expect("read").is_empty(), "{name}");
        }
    });
}

#[test]
fn one_element_is_found_by_its_key() {
    with_table(|nft, set| {
        nft.add_elements(set("ban4"), &addresses(1000)).expect("added");
        let found = nft.find(set("ban4"), &[0, 0, 0, 8]).expect("asked").expect("there");
        assert_eq!((&found.first[..], found.timeout), (&[0, 0, 0, 8][..], Some(600_000)));
        assert!(found.expires.is_some_and(|left| left <= 600_000));
        assert_eq!(nft.find(set("ban4"), &[0, 0, 0, 9]).expect("asked"), None);
    });
}

#[test]
fn an_element_ends_by_itself() {
    with_table(|nft, set| {
        nft.add_elements(set("ban4"), &[Element::one([192, 0, 2, 1]).timeout(50)]).expect("added");
        let deadline = Instant::now() + Duration::from_secs(10);
        while !nft.elements(set("ban4")).expect("read").is_empty() {
            assert!(Instant::now() < deadline, "the element stays");
        }
    });
}

#[test]
fn twenty_thousand_prefixes_are_read_as_they_were_written() {
    with_table(|nft, set| {
        let prefix =
            |number: u32| Element::range((number << 8).to_be_bytes(), ((number << 8) + 127).to_be_bytes());
        let prefixes: Vec<_> = (0..20_000).map(|number| prefix(number).timeout(600_000)).collect();
        nft.add_elements(set("ban_net4"), &prefixes).expect("loaded");
        let mut found = nft.elements(set("ban_net4")).expect("read");
        found.iter_mut().for_each(|element| element.expires = None);
        assert_eq!(found, prefixes);
        let printed = run("nft", &["list", "set", "inet", NAME, "ban_net4"]);
        assert_eq!(printed.matches("timeout 10m").count(), 20_000);
    });
}
