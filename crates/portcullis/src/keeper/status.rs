//! Whether the firewall is enforced, why it may not be, and what it counts.

use super::answer::{ConnectionTable, Finding, Refusals, RuleCount, Status, TrialStatus};
use super::policy;
use super::request::{Refused, Wanted};
use super::state::{Entry, Fate, Number, Snapshot, Standing};
use super::tables::{self, Generation};
use super::{Keeper, caller::Caller};
use firewall::compile::counter;
use firewall::nft::Count;
use kept::Room;
use std::collections::BTreeMap;

/// From here on a table of connections is worth a warning, in percent.
const NEARLY_FULL: u64 = 80;

/// What begins the problem of a status that could not look at the kernel.
pub(crate) const UNSEEN: &str = "it cannot be told whether packets are enforced: ";

/// The counters of the frame, and what they count.
const REASONS: [(&str, &str); 6] = [
    ("frame_refused", "no rule admits it"),
    ("frame_banned", "banned"),
    ("frame_denied", "on a deny list"),
    ("frame_invalid", "belongs to no connection"),
    ("frame_forged", "forged loopback address"),
    ("frame_local", "local service of another user"),
];

impl Keeper {
    /// The whole status.
    pub(super) fn status(&mut self) -> Result<Status, Refused> {
        let now = self.machine.now();
        let mut status = Status {
            bans: self.bans.list(now).count(),
            grants: self.grants.list(now).count(),
            connection_table: self.machine.connection_table(),
            snapshot: self.state.confirmed(),
            switched_off: self.state.standing() == Standing::Off,
            ..Status::default()
        };
        status.problems.extend(nearly_full(status.connection_table));
        status.problems.extend(self.unwritable());
        status.problems.extend(self.set_aside());
        if let Err(refused) = self.kernel() {
            status.problems.insert(
                0,
                Finding { hint: refused.hint, ..Finding::warning(format!("{UNSEEN}{}", refused.reason), "") },
            );
            return Ok(status);
        }
        status.reachable = true;
        status.features = self.kernel()?.features();
        status.trial = self.trial_status(now);
        let counters = self.kernel()?.counters()?;
        let in_force = self.in_force()?;
        self.judge(in_force.as_ref(), &mut status)?;
        status.problems.extend(self.defeated(in_force.as_ref())?);
        status.refused = refusals(&counters);
        status.rules = in_force.iter().flat_map(|snapshot| rules(snapshot, &counters)).collect();
        Ok(status)
    }

    /// A disk that does not take the state.
    fn unwritable(&self) -> Option<Finding> {
        let folder = self.state.folder().display();
        let (why, hint) = match (self.state.room(), self.state.behind()) {
            (Room::Full, _) => (format!("the file system of {folder} is full"), "make room on it"),
            (Room::ReadOnly, _) => (format!("the file system of {folder} is read-only"), "make it writable"),
            (Room::Free, Some(reason)) => (reason.to_owned(), "the disk may be failing: see `dmesg`"),
            (Room::Free, None) => return None,
        };
        let text =
            format!("nothing can be written down: {why}; what is in force stays, and changes are refused");
        Some(Finding::warning(text, hint))
    }

    /// Files of the state that were damaged, as long as they lie there.
    fn set_aside(&self) -> Option<Finding> {
        let files = self.state.set_aside();
        let names: Vec<String> = files.iter().map(|path| path.display().to_string()).collect();
        let text = format!("files of the state were damaged and are set aside: {}", names.join(", "));
        let hint = "what they said is lost but for backups; this is said until they are removed";
        (!names.is_empty()).then(|| Finding::warning(text, hint))
    }

    /// The number of the snapshot that decides about packets now: what is on trial, or what was confirmed.
    pub(super) fn number_in_force(&self) -> Option<Number> {
        match self.state.last() {
            Some(Entry { number, fate: Fate::Trial { .. }, .. }) => Some(*number),
            _ => self.state.confirmed(),
        }
    }

    /// That snapshot.
    pub(super) fn in_force(&mut self) -> Result<Option<Snapshot>, Refused> {
        match self.state.last() {
            Some(Entry { number, fate: Fate::Trial { .. }, .. }) => Ok(self.state.snapshot(*number)?),
            _ => Ok(self.state.confirmed_snapshot()?),
        }
    }

    pub(super) fn trial_status(&self, now: u64) -> Option<TrialStatus> {
        match self.state.last() {
            Some(Entry { number, fate: Fate::Trial { until }, .. }) => {
                Some(TrialStatus { snapshot: *number, seconds_left: until.saturating_sub(now) })
            }
            _ => None,
        }
    }

    /// Rules that tables of others defeat.
    fn defeated(&mut self, in_force: Option<&Snapshot>) -> Result<Vec<Finding>, Refused> {
        let Some(snapshot) = in_force else { return Ok(Vec::new()) };
        let observed = self.machine.observe(&[])?;
        let tables = self.kernel()?.foreign()?;
        Ok(policy::defeated(&snapshot.compiled, &tables, &observed))
    }

