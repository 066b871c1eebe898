//! Rules: each by itself, and repetitions within a list.

use super::allow::{self, Refusal};
use super::names::Names;
use super::peer::{Direction, peers};
use super::{ids, interface, limit, moment};
use crate::plan::{InterfaceName, Rule, RuleId, Traffic};
use crate::problem::{Problem, shown};
use crate::raw::decode::{List, OneOrMany, Text};
use crate::raw::policy::{Moment, RuleEntry, RuleKeys};
use crate::source::{Located, Location};
use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};

use super::super::Lowering;

/// The longest id of a rule, which names its counter.
const LONGEST_ID: usize = 32;

/// What the rules of all lists share.
#[derive(Default)]
pub(super) struct Written {
    /// The ids that stand in the file.
    ids: BTreeMap<String, Location>,
}

/// The rules of a list, without those that say the same as one before.
pub(super) fn rules(
    list: &List<RuleEntry>,
    direction: Direction,
    written: &mut Written,
    names: &mut Names<'_>,
    lowering: &mut Lowering<'_>,
) -> Vec<Rule> {
    let mut rules: Vec<Rule> = Vec::new();
    let mut first: HashMap<String, Location> = HashMap::new();
    for entry in list {
        let short;
        let keys = match &entry.value {
            RuleEntry::Short(text) => {
                let allow = OneOrMany(vec![Located::new(text.clone(), entry.at)]);
                short = RuleKeys { allow: Some(Located::new(allow, entry.at)), ..RuleKeys::default() };
                &short
            }
            RuleEntry::Long(keys) => keys,
        };
        let problems = lowering.problems.len();
        let Some(rule) = rule(keys, entry.at, direction, written, names, lowering) else { continue };
        // What a rule with an error would have said is not known.
        if keys.broken || lowering.failed_since(problems) {
            continue;
        }
        match first.entry(ids::all_said(&rule)) {
            Entry::Occupied(first) => lowering.report(
                Problem::warning(entry.at, format!("the rule `{}` is in the list twice", rule.label))
                    .label("says the same, so it is left out")
                    .related(*first.get(), "first here"),
            ),
            Entry::Vacant(slot) => {
                slot.insert(entry.at);
                rules.push(rule);
            }
        }
    }
    rules
}

fn rule(
    keys: &RuleKeys,
    at: Location,
    direction: Direction,
    written: &mut Written,
    names: &mut Names<'_>,
    lowering: &mut Lowering<'_>,
) -> Option<Rule> {
    let allowed = traffic(keys, at, lowering);
    let (own, other, word) = match direction {
        Direction::Inbound => (&keys.from, &keys.to, "to"),
        Direction::Outbound => (&keys.to, &keys.from, "from"),
    };
    if let Some(other) = other {
        refuse_direction(word, other.at, direction, lowering);
    }
    let peers = peers(own.as_ref(), direction, names, lowering);
    let interface = keys.on.as_ref().and_then(|on| interface::interface(&on.value, lowering));
    warn_of_loopback(interface.as_ref(), keys.on.as_ref(), lowering);
    if let Some(limit) = keys.limit.as_ref().filter(|_| direction == Direction::Outbound) {
        lowering.report(
            Problem::error(limit.at, "`limit` in an outbound rule")
                .label("would not be enforced")
                .hint("a rate is counted for each source, so it belongs to inbound rules"),
        );
    }
    let (label, traffic) = allowed?;
    (!peers.is_empty()).then_some(())?;
    Some(Rule {
        // One that is not written is made when all rules are known.
        id: RuleId(keys.id.as_ref().and_then(|id| explicit_id(id, written, lowering)).unwrap_or_default()),
        label,
        traffic,
        peers,
        interface,
        limit: keys.limit.as_ref().and_then(|limit| limit::limit(&limit.value, lowering)),
        note: keys.note.as_ref().and_then(|note| line("note", note, lowering)),
        expires: keys.expires.as_ref().and_then(|expires| end(expires, lowering)),
        place: lowering.sources.place(at),
    })
}

