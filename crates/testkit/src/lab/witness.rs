//! Judges packets by what gets past the rules of a host: thousands per second, without a process per packet.
//!
//! A table of its own writes down the number of each packet of the lab when it enters the hook and again after the
//! rules under test. A packet that entered and was not seen after them was refused by them.

use super::host::Host;
use super::packet::{MARK, Packet, Sender};
use super::probe::SILENCE;
use std::collections::HashSet;
use std::process::Command;
use std::time::Instant;

/// Numbers of one round. An IPv4 packet has 16 bits for them, and 0 is not one.
const ROUND: usize = 60_000;

/// Where a witness stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hook {
    /// What comes in by an interface, for the host itself or to be forwarded.
    Prerouting,
    /// What the host itself sends.
    Output,
}

/// What became of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fate {
    /// It got past the rules.
    Passed,
    /// It came to the hook and not past the rules.
    Dropped,
    /// It never came to the hook: the kernel refuses what no rule can allow, such as IPv6 from `::1` by a wire.
    Lost,
}

/// A table that sees packets before (priority -390) and after (-105) the rules of a host, and takes them away then: a
/// judged packet is never answered and leaves no connection behind.
#[derive(Debug)]
pub struct Witness {
    host: Host,
    table: &'static str,
}

impl Witness {
    /// Loads the table.
    ///
    /// # Panics
    /// When the host has one at this hook already.
    #[must_use]
    pub fn new(host: &Host, hook: Hook) -> Self {
        let (table, hook) = match hook {
            Hook::Prerouting => ("witness_in", "prerouting"),
            Hook::Output => ("witness_out", "output"),
        };
        // The set has its whole size from the start: a table that grows may refuse an element, and that would read as
        // a dropped packet.
        let set =
            |name: &str, key: &str| format!("set {name} {{ typeof {key}; flags dynamic; size 65536; }}\n");
        let chain = |name: &str, priority: i32, verdict: &str| {
            format!(
                "chain {name} {{ type filter hook {hook} priority {priority};\n\
                 ip dscp {MARK} add @{name}4 {{ ip id }} {verdict}\n\
                 ip6 dscp {MARK} add @{name}6 {{ @nh,16,16 }} {verdict}\n}}\n"
            )
        };
        let (four, six) = ("ip id", "@nh,16,16");
        let sets = [("before4", four), ("before6", six), ("after4", four), ("after6", six)];
        let sets: String = sets.iter().map(|(name, key)| set(name, key)).collect();
        let chains = chain("before", -390, "") + &chain("after", -105, "drop");
        host.nft(&format!("create table inet {table}\ntable inet {table} {{\n{sets}{chains}}}\n"));
        Self { host: host.clone(), table }
    }

    /// Sends packets and returns the fate of each, in their order.
    ///
    /// # Panics
    /// When `nft` fails, or a packet cannot be sent.
    #[must_use]
    pub fn judge(&self, sender: &Sender, packets: &[Packet]) -> Vec<Fate> {
        packets.chunks(ROUND).flat_map(|round| self.round(sender, round)).collect()
    }

    fn round(&self, sender: &Sender, packets: &[Packet]) -> Vec<Fate> {
        self.forget();
        for (packet, number) in packets.iter().zip(1..) {
            sender.send(packet, number);
        }
        let four = packets.iter().filter(|packet| packet.source.is_ipv4()).count();
        let sent = [four, packets.len() - four];
        let (before, after) = (self.arrived(sent), self.seen("after", sent));
        let fate = |(packet, number): (&Packet, u16)| {
            let family = usize::from(packet.source.is_ipv6());
            match (after[family].contains(&number), before[family].contains(&number)) {
                (true, _) => Fate::Passed,
                (false, true) => Fate::Dropped,
                (false, false) => Fate::Lost,
            }
        };
        packets.iter().zip(1..).map(fate).collect()
    }

    /// What is at the hook once all of it is there, or nothing more has come for a while.
    fn arrived(&self, sent: [usize; 2]) -> [HashSet<u16>; 2] {
        let mut last_change = Instant::now();
        let mut arrived = self.seen("before", sent);
        while arrived.each_ref().map(HashSet::len) != sent && last_change.elapsed() < SILENCE {
            let now = self.seen("before", sent);
            if now != arrived {
                (arrived, last_change) = (now, Instant::now());
            }
        }
        arrived
    }

    /// The numbers of both families in two sets.
    fn seen(&self, place: &str, sent: [usize; 2]) -> [HashSet<u16>; 2] {
        [self.numbers(&format!("{place}4"), sent[0]), self.numbers(&format!("{place}6"), sent[1])]
    }

    fn forget(&self) {
        let sets = ["before4", "before6", "after4", "after6"];
        let lines: String = sets.iter().map(|set| format!("flush set inet {} {set}\n", self.table)).collect();
        self.host.nft(&lines);
    }

    /// The numbers in a set; empty without asking when none can be there.
    fn numbers(&self, set: &str, at_most: usize) -> HashSet<u16> {
        if at_most == 0 {
            return HashSet::new();
        }
        let listed = self.host.output(Command::new("nft").args(["list", "set", "inet", self.table, set]));
        let elements = listed.split_once("elements = {").map_or("", |(_, rest)| rest);
        elements.split(|c: char| !c.is_ascii_alphanumeric()).filter_map(number).collect()
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        let delete = ["delete", "table", "inet", self.table];
        // The table goes away with the host in any case.
        let _ = self.host.finish(Command::new("nft").args(delete));
    }
}

/// Numbers are printed in decimal, those of a raw payload in hexadecimal.
fn number(word: &str) -> Option<u16> {
    match word.strip_prefix("0x") {
        Some(digits) => u16::from_str_radix(digits, 16).ok(),
        None => word.parse().ok(),
    }
}
