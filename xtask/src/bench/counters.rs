//! What does not depend on the machine's mood: system calls per request (strace) and instructions per request in user
//! space (callgrind, as the difference of a long and a short run).

use super::case::Case;
use super::clock;
use super::lab::{Lab, Proxy};
use super::peer::Peer;
use super::sample::{self, Work};
use std::fs;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

type Failure = Box<dyn std::error::Error>;

/// Requests that are counted under strace.
const TRACED: u64 = 20_000;
/// Requests of the short and the long run under callgrind.
const SHORT: u64 = 1000;
const LONG: u64 = 11_000;

/// Counts per request.
#[derive(Default)]
pub(super) struct Counters {
    pub(super) calls: Vec<(Peer, f64)>,
    pub(super) instructions: Vec<(Peer, f64)>,
}

/// Counts for every peer that can do the case; instructions only for those that callgrind can run.
pub(super) fn count(lab: &Lab, case: &Case, peers: &[Peer], callgrind: bool) -> Result<Counters, Failure> {
    let mut counters = Counters::default();
    for peer in peers.iter().filter(|peer| peer.can(case)) {
        let proxy = lab.start(*peer)?;
        counters.calls.push((*peer, calls(lab, case, &proxy)?));
    }
    for peer in [Peer::Portcullis, Peer::Nginx] {
        if callgrind && peers.contains(&peer) {
            let (short, long) = (instructions(lab, case, peer, SHORT)?, instructions(lab, case, peer, LONG)?);
            counters.instructions.push((peer, long.saturating_sub(short) as f64 / (LONG - SHORT) as f64));
        }
    }
    Ok(counters)
}

fn calls(lab: &Lab, case: &Case, proxy: &Proxy) -> Result<f64, Failure> {
    let client = sample::client(lab, case, proxy, Work::Requests(TRACED))?;
    let summary = lab.path("strace.txt");
    let mut strace = Command::new("strace");
    strace.args(["-c", "-f", "-q", "-o", &summary]).stderr(Stdio::null());
    for process in clock::family(proxy.process()) {
        strace.args(["-p", &process.to_string()]);
    }
    let mut strace = strace.spawn().map_err(|error| format!("strace: {error}"))?;
    wait_for_tracer(proxy.process(), strace.id())?;
    let (answers, _) = client.work()?;
    if let Some(process) = rustix::process::Pid::from_raw(i32::try_from(strace.id())?) {
        rustix::process::kill_process(process, rustix::process::Signal::INT)?;
    }
    strace.wait()?;
    let total = total_calls(&fs::read_to_string(&summary)?).ok_or("strace gave no total")?;
    Ok(total as f64 / answers)
}

/// Attaching takes a moment; the kernel says when it is done.
fn wait_for_tracer(process: u32, tracer: u32) -> Result<(), Failure> {
    let end = Instant::now() + Duration::from_secs(5);
    let wanted = format!("TracerPid:\t{tracer}");
    while Instant::now() < end {
        let traced = |process: &u32| {
            let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
            status.lines().any(|line| line == wanted)
        };
        if clock::family(process).iter().all(traced) {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Err("strace does not attach".into())
}

/// The number of calls in the last line of a summary: `100.00 0.1 1 12345 67 total`.
fn total_calls(summary: &str) -> Option<u64> {
    let line = summary.lines().find(|line| line.trim_end().ends_with(" total"))?;
    line.split_whitespace().nth(3)?.parse().ok()
}

fn instructions(lab: &Lab, case: &Case, peer: Peer, requests: u64) -> Result<u64, Failure> {
    let pattern = lab.path("callgrind.%p");
    let output = format!("--callgrind-out-file={pattern}");
    let proxy = lab.start_under(peer, &["valgrind", "--tool=callgrind", "--trace-children=no", &output])?;
    let processes = clock::family(proxy.process());
    sample::client(lab, case, &proxy, Work::Requests(requests))?.work()?;
    drop(proxy);
    let mut total = 0;
    for process in processes {
        let path = lab.path(&format!("callgrind.{process}"));
        total += total_instructions(&fs::read_to_string(&path).unwrap_or_default()).unwrap_or(0);
        let _ = fs::remove_file(path);
    }
    if total == 0 { Err(format!("callgrind counted nothing of {}", peer.name()).into()) } else { Ok(total) }
}

/// The sum of a profile: `totals: 123`, or `summary: 123` where there is none.
fn total_instructions(profile: &str) -> Option<u64> {
    let line = |name: &str| profile.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok());
    line("totals:").or_else(|| line("summary:"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_total_of_a_summary_is_its_calls() {
        let text = "% time seconds usecs/call calls errors syscall\n100.00 0.5 1 80000 12 total\n";
        assert_eq!(total_calls(text), Some(80_000));
        assert_eq!(total_calls("nothing"), None);
    }

    #[test]
    fn the_sum_of_a_profile_is_its_totals() {
        assert_eq!(total_instructions("events: Ir\nsummary: 5\ntotals: 6\n"), Some(6));
        assert_eq!(total_instructions("summary: 5\n"), Some(5));
    }
}