/// `allow` as written and what it says.
fn traffic(keys: &RuleKeys, at: Location, lowering: &mut Lowering<'_>) -> Option<(String, Vec<Traffic>)> {
    let Some(allow) = &keys.allow else {
        if !keys.broken {
            lowering.report(
                Problem::error(at, "a rule without `allow`")
                    .label("`allow` is missing")
                    .hint("write for example { allow = \"ssh\", from = \"192.0.2.1\" }"),
            );
        }
        return None;
    };
    if allow.value.0.is_empty() && !keys.broken {
        lowering.report(Problem::error(allow.at, "a rule that allows nothing").label("empty"));
    }
    let mut traffic: Vec<Traffic> = Vec::new();
    let mut complete = !allow.value.0.is_empty();
    for text in &allow.value.0 {
        match allow::parse(text.value.as_str()) {
            Ok(items) => {
                if items.iter().all(|item| traffic.contains(item)) {
                    lowering.report(
                        Problem::warning(text.at, format!("`{}` is in the list twice", text.value.as_str()))
                            .label("says nothing new"),
                    );
                }
                traffic.extend(items);
            }
            Err(refusal) => {
                complete = false;
                lowering.report(refused(&text.value, refusal));
            }
        }
    }
    let label = allow.value.0.iter().map(|text| text.value.as_str()).collect::<Vec<_>>().join(", ");
    complete.then(|| (label, allow::canonical(traffic)))
}

/// A refusal of the grammar with its place.
pub(super) fn refused(text: &Text, refusal: Refusal) -> Problem {
    let at = if refusal.part.is_empty() { text.at } else { text.part(refusal.part.start, refusal.part.end) };
    Problem::error(at, refusal.title).label(refusal.label).hint_maybe(refusal.hint)
}

fn refuse_direction(word: &str, at: Location, direction: Direction, lowering: &mut Lowering<'_>) {
    let (this, hint) = match direction {
        Direction::Inbound => {
            ("an inbound", "who may come is `from`; where members may go stands in `outbound`")
        }
        Direction::Outbound => {
            ("an outbound", "where members may go is `to`; who may come stands in `inbound`")
        }
    };
    lowering.report(
        Problem::error(at, format!("`{word}` in {this} rule")).label("of the other direction").hint(hint),
    );
}

pub(super) fn warn_of_loopback(
    interface: Option<&InterfaceName>,
    on: Option<&Located<Text>>,
    lowering: &mut Lowering<'_>,
) {
    if let Some(on) = on.filter(|_| interface.is_some_and(|name| name.0 == "lo")) {
        lowering.report(
            Problem::warning(on.at, "a rule for the loopback changes nothing")
                .label("traffic of this host with itself always passes"),
        );
    }
}

/// An id that stands in the file.
pub(super) fn explicit_id(
    id: &Located<Text>,
    written: &mut Written,
    lowering: &mut Lowering<'_>,
) -> Option<String> {
    let text = id.value.as_str();
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    if text.is_empty() || text.len() > LONGEST_ID || !text.bytes().all(allowed) {
        lowering.report(
            Problem::error(id.value.inner(), format!("{} cannot be the id of a rule", shown(text)))
                .label(format!("letters, digits, `-` and `_`, at most {LONGEST_ID}")),
        );
        return None;
    }
    if let Some(first) = written.ids.get(text) {
        lowering.report(
            Problem::error(id.at, format!("two rules have the id `{text}`"))
                .label("again here")
                .related(*first, "first here")
                .hint("an id names one rule, with its counter, in the whole file"),
        );
        return None;
    }
    written.ids.insert(text.to_owned(), id.at);
    Some(text.to_owned())
}

/// A text of one line, for tables on a terminal.
pub(super) fn line(key: &str, text: &Located<Text>, lowering: &mut Lowering<'_>) -> Option<String> {
    if !text.value.as_str().chars().any(char::is_control) {
        return Some(text.value.as_str().to_owned());
    }
    lowering.report(
        Problem::error(text.at, format!("`{key}` with a line break or control character"))
            .label("must be one line of text"),
    );
    None
}

/// When a rule ends.
pub(super) fn end(raw: &Located<Moment>, lowering: &mut Lowering<'_>) -> Option<u64> {
    let text = &raw.value.0;
    match moment::parse(text.as_str()) {
        Ok(seconds) => Some(seconds),
        Err(error) => {
            let hint = match error {
                moment::MomentError::NoOffset => {
                    format!("write {}Z for UTC, or an offset such as +01:00", text.as_str())
                }
                _ => "write for example 2026-12-31T18:00:00Z, or 2026-12-31 for the end of that day in UTC"
                    .to_owned(),
            };
            let title = format!("{} is not the end of a rule", shown(text.as_str()));
            lowering.report(Problem::error(raw.at, title).label(error.to_string()).hint(hint));
            None
        }
    }
}
