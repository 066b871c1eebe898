//! Portcullis beside nginx, HAProxy and Caddy in one run: processor time per answer and memory per connection.
//!
//! Each proxy has core 0 for itself and one thread; client and backend share core 1. Rounds are interleaved, first
//! forward, then backward, and ratios are taken within a round, so that what the machine does meanwhile meets all.

pub(crate) mod backend;
mod case;
pub(crate) mod client;
mod clock;
mod counters;
pub(crate) mod firewall;
mod lab;
mod machine;
mod peer;
mod poll;
pub(crate) mod relay;
pub(crate) mod reloads;
mod report;
mod sample;
pub(crate) mod sites;
mod spread;

use crate::{Outcome, workspace};
use case::{CASES, Case};
use client::Mode;
use counters::Counters;
use lab::{Lab, Programs, Proxy};
use peer::Peer;
use sample::{Sample, Work};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The part of a core's time that the host may take before a round does not count.
const MOST_STOLEN: f64 = 0.01;
/// The heading of the last section of the report.
const FIREWALL: &str = "\n## The firewall\n";
/// File descriptors that each process may have.
const DESCRIPTORS: u64 = 20_000;

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Two short rounds, and no report: to see that it works
    #[arg(long)]
    quick: bool,
    /// One case only
    #[arg(long, value_parser = CASES.each_ref().map(|case| case.name))]
    case: Option<String>,
    /// Rounds of each case
    #[arg(long, default_value_t = 10)]
    rounds: usize,
    /// Seconds of each proxy in a round
    #[arg(long, default_value_t = 4.0)]
    seconds: f64,
    /// Only these proxies
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Peer>,
    /// Also count instructions, which takes minutes
    #[arg(long)]
    callgrind: bool,
    /// A program to measure in place of a release build
    #[arg(long)]
    portcullis: Option<PathBuf>,
    /// Where the report goes
    #[arg(long, default_value = "docs/benchmarks.md")]
    output: PathBuf,
}

/// What was measured of one case: a list of rounds, each with a sample of each peer that can do it.
struct Measured {
    case: &'static Case,
    rounds: Vec<Vec<(Peer, Sample)>>,
    /// Rounds that did not count because the host took time.
    discarded: usize,
}

/// KiB per idle connection.
struct Memory {
    case: &'static Case,
    peers: Vec<(Peer, f64)>,
}

/// Measures and writes the report.
pub(crate) fn run(options: &Options) -> Outcome {
    machine::check()?;
    raise_descriptors()?;
    let peers = if options.only.is_empty() { Peer::ALL.to_vec() } else { options.only.clone() };
    let lab = Lab::new(programs(options.quick, options.portcullis.as_deref(), &peers)?)?;
    let versions =
        peers.iter().map(|peer| Ok((*peer, peer.version(&lab)?))).collect::<Result<Vec<_>, String>>()?;
    let chosen = || CASES.iter().filter(|case| options.case.as_ref().is_none_or(|name| name == case.name));
    let measured = measure(options, &lab, &peers, chosen().filter(|case| case.mode != Mode::Idle))?;
    let memory = memory(&lab, &peers, chosen().filter(|case| case.mode == Mode::Idle))?;
    let plain = chosen().find(|case| case.name == "plain");
    let counters = plain.map(|case| counters::count(&lab, case, &peers, options.callgrind)).transpose()?;
    finish(options, &versions, &measured, &memory, &counters.unwrap_or_default())
}

fn finish(
    options: &Options,
    versions: &[(Peer, String)],
    measured: &[Measured],
    memory: &[Memory],
    counters: &Counters,
) -> Outcome {
    let text = report::write(options.rounds, options.seconds, versions, measured, memory, counters);
    if options.quick || options.case.is_some() || !options.only.is_empty() {
        println!("{text}");
        println!("a part of the measurement; no report is written");
        return Ok(());
    }
    let path = workspace::root().join(&options.output);
    std::fs::write(&path, text + &kept(&std::fs::read_to_string(&path).unwrap_or_default()))?;
    println!("wrote {}", path.display());
    Ok(())
}

