//! The folder from end to end: what survives, what is set aside, what is forgotten.

use super::*;
use crate::keeper::caller::Who;
use crate::keeper::policy;
use std::fs;
use testkit::Folder;

fn snapshot(number: u64) -> Snapshot {
    Snapshot {
        number: Number(number),
        file: "/etc/portcullis/portcullis.toml".into(),
        texts: vec![Text { path: "/etc/portcullis/portcullis.toml".into(), text: "[firewall]\n".into() }],
        host: None,
        compiled: policy::minimum(&[22]),
        slot: 'a',
    }
}

fn entry(number: u64, fate: Fate) -> Entry {
    Entry {
        number: Number(number),
        applied_at: number,
        who: Who::default(),
        sessions: Vec::new(),
        origin: "portcullis.toml".into(),
        rules: 1,
        changed: ChangedRules::default(),
        fate,
    }
}

fn open(folder: &Folder) -> State {
    opened(folder.path())
}

#[test]
fn a_confirmed_snapshot_survives() {
    let folder = Folder::new();
    let mut state = open(&folder);
    assert_eq!((state.next_number(), state.standing()), (Number(1), Standing::Nothing));
    state.begin(&snapshot(1), entry(1, Fate::Begun)).expect("room");
    state.settle_last(Fate::Confirmed { at: 5 }).expect("room");
    state.stand(Standing::Snapshot(Number(1))).expect("room");
    let mut again = open(&folder);
    assert_eq!((again.next_number(), again.standing()), (Number(2), Standing::Snapshot(Number(1))));
    assert_eq!(again.confirmed_snapshot().expect("there"), Some(snapshot(1)));
    assert_eq!(again.last(), Some(&entry(1, Fate::Confirmed { at: 5 })));
    assert!(again.take_damage().is_empty());
}

#[test]
fn damaged_files_are_set_aside_and_reported() {
    let folder = Folder::new();
    let mut state = open(&folder);
    state.begin(&snapshot(1), entry(1, Fate::Confirmed { at: 5 })).expect("room");
    state.stand(Standing::Snapshot(Number(1))).expect("room");
    for name in ["history", "snapshots/00000001"] {
        fs::write(folder.join("firewall").join(name), "half").expect("our file");
    }
    let mut again = open(&folder);
    assert_eq!(again.confirmed_snapshot().expect("a look"), None);
    let damage: Vec<_> = again.take_damage().iter().map(ToString::to_string).collect();
    let aside = |name: &str| folder.join("firewall").join(name).display().to_string();
    assert_eq!(
        damage,
        [
            format!(
                "the history was damaged and is set aside as {}: {HISTORY_LOST}",
                aside("history.damaged-1")
            ),
            format!(
                "snapshot 1 was damaged and is set aside as {}: {SNAPSHOT_LOST}",
                aside("snapshots/00000001.damaged-1")
            ),
        ]
    );
    assert_eq!(again.next_number(), Number(2), "the number is not used again");
}

#[test]
fn the_history_is_bounded_and_the_confirmed_snapshot_stays() {
    let folder = Folder::new();
    let mut state = open(&folder);
    state.begin(&snapshot(1), entry(1, Fate::Confirmed { at: 1 })).expect("room");
    state.stand(Standing::Snapshot(Number(1))).expect("room");
    for number in 2..=KEPT as u64 + 2 {
        let fate = Fate::RolledBack { at: number, reason: "nobody confirmed it".to_owned() };
        state.begin(&snapshot(number), entry(number, fate)).expect("room");
    }
    assert_eq!(state.history().len(), KEPT);
    assert!(state.snapshot(Number(2)).expect("a look").is_none());
    assert!(state.confirmed_snapshot().expect("a look").is_some());
}

#[test]
fn a_snapshot_that_cannot_be_listed_leaves_nothing() {
    let folder = Folder::new();
    let mut state = open(&folder);
    state.begin(&snapshot(1), entry(1, Fate::Confirmed { at: 1 })).expect("room");
    refuse(&folder, "history");
    state.begin(&snapshot(2), entry(2, Fate::Begun)).expect_err("no room");
    assert_eq!((state.history().len(), state.next_number()), (1, Number(2)));
    assert!(state.snapshot(Number(2)).expect("a look").is_none());
    state.settle_last(Fate::Confirmed { at: 2 }).expect_err("no room");
    assert!(state.behind().is_some_and(|reason| reason.contains("history")));
    fs::remove_dir(folder.join("firewall/.history.new")).expect("ours");
    state.catch_up();
    assert!(state.behind().is_none());
    assert_eq!(open(&folder).last(), Some(&entry(1, Fate::Confirmed { at: 2 })));
}

#[test]
fn a_file_of_another_version_is_set_aside_and_so_is_a_folder() {
    let folder = Folder::new();
    drop(open(&folder));
    folder.write("firewall/history", "portcullis-state 2 blake3:00\n[]");
    fs::create_dir(folder.join("firewall/confirmed")).expect("ours");
    let damage: Vec<_> = open(&folder).take_damage().iter().map(ToString::to_string).collect();
    assert!(damage[0].starts_with("the history is of another version and is set aside as "), "{damage:?}");
    assert!(damage[1].contains(" is no regular file and is set aside as "), "{damage:?}");
}

#[test]
fn what_an_interruption_left_between_two_snapshots_goes_with_the_next() {
    let folder = Folder::new();
    let mut state = open(&folder);
    state.begin(&snapshot(1), entry(1, Fate::Confirmed { at: 1 })).expect("room");
    state.amend(&snapshot(2)).expect("room");
    let mut state = open(&folder);
    assert_eq!(state.next_number(), Number(3));
    state.begin(&snapshot(3), entry(3, Fate::Begun)).expect("room");
    assert!(state.snapshot(Number(2)).expect("a look").is_none());
    assert!(state.snapshot(Number(1)).expect("a look").is_some());
}

/// A folder in the place of the file that is written beside is refused to root as well.
fn refuse(folder: &Folder, name: &str) {
    fs::create_dir(folder.join(format!("firewall/.{name}.new"))).expect("ours");
}
