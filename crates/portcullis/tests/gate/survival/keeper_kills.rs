//! The process that keeps the gate is killed, under load, and started again.

use super::{gate_process, lives, sockets, stop, summary};
use crate::load::{Loaded, setting};
use crate::running::Gate;
use crate::tunnel::Open;
use rustix::process::{Pid, Signal};
use std::time::{Duration, Instant};

const PAUSE: Duration = Duration::from_millis(500);

#[test]
fn nothing_is_lost_when_the_keeper_is_killed() {
    let kills = setting("PORTCULLIS_TEST_KEEPER_KILLS", 3);
    let mut loaded = Loaded::up();
    let serving = gate_process(&loaded.gate);
    let mut load = loaded.start();
    let mut times = Vec::new();
    load.disturb(kills, PAUSE, |_| {
        loaded.gate.kill_keeper();
        let since = Instant::now();
        loaded.gate.start_keeper();
        times.push(since.elapsed());
        assert_eq!(gate_process(&loaded.gate), serving);
    });
    load.disturb(1, PAUSE, |_| loaded.reload(1));
    let report = load.finish();
    println!("{report}");
    println!("from a start to an answer of the next keeper: {}", summary(times));
    report.assert_nothing_was_lost();
    let status = loaded.gate.status();
    assert_eq!((&status["gate_deaths"], &status["gates_ending"]), (&0.into(), &serde_json::json!([])));
    assert_eq!(sockets(&loaded.gate).len(), 2);
    stop(&loaded.gate, &[loaded.gate.id(), serving]);
}

#[test]
fn a_gate_without_a_keeper_is_seen_and_can_be_stopped() {
    let loaded = Loaded::up();
    let Loaded { mut gate, hello: _hello } = loaded;
    let serving = gate_process(&gate);
    let mut socket = Open::new(&gate, "a.test");
    gate.kill_keeper();
    for _ in 0..2 {
        let status = gate.ask(&["status"]);
        assert_eq!(status.code(), 1, "{}", status.stderr);
        assert!(status.stdout.contains("gate  serves without its keeper"), "{}", status.stdout);
    }
    for command in ["reload", "upgrade"] {
        let refused = gate.ask(&[command]);
        assert_eq!(refused.code(), 1, "{command}: {}", refused.stderr);
        assert!(
            refused.stderr.contains("the gate serves without its keeper"),
            "{command}: {}",
            refused.stderr
        );
    }
    socket.echoes(b"it serves on");
    gate.start_keeper();
    assert_eq!(gate_process(&gate), serving);
    socket.echoes(b"and on");
    gate.kill_keeper();
    drop(socket);
    stop(&gate, &[serving]);
    assert!(std::net::TcpStream::connect(gate.http).is_err());
    let status = gate.ask(&["status"]);
    assert_ne!(status.code(), 0);
    assert!(!status.stdout.contains("keeper"), "{}", status.stdout);
}

#[test]
fn lists_of_processes_name_the_gate() {
    let gate = Gate::any_host("routes = { \"/\" = { respond = \"here\" } }\n");
    let name = std::fs::read_to_string(format!("/proc/{}/comm", gate_process(&gate)));
    assert_eq!(name.unwrap(), "portcullis-gate\n");
}

#[test]
fn a_gate_that_died_without_a_keeper_leaves_nothing_in_the_way() {
    let mut gate = Gate::any_host("routes = { \"/\" = { respond = \"here\" } }\n");
    let serving = gate_process(&gate);
    gate.kill_keeper();
    testkit::load::kill(serving);
    let stopped = gate.ask(&["stop"]);
    assert_eq!(stopped.code(), 1, "{}", stopped.stderr);
    assert!(stopped.stderr.contains("no gate answers"), "{}", stopped.stderr);
    gate.start_keeper();
    assert_eq!(gate.get("a.test", "/").text(), "here");
    assert_eq!(sockets(&gate).len(), 2, "{:?}", sockets(&gate));
}

/// Has a gate hang that has lost its keeper; with its process.
fn hanging() -> (Gate, u32) {
    let mut gate = Gate::any_host("routes = { \"/\" = { respond = \"here\" } }\n");
    let serving = gate_process(&gate);
    gate.kill_keeper();
    let process = Pid::from_raw(serving.cast_signed()).expect("a number");
    rustix::process::kill_process(process, Signal::STOP).unwrap();
    (gate, serving)
}

#[test]
fn a_gate_that_hangs_without_a_keeper_is_ended_by_the_next_one() {
    let (mut gate, former) = hanging();
    gate.start_keeper();
    assert_eq!(gate.get("a.test", "/").text(), "here");
    assert!(!lives(former));
    let told = format!("the gate of a former keeper (process {former}) is ended: it does not answer");
    assert!(gate.stderr().contains(&told), "{}", gate.stderr());
    assert_eq!(sockets(&gate).len(), 2);
}

#[test]
fn a_gate_that_hangs_without_a_keeper_is_ended_by_stop() {
    let (gate, former) = hanging();
    stop(&gate, &[former]);
    assert!(std::net::TcpStream::connect(gate.http).is_err());
}
