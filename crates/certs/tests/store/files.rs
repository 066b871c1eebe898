//! Certificates from files: what is wrong with them, and what happens when they change.
#![expect(clippy::unwrap_used, reason = "tests")]

use crate::support::{DAY, Leaf, World, begin, leaf_in, plan, put, server, shake, site, texts};
use certs::{Event, Severity, Store};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::time::SystemTime;

/// A store with one site, `a.test`, whose files were written by `write`.
fn broken(write: impl FnOnce(&World)) -> (World, Store, Vec<Event>) {
    let world = World::new();
    write(&world);
    let (store, events) = world.open(&plan(vec![site("a.test", Some(&world.files("a")))]));
    (world, store, events)
}

#[test]
fn what_is_wrong_with_files_is_said_precisely() {
    let good = |world: &World| world.make(&Leaf::of(&["a.test"]));
    let encrypted = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
    type Case<'a> = (&'a str, &'a dyn Fn(&World) -> (String, String), &'a str);
    let cases: [Case<'_>; 9] = [
        ("a.pem has no certificate in it", &|w| (String::new(), good(w).1), "-----BEGIN CERTIFICATE-----"),
        ("a.pem has no certificate in it", &|w| (good(w).1, good(w).0), "exchanged"),
        ("a.key has no private key in it", &|w| (good(w).0, good(w).0), "exchanged"),
        ("a.key has no private key in it", &|w| (good(w).0, String::new()), "-----BEGIN PRIVATE KEY-----"),
        ("the key a.key does not belong to the certificate a.pem", &|w| (good(w).0, good(w).1), "-pubkey"),
        ("the key in a.key is encrypted", &|w| (good(w).0, encrypted.into()), "openssl pkey"),
        ("a.key is not valid PEM", &|w| (good(w).0, good(w).1.replace("-----END", "-----FIN")), "damaged"),
        (
            "certificate 1 in a.pem cannot be read",
            &|w| (good(w).0.replacen("MII", "MIJ", 1), good(w).1),
            "anew",
        ),
        (
            "the key belongs to certificate 2 in a.pem, not to the first",
            &|w| {
                let (certificate, key) = good(w);
                (good(w).0 + &certificate, key)
            },
            "first",
        ),
    ];
    for (expected, make, hint) in cases {
        let (world, store, events) = broken(|world| {
            let (certificate, key) = make(world);
            put(&world.files("a").certificate, certificate);
            put(&world.files("a").key, key);
        });
        assert_eq!(texts(&world, &events), [format!("{expected}; it is served for nothing")]);
        assert_eq!(events[0].severity(), Severity::Error);
        assert!(events[0].hint().unwrap().contains(hint), "{:?} for {expected}", events[0].hint());
        assert_eq!(store.resolver().table().identity("a.test"), None);
    }
}

#[test]
fn files_are_in_order_until_they_are_seen_to_be_broken() {
    let (world, mut store, _) = broken(|world| {
        let (certificate, key) = world.make(&Leaf::of(&["a.test"]));
        put(&world.files("a").certificate, certificate);
        put(&world.files("a").key, key);
    });
    assert_eq!(store.files_in_order(), [world.files("a")].into());
    put(&world.files("a").key, "damaged");
    store.refresh(SystemTime::now());
    assert!(store.files_in_order().is_empty(), "the old pair is served, and is not what the files have");
}

#[test]
fn files_that_are_no_files_do_not_block() {
    let (world, _, events) = broken(|_| {});
    assert_eq!(texts(&world, &events), ["a.pem does not exist; it is served for nothing"]);
    let (world, _, events) = broken(|world| {
        let path = world.files("a").certificate;
        rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
    });
    assert_eq!(texts(&world, &events), ["a.pem is not a file; it is served for nothing"]);
    let (world, _, events) = broken(|world| put(&world.files("a").certificate, vec![b'x'; (1 << 20) + 1]));
    assert_eq!(texts(&world, &events), ["a.pem is larger than 1 MiB; it is served for nothing"]);
}

#[test]
fn an_error_never_quotes_a_key() {
    let secret = "c2VjcmV0IGJ5dGVzIG9mIGEga2V5";
    for text in [
        format!("-----BEGIN PRIVATE KEY-----\n{secret}!!\n-----END PRIVATE KEY-----\n"),
        format!("-----BEGIN PRIVATE KEY----{secret}\n-----END PRIVATE KEY-----\n"),
        format!("-----BEGIN PRIVATE KEY-----\n{secret}\n"),
        format!("-----BEGIN PRIVATE KEY-----\n{secret}\n-----END PRIVATE KEY-----\n"),
    ] {
        let (_, _, events) = broken(|world| {
            world.write("a", &Leaf::of(&["a.test"]));
            put(&world.files("a").key, &text);
        });
        assert_eq!(events.len(), 1);
        let shown = format!("{0} {0:?} {1:?}", events[0], events[0].hint());
        assert!(!shown.contains(&secret[..8]) && !shown.contains("99, 50, 86"), "{shown}");
    }
}

