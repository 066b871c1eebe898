//! What many sites cost: the start until the last of them answers, and a reload after one of them changed.
//!
//! The processor time of a reload is that of all processes of the proxy, and of the command where one is needed, from the
//! order until a second after the new text was served: whoever goes on working then is still at it.

mod ask;
mod farm;

use super::clock;
use super::spread::Spread;
use crate::{Outcome, workspace};
use ask::Asker;
use farm::Farm;
use std::collections::HashMap;
use std::error::Error;
use std::fmt::Write;
use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Where the report stands.
const HEADING: &str = "\n## Ten thousand sites\n";

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Sites, each with its certificate
    #[arg(long, default_value_t = 10_000)]
    sites: usize,
    /// Starts of each proxy
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Reloads in each round
    #[arg(long, default_value_t = 3)]
    reloads: usize,
    /// Only these proxies
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Rival>,
    /// The program to measure: a release build
    #[arg(long)]
    portcullis: PathBuf,
    /// Where the report goes
    #[arg(long, default_value = "docs/benchmarks.md")]
    output: PathBuf,
}

/// Who is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Rival {
    Portcullis,
    Nginx,
    Haproxy,
    Caddy,
}

impl Rival {
    const ALL: [Self; 4] = [Self::Portcullis, Self::Nginx, Self::Haproxy, Self::Caddy];

    const fn name(self) -> &'static str {
        match self {
            Self::Portcullis => "Portcullis",
            Self::Nginx => "nginx",
            Self::Haproxy => "HAProxy",
            Self::Caddy => "Caddy",
        }
    }

    fn command(self, farm: &Farm, portcullis: &std::path::Path) -> Command {
        let path = |name: &str| farm.path(name).display().to_string();
        let (program, arguments) = match self {
            Self::Portcullis => {
                (portcullis, vec!["up".into(), path("portcullis.toml"), "--threads".into(), "2".into()])
            }
            Self::Nginx => ("nginx".as_ref(), vec!["-c".into(), path("nginx.conf"), "-p".into(), path("")]),
            Self::Haproxy => {
                ("haproxy".as_ref(), vec!["-W".into(), "-db".into(), "-f".into(), path("haproxy.cfg")])
            }
            Self::Caddy => ("caddy".as_ref(), vec!["run".into(), "--config".into(), path("caddy.json")]),
        };
        let mut command = Command::new(program);
        command.args(arguments).current_dir(farm.path("")).env("HOME", farm.path(""));
        command
    }

    /// Has a running proxy read its settings again.
    fn reload(self, process: u32, farm: &Farm) -> Outcome {
        let signal = match self {
            Self::Portcullis | Self::Nginx => rustix::process::Signal::HUP,
            Self::Haproxy => rustix::process::Signal::USR2,
            Self::Caddy => {
                let address = format!("unix/{}", farm.path("caddy.sock").display());
                let mut command = Command::new("caddy");
                command.args(["reload", "--address", &address, "--config"]).arg(farm.path("caddy.json"));
                let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status()?;
                return if status.success() { Ok(()) } else { Err(format!("caddy reload: {status}").into()) };
            }
        };
        let process =
            i32::try_from(process).ok().and_then(rustix::process::Pid::from_raw).ok_or("no process")?;
        Ok(rustix::process::kill_process(process, signal)?)
    }
}

/// What was measured, in milliseconds and MiB.
#[derive(Default)]
struct Measured {
    start_wall: Vec<f64>,
    start_cpu: Vec<f64>,
    reload_wall: Vec<f64>,
    reload_cpu: Vec<f64>,
    memory: Vec<f64>,
}

/// Measures, and writes the section of the report.
pub(crate) fn run(options: &Options) -> Outcome {
    let rivals = if options.only.is_empty() { Rival::ALL.to_vec() } else { options.only.clone() };
    let farm = Farm::new(options.sites, super::peer::free()?)?;
    let asker = Asker::new(&farm)?;
    let mut all: Vec<(Rival, Measured)> =
        rivals.into_iter().map(|rival| (rival, Measured::default())).collect();
    for _ in 0..options.rounds {
        for (rival, measured) in &mut all {
            round(*rival, options, &farm, &asker, measured)
                .map_err(|error| format!("{}: {error}", rival.name()))?;
        }
    }
    let table = table(options, &all);
    println!("{table}");
    if all.len() == Rival::ALL.len() {
        let path = workspace::root().join(&options.output);
        fs::write(&path, replaced(&fs::read_to_string(&path)?, &table))?;
        println!("wrote {}", path.display());
    }
    Ok(())
}

