//! The firewall's part of the status: first whether it is enforced, then why it may not be, then what it counts.

use super::{amount, counted, findings, rows, section};
use crate::keeper::{Status, UNSEEN};
use crate::span;

/// The whole part.
pub(crate) fn status(status: &Status) -> String {
    let mut text = section("firewall", &rows(facts(status)));
    if !status.problems.is_empty() {
        text += "\n";
        text += &findings(&status.problems);
    }
    let refused = status.refused.iter().filter(|refusals| refusals.packets > 0);
    let refused = rows(refused.map(|one| [one.reason.clone(), amount(one.packets), amount(one.bytes)]));
    if !refused.is_empty() {
        text += &section("refused (packets, bytes)", &refused);
    }
    if !status.rules.is_empty() {
        let header = ["number", "rule", "admits", "packets", "bytes", "note"].map(str::to_owned);
        let table = super::table(
            &header,
            status.rules.iter().zip(1_usize..).map(|(rule, number)| {
                let note = rule.note.clone().unwrap_or_default();
                let (packets, bytes) = (amount(rule.packets), amount(rule.bytes));
                [number.to_string(), rule.rule.clone(), rule.text.clone(), packets, bytes, note]
            }),
        );
        text += &section("rules", &table);
    }
    text
}

fn facts(status: &Status) -> Vec<[String; 2]> {
    let mut facts = vec![["state".to_owned(), state(status)]];
    let mut add = |name: &str, value: String| facts.push([name.to_owned(), value]);
    if status.enforced {
        let kept = if status.features.owned {
            "ours alone; it stays when Portcullis ends"
        } else {
            "other programs can change it; a running gate sees that and puts it back"
        };
        add("table", kept.to_owned());
    }
    for missing in &status.features.missing {
        add("missing", missing.clone());
    }
    let waiting = !status.enforced && !status.unknown_table && status.trial.is_none();
    let waiting = waiting && status.reachable && status.bans + status.grants > 0;
    let waiting = if waiting { " (not enforced)" } else { "" };
    add("bans, grants", format!("{}, {}{waiting}", status.bans, status.grants));
    if let Some(table) = status.connection_table {
        let percent = table.count.saturating_mul(100).checked_div(table.max).unwrap_or(100);
        add("connections tracked", format!("{} of {} ({percent} %)", table.count, table.max));
    }
    facts
}

fn state(status: &Status) -> String {
    let snapshot =
        status.snapshot.map_or_else(|| "nothing".to_owned(), |number| format!("snapshot {number}"));
    match &status.trial {
        Some(trial) => format!(
            "snapshot {} is on trial for {} more, then {snapshot} is in force again",
            trial.snapshot,
            span::text(trial.seconds_left)
        ),
        None if status.unknown_table => "enforced, and not known as what".to_owned(),
        None if status.enforced => format!("enforced, {snapshot}, {}", counted(status.rules.len(), "rule")),
        None if status.problems.iter().any(|problem| problem.text.starts_with(UNSEEN)) => {
            "not known".to_owned()
        }
        None => "NOT enforced".to_owned(),
    }
}
