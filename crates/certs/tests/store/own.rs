//! The own authority and what it issues, with a clock that the tests move.
#![expect(clippy::unwrap_used, reason = "tests")]

use crate::support::{DAY, World, begin, pattern, plan, server, shake, site, texts};
use certs::{Authority, Event, IssueReason, Severity, Source, Store};
use model::plan::Plan;
use x509_parser::parse_x509_certificate;
use x509_parser::pem::parse_x509_pem;

fn reasons(events: &[Event]) -> Vec<IssueReason> {
    let reason = |event: &Event| if let Event::Issued { reason, .. } = event { Some(*reason) } else { None };
    events.iter().filter_map(reason).collect()
}

fn one_site() -> Plan {
    plan(vec![site("a.test", None)])
}

#[test]
fn a_site_without_files_is_served_with_a_certificate_of_the_own_authority() {
    let world = World::new();
    let (store, events) = world.open(&plan(vec![site("a.test", None), site("*.b.test", None)]));
    assert!(matches!(events[0], Event::AuthorityMade { .. }));
    assert_eq!(reasons(&events), [IssueReason::First, IssueReason::First]);
    let (client, server) = (world.client(&store), server(&store));
    for name in ["a.test", "x.b.test"] {
        shake(&client, &server, name).unwrap();
    }
    let facts = store.list(begin());
    let folders: Vec<_> = facts
        .iter()
        .map(|facts| match &facts.source {
            Source::OwnAuthority(folder) => folder.strip_prefix(world.state().path()).unwrap().to_owned(),
            Source::Files => unreachable!("not from files"),
        })
        .collect();
    assert_eq!(
        folders,
        ["certificates/_wildcard.b.test", "certificates/a.test"].map(std::path::PathBuf::from)
    );
    assert_eq!(facts[1].names, [pattern("a.test")]);
    assert_eq!(facts[1].used_for, ["a.test"]);
    assert!(facts[1].issuer.starts_with("Portcullis local authority on "));
    assert!(facts.iter().all(|facts| facts.problems.is_empty()));
}

#[test]
fn the_certificates_are_what_clients_demand() {
    let world = World::new();
    let (store, _) = world.open(&one_site());
    let facts = store.authority().unwrap().facts();
    let (_, pem) = parse_x509_pem(facts.pem.as_bytes()).unwrap();
    let (_, root) = parse_x509_certificate(&pem.contents).unwrap();
    let basic = root.basic_constraints().unwrap().unwrap();
    assert!(basic.critical && basic.value.ca);
    assert_eq!(basic.value.path_len_constraint, Some(0));
    let usage = root.key_usage().unwrap().unwrap();
    assert!(usage.critical && usage.value.key_cert_sign());
    assert!(root.extended_key_usage().unwrap().unwrap().value.server_auth);
    assert!(root.name_constraints().unwrap().is_none());

    let leaf = std::fs::read(&store.list(begin())[0].files.certificate).unwrap();
    let (_, pem) = parse_x509_pem(&leaf).unwrap();
    let (_, leaf) = parse_x509_certificate(&pem.contents).unwrap();
    assert!(!leaf.is_ca());
    assert!(leaf.key_usage().unwrap().unwrap().value.digital_signature());
    assert!(leaf.extended_key_usage().unwrap().unwrap().value.server_auth);
    assert_eq!(leaf.raw_serial().len(), 16);
    assert_eq!(leaf.issuer().as_raw(), root.subject().as_raw());
    let life = leaf.validity().not_after.timestamp() - leaf.validity().not_before.timestamp();
    assert_eq!(life, 90 * 86400 + 3600);
}

#[test]
fn a_restart_finds_everything_as_it_was() {
    let world = World::new();
    let (first, _) = world.open(&one_site());
    let (second, events) = world.open(&one_site());
    assert!(events.is_empty(), "{events:?}");
    assert_eq!(first.list(begin())[0].fingerprint, second.list(begin())[0].fingerprint);
    let facts = |store: &Store| store.authority().unwrap().facts().fingerprint;
    assert_eq!(facts(&first), facts(&second));
    let (authority, events) = Authority::open(&world.state(), begin()).unwrap();
    assert!(events.is_empty());
    assert_eq!(authority.facts().fingerprint, facts(&first));
}

#[test]
fn a_certificate_is_renewed_when_a_third_of_its_life_remains() {
    let world = World::new();
    let (mut store, _) = world.open(&one_site());
    let end = store.list(begin())[0].validity.not_after;
    assert!(store.refresh(end - 31 * DAY).is_empty());
    let events = store.refresh(end - 30 * DAY);
    assert_eq!(reasons(&events), [IssueReason::Renewal]);
    assert!(store.list(begin())[0].validity.not_after > end);
    assert!(store.refresh(end - 30 * DAY).is_empty());
    let (_, events) = Store::open(world.state(), &one_site(), end - 29 * DAY).unwrap();
    assert!(events.is_empty(), "the renewed one was kept");
}

