//! A plan: what is added (+), removed (-) and changed (~), what that opens and closes, and who is cut.

use super::{counted, findings, rows, section, standing};
use crate::keeper::{Cut, Cuts, END_TRIAL, OpenListener, Planned, Reach, RuleChange};
use crate::span;
use firewall::connections::Opener;
use model::printable::one_line;

/// Lines of one section that are shown; a program reads all of them with `--json`.
const MOST: usize = 200;
/// Changes that are named in one line.
const MOST_IN_A_LINE: usize = 3;

/// The whole plan.
pub(crate) fn plan(planned: &Planned) -> String {
    let host = planned.host.as_ref().map(|host| format!(" for host {host}")).unwrap_or_default();
    let named = one_line(&format!("{}{host}", planned.origin));
    let mut text = format!("{named}, compared with {}\n", compared_with(planned));
    text += &rules(&planned.rules);
    // Where no packet was filtered, nothing can open.
    let (opens, sign) = match planned.compared_with {
        Some(_) => ("becomes reachable", "+ "),
        None => ("stays reachable", ""),
    };
    text += &reach(opens, sign, &planned.opens);
    text += &reach("no longer reachable", "- ", &planned.closes);
    text += &bounded("besides", &planned.other, |shown| rows(shown.iter().map(|line| [line.clone()])));
    text += &routes(planned);
    text += &cut(&planned.cut, "silenced at once, and cut once it is confirmed");
    text += &closing(&planned.closing);
    if !planned.packets_change && planned.routes.is_empty() {
        text += "\nnothing changes\n";
    }
    if !planned.findings.is_empty() {
        text.push('\n');
        text += &findings(&planned.findings);
    }
    text
}

/// The packets that would change, in one line behind a reason; the first of them where there are many.
pub(crate) fn packets(planned: &Planned) -> String {
    let reach = |sign: char| move |reach: &Reach| format!("{sign} {} {}", reach.what, reach.peers);
    let opens = planned.opens.iter().map(reach('+'));
    let lines = opens.chain(planned.closes.iter().map(reach('-'))).chain(planned.other.iter().cloned());
    let mut lines: Vec<String> = lines.collect();
    let more = lines.len().saturating_sub(MOST_IN_A_LINE);
    lines.truncate(MOST_IN_A_LINE);
    match (lines.is_empty(), more) {
        (true, _) => String::new(),
        (false, 0) => format!(": {}", lines.join("; ")),
        (false, more) => format!(": {}; and {more} more", lines.join("; ")),
    }
}

/// In a trial, packets may be filtered although it is compared with a machine where they were not.
fn compared_with(planned: &Planned) -> String {
    let Some(trial) = &planned.trial else { return standing(planned.compared_with) };
    let before = match planned.compared_with {
        Some(number) => format!("snapshot {number}"),
        None => "no filter".to_owned(),
    };
    let (number, left) = (trial.snapshot, span::text(trial.seconds_left));
    format!("what was before the trial: {before}\nsnapshot {number} is on trial for {left} more: {END_TRIAL}")
}

fn rules(list: &[RuleChange]) -> String {
    if list.is_empty() {
        return String::new();
    }
    let row = |rule: &RuleChange| {
        let before = rule.before.as_ref().map(|before| format!("before: {before}"));
        let note = rule.note.as_ref().map(|note| format!("\"{note}\""));
        let remarks: Vec<String> = before.into_iter().chain(note).collect();
        let text = format!("{} {}", rule.change.sign(), rule.text);
        [text, rule.rule.clone(), rule.owner.clone(), remarks.join("  ")]
    };
    bounded("rules", list, |shown| rows(shown.iter().map(row)))
}

fn reach(title: &str, sign: &str, list: &[Reach]) -> String {
    bounded(title, list, |shown| {
        rows(shown.iter().map(|reach| [format!("{sign}{}", reach.what), reach.peers.clone()]))
    })
}

fn routes(planned: &Planned) -> String {
    bounded("sites and services", &planned.routes, |shown| {
        rows(
            shown.iter().map(|route| [format!("{} {}", route.change.sign(), route.kind), route.name.clone()]),
        )
    })
}

fn closing(list: &[OpenListener]) -> String {
    bounded("listens, and no longer reachable from everywhere", list, listeners)
}

/// Listeners, one a line.
pub(super) fn listeners(list: &[OpenListener]) -> String {
    rows(list.iter().map(|one| [one.what.clone(), one.program.clone().unwrap_or_default()]))
}

/// Connections that are cut, one a line.
pub(super) fn cut(cuts: &Cuts, when: &str) -> String {
    let all = counted(cuts.named.len() + cuts.more, "connection");
    let yours = match cuts.named.iter().filter(|cut| cut.yours).count() {
        0 => String::new(),
        yours => format!(", {yours} of them yours"),
    };
    let mut text = bounded(&format!("{all} {when}{yours}"), &cuts.named, connections);
    if cuts.more > 0 {
        text += &format!("  and {} that are not named\n", cuts.more);
    }
    text
}

fn connections(list: &[Cut]) -> String {
    rows(list.iter().map(|cut| {
        let program = cut.program.clone().unwrap_or_else(|| "-".to_owned());
        let word = if cut.opened_by == Opener::Peer { "to" } else { "from" };
        let yours = if cut.yours { "yours" } else { "" };
        let ends = [cut.peer.to_string(), format!("{word} {}", cut.local)];
        [vec![cut.protocol.clone()], ends.to_vec(), vec![program, yours.to_owned()]].concat()
    }))
}

/// A section for a list, which may be long.
pub(super) fn bounded<T>(title: &str, list: &[T], table: impl FnOnce(&[T]) -> String) -> String {
    if list.is_empty() {
        return String::new();
    }
    let mut text = section(title, &table(&list[..list.len().min(MOST)]));
    if let Some(more) = list.len().checked_sub(MOST).filter(|more| *more > 0) {
        text += &format!("  and {more} more; --json has all\n");
    }
    text
}
