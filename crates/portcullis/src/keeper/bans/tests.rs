//! The list of bans: what survives, what the kernel is given.

use super::*;
use testkit::Folder;

fn ban(source: &str, until: Option<u64>) -> Ban {
    Ban { source: source.parse().expect("a prefix"), since: 0, until, note: None }
}

fn sources(bans: &Bans, now: u64) -> Vec<String> {
    bans.list(now).map(|ban| ban.source.to_string()).collect()
}

#[test]
fn bans_survive_and_those_that_are_over_do_not() {
    let folder = Folder::new();
    let mut state = crate::keeper::state::opened(folder.path());
    let mut bans = Bans::open(&mut state, 10).expect("a list");
    bans.add(
        &state,
        vec![ban("192.0.2.1/32", Some(20)), ban("192.0.2.2/32", None), ban("2001:db8::/32", Some(99))],
    )
    .expect("room");
    bans.add(&state, vec![ban("192.0.2.1/32", Some(30))]).expect("room");
    let gone = ["2001:db8::/32".parse().expect("a prefix")];
    assert_eq!(bans.take(&gone).len(), 1);
    bans.write_taken(&state, &gone, 10).expect("room");
    assert_eq!(sources(&bans, 25), ["192.0.2.1/32", "192.0.2.2/32"]);
    let again = Bans::open(&mut crate::keeper::state::opened(folder.path()), 25).expect("a list");
    assert_eq!(sources(&again, 25), ["192.0.2.1/32", "192.0.2.2/32"]);
    let later = Bans::open(&mut crate::keeper::state::opened(folder.path()), 30).expect("a list");
    assert_eq!(sources(&later, 30), ["192.0.2.2/32"]);
}

#[test]
fn a_long_journal_is_made_anew() {
    let folder = Folder::new();
    let mut state = crate::keeper::state::opened(folder.path());
    let mut bans = Bans::open(&mut state, 0).expect("a list");
    let source = "192.0.2.1/32".parse().expect("a prefix");
    for _ in 0..SURPLUS {
        bans.add(&state, vec![ban("192.0.2.1/32", None)]).expect("room");
        bans.journal.add(["+ x"]).expect("room");
    }
    bans.add(&state, vec![ban("192.0.2.2/32", None)]).expect("room");
    bans.take(&[source]);
    bans.write_taken(&state, &[source], 0).expect("room");
    assert_eq!(bans.journal.lines(), 1);
    assert_eq!(sources(&Bans::open(&mut state, 0).expect("a list"), 0), ["192.0.2.2/32"]);
}

#[test]
fn the_kernel_gets_addresses_and_prefixes_apart() {
    let folder = Folder::new();
    let mut state = crate::keeper::state::opened(folder.path());
    let mut bans = Bans::open(&mut state, 0).expect("a list");
    let list = ["192.0.2.1/32", "198.51.100.0/24", "198.51.100.128/25", "2001:db8::1/128", "2001:db8:1::/48"];
    bans.add(&state, list.map(|source| ban(source, Some(60))).to_vec()).expect("room");
    let counts: Vec<_> =
        bans.elements(0).into_iter().map(|(name, elements)| (name, elements.len())).collect();
    assert_eq!(counts, [("ban4", 1), ("ban6", 1), ("ban_net4", 1), ("ban_net6", 1)]);
}
