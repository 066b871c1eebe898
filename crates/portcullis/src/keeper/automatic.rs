//! Bans that a gate asks for. It may be in the hands of somebody else, who would like to have the operator banned, or
//! everybody: what `portcullis ban` refuses is refused, and more.

use super::bans::{self, Protected};
use super::caller::Caller;
use super::request::{Ban, Refused};
use super::{Keeper, Serving, addresses};
use ipnet::IpNet;
use link::AskRefused;
use std::net::IpAddr;

/// Seconds of a ban at most: long enough to discourage, and over by itself before somebody has to look for it.
const LONGEST: u64 = 86_400;
/// Bans in force at most that gates asked for. Whoever takes a gate over bans no more than these, for a day.
const MOST: usize = 10_000;
/// What the note of such a ban begins with.
const MARK: &str = "gate: ";

/// A ban that a gate asks for.
#[derive(Clone, Debug)]
pub(crate) struct AutomaticBan {
    /// Who.
    pub(crate) address: IpAddr,
    /// For how long.
    pub(crate) seconds: u32,
    /// The rule of the gate's that was broken.
    pub(crate) rule: String,
    /// Peers whose word about clients is believed by what is served now, which may be newer than what was confirmed.
    pub(crate) proxies: Vec<IpNet>,
}

/// The keeper does not do it, for a reason that has nothing to do with the gate.
pub(super) fn by_keeper(refused: &Refused) -> AskRefused {
    AskRefused::new("keeper", refused.reason.clone())
}

impl Keeper {
    /// Bans an address for a gate, where nothing speaks against it.
    pub(super) fn ban_for_gate(
        &mut self,
        asked: &AutomaticBan,
        serving: Serving<'_>,
    ) -> Result<(), AskRefused> {
        let judged = self.settled(true, serving, |keeper| Ok(keeper.ban_judged(asked)));
        judged.unwrap_or_else(|refused| Err(by_keeper(&refused)))
    }

    fn ban_judged(&mut self, asked: &AutomaticBan) -> Result<(), AskRefused> {
        let address = asked.address.to_canonical();
        if !is_a_clients(address) {
            return Err(AskRefused::new("no-client", format!("{address} is the address of no client")));
        }
        if !self.is_there() {
            return Err(AskRefused::new("no-firewall", "the firewall is not enforced"));
        }
        let protected = self.protected_from_gates(&asked.proxies).map_err(|refused| by_keeper(&refused))?;
        if let Some(hit) = bans::hit(&address.into(), &protected) {
            return Err(AskRefused::new(hit.rule(), format!("{address} is never banned")));
        }
        let (now, seconds) = (self.machine.now(), u64::from(asked.seconds).min(LONGEST));
        let old = self.bans.of(address, now);
        if old.is_some_and(|old| old.until.is_none_or(|until| until >= now + seconds)) {
            return Ok(());
        }
        // What an operator wrote about an address stays.
        let note = old.is_none_or(is_automatic).then(|| format!("{MARK}{}", asked.rule));
        if self.bans.list(now).filter(|ban| is_automatic(ban)).count() >= MOST {
            return Err(AskRefused::new("too-many-bans", format!("{MOST} bans of gates are in force")));
        }
        let ban =
            Ban { sources: vec![address.into()], file: None, seconds: Some(seconds), note, replace: false };
        self.ban(&ban, &Caller::default()).map(drop).map_err(|refused| by_keeper(&refused))
    }

    /// What `portcullis ban` does not ban either; the addresses that operators have proved to be theirs or have opened
    /// ports for, also while nobody is logged in; the resolvers of this machine; the proxies of what is served.
    fn protected_from_gates(&mut self, proxies: &[IpNet]) -> Result<Protected, Refused> {
        let mut protected = self.protected(&Caller::default())?;
        let now = self.machine.now();
        let proved = addresses::with_caller(&mut self.state, &Caller::default())?;
        protected.operators.extend(addresses::of(&proved));
        protected.operators.extend(self.grants.list(now).map(|grant| grant.granted.address));
        protected.own.extend(self.machine.observe(&[])?.resolvers);
        protected.proxies.extend(proxies);
        Ok(protected)
    }
}

fn is_automatic(ban: &bans::Ban) -> bool {
    ban.note.as_ref().is_some_and(|note| note.starts_with(MARK))
}

/// Whether packets of a client can come from an address.
fn is_a_clients(address: IpAddr) -> bool {
    let is_broadcast = matches!(address, IpAddr::V4(address) if address.is_broadcast());
    !address.is_unspecified() && !address.is_multicast() && !is_broadcast
}
