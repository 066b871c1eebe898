//! Certificates that a gate, which may be hostile, brings for hosts of the plan.
#![expect(clippy::unwrap_used, reason = "tests")]

use crate::support::{DAY, Leaf, World, begin, pattern, plan, site};
use rcgen::{CertificateParams, IsCa, KeyPair};
use std::path::Path;
use std::time::SystemTime;

fn made(names: &[&str], from: SystemTime, until: SystemTime) -> (String, String) {
    made_with(names, from, until, |_| {})
}

fn made_with(
    names: &[&str],
    from: SystemTime,
    until: SystemTime,
    change: impl FnOnce(&mut CertificateParams),
) -> (String, String) {
    let key = KeyPair::generate().unwrap();
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut parameters = CertificateParams::new(names).unwrap();
    (parameters.not_before, parameters.not_after) = (from.into(), until.into());
    change(&mut parameters);
    (parameters.self_signed(&key).unwrap().pem(), key.serialize_pem())
}

fn files_beneath(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let Ok(entries) = std::fs::read_dir(folder) else { return found };
    for entry in entries.map(Result::unwrap) {
        let name = entry.file_name().into_string().unwrap();
        if entry.file_type().unwrap().is_dir() {
            found.extend(files_beneath(&entry.path()).iter().map(|below| format!("{name}/{below}")));
        } else {
            found.push(name);
        }
    }
    found.sort();
    found
}

#[test]
fn only_a_certificate_of_a_host_whose_certificate_is_automatic_is_kept() {
    let world = World::new();
    let files = world.write("files", &Leaf::of(&["files.test"]));
    let sites = vec![
        site("a.test", None),
        site("*.b.test", None),
        site("files.test", Some(&files)),
        site("10.0.0.1", None),
    ];
    let (store, _) = world.open(&plan(sites));
    let (now, day) = (begin(), DAY);
    let good = |names: &[&str]| made(names, now - day, now + 90 * day);
    let (chain, key) = good(&["a.test"]);
    let authority = made_with(&["a.test"], now - day, now + day, |parameters| {
        parameters.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    });
    for (host, (chain, key), expected) in [
        ("a.test", (chain.clone(), key.clone()), None),
        ("a.test", good(&["other.test", "a.test"]), None),
        ("*.b.test", good(&["*.b.test"]), None),
        ("x.b.test", good(&["x.b.test"]), Some("not-automatic")),
        ("c.test", good(&["c.test"]), Some("not-automatic")),
        ("files.test", good(&["files.test"]), Some("not-automatic")),
        ("10.0.0.1", good(&["10.0.0.1"]), Some("not-automatic")),
        ("a.test", good(&["b.test"]), Some("name-missing")),
        ("a.test", good(&[]), Some("name-missing")),
        ("a.test", good(&["*.a.test"]), Some("name-missing")),
        ("*.b.test", good(&["x.b.test"]), Some("name-missing")),
        ("a.test", (chain.clone(), good(&["a.test"]).1), Some("key-mismatch")),
        ("a.test", (chain.clone(), chain.clone()), Some("bad-certificate")),
        ("a.test", (key.clone(), key.clone()), Some("bad-certificate")),
        ("a.test", (String::new(), String::new()), Some("bad-certificate")),
        ("a.test", (chain.repeat(9), key), Some("bad-certificate")),
        ("a.test", authority, Some("bad-certificate")),
        ("a.test", made(&["a.test"], now - 90 * day, now - day), Some("validity")),
        ("a.test", made(&["a.test"], now + day, now + 90 * day), Some("validity")),
        ("a.test", made(&["a.test"], now - day, now + 900 * day), Some("validity")),
    ] {
        let kept = store.keep(&pattern(host), &chain, &key, now);
        assert_eq!(kept.as_ref().err().map(certs::NotKept::rule), expected, "{host}: {kept:?}");
    }
    assert_eq!(
        files_beneath(&world.state().path().join("certificates/_obtained")),
        [
            "_wildcard.b.test/certificate.pem",
            "_wildcard.b.test/key.pem",
            "a.test/certificate.pem",
            "a.test/key.pem"
        ]
    );
}
