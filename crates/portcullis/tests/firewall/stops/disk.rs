//! A disk that really is full: a small file system of memory, mounted where nobody else sees it.

use super::{A, APPLY, B};
use crate::machine::Machine;
use std::fs;
use std::process::Command;
use testkit::Finished;
use testkit::lab::Host;

/// Runs lines of shell with the state on a file system of 64 KiB. `p` is the program, `says CODE ...` runs it and fails
/// where the exit code is another one.
fn on_a_small_disk(machine: &Machine, script: &str) -> Finished {
    const BEFORE: &str = "set -eu
        mkdir -p state && mount -t tmpfs -o size=64k,mode=700 none state
        p() { \"$PROGRAM\" \"$@\" --state state; }
        says() { wanted=$1; shift; code=0; p \"$@\" >said 2>&1 || code=$?; cat said
                 test $code = $wanted || { echo \"$* ended with $code and not $wanted\" >&2; exit 1; }; }
        until_refused() { while p ban 203.0.113.7 --replace \"$@\" >/dev/null 2>&1; do :; done; }
        # Also what is left of the last page of the journal.
        fill() { dd if=/dev/zero of=state/filler bs=4096 2>/dev/null || true
                 until_refused --note $(printf 'x%.0s' $(seq 200)); until_refused --note x; }\n";
    let mut command = Command::new("unshare");
    command.args(["--mount", "--propagation", "private", "sh", "-c", &format!("{BEFORE}{script}")]);
    command.current_dir(machine.folder.path()).env_clear().env("PATH", "/usr/bin:/usr/sbin:/bin:/sbin");
    command.env("PROGRAM", env!("CARGO_BIN_EXE_portcullis"));
    let finished = machine.host.finish(&mut command);
    assert_eq!(finished.code(), 0, "{finished:?}");
    finished
}

fn machine() -> Machine {
    let machine = Machine::new(&Host::new("server"), A);
    fs::write(machine.folder.join("b.toml"), B).unwrap();
    machine
}

#[test]
fn commands_on_a_full_disk_change_nothing_and_say_why() {
    let machine = machine();
    let apply = APPLY.join(" ");
    let finished = on_a_small_disk(
        &machine,
        &format!(
            "says 0 {apply}
            says 0 ban 198.51.100.1
            fill
            says 3 ban 198.51.100.2
            says 3 {apply} b.toml
            says 3 grant 5432 --from 198.51.100.9
            says 0 status
            says 0 bans
            rm state/filler
            says 0 ban 198.51.100.2
            says 0 {apply} b.toml
            ls -A state/firewall state/firewall/snapshots"
        ),
    );
    let said = &finished.stdout;
    assert_eq!(said.matches("nothing is changed: cannot use ").count(), 3, "{said}");
    assert_eq!(said.matches("No space left on device").count(), 3, "{said}");
    assert_eq!(said.matches("hint: make room on its file system").count(), 3, "{said}");
    assert!(said.contains("state/firewall is full; what is in force stays"), "{said}");
    assert!(!said.contains(".new") && !said.contains("damaged"), "{said}");
}

#[test]
fn a_gate_on_a_full_disk_goes_on_and_says_it() {
    let machine = machine();
    let finished = on_a_small_disk(
        &machine,
        &format!(
            "says 0 {}
            start() {{ p up --threads 1 >up 2>&1 & gate=$!; until p status >said 2>&1 && grep -q '^gate' said; do kill -0 $gate; sleep 0.05; done; }}
            start
            fill
            says 3 ban 198.51.100.2
            says 0 status
            says 0 stop
            wait $gate
            start
            echo again: && says 0 status
            rm state/filler
            says 0 ban 198.51.100.2
            says 0 stop",
            APPLY.join(" ")
        ),
    );
    let (said, again) = finished.stdout.split_once("again:").unwrap();
    for said in [said, again] {
        assert!(said.contains("state/firewall is full; what is in force stays"), "{finished:?}");
    }
}
