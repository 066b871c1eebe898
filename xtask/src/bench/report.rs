//! Turns what was measured into the page that people read. It measures nothing.

use super::counters::Counters;
use super::peer::Peer;
use super::spread::Spread;
use super::{Measured, Memory, machine};
use std::fmt::Write;

/// One line about a case, for the terminal.
pub(super) fn line(measured: &Measured) -> String {
    let mut line = format!("{}:", measured.case.name);
    for peer in Peer::ALL {
        if let Some(cpu) = cpu(measured, peer) {
            let _ = write!(line, " {} {:.2} µs", peer.name(), cpu.median);
        }
    }
    let _ = write!(line, " ({} rounds, {} discarded)", measured.rounds.len(), measured.discarded);
    line
}

/// The whole page.
pub(super) fn write(
    rounds: usize,
    seconds: f64,
    versions: &[(Peer, String)],
    measured: &[Measured],
    memory: &[Memory],
    counters: &Counters,
) -> String {
    let mut page = introduction(rounds, seconds);
    page.push_str("\n## Machine and versions\n\n| what | value |\n|---|---|\n");
    for (name, value) in machine::facts() {
        let _ = writeln!(page, "| {name} | {value} |");
    }
    for (peer, version) in versions {
        let _ = writeln!(page, "| {} | {version} |", peer.name());
    }
    page.push_str(&times(measured));
    page.push_str(&ratios(measured));
    page.push_str(&memories(memory));
    page.push_str(&counts(counters));
    page.push_str(&checks(measured));
    page.push_str(&settings(versions));
    page
}

fn introduction(rounds: usize, seconds: f64) -> String {
    format!(
        "# Benchmarks\n\n\
        Written by `cargo xtask bench`; run it to repeat all of this. It needs two cores, root, and the Debian packages\n\
        `nginx-light`, `libnginx-mod-stream`, `haproxy`, `caddy`, `nghttp2-client`, `strace` and, with `--callgrind`,\n\
        `valgrind`.\n\n\
        What counts is processor time, user and system, of all processes of a proxy, divided by the answers that a client\n\
        received and checked (status and length; a bad answer ends the run). It is exact (the scheduler's nanoseconds),\n\
        and read while nothing moves. Each proxy has one thread and core 0 for itself; client and backend share core 1.\n\
        Each case has {rounds} rounds of {seconds} s for each proxy, in turns forward and backward. A ratio is taken within a\n\
        round; its median and, in brackets, its quartiles are shown. A round in which the host took more than 1 % of the\n\
        core does not count. All proxies do the same: route by host and path, set the forwarding fields, keep\n\
        connections to the backend open, write an access log to a file, count for metrics. TLS is 1.3 with X25519,\n\
        AES-128-GCM and a P-256 certificate. The TCP relay understands nothing and logs nothing: it is the floor.\n\
        HAProxy serves no files, and writes each line of its log at once.\n"
    )
}

fn times(measured: &[Measured]) -> String {
    let mut text = "\n## Processor time per answer, µs (median)\n\n".to_owned();
    table(
        &mut text,
        "case",
        &Peer::ALL.map(Peer::name),
        measured.iter().map(|one| {
            let cells =
                Peer::ALL.map(|peer| cpu(one, peer).map_or_else(none, |cpu| format!("{:.2}", cpu.median)));
            (one.case.title, cells.to_vec())
        }),
    );
    text
}

fn ratios(measured: &[Measured]) -> String {
    let others = [Peer::Nginx, Peer::Haproxy, Peer::Caddy, Peer::Relay];
    let mut text = "\n## Portcullis by the other (below 1: Portcullis needs less)\n\n".to_owned();
    table(
        &mut text,
        "case",
        &others.map(Peer::name),
        measured.iter().map(|one| {
            let cells = others.map(|peer| {
                ratio(one, peer)
                    .map_or_else(none, |r| format!("{:.2} ({:.2}–{:.2})", r.median, r.low, r.high))
            });
            (one.case.title, cells.to_vec())
        }),
    );
    text
}

fn memories(memory: &[Memory]) -> String {
    let peers = [Peer::Portcullis, Peer::Nginx, Peer::Haproxy, Peer::Caddy];
    let mut text = "\n## Resident memory per idle connection, KiB (after one request each)\n\n".to_owned();
    table(
        &mut text,
        "case",
        &peers.map(Peer::name),
        memory.iter().map(|one| {
            let size = |peer| one.peers.iter().find(|(other, _)| *other == peer).map(|(_, size)| *size);
            let cells = peers.map(|peer| size(peer).map_or_else(none, |size| format!("{size:.2}")));
            (one.case.title, cells.to_vec())
        }),
    );
    text
}

