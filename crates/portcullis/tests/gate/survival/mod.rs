//! A gate that goes on whatever ends: the process that serves, the one that keeps it, the program that both are.

mod crash_loop;
mod draining;
mod failed_upgrades;
mod gate_kills;
mod keeper_kills;
mod upgrades;

use crate::running::Gate;
use serde_json::Value;
use std::fs;
use std::time::Duration;
use testkit::eventually;

/// The process that serves.
fn gate_process(gate: &Gate) -> u32 {
    eventually("a gate that serves", || process(&gate.status()["gate_process"]))
}

fn process(value: &Value) -> Option<u32> {
    value.as_u64().and_then(|process| process.try_into().ok())
}

/// The processes that end.
fn ending(status: &Value) -> Vec<u32> {
    status["gates_ending"].as_array().into_iter().flatten().filter_map(process).collect()
}

/// The memory of the keeper and all its gates.
fn memory(gate: &Gate) -> u64 {
    let status = gate.status();
    let gates = process(&status["gate_process"]).into_iter().chain(ending(&status));
    testkit::process::memory(&gates.chain([gate.id()]).collect::<Vec<u32>>())
}

/// Whether a process runs.
fn lives(process: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with('Z'))
}

/// The sockets in the folder of the state that are names of somebody.
fn sockets(gate: &Gate) -> Vec<String> {
    let entries = fs::read_dir(gate.folder.join("state/admin")).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name == "socket" || name.starts_with("gate-")).collect()
}

/// Ends the service, and sees that nothing of it is left.
fn stop(gate: &Gate, processes: &[u32]) {
    let stopped = gate.ask(&["stop"]);
    assert_eq!(stopped.code(), 0, "{}{}", stopped.stdout, stopped.stderr);
    for process in processes {
        eventually(&format!("the end of process {process}"), || (!lives(*process)).then_some(()));
    }
    assert_eq!(sockets(gate), [""; 0]);
}

/// The median and the longest, in words.
fn summary(mut times: Vec<Duration>) -> String {
    times.sort_unstable();
    let (median, longest) = (times[times.len() / 2], times[times.len() - 1]);
    format!("{} times, median {median:.1?}, longest {longest:.1?}", times.len())
}
