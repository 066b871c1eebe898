//! A configuration held against this machine: whether what it names is there, and can be read by who needs it. It changes
//! nothing. What is an error here is one for `check`, for a reload and for an apply alike; `up` starts all the same, since
//! a machine has to come up.

mod machine;
mod packets;
mod reading;
mod scripts;

pub(crate) use machine::look as look_at_machine;

use crate::keeper;
use crate::place::Places;
use model::Compiled;
use model::plan::{CertificateFiles, Plan};
use model::problem::{Problem, Problems, Severity};
use std::collections::HashSet;
use std::path::Path;

/// Adds every problem that the plan has on this machine, which is that host of the file where it is said, and keeps its
/// state in a folder that was named or in the plan's. Certificates that somebody knows to be in order are not read again.
/// The plan itself stays, whatever is found.
pub(crate) fn inspect(
    compiled: Compiled,
    host: Option<&str>,
    state: Option<&Path>,
    in_order: &HashSet<CertificateFiles>,
) -> Compiled {
    let Compiled { plan, problems } = compiled;
    // What a file with errors means is not known, so only a plan is held against the machine.
    let found = plan.as_ref().map(|plan| look(plan, (host, state), in_order, &problems)).unwrap_or_default();
    Compiled { plan, problems: join(&problems, found) }
}

/// Adds what a gate that starts with this plan does not find, as warnings: it starts all the same. Only folders are
/// looked at, for whatever else is missing is told by what reads it.
pub(crate) fn with_missing_folders(compiled: Compiled, host: Option<&str>) -> Compiled {
    let Compiled { plan, problems } = compiled;
    // Where it is not known which host this is, whoever starts the gate says so.
    let here = plan.as_ref().and_then(|plan| keeper::of_this_host(plan, host).ok());
    let found = here.as_ref().map(machine::folders).unwrap_or_default();
    let warnings = found.into_iter().map(|problem| Problem { severity: Severity::Warning, ..problem });
    Compiled { plan, problems: join(&problems, warnings.collect()) }
}

fn look(
    plan: &Plan,
    (host, state): (Option<&str>, Option<&Path>),
    in_order: &HashSet<CertificateFiles>,
    of_text: &Problems,
) -> Vec<Problem> {
    // A file is also checked where it is written, so that it need not be known which of its hosts this is.
    let here = keeper::of_this_host(plan, host).ok();
    let mut found = machine::look(here.as_ref().unwrap_or(plan), in_order);
    let of_packets = packets::look(plan, host, &Places::of(plan, state.map(Path::to_owned)).state);
    found.extend(of_packets.into_iter().filter(|problem| !is_said(problem, of_text)));
    found.extend(nothing_at_all(plan));
    found
}

/// An emptied file is a good one, and seldom what was meant.
fn nothing_at_all(plan: &Plan) -> Option<Problem> {
    let is_empty = !plan.serves() && plan.policy.firewall.is_none();
    let problem = || {
        Problem::placeless("no site is configured: visitors see a page that says so")
            .hint("[site] \"example.com\" = \"localhost:3000\" is one")
    };
    is_empty.then(|| Problem { severity: Severity::Warning, ..problem() })
}

/// Whether the text says already, with its place, that a peer of a rule is nobody.
fn is_said(of_packets: &Problem, of_text: &Problems) -> bool {
    let mut nobody = of_text.iter().filter_map(|problem| problem.title.strip_suffix(" matches nothing"));
    nobody.any(|peer| of_packets.title.starts_with(&format!("{peer} in rule ")))
}

fn join(of_text: &Problems, of_machine: Vec<Problem>) -> Problems {
    let list = of_text.iter().cloned().chain(of_machine).collect();
    Problems::new(list, of_text.sources().clone())
}
