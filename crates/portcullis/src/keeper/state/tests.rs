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
            format!("the history was damaged and is set aside as {}", aside("history.corrupt")),
            format!("snapshot 1 was damaged and is set aside as {}", aside("snapshots/00000001.corrupt")),
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
