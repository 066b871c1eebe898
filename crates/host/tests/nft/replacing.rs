//! Tables are replaced in place: what is alike stays, a refusal changes nothing.

use crate::{
    namespace::{apart, open, run},
    random,
    samples::{NAME, accept, base, chain, equal, everything, meta},
};
use firewall::nft::{Element, Expression, Field, Hook, MetaKey, Set, Table, Verdict};
use host::nft::{Flush, LiveChange, Nft, NftError, Ownership, Refused, Replacement, SetOf, steady};
use proptest::prelude::*;
use std::{
    collections::BTreeMap,
    net::UdpSocket,
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

fn replace(nft: &mut Nft, wanted: &Table) -> Result<(), Refused> {
    let current = nft.read(NAME).expect("read");
    let left = nft.replace(&Replacement::new(current.as_ref(), wanted), Ownership::OwnerPersist)?;
    assert!(left.is_none(), "{left:?}");
    Ok(())
}

fn read(nft: &mut Nft) -> Table {
    nft.read(NAME).expect("read").expect("there")
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]

    #[test]
    fn any_table_becomes_any_other(tables in prop::collection::vec(random::table(), 1..5)) {
        apart(|| {
            let mut nft = open();
            for table in &tables {
                replace(&mut nft, table).expect("replaced");
                assert_eq!(steady(read(&mut nft)), steady(table.clone()));
            }
        });
    }

    #[test]
    fn a_refused_transaction_changes_nothing(before in random::table(), mut after in random::table()) {
        apart(|| {
            let mut nft = open();
            replace(&mut nft, &before).expect("replaced");
            let (text, generation) = (run("nft", &["-as", "list", "ruleset"]), nft.generation().expect("read"));
            let rule = vec![Expression::Verdict(Verdict::Jump("nowhere".into()))];
            after.chains.insert("z_last".into(), chain(None, vec![rule]));
            let refused = replace(&mut nft, &after).expect_err("there is no such chain");
            assert_eq!(refused.to_string(), "the kernel refused rule 1 of chain z_last");
            assert_eq!(nft.generation().expect("read"), generation);
            assert_eq!(run("nft", &["-as", "list", "ruleset"]), text);
        });
    }
}

#[test]
fn what_is_alike_is_not_touched() {
    apart(|| {
        let mut nft = open();
        let mut table = everything();
        replace(&mut nft, &table).expect("written");
        let handles = |nft_chain: &str| run("nft", &["-a", "list", "chain", "inet", NAME, nft_chain]);
        let (inbound, inner) = (handles("inbound"), handles("inner"));
        table.chains.get_mut("inner").expect("there").rules.push(firewall::nft::Rule(vec![accept()]));
        replace(&mut nft, &table).expect("replaced");
        assert_eq!(handles("inbound"), inbound);
        assert_ne!(handles("inner"), inner);
    });
}

#[test]
fn what_cannot_be_removed_afterwards_is_told_and_the_switch_holds() {
    apart(|| {
        let mut nft = open();
        let to = |inner: &str| Table {
            chains: [
                (
                    "inbound".into(),
                    chain(
                        base(Hook::Prerouting, -110),
                        vec![vec![Expression::Verdict(Verdict::Jump(inner.into()))]],
                    ),
                ),
                (inner.into(), chain(None, vec![vec![accept()]])),
            ]
            .into(),
            name: NAME.into(),
            ..Table::default()
        };
        let written = to("old");
        nft.replace(&Replacement::new(None, &written), Ownership::Plain).expect("written");
        run("nft", &["add", "chain", "inet", NAME, "theirs"]);
        run("nft", &["add", "rule", "inet", NAME, "theirs", "jump", "old"]);
        let wanted = to("new");
        let left =
            nft.replace(&Replacement::new(Some(&written), &wanted), Ownership::Plain).expect("switched");
        assert!(left.is_some_and(|left| left.to_string().contains("chain old")));
        assert_eq!(read(&mut nft).chains["inbound"], wanted.chains["inbound"]);
    });
}

