//! A gate that hangs: the keeper finds it and starts another one, and nobody is refused meanwhile.

use crate::running::Gate;
use rustix::process::{Pid, Signal};
use std::time::{Duration, Instant};
use testkit::eventually;

#[test]
fn a_gate_that_hangs_is_replaced_and_who_waits_is_answered() {
    let gate = Gate::any_host("respond = \"here\"\n");
    let status = || -> serde_json::Value {
        serde_json::from_str(&gate.ask(&["status", "--json"]).stdout).expect("a status")
    };
    let hung = status()["gate_process"].as_u64().unwrap();
    let process = Pid::from_raw(i32::try_from(hung).unwrap()).unwrap();
    rustix::process::kill_process(process, Signal::STOP).unwrap();
    // A thread that is not stopped yet would take the connection, and lose it.
    eventually("every thread to stop", || is_stopped(hung).then_some(()));
    let began = Instant::now();
    let mut waiting = gate.raw();
    waiting.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
    assert_eq!(waiting.response("GET").text(), "here");
    // A look begins each second, and waits for 5 s.
    assert!(began.elapsed() < Duration::from_secs(9), "{:?}", began.elapsed());
    let told = format!("the gate (process {hung}) has not answered for 5 s and is ended");
    assert!(gate.stderr().contains(&told), "{}", gate.stderr());
    eventually("another gate", || status()["gate_process"].as_u64().filter(|now| *now != hung));
    assert_eq!(status()["gate_deaths"], 1);
}

fn is_stopped(process: u64) -> bool {
    let mut threads = std::fs::read_dir(format!("/proc/{process}/task")).unwrap();
    threads.all(|thread| {
        let stat = std::fs::read_to_string(thread.unwrap().path().join("stat")).unwrap();
        stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('T'))
    })
}
