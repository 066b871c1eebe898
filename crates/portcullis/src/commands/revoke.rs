//! `portcullis revoke`: takes an inbound rule of this machine or of a group out of the file. It is found by its identity,
//! by what it says, or by the number that `status` gives it.

use super::edit::{self, Subject};
use super::keeping::Keeping;
use super::words::{arguments, command, edit as words};
use crate::cli::{Common, Revoke};
use crate::failure::{Exit, Failure};
use crate::keeper::{Request, Status};
use crate::terminal;
use model::edit::{EditError, List, RuleEdit, remove_rule, says};
use model::plan::{Peer, Plan, Rule};

pub(super) fn run(common: &Common, arguments: &Revoke) -> Result<Exit, Failure> {
    edit::judge_options(&arguments.then)?;
    let subject = Subject::open(common)?;
    let (list, rule) = match arguments.number {
        Some(number) => numbered(common, &subject.plan, number)?,
        None => named(&subject.plan, arguments)?,
    };
    let mut removed = Vec::new();
    let draft = subject.edited(std::path::Path::new(&rule.place.file), |text| {
        let (mut text, first) = remove_rule(text, list, rule)?;
        removed.push(first);
        // The same rule again would take its place.
        loop {
            match remove_rule(&text, list, rule) {
                Ok((shorter, again)) => {
                    text = shorter;
                    removed.push(again);
                }
                Err(EditError::NotThere) => return Ok(text),
                Err(error) => return Err(error),
            }
        }
    })?;
    draft.write()?;
    for removed in removed {
        terminal::say(format_args!(
            "{}: line {} is gone from {list}: {}\n",
            draft.path.display(),
            removed.line,
            removed.written
        ));
        if let Some(again) = again(common, list, rule) {
            terminal::say(format_args!("put it back: {again}\n"));
        }
    }
    edit::then(common, &arguments.then)
}

/// The command that writes a rule again; `None` where it takes more than one.
fn again(common: &Common, list: List<'_>, rule: &Rule) -> Option<String> {
    if rule.expires.is_some() || rule.label.contains([',', ' ']) {
        return None;
    }
    let from = rule.peers.iter().filter(|peer| **peer != Peer::Anywhere).map(Peer::to_string);
    let edit = RuleEdit {
        allow: vec![rule.label.clone()],
        from: from.collect(),
        on: rule.interface.as_ref().map(ToString::to_string),
        limit: rule.limit.map(|limit| limit.to_string()),
        note: rule.note.clone(),
        ..RuleEdit::default()
    };
    let mut all = arguments(&edit);
    if let List::Group(name) = list {
        all.extend(["--group".to_owned(), name.to_owned()]);
    }
    Some(command(common, "allow", &all))
}

/// The rule that an identity or words mean; identities win.
fn named<'a>(plan: &'a Plan, arguments: &'a Revoke) -> Result<(List<'a>, &'a Rule), Failure> {
    let written = arguments.rule.as_deref().unwrap_or_default();
    if let Some(found) = inbound(plan).into_iter().find(|(_, rule)| rule.id.0 == written) {
        return Ok(found);
    }
    if is_derived(plan, written) {
        return Err(Failure::no(format!("rule {written} is not a rule of the file")).with_hint(DERIVED));
    }
    let words = words(written, &arguments.words);
    let group = arguments.whose.group.as_deref().map(|name| edit::group(plan, name)).transpose()?;
    let wanted = group.or(arguments.whose.every_host.then_some(List::Firewall));
    let among: Vec<_> =
        inbound(plan).into_iter().filter(|(list, _)| wanted.is_none_or(|wanted| wanted == *list)).collect();
    let fitting: Vec<_> = among.iter().copied().filter(|(_, rule)| says(rule, &words)).collect();
    match (fitting.as_slice(), among.is_empty()) {
        ([one], _) => Ok(*one),
        ([], true) => Err(Failure::no("the file has no inbound rule")),
        ([], false) => Err(other(plan, written).unwrap_or_else(|| {
            Failure::no(format!("no inbound rule says `{written}`")).with_hint(shown(&among))
        })),
        (several, _) => {
            let reason = format!("{} rules say that: name one by its identity", several.len());
            Err(Failure::no(reason).with_hint(shown(several)))
        }
    }
}

