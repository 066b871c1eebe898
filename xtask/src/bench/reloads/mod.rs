//! Reloads under constant load: what clients of each proxy see of them, and what they cost.
//!
//! Each proxy has core 0 for itself and one thread; load and backend share core 1. The configuration changes with every
//! reload, and the next one comes when a new connection has seen the last.

mod report;
mod subject;

use super::lab::{Lab, Proxy};
use super::machine;
use super::peer::{LOAD_CORE, Peer, Ports};
use super::{clock, programs, raise_descriptors};
use crate::{Outcome, workspace};
pub(super) use report::HEADING;
use report::{Found, Row, section};
use std::error::Error;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::{Duration, Instant};
use subject::Subject;
use testkit::load::{Door, Load, Shape, Target};
use testkit::process;
use testkit::tls::Tls;

/// How long a reload may take to be seen.
const SEEN_WITHIN: Duration = Duration::from_secs(20);
const BETWEEN_LOOKS: Duration = Duration::from_millis(2);

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Reloads of each proxy
    #[arg(long, default_value_t = 100)]
    reloads: usize,
    /// WebSockets that are open meanwhile
    #[arg(long, default_value_t = 1000)]
    websockets: usize,
    /// Milliseconds between two reloads
    #[arg(long, default_value_t = 300)]
    pause: u64,
    /// Few reloads and clients, and no report: to see that it works
    #[arg(long)]
    quick: bool,
    /// Only these proxies
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Peer>,
    /// A program to measure in place of a release build
    #[arg(long)]
    portcullis: Option<PathBuf>,
    /// The report whose section is replaced
    #[arg(long, default_value = "docs/benchmarks.md")]
    output: PathBuf,
}

impl Options {
    fn reloads(&self) -> usize {
        if self.quick { 5 } else { self.reloads }
    }

    fn pause(&self) -> Duration {
        Duration::from_millis(self.pause)
    }

    fn shape(&self) -> Shape {
        let websockets = if self.quick { 20 } else { self.websockets };
        let pause = Duration::from_millis(40);
        Shape {
            keep_alive: 16,
            http2: 8,
            websockets,
            echo_pause: Duration::from_secs(2),
            pause,
            ..Shape::default()
        }
    }

    /// How long the load is measured without a reload.
    fn calm(&self) -> Duration {
        Duration::from_secs(if self.quick { 1 } else { 10 })
    }
}

/// Measures and writes the section of the report.
pub(crate) fn run(options: &Options) -> Outcome {
    machine::check()?;
    raise_descriptors()?;
    let peers = if options.only.is_empty() { Subject::PEERS.to_vec() } else { options.only.clone() };
    // The load is made here: no other build of this program is needed.
    let lab = Lab::new(programs(true, options.portcullis.as_deref(), &peers)?)?;
    // The threads of the load inherit it.
    let mut core = rustix::thread::CpuSet::new();
    core.set(LOAD_CORE);
    rustix::thread::sched_setaffinity(None, &core)?;
    let mut rows = Vec::new();
    for peer in peers {
        let subject = Subject::new(peer, &lab, Ports::free(peer)?)?;
        // That of others is a finding, which must not take the rest with it.
        let found = measure(options, &lab, &subject).map_err(|reason| reason.to_string());
        let row = Row { peer, found };
        println!("{}", row.line());
        rows.push(row);
    }
    let text = section(options.reloads(), options.pause(), &options.shape(), &rows);
    if options.quick || !options.only.is_empty() {
        println!("{text}\na part of the measurement; no report is written");
    } else {
        let path = workspace::root().join(&options.output);
        std::fs::write(&path, report::replaced(&std::fs::read_to_string(&path).unwrap_or_default(), &text))?;
        println!("wrote {}", path.display());
    }
    let ours = rows.into_iter().find(|row| row.peer == Peer::Portcullis);
    ours.map_or(Ok(()), |row| row.found.map(drop)).map_err(|reason| format!("Portcullis: {reason}").into())
}