fn counts(counters: &Counters) -> String {
    let mut text = "\n## Counters per request (HTTP/1.1, 256 B)\n\n".to_owned();
    let rows = [("system calls", &counters.calls), ("instructions in user space", &counters.instructions)];
    let rows = rows.into_iter().filter(|(_, counts)| !counts.is_empty());
    table(
        &mut text,
        "counter",
        &Peer::ALL.map(Peer::name),
        rows.map(|(name, counts)| {
            let count = |peer| counts.iter().find(|(other, _)| *other == peer).map(|(_, count)| *count);
            let digits = if name == "system calls" { 2 } else { 0 };
            let cells =
                Peer::ALL.map(|peer| count(peer).map_or_else(none, |count| format!("{count:.digits$}")));
            (name, cells.to_vec())
        }),
    );
    text.push_str(
        "\nPortcullis allocates nothing for a plaintext request in steady state: `crates/gate/tests/allocations.rs`\n\
        counts the allocations of the whole process, with routing, access log and metrics on.\n",
    );
    text
}

fn checks(measured: &[Measured]) -> String {
    let mut text = "\n## Checks\n\n\
        Answers per second are those of a client on a shared core and no score. \"Alone\" is the busy time of core 0 by the\n\
        time of the proxy's processes: 1 means that nothing else worked there and nothing of the proxy's work escaped.\n\n"
        .to_owned();
    let header = ["rounds", "discarded", "answers per second (Portcullis)", "alone (median of all)"];
    table(
        &mut text,
        "case",
        &header,
        measured.iter().map(|one| {
            let all = || one.rounds.iter().flatten();
            let rate =
                all().filter(|(peer, _)| *peer == Peer::Portcullis).map(|(_, sample)| sample.rate).collect();
            let alone = Spread::of(all().map(|(_, sample)| sample.alone).collect());
            let cells = vec![
                one.rounds.len().to_string(),
                one.discarded.to_string(),
                Spread::of(rate).map_or_else(none, |rate| format!("{:.0}", rate.median)),
                alone.map_or_else(none, |alone| format!("{:.2}", alone.median)),
            ];
            (one.case.title, cells)
        }),
    );
    text
}

fn settings(versions: &[(Peer, String)]) -> String {
    let mut text = "\n## Settings\n\nEach has every feature on that the others have:\n\n".to_owned();
    let named = versions.iter().filter(|(peer, _)| !peer.settings().0.is_empty());
    for (peer, _) in named {
        let (file, _) = peer.settings();
        let _ = writeln!(text, "- {}: [{file}](../xtask/bench/{file})", peer.name());
    }
    text
}

/// A Markdown table with numbers to the right.
fn table<'a>(
    text: &mut String,
    first: &str,
    header: &[&str],
    rows: impl Iterator<Item = (&'a str, Vec<String>)>,
) {
    let _ = writeln!(text, "| {first} | {} |", header.join(" | "));
    let _ = writeln!(text, "|---|{}", "---:|".repeat(header.len()));
    for (name, cells) in rows {
        let _ = writeln!(text, "| {name} | {} |", cells.join(" | "));
    }
}

fn none() -> String {
    "–".to_owned()
}

fn cpu(measured: &Measured, peer: Peer) -> Option<Spread> {
    let samples = measured.rounds.iter().flatten().filter(|(other, _)| *other == peer);
    Spread::of(samples.map(|(_, sample)| sample.cpu).collect())
}

/// Portcullis by another, round by round.
fn ratio(measured: &Measured, other: Peer) -> Option<Spread> {
    let of = |round: &[(Peer, super::Sample)], peer| {
        round.iter().find(|(one, _)| *one == peer).map(|(_, sample)| sample.cpu)
    };
    let paired = |round: &Vec<_>| Some(of(round, Peer::Portcullis)? / of(round, other)?);
    Spread::of(measured.rounds.iter().filter_map(paired).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::case::CASES;
    use crate::bench::sample::Sample;

    fn sample(cpu: f64) -> Sample {
        Sample { cpu, rate: 1.0, alone: 1.0, stolen: 0.0 }
    }

    fn measured(rounds: &[(f64, f64)]) -> Measured {
        let round = |(ours, theirs): &(f64, f64)| {
            vec![(Peer::Portcullis, sample(*ours)), (Peer::Nginx, sample(*theirs))]
        };
        Measured { case: &CASES[0], rounds: rounds.iter().map(round).collect(), discarded: 0 }
    }

    #[test]
    fn a_ratio_is_taken_within_a_round() {
        let measured = measured(&[(8.0, 10.0), (80.0, 100.0), (4.0, 5.0)]);
        let ratio = ratio(&measured, Peer::Nginx).map(|ratio| (ratio.low, ratio.median, ratio.high));
        assert_eq!(ratio, Some((0.8, 0.8, 0.8)));
    }

    #[test]
    fn who_was_not_measured_has_no_number() {
        let page = times(&[measured(&[(8.0, 10.0)])]);
        assert!(page.ends_with("| HTTP/1.1, 256 B | 8.00 | 10.00 | – | – | – |\n"), "{page}");
    }
}