/// The rule that has a number in the status.
fn numbered<'a>(common: &Common, plan: &'a Plan, number: usize) -> Result<(List<'a>, &'a Rule), Failure> {
    let status: Status = Keeping::of(common, false)?.ask_for(Request::Status)?;
    let Some(wanted) = number.checked_sub(1).and_then(|index| status.rules.get(index)) else {
        let reason = match status.rules.len() {
            0 => "no rules are in force, so none has a number".to_owned(),
            most => format!("there is no rule {number}: `portcullis status` numbers them from 1 to {most}"),
        };
        return Err(Failure::no(reason));
    };
    inbound(plan).into_iter().find(|(_, rule)| rule.id.0 == wanted.rule).ok_or_else(|| {
        other(plan, &wanted.rule).unwrap_or_else(|| {
            Failure::no(format!(
                "rule {number} is {} ({}), which is in force and not a rule of the file",
                wanted.rule, wanted.text
            ))
            .with_hint("it follows from a site, a stream or sshd, or it is out of the file already: `portcullis plan` says which")
        })
    })
}

const DERIVED: &str = "it follows from a site, a stream or sshd: `from` of a site or a stream says who may reach it, and a \
                       rule that names its port does for sshd";

/// Whether an identity is one of a rule that follows from a site, a stream or sshd.
fn is_derived(plan: &Plan, id: &str) -> bool {
    let is_port = |text: &str| text.parse::<u16>().is_ok();
    let is_stream = |name: &str| plan.streams.iter().any(|stream| stream.name == name);
    id.strip_prefix("site-").or_else(|| id.strip_prefix("sshd-")).is_some_and(is_port)
        || id.strip_prefix("stream-").is_some_and(is_stream)
}

/// A rule that is no inbound rule, as a refusal.
fn other(plan: &Plan, id: &str) -> Option<Failure> {
    let firewall = plan.policy.firewall.iter();
    let outbound = firewall.flat_map(|one| one.outbound.iter().chain(&one.container_outbound).flatten());
    let outbound =
        outbound.chain(plan.policy.groups.iter().flat_map(|group| group.outbound.iter().flatten()));
    let forwards = plan.policy.nat.iter().flat_map(|nat| nat.forwards.iter().map(|forward| &forward.rule));
    let found = outbound.chain(forwards).find(|rule| rule.id.0 == id)?;
    let place = format!("{}, line {}", found.place.file, found.place.line);
    Some(
        Failure::no(format!("rule {id} is not an inbound rule"))
            .with_hint(format!("take it out of the file by hand: {place}")),
    )
}

/// Every inbound rule with its list.
fn inbound(plan: &Plan) -> Vec<(List<'_>, &Rule)> {
    let groups = plan.policy.groups.iter().map(|group| List::Group(&group.name.0));
    let lists = std::iter::once(List::Firewall).chain(groups);
    lists.flat_map(|list| edit::rules(plan, list).iter().map(move |rule| (list, rule))).collect()
}

/// Rules to choose from: the first few.
fn shown(rules: &[(List<'_>, &Rule)]) -> String {
    const SHOWN: usize = 4;
    let one = |(list, rule): &(List<'_>, &Rule)| {
        let peers: Vec<String> = rule.peers.iter().map(ToString::to_string).collect();
        format!("{} ({} from {}, {list})", rule.id, rule.label, peers.join(", "))
    };
    let first: Vec<String> = rules.iter().take(SHOWN).map(one).collect();
    let more = match rules.len().saturating_sub(SHOWN) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!("there are {}{more}", first.join(", "))
}
