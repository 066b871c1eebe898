//! Gates whose keeper is gone: seen without a word to them, and ended for an operator who wants no further keeper.

use super::identity;
use super::predecessors::{Predecessor, find};
use super::start::PREFIX;
use link::{Numbered, Order, Patience};
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

/// The sockets that processes hold, by name (proc_net(5)).
const UNIX_SOCKETS: &str = "/proc/net/unix";

/// Whether a gate awaits a keeper in this folder. It does not notice that it is looked for.
pub(crate) fn are_in(folder: &Path) -> bool {
    // What cannot be read has nothing in it for this caller.
    let (Ok(entries), Ok(held)) = (fs::read_dir(folder), fs::read_to_string(UNIX_SOCKETS)) else {
        return false;
    };
    let names: Vec<_> = entries.flatten().map(|entry| entry.file_name()).collect();
    // The names are never given twice, so that the folder may be spelt otherwise than when they were.
    let is_here =
        |path: &str| Path::new(path).file_name().is_some_and(|name| names.iter().any(|own| own == name));
    let paths = held.lines().filter_map(|line| line.get(line.find('/')?..));
    paths.filter(|path| path.contains(PREFIX)).any(is_here)
}

/// Has the gates in this folder end within `total`. Answers whether all have, where it waits so long. One that was
/// ending already has no longer than that, and one that does not answer is ended at once.
pub(crate) fn end(folder: &Path, total: Duration, wait: Duration) -> bool {
    let now = Instant::now();
    let (deadline, cut) = (now + wait, now + wait.min(total));
    let found = find(folder);
    let is_all = !found.is_in_part();
    let (predecessors, sockets) = found.split();
    // What is open anywhere takes connections.
    drop(sockets);
    predecessors.gates.iter().for_each(|gate| begin(gate, total));
    let is_over = |gate: &Predecessor| {
        let until = if gate.hello.draining { cut } else { deadline };
        let mut is_over = gate.process.is_over_within(until.saturating_duration_since(Instant::now()));
        if gate.hello.draining && !is_over {
            gate.process.kill();
            is_over = true;
        }
        if is_over {
            identity::forget(&gate.place);
        }
        is_over
    };
    predecessors.gates.iter().all(is_over) && is_all
}

fn begin(gate: &Predecessor, total: Duration) {
    let order = Order::Drain(Patience { total, handed_over: false });
    // One that is ending obeys nobody any more.
    if !gate.hello.draining && gate.channel.send(&Numbered { number: 0, order }, &[]).is_err() {
        gate.process.kill();
    }
}
