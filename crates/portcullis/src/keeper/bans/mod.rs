//! Bans: sources whose packets are refused before any rule is asked, for a time or until they are taken back.
//!
//! The list on disk is what bans survive a restart of the machine with; the kernel ends each by its own clock. Exact
//! addresses go into hash sets one by one; prefixes, which may overlap, into interval sets that are made anew.

mod line;
mod refusal;
mod spans;

pub(crate) use refusal::shown;
pub(super) use refusal::{Protected, hit, refuse};

use super::state::{State, StateError, at};
use firewall::compile::elements;
use firewall::nft::Element;
use ipnet::IpNet;
use kept::Journal;
use serde::{Deserialize, Serialize};
use spans::Span;
use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;

/// The journal's name.
const NAME: &str = "bans";
const LOST: &str = "the bans of its damaged lines are forgotten, and the others hold";
/// Lines that no ban stands on any more are worth a new journal from here on.
const SURPLUS: usize = 1000;

/// The sets of exact addresses.
pub(super) const EXACT: [&str; 2] = ["ban4", "ban6"];
/// The sets of prefixes.
pub(super) const PREFIXES: [&str; 2] = ["ban_net4", "ban_net6"];

/// A ban.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Ban {
    /// Who is refused.
    pub(crate) source: IpNet,
    /// When it was made, in seconds since 1970-01-01 UTC.
    pub(crate) since: u64,
    /// When it ends, in seconds since 1970-01-01 UTC; `None` when it is taken back.
    pub(crate) until: Option<u64>,
    /// Why.
    pub(crate) note: Option<String>,
}

impl Ban {
    /// Whether it is over.
    pub(crate) fn is_over(&self, now: u64) -> bool {
        self.until.is_some_and(|until| until <= now)
    }

    /// This ban where there is another one of its source: the later end holds unless it is to be replaced, and what was
    /// said of the source stays until something else is said.
    pub(super) fn over(self, old: &Self, replace: bool) -> Self {
        let ends_later = match (old.until, self.until) {
            (None, Some(_)) => true,
            (Some(old), Some(new)) => old > new,
            (_, None) => false,
        };
        let kept = if ends_later && !replace { old } else { &self };
        let (since, until) = (kept.since, kept.until);
        Self { since, until, note: self.note.or_else(|| old.note.clone()), ..self }
    }

    /// Whether it is about one address.
    pub(crate) fn is_exact(&self) -> bool {
        self.source.prefix_len() == self.source.max_prefix_len()
    }

    /// Its element in a hash set.
    pub(super) fn element(&self, now: u64) -> Element {
        let element = exact(self.source.addr());
        match self.until {
            Some(until) => element.timeout(until.saturating_sub(now).max(1) * 1000),
            None => element,
        }
    }
}

/// Every ban that is kept.
#[derive(Debug)]
pub(super) struct Bans {
    journal: Journal,
    by_source: BTreeMap<IpNet, Ban>,
}

impl Bans {
    /// Reads the list, without those that are over.
    pub(super) fn open(state: &mut State, now: u64) -> Result<Self, StateError> {
        let (journal, lines) = state.journal(NAME, LOST)?;
        let mut by_source = BTreeMap::new();
        for line in &lines {
            match line::parse(line) {
                Some(line::Line::Ban(ban)) => drop(by_source.insert(ban.source, ban)),
                Some(line::Line::Unban(source)) => drop(by_source.remove(&source)),
                // A line of another version; what it says is not known.
                None => {}
            }
        }
        by_source.retain(|_, ban: &mut Ban| !ban.is_over(now));
        Ok(Self { journal, by_source })
    }

    /// Those that are not over.
    pub(super) fn list(&self, now: u64) -> impl Iterator<Item = &Ban> {
        self.by_source.values().filter(move |ban| !ban.is_over(now))
    }

    /// The ban of exactly this source.
    pub(super) fn get(&self, source: &IpNet, now: u64) -> Option<&Ban> {
        self.by_source.get(source).filter(|ban| !ban.is_over(now))
    }