#[test]
fn a_set_of_another_kind_is_created_anew_with_the_rules_that_name_it() {
    apart(|| {
        let mut nft = open();
        let mut table = everything();
        replace(&mut nft, &table).expect("written");
        table.sets.get_mut("ban4").expect("there").size = Some(77);
        replace(&mut nft, &table).expect("replaced");
        assert_eq!(steady(read(&mut nft)), steady(table));
    });
}

/// A table that counts packets of the loopback and holds bans.
fn counting() -> Table {
    let rule = vec![meta(MetaKey::L4Proto), equal(&[17]), Expression::CounterNamed("r_udp".into())];
    let bans = Set { key: vec![Field::Ip4], timeout: true, live: true, ..Set::default() };
    Table {
        name: NAME.into(),
        chains: [("inbound".into(), chain(base(Hook::Prerouting, -110), vec![rule]))].into(),
        sets: [("ban4".into(), bans)].into(),
        counters: ["r_udp".into()].into(),
    }
}

fn send_packets(count: u64) {
    run("ip", &["link", "set", "lo", "up"]);
    let socket = UdpSocket::bind("127.0.0.1:0").expect("bound");
    for _ in 0..count {
        socket.send_to(b"x", socket.local_addr().expect("bound")).expect("sent");
    }
}

#[test]
fn counters_and_live_sets_survive_forty_replacements() {
    apart(|| {
        let mut nft = open();
        let mut table = counting();
        replace(&mut nft, &table).expect("written");
        send_packets(3);
        let ban = Element::one([192, 0, 2, 1]).timeout(600_000);
        let set = table.sets["ban4"].clone();
        nft.add_elements(SetOf { table: NAME, name: "ban4", set: &set }, std::slice::from_ref(&ban))
            .expect("added");
        for number in 0..40u8 {
            let more = chain(None, vec![vec![meta(MetaKey::L4Proto), equal(&[number]), accept()]]);
            table.chains.insert("more".into(), more);
            table.chains.insert(format!("chain_{number}"), chain(None, Vec::new()));
            table.chains.remove(&format!("chain_{}", number.wrapping_sub(2)));
            replace(&mut nft, &table).expect("replaced");
        }
        send_packets(2);
        assert_eq!(nft.counters(NAME).expect("read")["r_udp"].packets, 5);
        let found = read(&mut nft).sets["ban4"].elements.clone();
        assert_eq!(found.len(), 1);
        assert_eq!((&found[0].first, found[0].timeout), (&ban.first, ban.timeout));
        assert!(found[0].expires.is_some_and(|left| left <= 600_000 && left > 500_000), "{found:?}");
    });
}

#[test]
fn live_elements_change_with_the_policy_in_one_transaction() {
    apart(|| {
        let mut nft = open();
        let table = counting();
        replace(&mut nft, &table).expect("written");
        let change = |flush, keys: &[u8]| LiveChange {
            set: "ban4".into(),
            flush,
            elements: keys.iter().map(|key| Element::one([192, 0, 2, *key]).timeout(60_000)).collect(),
        };
        for (flush, keys, expected) in [
            (Flush::Keep, &[1, 2][..], &[1, 2][..]),
            (Flush::Keep, &[2, 3], &[1, 2, 3]),
            (Flush::All, &[3, 4], &[3, 4]),
            (Flush::All, &[], &[]),
        ] {
            let before = nft.generation().expect("read");
            let current = read(&mut nft);
            let live = [change(flush, keys)];
            let replacement = Replacement { live: &live, ..Replacement::new(Some(&current), &table) };
            nft.replace(&replacement, Ownership::OwnerPersist).expect("replaced");
            let found: Vec<u8> =
                read(&mut nft).sets["ban4"].elements.iter().map(|element| element.first[3]).collect();
            assert_eq!(found, expected);
            assert_eq!(nft.generation().expect("read"), before + 1);
        }
    });
}

