//! The writers of the state, stopped at every call that changes a file: killed before it, or told that the disk is full or
//! broken. The old or the new state is read afterwards, never an error, and the next write leaves nothing lying about.
//!
//! `PORTCULLIS_STATE_STOPS=all` takes every call; without it, every seventh one, others for each kind of stop.

mod disk;
mod trace;

use crate::machine::Machine;
use rustix::process::Signal;
use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::Command;
use testkit::Finished;
use testkit::lab::Host;
use trace::{Call, Stop};

const A: &str = "[firewall]\ninbound = [\"22/tcp\", \"81/tcp\"]\n";
const B: &str = "[firewall]\ninbound = [\"22/tcp\", \"82/tcp\"]\n";
const APPLY: [&str; 4] = ["apply", "--yes", "--console", "--no-trial"];

/// A command that changes the state of a machine, and what may be found after it was stopped.
struct Story<'a> {
    machine: &'a Machine,
    command: &'a [&'a str],
    /// Brings the machine to where the command changes something. The number is another one each time.
    prepare: &'a dyn Fn(usize),
    /// Looks at what was left, and changes it once more.
    judge: &'a dyn Fn(&str, &Finished),
}

impl Story<'_> {
    #[expect(clippy::print_stdout, reason = "how much was tried, for who asks for all of it")]
    fn tell(&self) {
        (self.prepare)(0);
        let calls = trace::calls(self.machine, self.command);
        assert!(calls.len() >= 3, "{:?} writes something: {calls:?}", self.command);
        let mut rounds = 0;
        for (kind, stop) in Stop::ALL.into_iter().enumerate() {
            for call in
                calls.iter().enumerate().filter(|(index, _)| chosen(*index + 2 * kind)).map(|(_, call)| call)
            {
                rounds += 1;
                (self.prepare)(rounds);
                let finished = trace::run(self.machine, self.command, Some((stop, call)));
                let at = format!("{:?}, {stop:?} at {call:?}", self.command);
                assert_stopped(&at, stop, call, &finished);
                (self.judge)(&at, &finished);
                assert_tidy(&at, self.machine.folder.path());
            }
        }
        println!("{:?}: {} calls change files, {rounds} stops", self.command, calls.len());
    }
}

fn chosen(index: usize) -> bool {
    std::env::var("PORTCULLIS_STATE_STOPS").is_ok_and(|text| text == "all") || index.is_multiple_of(7)
}

/// A command that was not killed says what failed, or what it could not write down after all was done.
fn assert_stopped(at: &str, stop: Stop, call: &Call, finished: &Finished) {
    if stop == Stop::Kill {
        assert_eq!(finished.status.signal(), Some(Signal::KILL.as_raw()), "{at}: {finished:?}");
        return;
    }
    // Room for the end of a file that is cut, and what is left beside it, are asked for in vain without harm.
    let said = finished.stderr.contains(stop.text());
    assert!([0, 3].contains(&finished.code()), "{at}: {finished:?}");
    assert!(said || (finished.code() == 0 && call.is_for_tidiness()), "{at}: {finished:?}");
    assert!(!finished.stderr.contains("panicked"), "{at}: {finished:?}");
}

/// Files belong to their owner alone, and none lies there half-written or damaged.
fn assert_tidy(at: &str, folder: &Path) {
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let (path, facts) = (entry.path(), entry.metadata().unwrap());
        if facts.is_dir() {
            assert_tidy(at, &path);
            continue;
        }
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        assert!(!name.ends_with(".new") && !name.contains(".damaged-"), "{at}: {}", path.display());
        let is_state = path.to_string_lossy().contains("/state/") && !facts.file_type().is_socket();
        assert!(!is_state || facts.mode() & 0o7777 == 0o600, "{at}: {}: {:o}", path.display(), facts.mode());
    }
}

fn machine() -> Machine {
    Machine::new(&Host::new("server"), A)
}

/// The status of a machine whose packets are as the state says.
#[track_caller]
fn sound(machine: &Machine, at: &str) -> serde_json::Value {
    let status = machine.status();
    assert_eq!(status["enforced"], true, "{at}: {status}");
    let problems = status["problems"].to_string();
    for word in ["damaged", "not enforced", "not all bans"] {
        assert!(!problems.contains(word), "{at}: {problems}");
    }
    status
}

/// The table with what is in its sets, as the kernel has it.
fn kernel(machine: &Machine) -> String {
    machine.host.output(Command::new("nft").args(["list", "table", "inet", "portcullis"]))
}

/// What a command adds is in its list and in the kernel, or in neither.
#[track_caller]
fn assert_listed_as_enforced(machine: &Machine, at: &str, finished: &Finished, list: &str, added: &str) {
    if finished.status.code().is_none() {
        // Killed between the two: what is listed comes back to the kernel.
        machine.done(&["firewall", "restore"]);
    }
    let listed = machine.done(&[list]).contains(added);
    let enforced = kernel(machine).contains(added);
    assert_eq!(listed, enforced, "{at}: {finished:?}");
    assert!(finished.status.code() != Some(3) || !listed, "{at}: what is refused is not listed");
    sound(machine, at);
}

/// Which of the two policies is in force.
fn policy(machine: &Machine, at: &str) -> char {
    let rules = sound(machine, at)["rules"].to_string();
    match [rules.contains("81/tcp"), rules.contains("82/tcp")] {
        [true, false] => 'a',
        [false, true] => 'b',
        _ => panic!("{at}: {rules}"),
    }
}