/// The part of an earlier report that others write, from its heading on.
fn kept(report: &str) -> String {
    let others = [reloads::HEADING, FIREWALL];
    let first = others.iter().filter_map(|heading| report.find(heading)).min();
    first.map(|at| report[at..].to_owned()).unwrap_or_default()
}

fn raise_descriptors() -> Outcome {
    let limit = rustix::process::Rlimit { current: Some(DESCRIPTORS), maximum: Some(DESCRIPTORS) };
    rustix::process::setrlimit(rustix::process::Resource::Nofile, limit)
        .map_err(|error| format!("{DESCRIPTORS} file descriptors are needed: {error}").into())
}

/// What is run: release builds of the workspace, but for what was named, and but for a quick look, where a client that
/// costs more does no harm.
fn programs(
    quick: bool,
    portcullis: Option<&Path>,
    peers: &[Peer],
) -> Result<Programs, Box<dyn std::error::Error>> {
    let root = workspace::root();
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    let mut programs =
        Programs { portcullis: target.join("release/portcullis"), xtask: target.join("release/xtask") };
    let mut build = Command::new(env!("CARGO"));
    build.args(["build", "--release", "--locked"]).current_dir(&root);
    let plain = build.get_args().count();
    match portcullis {
        Some(program) => {
            let missing = |error| format!("{}: {error}", program.display());
            programs.portcullis = program.canonicalize().map_err(missing)?;
        }
        None if peers.contains(&Peer::Portcullis) => {
            build.args(["--package", "portcullis"]);
        }
        None => {}
    }
    if quick {
        programs.xtask = std::env::current_exe()?;
    } else {
        build.args(["--package", "xtask"]);
    }
    if build.get_args().count() > plain && !build.status()?.success() {
        return Err("the release build failed".into());
    }
    Ok(programs)
}

fn measure(
    options: &Options,
    lab: &Lab,
    peers: &[Peer],
    cases: impl Iterator<Item = &'static Case>,
) -> Result<Vec<Measured>, Box<dyn std::error::Error>> {
    let (rounds, seconds) = if options.quick { (2, 1.0) } else { (options.rounds, options.seconds) };
    let proxies: Vec<(Peer, Proxy)> = peers
        .iter()
        .map(|peer| Ok((*peer, lab.start(*peer)?)))
        .collect::<Result<_, Box<dyn std::error::Error>>>()?;
    let mut all = Vec::new();
    for case in cases {
        let mut measured = Measured { case, rounds: Vec::new(), discarded: 0 };
        for number in 0..rounds {
            let round = round(lab, case, &proxies, number % 2 == 1, Work::Seconds(seconds))?;
            if round.iter().any(|(_, sample)| sample.stolen > MOST_STOLEN) {
                measured.discarded += 1;
            } else {
                measured.rounds.push(round);
            }
        }
        println!("{}", report::line(&measured));
        all.push(measured);
    }
    Ok(all)
}

fn round(
    lab: &Lab,
    case: &Case,
    proxies: &[(Peer, Proxy)],
    backward: bool,
    work: Work,
) -> Result<Vec<(Peer, Sample)>, Box<dyn std::error::Error>> {
    let mut order: Vec<_> = proxies.iter().filter(|(peer, _)| peer.can(case)).collect();
    if backward {
        order.reverse();
    }
    let mut samples = Vec::new();
    for (peer, proxy) in order {
        let sample = sample::sample(lab, case, proxy, work);
        samples.push((*peer, sample.map_err(|error| format!("{}, {}: {error}", case.name, peer.name()))?));
    }
    Ok(samples)
}

fn memory(
    lab: &Lab,
    peers: &[Peer],
    cases: impl Iterator<Item = &'static Case>,
) -> Result<Vec<Memory>, Box<dyn std::error::Error>> {
    let mut all = Vec::new();
    for case in cases {
        let mut memory = Memory { case, peers: Vec::new() };
        for peer in peers.iter().filter(|peer| **peer != Peer::Relay && peer.can(case)) {
            let proxy = lab.start(*peer)?;
            let size = sample::memory(lab, case, &proxy);
            let size = size.map_err(|error| format!("{}, {}: {error}", case.name, peer.name()))?;
            println!("{}, {}: {size:.2} KiB", case.title, peer.name());
            memory.peers.push((*peer, size));
        }
        all.push(memory);
    }
    Ok(all)
}
