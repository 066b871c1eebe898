//! `portcullis allow`: writes a rule of this machine or of a group into the file.

use super::edit::{self, Subject, carried_by};
use super::words::{arguments, command, edit as words};
use crate::cli::{Allow, Common, Whose};
use crate::day;
use crate::failure::{Exit, Failure};
use crate::keeper;
use crate::terminal;
use model::edit::{List, RuleEdit, add_rule, says};
use model::plan::{Host, Plan, Rule};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

pub(super) fn run(common: &Common, arguments: &Allow) -> Result<Exit, Failure> {
    edit::judge_options(&arguments.then)?;
    let subject = Subject::open(common)?;
    let rule = words(&arguments.what, &arguments.words);
    let list = whose(common, &subject.plan, arguments, &rule)?;
    let draft = subject.edited(&subject.file_of(list), |text| add_rule(text, list, &rule))?;
    let before = edit::rules(&subject.plan, list);
    let is_new = |new: &&Rule| before.iter().all(|old| old.id != new.id);
    match edit::rules(&draft.plan, list).iter().find(is_new) {
        Some(new) => {
            refuse_what_is_over(new)?;
            draft.write()?;
            warn_of_missing_interface(new);
            terminal::say(format_args!(
                "{}: {} is allowed{}\nrule {id}; take it back: {revoke}\n",
                draft.path.display(),
                said(&rule),
                of(&subject.plan, list),
                id = new.id,
                revoke = command(common, "revoke", &[&new.id.0]),
            ));
        }
        // The same rule again is left out of a plan.
        None => {
            let id = before.iter().find(|old| says(old, &rule)).map(|old| format!(" (rule {})", old.id));
            terminal::say(format_args!(
                "{} is allowed already{}{}; the file stays as it is\n",
                said(&rule),
                of(&subject.plan, list),
                id.unwrap_or_default(),
            ));
            if !arguments.then.apply {
                return Ok(Exit::Done);
            }
        }
    }
    edit::then(common, &arguments.then)
}

fn refuse_what_is_over(rule: &Rule) -> Result<(), Failure> {
    match rule.expires.map(|end| UNIX_EPOCH + Duration::from_secs(end)) {
        Some(end) if end <= SystemTime::now() => {
            let reason = format!("such a rule was over at {}, so nothing is written", day::format(end));
            Err(Failure::no(reason).with_hint("`--until` names a moment that is still to come"))
        }
        _ => Ok(()),
    }
}

/// The rule may be for another machine, or for an interface that comes later.
fn warn_of_missing_interface(rule: &Rule) {
    if let Some(name) = rule.interface.as_ref().filter(|name| keeper::is_interface_here(name) == Some(false))
    {
        terminal::say(format_args!("warning: there is no interface {name} on this machine at present\n"));
    }
}

fn said(rule: &RuleEdit) -> String {
    let from = if rule.from.is_empty() { "anywhere".to_owned() } else { rule.from.join(", ") };
    let on = rule.on.as_ref().map(|name| format!(" on {name}")).unwrap_or_default();
    let until = rule.expires.as_ref().map(|end| format!(" until {end}")).unwrap_or_default();
    format!("{} from {from}{on}{until}", rule.allow.join(", "))
}

/// For whom a rule is, where the file is about more than one machine.
fn of(plan: &Plan, list: List<'_>) -> String {
    match list {
        List::Group(name) => match carried_by(plan, name).as_slice() {
            [] => format!(" in group {name}, which no host carries"),
            hosts => format!(" in group {name}, which {} carries", hosts.join(" and ")),
        },
        List::Firewall if plan.policy.hosts.len() > 1 => " on every host of the file".to_owned(),
        List::Firewall => String::new(),
    }
}

/// The list that a new rule goes to.
fn whose<'a>(
    common: &Common,
    plan: &'a Plan,
    arguments: &'a Allow,
    rule: &RuleEdit,
) -> Result<List<'a>, Failure> {
    let Whose { group, every_host } = &arguments.whose;
    if let Some(name) = group {
        return edit::group(plan, name).map_err(|failure| match &failure.hint {
            Some(_) => failure,
            None => {
                failure.with_hint(format!("`[group.{name}]` declares one; a host carries it by `groups`"))
            }
        });
    }
    if *every_host || plan.policy.hosts.is_empty() {
        return Ok(List::Firewall);
    }
    let all = || plan.policy.groups.iter().map(|group| group.name.0.as_str()).collect::<Vec<_>>();
    let Ok(Some(name)) = keeper::host_here(plan, arguments.then.host.name.as_deref()) else {
        let reason = "the file names hosts, and this machine is none of them for sure: whose rule is it?";
        return Err(ask(common, reason, &all(), rule));
    };
    let host = plan.policy.hosts.iter().find(|host| host.name == name);
    let groups: Vec<&str> = host.iter().flat_map(|host| &host.groups).map(|name| name.0.as_str()).collect();
    match (groups.as_slice(), plan.policy.hosts.as_slice()) {
        ([one], _) => Ok(List::Group(one)),
        ([], [Host { .. }]) => Ok(List::Firewall),
        ([], _) => {
            Err(ask(common, &format!("the host {name} carries no group: whose rule is it?"), &all(), rule))
        }
        (several, _) => {
            let reason =
                format!("the host {name} carries the groups {}: whose rule is it?", several.join(", "));
            Err(ask(common, &reason, several, rule))
        }
    }
}

/// A refusal with a command that would be clear, and what else it can end with.
fn ask(common: &Common, reason: &str, groups: &[&str], rule: &RuleEdit) -> Failure {
    const SHOWN: usize = 4;
    let ways = groups.iter().take(SHOWN).map(|name| format!("--group {name}"));
    let mut ways = ways.chain(["--every-host".to_owned()]);
    let first = ways.next().unwrap_or_default();
    let hint = format!("`{} {first}`", command(common, "allow", &arguments(rule)));
    let others: Vec<String> = ways.map(|way| format!("`{way}`")).collect();
    let hint = if others.is_empty() { hint } else { format!("{hint}, or with {}", others.join(" or ")) };
    Failure::no(reason).with_hint(hint)
}
