//! A plan: what is added (+), removed (-) and changed (~), what that opens and closes, and who is cut.

use super::{counted, findings, rows, section, standing};
use crate::keeper::{Cut, Planned, Reach, RuleChange};

/// Lines of one section that are shown; a program reads all of them with `--json`.
const MOST: usize = 200;

/// The whole plan.
pub(crate) fn plan(planned: &Planned) -> String {
    let host = planned.host.as_ref().map(|host| format!(" for host {host}")).unwrap_or_default();
    let mut text = format!("{}{host}, compared with {}\n", planned.origin, standing(planned.compared_with));
    text += &rules(&planned.rules);
    text += &reach("becomes reachable", '+', &planned.opens);
    text += &reach("no longer reachable", '-', &planned.closes);
    text += &bounded("besides", &planned.other, |shown| rows(shown.iter().map(|line| [line.clone()])));
    text += &routes(planned);
    text += &cut(&planned.cut);
    if !planned.packets_change && planned.routes.is_empty() {
        text += "\nnothing changes\n";
    }
    if !planned.findings.is_empty() {
        text.push('\n');
        text += &findings(&planned.findings);
    }
    text
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

fn reach(title: &str, sign: char, list: &[Reach]) -> String {
    bounded(title, list, |shown| {
        rows(shown.iter().map(|reach| [format!("{sign} {}", reach.what), reach.peers.clone()]))
    })
}

fn routes(planned: &Planned) -> String {
    bounded("sites and services", &planned.routes, |shown| {
        rows(
            shown.iter().map(|route| [format!("{} {}", route.change.sign(), route.kind), route.name.clone()]),
        )
    })
}

fn cut(list: &[Cut]) -> String {
    let others = list.iter().filter(|cut| !cut.yours).count();
    let spared = list.len() - others;
    let spared = if spared == 0 { String::new() } else { format!(", {spared} of yours spared") };
    let title = format!("{} cut once it is confirmed{spared}", counted(others, "connection"));
    bounded(&title, list, connections)
}

/// Connections, one a line.
pub(super) fn connections(list: &[Cut]) -> String {
    rows(list.iter().map(|cut| {
        let program = cut.program.clone().unwrap_or_else(|| "-".to_owned());
        let yours = if cut.yours { "yours, stays until it ends" } else { "" };
        [cut.protocol.clone(), cut.peer.to_string(), format!("to {}", cut.local), program, yours.to_owned()]
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