fn round(rival: Rival, options: &Options, farm: &Farm, asker: &Asker, measured: &mut Measured) -> Outcome {
    let (middle, last) = (farm.sites / 2, farm.sites - 1);
    farm.write(rival, "as it was")?;
    let output = File::create(farm.path("output.log"))?;
    let mut command = rival.command(farm, &options.portcullis);
    let started = Instant::now();
    let proxy = Running(command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output).spawn()?);
    let process = proxy.0.id();
    asker.until(last, &format!("hello {last}")).map_err(|error| said(farm, error.as_ref()))?;
    measured.start_wall.push(milliseconds(started.elapsed()));
    measured.start_cpu.push(times(process).values().sum::<u64>() as f64 / 1e6);
    std::thread::sleep(Duration::from_secs(1));
    measured.memory.push(memory(process) as f64 / 1024.0);
    for number in 0..options.reloads {
        let mark = format!("changed {number}");
        farm.write(rival, &mark)?;
        let (before, commands) = (times(process), waited());
        let ordered = Instant::now();
        rival.reload(process, farm)?;
        asker.until(middle, &mark).map_err(|error| said(farm, error.as_ref()))?;
        measured.reload_wall.push(milliseconds(ordered.elapsed()));
        std::thread::sleep(Duration::from_secs(1));
        let spent = |(process, time): (&u32, &u64)| time.saturating_sub(*before.get(process).unwrap_or(&0));
        let cpu = times(process).iter().map(spent).sum::<u64>() + (waited() - commands);
        measured.reload_cpu.push(cpu as f64 / 1e6);
    }
    Ok(())
}

fn said(farm: &Farm, error: &dyn Error) -> String {
    let output = fs::read_to_string(farm.path("output.log")).unwrap_or_default();
    format!("{error}\n{}", output.lines().take(20).collect::<Vec<_>>().join("\n"))
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// Nanoseconds that each process of a proxy has run.
fn times(root: u32) -> HashMap<u32, u64> {
    clock::family(root).into_iter().map(|process| (process, clock::processor_time(&[process]))).collect()
}

/// Nanoseconds of the commands that have ended, in ticks of 10 ms.
fn waited() -> u64 {
    let text = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = text.rsplit(") ").next().unwrap_or_default().split(' ');
    fields.skip(13).take(2).filter_map(|ticks| ticks.parse::<u64>().ok()).sum::<u64>() * 10_000_000
}

/// KiB of a proxy's processes; what they share counts once.
fn memory(root: u32) -> u64 {
    let one = |process: u32| {
        let text = fs::read_to_string(format!("/proc/{process}/smaps_rollup")).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("Pss:"));
        line.and_then(|rest| rest.trim().trim_end_matches(" kB").parse::<u64>().ok()).unwrap_or(0)
    };
    clock::family(root).into_iter().map(one).sum()
}

fn table(options: &Options, all: &[(Rival, Measured)]) -> String {
    let mut text = format!(
        "Written by `cargo xtask bench-sites --portcullis target/release/portcullis`, as root: {} sites, each with a\n\
        certificate of its own (P-256) and three routes, half of them with a service of their own; two threads or workers.\n\
        A start ends when the last site answers over TLS; for a reload the text of one site is changed. Processor time is\n\
        that of all processes. Medians of {} starts and {} reloads.\n\n\
        | | start, ms | processor time, ms | memory, MiB | reload, ms | processor time, ms |\n\
        |---|---:|---:|---:|---:|---:|\n",
        options.sites,
        options.rounds,
        options.rounds * options.reloads,
    );
    for (rival, measured) in all {
        let median = |numbers: &Vec<f64>| Spread::of(numbers.clone()).map_or(0.0, |spread| spread.median);
        let _ = writeln!(
            text,
            "| {} | {:.0} | {:.0} | {:.0} | {:.0} | {:.0} |",
            rival.name(),
            median(&measured.start_wall),
            median(&measured.start_cpu),
            median(&measured.memory),
            median(&measured.reload_wall),
            median(&measured.reload_cpu),
        );
    }
    text
}

/// The report with another section.
fn replaced(report: &str, section: &str) -> String {
    let at = report.find(HEADING);
    let before = report[..at.unwrap_or(report.len())].trim_end();
    let after = at.map_or("", |at| &report[at + HEADING.len()..]);
    let after = after.find("\n## ").map_or("", |next| &after[next..]);
    format!("{before}\n{HEADING}\n{}\n{after}", section.trim_end())
}

/// A proxy that ends with this value.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(process) = i32::try_from(self.0.id()).ok().and_then(rustix::process::Pid::from_raw) {
            let _ = rustix::process::kill_process(process, rustix::process::Signal::TERM);
        }
        let end = Instant::now() + Duration::from_secs(20);
        while Instant::now() < end && matches!(self.0.try_wait(), Ok(None)) {
            std::thread::sleep(Duration::from_millis(10));
        }
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_its_own_section_of_the_report_is_replaced() {
        let others = "# Benchmarks\n\n## The firewall\n\nfast\n";
        let with = replaced(others, "old\n");
        assert_eq!(with, "# Benchmarks\n\n## The firewall\n\nfast\n\n## Ten thousand sites\n\nold\n");
        assert_eq!(replaced(&with, "new\n"), with.replace("old", "new"));
    }
}
