//! The history: one line a snapshot, the last one first.

use super::table;
use crate::day;
use crate::keeper::{ChangedRules, Entry, Fate, History};
use std::time::{Duration, UNIX_EPOCH};

/// The whole history.
pub(crate) fn history(history: &History) -> String {
    let lost = if history.unknown_table {
        "packets of ours are enforced that the state folder knows nothing of; what was applied before is lost\n"
    } else {
        ""
    };
    if history.entries.is_empty() {
        return if lost.is_empty() { "nothing was applied on this machine yet\n" } else { lost }.to_owned();
    }
    let header = ["", "number", "applied", "by", "rules", "changed", "from", "state"].map(str::to_owned);
    lost.to_owned() + &table(&header, history.entries.iter().rev().map(|entry| row(entry, history)))
}

/// What a rollback without a number goes back to, where nothing is on trial; nothing where there is no such snapshot.
pub(crate) fn going_back(history: &History) -> String {
    let is_confirmed = |entry: &&Entry| matches!(entry.fate, Fate::Confirmed { .. });
    let mut confirmed = history.entries.iter().rev().filter(is_confirmed).map(|entry| entry.number);
    let (Some(now), Some(before)) =
        (history.confirmed, confirmed.find(|one| Some(*one) != history.confirmed))
    else {
        return String::new();
    };
    let ended = match history.entries.last() {
        Some(Entry { number, fate: Fate::RolledBack { reason, .. }, .. }) => {
            format!("snapshot {number} was rolled back already: {reason}; ")
        }
        _ => "nothing is on trial; ".to_owned(),
    };
    format!("{ended}in force is snapshot {now}, and this goes back to snapshot {before}\n")
}

fn row(entry: &Entry, history: &History) -> [String; 8] {
    let in_force = if history.confirmed == Some(entry.number) { "*" } else { "" };
    [
        in_force.to_owned(),
        entry.number.to_string(),
        moment(entry.applied_at),
        entry.who.to_string(),
        entry.rules.to_string(),
        changed(&entry.changed),
        entry.origin.clone(),
        state(&entry.fate),
    ]
}

fn changed(rules: &ChangedRules) -> String {
    let first = rules.first.join(" ");
    if rules.more == 0 { first } else { format!("{first} and {} more", rules.more) }
}

fn state(fate: &Fate) -> String {
    match fate {
        Fate::Begun => "not finished".to_owned(),
        Fate::Trial { until } => format!("on trial until {}", moment(*until)),
        Fate::Confirmed { at } => format!("confirmed {}", moment(*at)),
        Fate::NotApplied { reason, .. } => format!("not applied: {reason}"),
        Fate::RolledBack { reason, .. } => format!("rolled back: {reason}"),
    }
}

fn moment(seconds: u64) -> String {
    day::format(UNIX_EPOCH + Duration::from_secs(seconds))
}