#[test]
fn a_clock_that_goes_back_costs_a_certificate_and_not_the_authority() {
    let world = World::new();
    let (store, _) = world.open(&one_site());
    let authority = store.authority().unwrap().facts().fingerprint;
    let (store, events) = Store::open(world.state(), &one_site(), std::time::SystemTime::UNIX_EPOCH).unwrap();
    assert_eq!(reasons(&events), [IssueReason::Renewal]);
    assert_eq!(store.authority().unwrap().facts().fingerprint, authority);
}

#[test]
fn another_authority_issues_everything_anew() {
    let world = World::new();
    let (_, _) = world.open(&plan(vec![site("a.test", None), site("10.0.0.1", None)]));
    std::fs::remove_dir_all(world.state().path().join("authority")).unwrap();
    let (store, events) = world.open(&plan(vec![site("a.test", None), site("10.0.0.1", None)]));
    assert_eq!(reasons(&events), [IssueReason::Unacceptable, IssueReason::Unacceptable]);
    shake(&world.client(&store), &server(&store), "a.test").unwrap();
}

#[test]
fn an_authority_that_ends_is_replaced_and_that_is_said() {
    let world = World::new();
    let (mut store, _) = world.open(&one_site());
    let end = store.authority().unwrap().facts().validity.not_after;
    let mut events = store.refresh(end - 31 * DAY);
    assert_eq!(reasons(&events), [IssueReason::Renewal]);
    assert_eq!(store.list(begin())[0].validity.not_after, end, "no leaf outlives its authority");
    events = store.refresh(end - 29 * DAY);
    assert!(events[0].to_string().contains("another one now"), "{events:?}");
    assert_eq!(reasons(&events).len(), 1);
    assert!(store.authority().unwrap().facts().validity.not_after > end);
}

#[test]
fn an_authority_that_ends_goes_on_where_the_next_one_cannot_be_kept() {
    let world = World::new();
    let (store, _) = world.open(&one_site());
    let soon = store.authority().unwrap().facts().validity.not_after - 29 * DAY;
    std::fs::create_dir(world.state().path().join("authority/.root.key.new")).unwrap();
    let (mut store, events) = Store::open(world.state(), &one_site(), soon).unwrap();
    assert!(matches!(events[0], Event::AuthorityNotReplaced { .. }), "{events:?}");
    assert_eq!(store.list(soon).len(), 1, "and its leaf with it");
    assert!(store.refresh(soon).is_empty(), "it is said once");
}

#[test]
fn new_addresses_make_a_new_certificate() {
    let world = World::new();
    let (mut store, _) = world.open(&plan(vec![site("10.0.0.1", None)]));
    let events = store.apply(&plan(vec![site("10.0.0.1", None), site("10.0.0.2", None)]), begin());
    assert_eq!(reasons(&events), [IssueReason::Names]);
    shake(&world.client(&store), &server(&store), "10.0.0.2").unwrap();
}

#[test]
fn a_public_name_is_a_warning() {
    let world = World::new();
    let (mut store, events) =
        world.open(&plan(vec![site("shop.example.com", None), site("shop.test", None)]));
    let warnings: Vec<_> = events
        .iter()
        .filter(|event| event.severity() == Severity::Warning)
        .map(ToString::to_string)
        .collect();
    assert_eq!(warnings.len(), 1);
    assert!(warnings[0].starts_with("shop.example.com is a public name"));
    assert!(warnings[0].ends_with("until certificates from a public authority are served"));
    assert!(store.refresh(begin()).is_empty());
}

#[test]
fn a_full_or_locked_disk_does_not_stop_a_site() {
    let world = World::new();
    let _ = world.open(&one_site());
    let folder = world.state().path().join("certificates");
    std::fs::remove_dir_all(&folder).unwrap();
    std::fs::write(&folder, "in the way").unwrap();
    let (store, events) = world.open(&one_site());
    shake(&world.client(&store), &server(&store), "a.test").unwrap();
    let expected = "the certificate for a.test is not kept: cannot create state/certificates";
    assert_eq!(texts(&world, &events).last().unwrap(), expected);
}

#[test]
fn a_state_folder_that_cannot_be_made_is_an_error_with_a_hint() {
    let world = World::new();
    std::fs::write(world.state().path(), "in the way").unwrap();
    let error = Store::open(world.state(), &one_site(), begin()).unwrap_err();
    assert_eq!(error.to_string(), "the own authority cannot be kept");
    assert!(error.hint().contains("[state] folder"));
    let unneeded = plan(vec![site("a.test", Some(&world.files("a")))]);
    assert!(Store::open(world.state(), &unneeded, begin()).is_ok(), "nothing has to be kept");
}

#[test]
fn nothing_of_a_key_is_shown() {
    let world = World::new();
    let (store, events) = world.open(&one_site());
    let shown = format!("{store:?} {events:?} {:?} {:?}", store.list(begin()), store.authority());
    for key in ["authority/root.key", "certificates/a.test/key.pem"] {
        let key = std::fs::read_to_string(world.state().path().join(key)).unwrap();
        assert!(key.lines().skip(1).take(2).all(|line| line.len() > 20 && !shown.contains(&line[10..20])));
    }
    assert!(!shown.contains("PRIVATE"));
}
