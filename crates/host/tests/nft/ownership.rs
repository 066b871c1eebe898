//! Who may change the table.

use crate::{
    namespace::{apart, nft as run_nft, open, run},
    samples::{NAME, everything},
};
use firewall::nft::Element;
use host::nft::{Nft, OpenError, Ownership, Refused, Replacement, SetOf, steady};
use rustix::thread::CapabilitySet;

fn write(nft: &mut Nft, ownership: Ownership) -> Result<(), Refused> {
    let current = nft.read(NAME).expect("read");
    nft.replace(&Replacement::new(current.as_ref(), &everything()), ownership)
        .map(|left| assert!(left.is_none()))
}

#[test]
fn an_orphan_stays_and_is_claimed() {
    apart(|| {
        let mut first = open();
        write(&mut first, Ownership::OwnerPersist).expect("written");
        let text = || run("nft", &["-a", "list", "table", "inet", NAME]).lines().skip(2).collect::<String>();
        let before = text();
        drop(first);
        let mut second = open();
        let there = second.read(NAME).expect("read").expect("stays");
        assert_eq!(steady(there.clone()), steady(everything()));
        assert_eq!(second.owner(NAME).expect("read"), None);
        let same = everything();
        second.replace(&Replacement::new(Some(&there), &same), Ownership::OwnerPersist).expect("claimed");
        assert_eq!(text(), before, "claimed without a change");
        assert_eq!(second.owner(NAME).expect("read").expect("owned").port, second.port());
    });
}

#[test]
fn a_second_owner_is_refused_while_the_first_lives() {
    apart(|| {
        let (mut first, mut second) = (open(), open());
        write(&mut first, Ownership::OwnerPersist).expect("written");
        for ownership in [Ownership::OwnerPersist, Ownership::Plain] {
            let refused = write(&mut second, ownership);
            assert!(matches!(refused, Err(Refused::Owned)), "{refused:?}");
        }
        let table = everything();
        let set = SetOf { table: NAME, name: "ban4", set: &table.sets["ban4"] };
        let ban = [Element::one([192, 0, 2, 1]).timeout(60_000)];
        assert!(matches!(second.add_elements(set, &ban), Err(Refused::Owned)));
        assert!(matches!(second.flush(NAME, "ban4"), Err(Refused::Owned)));
        assert!(matches!(second.delete_table(NAME), Err(Refused::Owned)));
        assert_eq!(second.owner(NAME).expect("read").expect("owned").port, first.port());
        write(&mut first, Ownership::OwnerPersist).expect("the owner goes on");
    });
}

#[test]
fn flushing_the_ruleset_leaves_an_owned_table() {
    apart(|| {
        let mut nft = open();
        write(&mut nft, Ownership::OwnerPersist).expect("written");
        run_nft("add table ip other");
        run_nft("flush ruleset");
        assert_eq!(steady(nft.read(NAME).expect("read").expect("there")), steady(everything()));
        assert_eq!(run("nft", &["list", "tables"]).trim(), "table inet portcullis");
    });
}

#[test]
fn a_plain_table_can_be_changed_by_everybody() {
    apart(|| {
        let (mut first, mut second) = (open(), open());
        write(&mut first, Ownership::Plain).expect("written");
        write(&mut second, Ownership::Plain).expect("written again");
        assert_eq!(first.owner(NAME).expect("read"), None);
        run_nft("flush ruleset");
        assert_eq!(first.read(NAME).expect("read"), None);
    });
}

#[test]
fn a_table_that_changes_its_ownership_keeps_what_lives() {
    apart(|| {
        let mut nft = open();
        let table = everything();
        let set = SetOf { table: NAME, name: "ban4", set: &table.sets["ban4"] };
        write(&mut nft, Ownership::Plain).expect("written");
        nft.add_elements(set, &[Element::one([192, 0, 2, 1]).timeout(60_000)]).expect("added");
        for ownership in [Ownership::OwnerPersist, Ownership::Plain, Ownership::OwnerPersist] {
            write(&mut nft, ownership).expect("written");
            assert_eq!(nft.owner(NAME).expect("read").is_some(), ownership == Ownership::OwnerPersist);
            assert_eq!(steady(nft.read(NAME).expect("read").expect("there")), steady(everything()));
            let bans = nft.elements(set).expect("read");
            assert_eq!(bans.len(), 1);
            assert!(bans[0].expires.is_some_and(|left| left <= 60_000));
        }
    });
}

#[test]
fn a_process_without_the_right_is_told_so() {
    apart(|| {
        let mut capabilities = rustix::thread::capabilities(None).expect("capabilities");
        capabilities.effective.remove(CapabilitySet::NET_ADMIN);
        let mut before = open();
        rustix::thread::set_capabilities(None, capabilities).expect("dropped");
        assert!(matches!(Nft::open(), Err(OpenError::NoRights)));
        let refused = before.flush(NAME, "ban4");
        assert!(matches!(refused, Err(Refused::NoRights)), "{refused:?}");
    });
}
