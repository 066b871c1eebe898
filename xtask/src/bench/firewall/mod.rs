//! What a packet costs in firewalls, side by side in one run, by the number of their rules; and what changes cost.
//!
//! Each cell is a pair of hosts in network namespaces. The datagrams match no rule and are dropped, on the core that
//! sends them; the time to send one therefore holds the way through all rules. Rounds go over all cells in turn, and the
//! fastest of a cell counts.

mod changes;
mod ours;

use crate::Outcome;
use ours::Ours;
use std::error::Error;
use std::fmt::Write;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use testkit::lab::peer::Ufw;
use testkit::lab::{Host, cost, packet_cost, wire};

/// Columns of the table.
const RULES: [u16; 3] = [10, 1_000, 10_000];
/// Datagrams of a cell in a round.
const DATAGRAMS: u32 = 50_000;
/// Where they go: a port of no rule.
const TARGET: &str = "192.0.2.1:9";

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Rounds over all cells
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Only what changes cost, ours alone
    #[arg(long)]
    changes: bool,
}

/// A firewall that is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rival {
    /// One rule that drops: what the way itself costs.
    Nothing,
    Portcullis,
    Linear,
    Ufw,
}

impl Rival {
    const ALL: [Self; 4] = [Self::Nothing, Self::Portcullis, Self::Linear, Self::Ufw];

    const fn name(self) -> &'static str {
        match self {
            Self::Nothing => "one rule that drops",
            Self::Portcullis => "Portcullis",
            Self::Linear => "nftables, one rule after the other",
            Self::Ufw => "ufw",
        }
    }

    /// Loads rules into a host and returns how long that took.
    fn load(self, host: &Host, rules: u16) -> Result<Duration, Box<dyn Error>> {
        Ok(match self {
            Self::Nothing => timed(|| host.nft(&cost::linear(0))),
            // The kernel keeps the table when its owner is gone.
            Self::Portcullis => Ours::new(host)?.apply(&ours::plan(rules))?.total(),
            Self::Linear => {
                let text = cost::linear(rules);
                timed(|| host.nft(&text))
            }
            Self::Ufw => {
                let ufw = Ufw::in_host(host);
                timed(|| ufw.allow_many(cost::sources_and_ports(rules)))
            }
        })
    }
}

/// One firewall with a number of rules.
struct Cell {
    rival: Rival,
    rules: u16,
    client: Host,
    /// Holds the rules.
    _server: Host,
    loaded: Duration,
    packet: Duration,
}

impl Cell {
    fn new(rival: Rival, rules: u16) -> Result<Self, Box<dyn Error>> {
        let (client, server) = (Host::new("client"), Host::new("server"));
        wire(client.end("eth0", &["192.0.2.10/24"]), server.end("eth0", &["192.0.2.1/24"]));
        let loaded = rival.load(&server, rules)?;
        Ok(Self { rival, rules, client, _server: server, loaded, packet: Duration::MAX })
    }

    fn measure(&mut self, to: SocketAddr) {
        self.packet = self.packet.min(packet_cost(&self.client, to, DATAGRAMS));
    }
}

/// Measures and prints the tables.
pub(crate) fn run(options: &Options) -> Outcome {
    if !options.changes {
        packets(options.rounds)?;
    }
    println!("{}", changes::steps(options.rounds)?);
    println!("{}", changes::bans(options.rounds)?);
    Ok(())
}

fn packets(rounds: usize) -> Outcome {
    let to = TARGET.parse()?;
    let pairs = Rival::ALL.into_iter().flat_map(|rival| RULES.map(|rules| (rival, rules)));
    let mut cells: Vec<Cell> =
        pairs.map(|(rival, rules)| Cell::new(rival, rules)).collect::<Result<_, _>>()?;
    for _ in 0..rounds {
        for cell in &mut cells {
            cell.measure(to);
        }
    }
    println!("{}", table("µs per packet", &cells, |cell| cell.packet.as_secs_f64() * 1e6));
    println!("{}", table("ms to load", &cells, |cell| cell.loaded.as_secs_f64() * 1e3));
    Ok(())
}

fn table(title: &str, cells: &[Cell], value: impl Fn(&Cell) -> f64) -> String {
    let mut text = format!("| {title}, rules |");
    for rules in RULES {
        _ = write!(text, " {rules} |");
    }
    text += "\n|---|";
    text += &"---:|".repeat(RULES.len());
    for rival in Rival::ALL {
        _ = write!(text, "\n| {} |", rival.name());
        for rules in RULES {
            let cell = cells.iter().find(|cell| cell.rival == rival && cell.rules == rules);
            _ = write!(text, " {:.2} |", cell.map_or(f64::NAN, &value));
        }
    }
    text + "\n"
}

fn timed(work: impl FnOnce()) -> Duration {
    let started = Instant::now();
    work();
    started.elapsed()
}