#[test]
fn what_is_wrong_with_a_certificate_that_is_served_is_a_warning() {
    let world = World::new();
    let expired = world.write("expired", &Leaf { names: vec!["a.test"], years: (2010, 2011) });
    let future = world.write("future", &Leaf { names: vec!["b.test"], years: (2091, 2092) });
    let other = world.write("other", &Leaf::of(&["other.test"]));
    let nameless = world.write("nameless", &Leaf::of(&[]));
    let open = world.write("open", &Leaf::of(&["e.test"]));
    std::fs::set_permissions(&open.key, PermissionsExt::from_mode(0o644)).unwrap();
    let sites = [("a", &expired), ("b", &future), ("c", &other), ("d", &nameless), ("e", &open)];
    let sites = sites.map(|(name, files)| site(&format!("{name}.test"), Some(files))).to_vec();
    let (store, events) = world.open(&plan(sites));
    assert_eq!(
        texts(&world, &events),
        [
            "expired.pem expired on 2011-01-01",
            "future.pem not valid before 2091-01-01",
            "other.pem does not carry the name c.test",
            "nameless.pem carries no name",
            "open.pem its key open.key can be read by everybody (mode 644)",
        ]
    );
    assert!(events.iter().all(|event| event.severity() == Severity::Warning && event.hint().is_some()));
    let facts = store.list(begin());
    assert!(facts.iter().all(|facts| facts.problems.len() == 1 && facts.used_for.len() == 1));
    assert!(["a.test", "e.test"].iter().all(|host| store.resolver().table().identity(host).is_some()));
}

#[test]
fn a_chain_in_the_wrong_order_is_a_warning() {
    let world = World::new();
    let (leaf, key) = world.make(&Leaf::of(&["a.test"]));
    let (stranger, _) = world.make(&Leaf::of(&["b.test"]));
    put(&world.files("a").certificate, leaf + &stranger);
    put(&world.files("a").key, key);
    let (_, events) = world.open(&plan(vec![site("a.test", Some(&world.files("a")))]));
    let expected = "a.pem certificate 2 of the chain is not the issuer of the one before it";
    assert_eq!(texts(&world, &events), [expected]);
}

#[test]
fn a_certificate_that_ends_soon_is_reported_once() {
    let world = World::new();
    let files = world.write("a", &Leaf::of(&["a.test"]));
    let (mut store, events) = world.open(&plan(vec![site("a.test", Some(&files))]));
    assert!(events.is_empty());
    let end = store.list(begin())[0].validity.not_after;
    assert!(store.refresh(end - 15 * DAY).is_empty());
    assert_eq!(texts(&world, &store.refresh(end - 13 * DAY)), ["a.pem expires on 2090-01-01"]);
    assert!(store.refresh(end - 12 * DAY).is_empty());
    assert_eq!(texts(&world, &store.refresh(end + DAY)), ["a.pem expired on 2090-01-01"]);
}

#[test]
fn a_changed_file_is_picked_up_and_a_broken_one_leaves_the_old_in_place() {
    let world = World::new();
    let files = world.write("a", &Leaf::of(&["a.test"]));
    let (mut store, _) = world.open(&plan(vec![site("a.test", Some(&files))]));
    let server = server(&store);
    // A client of its own each time: a resumed session would show the certificate that it began with.
    let served = |store: &Store| shake(&world.client(store), &server, "a.test").unwrap().leaf;
    let first = leaf_in(&files);
    let identity = store.resolver().table().identity("a.test");
    assert!(store.refresh(begin()).is_empty());
    assert_eq!(store.resolver().table().identity("a.test"), identity);

    world.write("a", &Leaf::of(&["a.test"]));
    assert_eq!(texts(&world, &store.refresh(begin())), ["a.pem changed: a.test, until 2090-01-01"]);
    let second = leaf_in(&files);
    assert_ne!(first, second);
    assert_eq!(served(&store), second);
    assert_ne!(store.resolver().table().identity("a.test"), identity);

    put(&files.certificate, "nothing");
    let broken = ["a.pem has no certificate in it; the certificate before it stays"];
    assert_eq!(texts(&world, &store.refresh(begin())), broken);
    assert!(store.refresh(begin()).is_empty(), "said once");
    put(&files.certificate, "nothing either");
    assert_eq!(texts(&world, &store.refresh(begin())), broken, "said again when it changed");
    assert_eq!(served(&store), second);

    std::fs::remove_file(&files.key).unwrap();
    assert_eq!(store.refresh(begin()).len(), 1);
    world.write("a", &Leaf::of(&["a.test"]));
    assert_eq!(store.refresh(begin()).len(), 1);
    assert_eq!(served(&store), leaf_in(&files));
}