    /// The ban that holds longest for an address.
    pub(super) fn of(&self, address: IpAddr, now: u64) -> Option<&Ban> {
        let hit = self.list(now).filter(|ban| ban.source.contains(&address));
        hit.max_by_key(|ban| ban.until.unwrap_or(u64::MAX))
    }

    /// Adds bans, in place of those of the same sources.
    pub(super) fn add(&mut self, state: &State, bans: Vec<Ban>) -> Result<(), StateError> {
        let lines: Vec<String> = bans.iter().map(line::of_ban).collect();
        self.write(state, &lines)?;
        self.by_source.extend(bans.into_iter().map(|ban| (ban.source, ban)));
        Ok(())
    }

    /// Makes these sources what they were before bans were added that the kernel does not take.
    pub(super) fn put_back(
        &mut self,
        state: &State,
        before: Vec<(IpNet, Option<Ban>)>,
    ) -> Result<(), StateError> {
        let of_one = |(source, ban): &(IpNet, Option<Ban>)| match ban {
            Some(ban) => line::of_ban(ban),
            None => line::of_unban(source),
        };
        let lines: Vec<String> = before.iter().map(of_one).collect();
        for (source, ban) in before {
            match ban {
                Some(ban) => drop(self.by_source.insert(source, ban)),
                None => drop(self.by_source.remove(&source)),
            }
        }
        self.write(state, &lines)
    }

    /// Takes bans back. On disk they are until [`Self::write_taken`].
    pub(super) fn take(&mut self, sources: &[IpNet]) -> Vec<Ban> {
        sources.iter().filter_map(|source| self.by_source.remove(source)).collect()
    }

    /// Undoes [`Self::take`].
    pub(super) fn untake(&mut self, bans: Vec<Ban>) {
        self.by_source.extend(bans.into_iter().map(|ban| (ban.source, ban)));
    }

    /// Writes down that bans were taken back.
    pub(super) fn write_taken(
        &mut self,
        state: &State,
        sources: &[IpNet],
        now: u64,
    ) -> Result<(), StateError> {
        let lines: Vec<String> = sources.iter().map(line::of_unban).collect();
        self.write(state, &lines)?;
        self.tidy(now);
        Ok(())
    }

    /// The elements of each of our sets of bans; of interval sets disjoint and sorted.
    pub(super) fn elements(&self, now: u64) -> BTreeMap<&'static str, Vec<Element>> {
        let mut sets: BTreeMap<_, _> =
            EXACT.into_iter().chain(PREFIXES).map(|name| (name, Vec::new())).collect();
        for ban in self.list(now).filter(|ban| ban.is_exact()) {
            let name = EXACT[usize::from(!ban.source.addr().is_ipv4())];
            sets.entry(name).or_default().push(ban.element(now));
        }
        for (v6, name) in PREFIXES.into_iter().enumerate() {
            let spans = self
                .list(now)
                .filter(|ban| !ban.is_exact() && usize::from(!ban.source.addr().is_ipv4()) == v6);
            let elements =
                spans::disjoint(spans.map(Span::of)).into_iter().map(|span| span.element(v6 == 1, now));
            sets.insert(name, elements.collect());
        }
        sets
    }

    fn write(&mut self, state: &State, lines: &[String]) -> Result<(), StateError> {
        let path = state.folder().join(NAME);
        if !self.journal.is_sound() {
            self.write_anew().map_err(at(&path))?;
        }
        self.journal.add(lines.iter().map(String::as_str)).map_err(at(&path))
    }

    /// Makes the journal anew where most of its lines say nothing any more. One that cannot be stays as it is.
    fn tidy(&mut self, now: u64) {
        self.by_source.retain(|_, ban| !ban.is_over(now));
        if self.journal.lines() >= self.by_source.len() * 2 + SURPLUS {
            let _ = self.write_anew();
        }
    }

    fn write_anew(&mut self) -> io::Result<()> {
        let lines: Vec<String> = self.by_source.values().map(line::of_ban).collect();
        self.journal.replace(lines.iter().map(String::as_str))
    }
}

/// An address as an element of a hash set.
pub(super) fn exact(address: IpAddr) -> Element {
    elements::ban(address).element
}

/// The bytes of an address, as the kernel's sets have them.
fn octets(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    }
}

#[cfg(test)]
mod tests;
