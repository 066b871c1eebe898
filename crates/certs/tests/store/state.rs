//! The state folder: who can read it, and what happens when somebody wrote into it.
#![expect(clippy::unwrap_used, reason = "tests")]

use crate::support::{World, begin, plan, server, shake, site};
use certs::{Event, Severity, Store};
use model::plan::Plan;
use proptest::prelude::*;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

fn one_site() -> Plan {
    plan(vec![site("a.test", None)])
}

/// Every file that the store keeps for [`one_site`].
const FILES: [&str; 4] = [
    "authority/root.pem",
    "authority/root.key",
    "certificates/a.test/certificate.pem",
    "certificates/a.test/key.pem",
];

fn modes(folder: &Path) -> Vec<(PathBuf, u32)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        found.push((path.clone(), path.symlink_metadata().unwrap().permissions().mode() & 0o777));
        if path.is_dir() {
            found.extend(modes(&path));
        }
    }
    found
}

#[test]
fn nobody_else_can_read_whatever_the_umask_is() {
    // Other tests of this process do not depend on the umask.
    rustix::process::umask(rustix::fs::Mode::empty());
    let world = World::new();
    world.open(&one_site());
    let modes = modes(world.state().path());
    assert_eq!(modes.len(), 3 + FILES.len());
    for (path, mode) in modes {
        let expected = if path.is_dir() { 0o700 } else { 0o600 };
        assert_eq!(mode, expected, "{}", path.display());
    }
}

#[test]
fn folders_that_others_could_enter_are_closed() {
    let world = World::new();
    world.open(&one_site());
    let folder = world.state().path().join("authority");
    std::fs::set_permissions(&folder, PermissionsExt::from_mode(0o777)).unwrap();
    world.open(&one_site());
    assert_eq!(folder.metadata().unwrap().permissions().mode() & 0o777, 0o700);
}

/// Opens a store, and checks that it serves whatever is on the disk.
fn still_serves(world: &World) -> (Store, Vec<Event>) {
    let (store, events) = Store::open(world.state(), &one_site(), begin()).unwrap();
    shake(&world.client(&store), &server(&store), "a.test").unwrap();
    assert!(events.iter().all(|event| event.severity() < Severity::Error), "{events:?}");
    let (_, again) = Store::open(world.state(), &one_site(), begin()).unwrap();
    assert!(again.is_empty(), "repaired for good: {again:?}");
    (store, events)
}

#[test]
fn a_damaged_file_is_set_aside_reported_and_replaced() {
    for file in FILES {
        for content in [Some("damaged"), Some(""), None] {
            let world = World::new();
            world.open(&one_site());
            let path = world.state().path().join(file);
            match content {
                Some(content) => std::fs::write(&path, content).unwrap(),
                None => std::fs::remove_file(&path).unwrap(),
            }
            let (_, events) = still_serves(&world);
            let aside = events.iter().find_map(|event| match event {
                Event::SetAside { path: from, to, .. } if *from == path => Some(to.clone()),
                _ => None,
            });
            assert_eq!(
                aside.as_ref().map(|aside| std::fs::read_to_string(aside).unwrap()).as_deref(),
                content
            );
            let others = events.iter().filter(|event| matches!(event, Event::SetAside { .. })).count();
            // The key of an authority is of use without its certificate, and that of a site is what an interruption leaves.
            let other = usize::from(file != FILES[0] && (file != FILES[2] || content.is_some()));
            assert_eq!(others, usize::from(content.is_some()) + other, "{file}");
            let replaced = events.iter().any(|event| matches!(event, Event::AuthorityReplaced { .. }));
            assert_eq!(replaced, file == "authority/root.key", "{file}: said, with how to get it back");
            let mended = events.iter().any(|event| matches!(event, Event::AuthorityMended { .. }));
            assert_eq!(mended, file == "authority/root.pem");
        }
    }
}

#[test]
fn whoever_trusts_the_authority_goes_on_when_its_certificate_is_lost() {
    let world = World::new();
    let (store, _) = world.open(&one_site());
    let client = world.client(&store);
    for name in ["authority/root.pem", "certificates/a.test/certificate.pem"] {
        std::fs::write(world.state().path().join(name), "damaged").unwrap();
    }
    let (mended, _) = Store::open(world.state(), &one_site(), begin()).unwrap();
    shake(&client, &server(&mended), "a.test").expect("a leaf of the same key");
}

#[test]
fn a_folder_in_place_of_a_file_is_set_aside() {
    for file in FILES {
        let world = World::new();
        world.open(&one_site());
        let path = world.state().path().join(file);
        std::fs::remove_file(&path).unwrap();
        std::fs::create_dir(&path).unwrap();
        still_serves(&world);
        assert!(path.is_file());
    }
}

#[test]
fn a_leaf_in_place_of_the_authority_is_not_one() {
    let world = World::new();
    world.open(&one_site());
    let state = world.state();
    for (from, to) in [(FILES[2], FILES[0]), (FILES[3], FILES[1])] {
        std::fs::copy(state.path().join(from), state.path().join(to)).unwrap();
    }
    let (_, events) = still_serves(&world);
    assert!(events.iter().any(|event| event.to_string().contains("not one of an authority")));
}

/// A way to damage a file.
#[derive(Clone, Debug)]
enum Damage {
    Replace(Vec<u8>),
    Flip(prop::sample::Index, u8),
    Cut(prop::sample::Index),
}

fn damage() -> impl Strategy<Value = Damage> {
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..300).prop_map(Damage::Replace),
        (any::<prop::sample::Index>(), 0..8u8).prop_map(|(index, bit)| Damage::Flip(index, 1 << bit)),
        any::<prop::sample::Index>().prop_map(Damage::Cut),
    ]
}

fn apply(damage: &Damage, path: &Path) {
    let mut content = std::fs::read(path).unwrap();
    match damage {
        Damage::Replace(bytes) => content.clone_from(bytes),
        Damage::Flip(index, mask) => {
            let index = index.index(content.len());
            content[index] ^= mask;
        }
        Damage::Cut(index) => content.truncate(index.index(content.len())),
    }
    std::fs::write(path, content).unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_in_the_state_folder_stop_the_store(damages in prop::collection::vec((0..FILES.len(), damage()), 1..3)) {
        let world = World::new();
        world.open(&one_site());
        for (file, damage) in &damages {
            let path = world.state().path().join(FILES[*file]);
            if !std::fs::read(&path).unwrap().is_empty() {
                apply(damage, &path);
            }
        }
        still_serves(&world);
    }
}