#[test]
fn a_change_meanwhile_is_told() {
    apart(|| {
        let mut nft = open();
        let table = counting();
        let generation = Some(nft.generation().expect("read"));
        crate::namespace::nft("add table ip other");
        let replacement = Replacement { generation, ..Replacement::new(None, &table) };
        let refused = nft.replace(&replacement, Ownership::OwnerPersist);
        assert!(matches!(refused, Err(Refused::Raced)), "{refused:?}");
        assert_eq!(nft.read(NAME).expect("read"), None);
    });
}

#[test]
fn a_table_of_unknown_content_is_replaced_whole() {
    apart(|| {
        crate::namespace::nft("table inet portcullis { chain old { accept; }; set s { type mark; }; }");
        let mut nft = open();
        nft.replace(&Replacement::new(None, &everything()), Ownership::OwnerPersist).expect("replaced");
        assert_eq!(steady(read(&mut nft)), steady(everything()));
    });
}

#[test]
fn new_counters_begin_with_what_is_given() {
    apart(|| {
        let mut nft = open();
        let table = counting();
        let count = firewall::nft::Count { packets: 7, bytes: 1 << 40 };
        let counts = BTreeMap::from([("r_udp".to_owned(), count)]);
        let replacement = Replacement { counts: &counts, ..Replacement::new(None, &table) };
        nft.replace(&replacement, Ownership::OwnerPersist).expect("written");
        assert_eq!(nft.counters(NAME).expect("read"), counts);
    });
}

#[test]
fn what_is_read_is_of_one_moment() {
    apart(|| {
        let mut nft = open();
        let states: Vec<Table> = [2, 90].map(many_chains).into();
        nft.replace(&Replacement::new(None, &states[0]), Ownership::Plain).expect("written");
        let done = AtomicBool::new(false);
        thread::scope(|scope| {
            // A thread is in the namespace of the one that made it.
            scope.spawn(|| {
                let mut other = open();
                for turn in 0..200 {
                    let (from, to) = (&states[turn % 2], &states[(turn + 1) % 2]);
                    other.replace(&Replacement::new(Some(from), to), Ownership::Plain).expect("replaced");
                }
                done.store(true, Ordering::Release);
            });
            while !done.load(Ordering::Acquire) {
                match nft.read(NAME) {
                    Ok(found) => {
                        assert!(found.is_some_and(|found| states.contains(&found)), "of two moments");
                    }
                    Err(error) => assert!(matches!(error, NftError::Busy), "{error:?}"),
                }
            }
        });
        assert_eq!(nft.read(NAME).expect("read"), Some(states[0].clone()));
    });
}

/// Each chain jumps to the next one, and each has a counter.
fn many_chains(count: u32) -> Table {
    let mut table = Table { name: NAME.into(), ..Table::default() };
    for number in 0..count {
        table.counters.insert(format!("r_{number}"));
        let rule = vec![Expression::CounterNamed(format!("r_{number}")), accept()];
        table.chains.insert(format!("chain_{number}"), chain(None, vec![rule; 3]));
    }
    table
}

#[test]
fn of_very_many_refusals_the_first_is_told() {
    apart(|| {
        let mut nft = open();
        let mut table = counting();
        let rule = vec![Expression::Verdict(Verdict::Jump("nowhere".into()))];
        table.chains.insert("wrong".into(), chain(None, vec![rule; 30_000]));
        let refused = replace(&mut nft, &table).expect_err("there is no such chain");
        assert_eq!(refused.to_string(), "the kernel refused rule 1 of chain wrong");
        table.chains.remove("wrong");
        replace(&mut nft, &table).expect("the socket goes on");
    });
}

#[test]
fn a_change_of_a_set_that_is_not_there_is_refused() {
    apart(|| {
        let mut nft = open();
        let table = counting();
        let live = [LiveChange { set: "ban9".into(), flush: Flush::Keep, elements: Vec::new() }];
        let replacement = Replacement { live: &live, ..Replacement::new(None, &table) };
        let refused = nft.replace(&replacement, Ownership::OwnerPersist);
        assert!(matches!(refused, Err(Refused::Inexpressible(_))), "{refused:?}");
    });
}