fn measure(options: &Options, lab: &Lab, subject: &Subject<'_>) -> Result<Found, Box<dyn Error>> {
    let mut proxy = subject.start()?;
    let mut load = Load::try_start(target(lab, &proxy)?, options.shape())?;
    let _ = load.take_latencies();
    let (calm, before) = (Instant::now(), cpu(&proxy));
    std::thread::sleep(options.calm());
    let rate = (cpu(&proxy) - before).as_secs_f64() / calm.elapsed().as_secs_f64();
    let calm_p99 = load.take_latencies().quantile(0.99);
    let memory_before = process::memory(&process::family(proxy.process()));
    let (disturbed, before) = (Instant::now(), cpu(&proxy));
    let mut seen = reloads(options, subject, &mut proxy, &mut load)?;
    let spent = (cpu(&proxy) - before).as_secs_f64() - rate * disturbed.elapsed().as_secs_f64();
    let p99 = load.take_latencies().quantile(0.99);
    // What an old process still has to do is over by then, or it stays.
    std::thread::sleep(options.calm());
    let processes = process::family(proxy.process());
    let memory_after = process::memory(&processes);
    let report = load.finish();
    println!("{report}");
    seen.sort_unstable();
    Ok(Found {
        report,
        cpu: Duration::from_secs_f64(spent.max(0.0) / options.reloads() as f64),
        seen: seen[seen.len() / 2],
        p99: (calm_p99, p99),
        memory: (memory_before, memory_after),
        processes: processes.len(),
    })
}

/// All reloads, one after the other, up to the first that fails: how long each took to be seen.
fn reloads(
    options: &Options,
    subject: &Subject<'_>,
    proxy: &mut Proxy,
    load: &mut Load,
) -> Result<Vec<Duration>, Box<dyn Error>> {
    let all = options.reloads();
    let mut seen = Vec::new();
    for number in 1..=all {
        let version = format!("v{number}");
        let mut reloaded = Ok(Duration::ZERO);
        load.disturb(1, options.pause(), |_| reloaded = reload(subject, proxy, &version));
        seen.push(reloaded.map_err(|reason| format!("{reason}, at reload {number} of {all}"))?);
    }
    Ok(seen)
}

/// One reload, until new connections see it.
fn reload(subject: &Subject<'_>, proxy: &mut Proxy, version: &str) -> Result<Duration, Box<dyn Error>> {
    let since = Instant::now();
    subject.reload(proxy, version)?;
    while !subject.answers_as(version) {
        if let Some(status) = proxy.end()? {
            return Err(format!("the process ended ({status})").into());
        }
        if since.elapsed() > SEEN_WITHIN {
            return Err(format!("no effect within {SEEN_WITHIN:?}").into());
        }
        std::thread::sleep(BETWEEN_LOOKS);
    }
    Ok(since.elapsed())
}

fn cpu(proxy: &Proxy) -> Duration {
    clock::time_of_all(&process::family(proxy.process()))
}

/// Plain and over TLS; HTTP/2 over TLS alone, because not everybody serves it beside HTTP/1.1 on a plain port.
fn target(lab: &Lab, proxy: &Proxy) -> Result<Target, Box<dyn Error>> {
    let address = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let tls = Tls::trusting(std::fs::read(lab.path("certificate.pem"))?);
    let plain = Door { address: address(proxy.ports.plain), host: "plain.test".to_owned(), tls: None };
    let secure = Door { address: address(proxy.ports.tls), host: "secure.test".to_owned(), tls: Some(tls) };
    Ok(Target {
        http1: vec![plain, secure.clone()],
        http2: vec![secure],
        get: "/static256".to_owned(),
        post: "/upload".to_owned(),
        websocket: "/ws".to_owned(),
        download: "/bytes/100000000000".to_owned(),
        events: "/stream/1000000000?ms=50".to_owned(),
    })
}
