//! From a configuration to what would change on this machine. Nothing is changed here.

use super::addresses::{self, Proved};
use super::answer::{Change, Cut, Cuts, Finding, Planned, RouteChange};
use super::caller::Caller;
use super::flows::Known;
use super::machine::Live;
use super::policy::{self, Compiled};
use super::request::{Refused, Source, Wanted};
use super::state::Snapshot;
use super::texts::{self, Read};
use super::{Keeper, Serving, names, off};
use crate::configuration::Origin;
use crate::failure::Failure;
use firewall::draft::Draft;
use firewall::observed::Observed;
use model::plan::{Plan, Site, Transport};
use std::collections::BTreeMap;
use std::time::Duration;

/// Connections that are named; there may be as many as the kernel can track.
const MOST_NAMED: usize = 1000;

/// Where a gate's routes are served.
pub(crate) trait Routes: Send + Sync {
    /// What it serves.
    fn served(&self) -> Served;

    /// What this machine lacks for it to serve a plan, and what else should be looked at.
    fn lacks(&self, plan: &Plan) -> Vec<Finding>;

    /// Serves something else, or says why it cannot and goes on as before.
    fn install(&self, served: Served) -> Result<(), Failure>;
}

/// What a gate serves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Served {
    /// Where it comes from.
    pub(crate) origin: Origin,
    /// What it means.
    pub(crate) plan: Plan,
}

/// Everything that is known before something is put in force.
pub(super) struct Prepared {
    pub(super) read: Read,
    pub(super) host: Option<String>,
    /// The packets, where the file is about them.
    pub(super) draft: Option<Draft>,
    pub(super) before: Option<Snapshot>,
    pub(super) observed: Observed,
    /// Every live connection.
    pub(super) live: Vec<Live>,
    /// Those that the new packets forbid.
    pub(super) forbidden: Vec<Live>,
    /// The addresses that people have proved to be theirs.
    pub(super) proved: Vec<Proved>,
    pub(super) planned: Planned,
}

impl Keeper {
    /// What would change.
    pub(super) fn plan(
        &mut self,
        wanted: &Wanted,
        caller: &Caller,
        serving: Serving<'_>,
    ) -> Result<Planned, Refused> {
        let mut planned = self.prepare(wanted, caller, serving)?.planned;
        planned.findings.extend(self.differs()?);
        Ok(planned)
    }

    /// Reads, composes and compares.
    pub(super) fn prepare(
        &mut self,
        wanted: &Wanted,
        caller: &Caller,
        serving: Serving<'_>,
    ) -> Result<Prepared, Refused> {
        let mut read = texts::read(&wanted.source, &mut self.state)?;
        let mut observed = self.observe(&read.plan)?;
        let proved = addresses::with_caller(&mut self.state, caller)?;
        observed.my_ip = addresses::of(&proved);
        let asked = wanted.host.as_deref().or(read.host.as_deref());
        let host = policy::host(&read.plan, &observed, asked)?;
        let draft = policy::compose(&read.plan, host.as_ref(), &observed);
        read.plan = read.plan.of_host(host.as_ref());
        let before = if self.kernel.is_ok() { self.before()? } else { self.state.confirmed_snapshot()? };
        let old = before.as_ref().map(|before| &before.compiled);
        let new = draft.as_ref().map(Draft::compiled);
        let Known { live, forbidden, unseen } = match new {
            Some(new) => self.known(&observed, old, new)?,
            None => Known::default(),
        };
        let host = host.map(|host| host.to_string());
        let served = serving.map(Routes::served);
        let planned = compare(&read, host.clone(), before.as_ref(), draft.as_ref(), served.as_ref());
        let closing = new.filter(|_| before.is_none()).map(|new| off::closed_by(new, &observed));
        let cut = cuts(&forbidden, caller);
        let mut planned = Planned { cut, closing: closing.unwrap_or_default(), ..planned };
        // Without the kernel it is not known whether it still is.
        planned.trial = self.trial_status(observed.now).filter(|_| self.kernel.is_ok());
        planned.findings.extend(unseen);
        if let (Some(routes), Source::File(_)) = (serving, &wanted.source) {
            planned.findings.extend(routes.lacks(&read.plan));
        }
        if let (Some(draft), Ok(kernel)) = (&draft, &mut self.kernel) {
            planned.findings.extend(policy::defeated(draft.compiled(), &kernel.foreign()?, &observed));
        }
        Ok(Prepared { read, host, draft, before, observed, live, forbidden, proved, planned })
    }

    /// Whether the kernel has another table than it is to have.
    fn differs(&mut self) -> Result<Option<Finding>, Refused> {
        if self.kernel.is_err() || self.is_known() {
            return Ok(None);
        }
        let Some(in_force) = self.in_force()? else { return Ok(None) };
        let finding = |drift| {
            let text = format!("the kernel's table differs from snapshot {}: {drift}", in_force.number);
            Finding::warning(
                text,
                "an apply replaces it whole; `portcullis firewall restore` puts the snapshot back",
            )
        };
        Ok(self.drift_from(&in_force)?.map(finding))
    }