    /// Says whether the kernel has what it is to have.
    fn judge(&mut self, in_force: Option<&Snapshot>, status: &mut Status) -> Result<(), Refused> {
        let Some(snapshot) = in_force else {
            status.unknown_table = self.kernel()?.read()?.is_some();
            let unknown = status.unknown_table;
            status.problems.insert(
                0,
                match self.state.standing() {
                    Standing::Nothing | Standing::Off if unknown => Finding::warning(
                        "packets of ours are enforced that the state folder knows nothing of, so it cannot be said what they are",
                        "the kernel is left as it is; `portcullis firewall show` prints its table, `portcullis apply` puts the \
                         policy of the configuration in force",
                    ),
                    Standing::Off => Finding::warning(
                        "not enforced: the firewall was switched off",
                        "`portcullis apply` switches it on",
                    ),
                    Standing::Snapshot(number) => Finding::warning(
                        format!("the file of snapshot {number} is damaged, so it cannot be said whether its packets are in force"),
                        "the kernel is left as it is; `portcullis apply` puts the policy of the configuration in force",
                    ),
                    Standing::Nothing => nothing_applied(self.state.last()),
                },
            );
            return Ok(());
        };
        let drift = self.drift_from(snapshot)?;
        status.enforced = drift.is_none();
        let missing = if status.enforced { self.missing_of_lists()? } else { None };
        if let Some(missing) = missing {
            let hint = "`portcullis firewall restore` gives the kernel every ban and grant again";
            status
                .problems
                .insert(0, Finding::warning(format!("not all bans are enforced: {missing}"), hint));
        }
        if let Some(drift) = drift {
            let text =
                format!("not enforced as it should be: the table was changed by somebody else: {drift}");
            let hint = "`portcullis firewall restore` repairs it; a gate that runs does by itself".to_owned();
            status.problems.insert(0, Finding::warning(text, hint));
        }
        Ok(())
    }

    /// Whether the table is what it is to be, on trial or not.
    pub(super) fn drift_from(&mut self, in_force: &Snapshot) -> Result<Option<String>, Refused> {
        if !matches!(self.state.last(), Some(Entry { fate: Fate::Trial { .. }, .. })) {
            return self.drifted(in_force);
        }
        let before = self.before()?;
        let (before, new) = (before.as_ref().map(Generation::of), Generation::of(in_force));
        let Some(read) = self.kernel()?.read()? else { return Ok(Some("it is not there".to_owned())) };
        Ok(policy::prove(&read, &tables::on_trial(before, new), before, new).err())
    }

    /// The table as text.
    pub(super) fn show(&mut self) -> Result<String, Refused> {
        let labels = self.in_force()?.map(|snapshot| labels(&snapshot.compiled)).unwrap_or_default();
        let nothing = || {
            Refused::no("there is no table of ours").with_hint("`portcullis apply` puts the policy in force")
        };
        let table = self.kernel()?.read()?.ok_or_else(nothing)?;
        Ok(firewall::render::text(&table, &labels))
    }

    /// The table that a configuration would make, as text.
    pub(super) fn show_planned(&mut self, wanted: &Wanted) -> Result<String, Refused> {
        let prepared = self.prepare(wanted, &Caller::default(), None)?;
        let nothing = || Refused::no(format!("{} has no [firewall]", prepared.read.origin));
        let compiled = prepared.draft.as_ref().ok_or_else(nothing)?.compiled();
        let generation = Generation { compiled, slot: tables::slot('a') };
        Ok(firewall::render::text(&tables::alone(generation), &labels(compiled)))
    }
}

/// Why a machine has no packets of ours: it is new, or what was applied last did not stay.
pub(super) fn nothing_applied(last: Option<&Entry>) -> Finding {
    let tried = match last {
        Some(Entry { number, fate: Fate::RolledBack { reason, .. }, .. }) => {
            Some(format!("snapshot {number} was rolled back: {reason}"))
        }
        Some(Entry { number, fate: Fate::NotApplied { reason, .. }, .. }) => {
            Some(format!("snapshot {number} was not applied: {reason}"))
        }
        _ => None,
    };
    match tried {
        Some(tried) => Finding::warning(format!("not enforced: {tried}"), "`portcullis apply` tries again"),
        None => {
            let hint = "a file with [firewall] and `portcullis apply` put a policy in force";
            Finding::warning("not enforced: nothing was applied yet", hint)
        }
    }
}

/// A table of connections that is nearly full, as something to look at.
pub(super) fn nearly_full(table: Option<ConnectionTable>) -> Option<Finding> {
    let table = table?;
    let percent = table.count.saturating_mul(100).checked_div(table.max).unwrap_or(100);
    let text = format!(
        "the kernel's table of connections is {percent} % full; when it is full, new connections are refused"
    );
    let room = table.max.saturating_mul(2);
    let hint = format!("sysctl net.netfilter.nf_conntrack_max={room} makes room; ssh gets in all the same");
    (percent >= NEARLY_FULL).then(|| Finding::warning(text, hint))
}

fn refusals(counters: &BTreeMap<String, Count>) -> Vec<Refusals> {
    let one = |(name, reason): &(&str, &str)| {
        let count = counters.get(*name)?;
        Some(Refusals { reason: (*reason).to_owned(), packets: count.packets, bytes: count.bytes })
    };
    REASONS.iter().filter_map(one).collect()
}

fn rules(snapshot: &Snapshot, counters: &BTreeMap<String, Count>) -> Vec<RuleCount> {
    let count = |rule: &firewall::rule::RuleView| {
        let count = counters.get(&counter(&rule.id)).copied().unwrap_or_default();
        RuleCount {
            rule: rule.id.to_string(),
            text: policy::text(rule),
            packets: count.packets,
            bytes: count.bytes,
            note: rule.note.clone(),
        }
    };
    snapshot.compiled.rules.iter().map(count).collect()
}

/// What rules say, by their identities.
fn labels(compiled: &policy::Compiled) -> BTreeMap<String, String> {
    compiled
        .rules
        .iter()
        .map(|rule| (rule.id.to_string(), format!("rule {}: {}", rule.id, policy::text(rule))))
        .collect()
}
