//! A program that cannot take over leaves everything as it was.

use super::{ending, gate_process, lives, sockets};
use crate::load::Loaded;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};
use testkit::eventually;

/// A program: its name, what it is, its mode, and what `upgrade` says of it.
type Case = (&'static str, Vec<u8>, u32, &'static str);

/// The program with the name of a file changed, so that it fails where it uses it.
fn broken(name: &str, instead: &str) -> Vec<u8> {
    assert_eq!(name.len(), instead.len());
    let mut program = fs::read(env!("CARGO_BIN_EXE_portcullis")).unwrap();
    let places = places_of(name.as_bytes(), &program);
    assert!(!places.is_empty(), "the program does not say {name}");
    for place in places {
        program[place..place + name.len()].copy_from_slice(instead.as_bytes());
    }
    program
}

fn places_of(name: &[u8], program: &[u8]) -> Vec<usize> {
    let starts = (0..=program.len() - name.len()).filter(|&at| program[at] == name[0]);
    starts.filter(|&at| program[at..].starts_with(name)).collect()
}

fn script(text: &str) -> Vec<u8> {
    format!("#!/bin/sh\n{}\n", text.replace("PORTCULLIS", env!("CARGO_BIN_EXE_portcullis"))).into()
}

fn cases() -> Vec<Case> {
    let real = || fs::read(env!("CARGO_BIN_EXE_portcullis")).unwrap();
    let mut cases = vec![
        ("ends-at-once", script("exit 3"), 0o755, "it ended with exit status: 3"),
        ("succeeds-at-once", script("exit 0"), 0o755, "brought up no gate"),
        ("ends-later", script("sleep 0.3; kill -9 $$"), 0o755, "it ended with signal: 9"),
        ("no-program", b"text\n".to_vec(), 0o755, "cannot be tried"),
        ("not-executable", real(), 0o644, "is no program"),
        ("another-in-its-place", script("exec PORTCULLIS \"$@\""), 0o755, "another program"),
        (
            "rehearses-otherwise",
            script("exec PORTCULLIS \"$@\" --threads x"),
            0o755,
            "it ended with exit status: 2",
        ),
        // As what its gate is started.
        ("no-gate", broken("/proc/self/exe", "/proc/self/nix"), 0o755, "the gate cannot be started"),
        // A rehearsal takes no lock.
        (
            "fails-when-it-takes-over",
            broken("admin/lock", "admin/\0ock"),
            0o755,
            "the former program goes on",
        ),
    ];
    if rustix::process::geteuid().is_root() {
        cases.push(("of-others", real(), 0o777, "others than root may write it"));
    }
    cases
}

#[test]
fn a_program_that_fails_leaves_the_former_one_serving() {
    let loaded = Loaded::up();
    let gate = &loaded.gate;
    let (keeper, serving) = (gate.id(), gate_process(gate));
    let mut load = loaded.start();
    let cases = cases();
    load.disturb(cases.len(), Duration::from_millis(100), |number| {
        let (name, program, mode, reason) = &cases[number];
        let path = gate.folder.join(name);
        fs::write(&path, program).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(*mode)).unwrap();
        let since = Instant::now();
        let done = gate.ask(&["upgrade", path.to_str().unwrap()]);
        println!("{name}: {:.1?}: {}", since.elapsed(), done.stderr.trim());
        assert!([1, 3].contains(&done.code()), "{name}: {}{}", done.stdout, done.stderr);
        assert!(done.stderr.contains(reason), "{name}: {}\n{}", done.stderr, gate.stderr());
        let status = gate.status();
        assert_eq!((&status["process"], &status["upgrades"]), (&keeper.into(), &0.into()), "{name}");
        // Gates that were brought up in vain end, with what they took.
        eventually(&format!("{name}: nothing but what serves"), || {
            let status = gate.status();
            let ends = ending(&status).iter().all(|process| *process == serving);
            (ends && sockets(gate).len() <= 3).then_some(())
        });
    });
    let report = load.finish();
    println!("{report}");
    report.assert_nothing_failed();
    assert_eq!(gate.status()["upgrades_failed"], 1);
    assert!(lives(gate_process(gate)));
}