    /// The machine at this moment, as a plan's patterns see it.
    pub(super) fn observe(&mut self, plan: &Plan) -> Result<Observed, Refused> {
        let patterns = plan.policy.firewall.as_ref().map(|firewall| firewall.containers.clone());
        let mut observed = self.machine.observe(&patterns.unwrap_or_default())?;
        observed.lists = policy::lists(plan);
        let names = names::of_plan(plan);
        self.names.refresh(self.machine.as_mut(), &names, observed.now);
        observed.domains = self.names.addresses();
        Ok(observed)
    }
}

/// Connections that are cut, as the caller sees them.
pub(super) fn cuts(forbidden: &[Live], caller: &Caller) -> Cuts {
    let mut named: Vec<Cut> = forbidden.iter().map(|live| cut(live, caller)).collect();
    named.sort_by_cached_key(|cut| (!cut.yours, cut.clone()));
    let more = named.len().saturating_sub(MOST_NAMED);
    named.truncate(MOST_NAMED);
    Cuts { named, more }
}

fn cut(live: &Live, caller: &Caller) -> Cut {
    let number = live.connection.protocol;
    let named = Transport::ALL.iter().find(|transport| transport.number() == number);
    Cut {
        protocol: named.map_or_else(|| format!("protocol {number}"), |named| named.name().to_owned()),
        local: live.connection.local,
        peer: live.connection.peer,
        opened_by: live.connection.opened_by,
        program: live.program.clone(),
        yours: caller.has_session_from(live.connection.peer),
    }
}

fn compare(
    read: &Read,
    host: Option<String>,
    before: Option<&Snapshot>,
    draft: Option<&Draft>,
    served: Option<&Served>,
) -> Planned {
    let (old, new) = (before.map(|before| &before.compiled), draft.map(Draft::compiled));
    let changes = policy::changes(old, new);
    let routes = routes(served, &read.plan);
    let confirm = read.plan.policy.firewall.as_ref().map_or(Duration::ZERO, |firewall| firewall.confirm);
    Planned {
        name: name(before, new, &read.plan),
        origin: read.origin.clone(),
        host,
        compared_with: before.map(|before| before.number),
        trial: None,
        packets_change: old.map(|old| &old.canonical) != new.map(|new| &new.canonical),
        rules: changes.rules,
        opens: changes.opens,
        closes: changes.closes,
        other: changes.other,
        routes,
        cut: Cuts::default(),
        closing: Vec::new(),
        findings: draft.map(|draft| policy::findings(draft, old)).unwrap_or_default(),
        confirm_seconds: confirm.as_secs(),
    }
}

/// The name of a plan: what it is compared with, and everything that would be in force.
fn name(before: Option<&Snapshot>, new: Option<&Compiled>, plan: &Plan) -> String {
    let number = before.map(|before| before.number.0);
    // A plan and a policy are values without an address or a moment in them, so their texts name them.
    let text = format!("{number:?} {:?} {plan:?}", new.map(|new| &new.canonical));
    kept::digest::hex(text.as_bytes())
}

/// Sites and services that differ, where a gate serves some.
fn routes(served: Option<&Served>, plan: &Plan) -> Vec<RouteChange> {
    let Some(Served { plan: old, .. }) = served else { return Vec::new() };
    let site = |plan: &Plan| -> BTreeMap<String, String> {
        plan.sites.iter().map(|site| (site.label.clone(), described(site))).collect()
    };
    let service = |plan: &Plan| -> BTreeMap<String, String> {
        plan.services.iter().map(|service| (service.name.clone(), format!("{service:?}"))).collect()
    };
    let mut changes = changes("site", &site(old), &site(plan));
    changes.extend(self::changes("service", &service(old), &service(plan)));
    changes
}

/// Everything about a site but where it stands in the file.
fn described(site: &Site) -> String {
    let mut site = site.clone();
    site.routes.iter_mut().for_each(|route| route.line = 0);
    format!("{site:?}")
}

fn changes(kind: &str, old: &BTreeMap<String, String>, new: &BTreeMap<String, String>) -> Vec<RouteChange> {
    let change = |change, name: &String| RouteChange { change, kind: kind.to_owned(), name: name.clone() };
    let gone = old.keys().filter(|name| !new.contains_key(*name)).map(|name| change(Change::Removed, name));
    let fresh = new.iter().filter_map(|(name, value)| match old.get(name) {
        None => Some(change(Change::Added, name)),
        Some(before) if before != value => Some(change(Change::Changed, name)),
        Some(_) => None,
    });
    fresh.chain(gone).collect()
}