#[test]
fn a_stopped_apply_leaves_the_old_or_the_new_policy() {
    let machine = machine();
    let prepare = |_| {
        // The same numbers of snapshots each time, so that their files have the same names.
        let _ = machine.host.finish(Command::new("nft").args(["delete", "table", "inet", "portcullis"]));
        let _ = fs::remove_dir_all(machine.folder.join("state"));
        machine.apply(A);
        machine.write(B);
    };
    let judge = |at: &str, finished: &Finished| {
        let policy = policy(&machine, at);
        if finished.status.code() == Some(3) {
            assert_eq!(policy, 'a', "{at}: what is refused is not in force");
        }
        machine.apply(A);
    };
    Story { machine: &machine, command: &APPLY, prepare: &prepare, judge: &judge }.tell();
}

#[test]
fn a_stopped_confirmation_leaves_the_trial_or_the_new_policy() {
    let machine = machine();
    let prepare = |_| {
        machine.apply(A);
        machine.write(B);
        machine.done(&["apply", "--yes", "--console", "--confirm", "1h"]);
    };
    let judge = |at: &str, finished: &Finished| {
        let status = sound(&machine, at);
        if finished.status.code() == Some(3) {
            assert!(status["trial"].is_object(), "{at}: what is refused is on trial: {status}");
        }
        assert_eq!(policy(&machine, at), 'b', "{at}");
        machine.done(if status["trial"].is_object() { &["rollback"] } else { &APPLY });
        machine.apply(A);
    };
    let command = ["confirm", "--console"];
    Story { machine: &machine, command: &command, prepare: &prepare, judge: &judge }.tell();
}

#[test]
fn a_stopped_ban_is_listed_and_enforced_or_neither() {
    let machine = machine();
    machine.apply(A);
    let prepare = |_| {
        if machine.done(&["bans"]).contains("198.51.100.") {
            machine.done(&["unban", "--all"]);
        }
    };
    let judge = |at: &str, finished: &Finished| {
        assert_listed_as_enforced(&machine, at, finished, "bans", "198.51.100.1");
        machine.done(&["ban", "198.51.100.2"]);
    };
    let command = ["ban", "198.51.100.1"];
    Story { machine: &machine, command: &command, prepare: &prepare, judge: &judge }.tell();
}

#[test]
fn a_stopped_grant_is_listed_and_enforced_or_neither() {
    let machine = machine();
    machine.apply(A);
    let grant = |port: &str, more: &[&str]| {
        machine.done(&[&["grant", port, "--from", "198.51.100.1"], more].concat());
    };
    let prepare = |_| {
        if machine.done(&["grant"]).contains("5432") {
            grant("5432", &["--revoke"]);
        }
    };
    let judge = |at: &str, finished: &Finished| {
        assert_listed_as_enforced(&machine, at, finished, "grant", "5432");
        grant("5433", &[]);
    };
    let command = ["grant", "5432", "--from", "198.51.100.1"];
    Story { machine: &machine, command: &command, prepare: &prepare, judge: &judge }.tell();
}

#[test]
fn a_stopped_edit_leaves_the_old_or_the_new_file() {
    let machine = machine();
    let file = machine.folder.join("portcullis.toml");
    let prepare = |_| machine.write(A);
    let judge = |at: &str, finished: &Finished| {
        let text = fs::read_to_string(&file).unwrap();
        let is_old = text == A;
        assert!(is_old || text.contains("83/tcp"), "{at}: {text}");
        machine.done(&["check"]);
        assert_eq!(fs::metadata(&file).unwrap().mode() & 0o777, 0o644, "{at}: {finished:?}");
        machine.done(&["allow", "84/tcp"]);
    };
    let command = ["allow", "83/tcp"];
    Story { machine: &machine, command: &command, prepare: &prepare, judge: &judge }.tell();
}

#[test]
fn a_stopped_writer_of_certificates_leaves_ones_that_can_be_served() {
    let machine = Machine::new(&Host::new("server"), "[site]\n\"a.test\" = \"localhost:3000\"\n");
    let state = machine.folder.join("state");
    let forget = |names: &[&str]| {
        for path in names.iter().map(|name| state.join(name)).filter(|path| path.exists()) {
            if path.is_dir() { fs::remove_dir_all(path).unwrap() } else { fs::remove_file(path).unwrap() }
        }
    };
    let judge = |at: &str, finished: &Finished| {
        let root = machine.ask(&["cert", "trust"]);
        assert!(root.code == 0 && root.stdout.starts_with("-----BEGIN"), "{at}: {finished:?} {root:?}");
        let list = machine.done(&["cert", "list"]);
        assert!(list.contains("a.test  own authority"), "{at}: {list}");
        assert!(!list.contains("error"), "{at}: {list}");
    };
    let first = |_| forget(&["authority", "certificates"]);
    Story { machine: &machine, command: &["cert", "trust"], prepare: &first, judge: &judge }.tell();
    let leaf = |_| forget(&["certificates"]);
    Story { machine: &machine, command: &["cert", "list"], prepare: &leaf, judge: &judge }.tell();
    let renewal = |_| forget(&["certificates/a.test/certificate.pem"]);
    Story { machine: &machine, command: &["cert", "list"], prepare: &renewal, judge: &judge }.tell();
}