#[test]
fn a_touched_file_is_the_same_certificate() {
    let world = World::new();
    let files = world.write("a", &Leaf::of(&["a.test"]));
    let (mut store, _) = world.open(&plan(vec![site("a.test", Some(&files))]));
    let identity = store.resolver().table().identity("a.test");
    put(&files.certificate, std::fs::read(&files.certificate).unwrap());
    assert!(store.refresh(begin()).is_empty());
    assert_eq!(store.resolver().table().identity("a.test"), identity);
}

#[test]
fn a_link_that_points_elsewhere_is_a_change() {
    let world = World::new();
    let (one, two) = (world.write("one", &Leaf::of(&["a.test"])), world.write("two", &Leaf::of(&["a.test"])));
    let live = world.files("live");
    symlink(&one.certificate, &live.certificate).unwrap();
    symlink(&one.key, &live.key).unwrap();
    let (mut store, _) = world.open(&plan(vec![site("a.test", Some(&live))]));
    for (from, to) in [(&two.certificate, &live.certificate), (&two.key, &live.key)] {
        let beside = to.with_extension("link");
        symlink(from, &beside).unwrap();
        std::fs::rename(&beside, to).unwrap();
    }
    assert_eq!(store.refresh(begin()).len(), 1);
    let shaken = shake(&world.client(&store), &server(&store), "a.test").unwrap();
    assert_eq!(shaken.leaf, leaf_in(&two));
}

#[test]
fn another_plan_leaves_unchanged_certificates_alone() {
    let world = World::new();
    let (a, b) = (world.write("a", &Leaf::of(&["a.test"])), world.write("b", &Leaf::of(&["b.test"])));
    let (mut store, _) = world.open(&plan(vec![site("a.test", Some(&a)), site("own.test", None)]));
    let identity = |store: &Store, host: &str| store.resolver().table().identity(host);
    let before = (identity(&store, "a.test"), identity(&store, "own.test"));
    let more = vec![site("b.test", Some(&b)), site("own.test", None), site("a.test", Some(&a))];
    assert!(store.apply(&plan(more), begin()).is_empty());
    assert_eq!(before, (identity(&store, "a.test"), identity(&store, "own.test")));
    assert!(identity(&store, "b.test").is_some());

    let events = store.apply(&plan(vec![site("a.test", Some(&world.files("missing")))]), begin());
    assert_eq!(texts(&world, &events), ["missing.pem does not exist; it is served for nothing"]);
    assert_eq!(identity(&store, "a.test"), before.0, "a host keeps what it had");
    assert_eq!((identity(&store, "b.test"), identity(&store, "own.test")), (None, None));
}

#[test]
fn files_for_a_host_that_another_site_has_are_reported() {
    let world = World::new();
    let (a, b) = (world.write("a", &Leaf::of(&["a.test"])), world.write("b", &Leaf::of(&["a.test"])));
    let (_, events) = world.open(&plan(vec![site("a.test", Some(&a)), site("a.test", Some(&b))]));
    let expected = "the certificate of site a.test is not used: an earlier site has another for a.test";
    assert_eq!(texts(&world, &events), [expected]);
}

#[test]
fn every_kind_of_key_is_served() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/kinds");
    let keys = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let keys: Vec<_> =
        keys.filter(|path| path.extension().is_some_and(|extension| extension == "key")).collect();
    assert_eq!(keys.len(), 5);
    for path in keys {
        let world = World::new();
        let files = world.files("a");
        put(&files.key, std::fs::read(&path).unwrap());
        put(&files.certificate, std::fs::read(path.with_extension("pem")).unwrap());
        let (store, events) = world.open(&plan(vec![site("a.test", Some(&files))]));
        assert!(events.is_empty(), "{}: {events:?}", path.display());
        // The certificate signs itself, which no client accepts; the server has signed the handshake by then.
        let refused = shake(&world.client(&store), &server(&store), "a.test").unwrap_err();
        assert!(matches!(refused, rustls::Error::InvalidCertificate(_)), "{}: {refused:?}", path.display());
    }
}
