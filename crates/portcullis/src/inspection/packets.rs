//! The packets of a plan, composed for this machine: what should be looked at. Looks, and changes nothing.

use crate::keeper::{self, Finding, Weight};
use model::plan::Plan;
use model::problem::{Problem, Severity};
use std::path::Path;

/// What should be looked at. Which host of the file this machine is need not be known for a check: a file is also
/// checked where it is written.
pub(super) fn look(plan: &Plan, host: Option<&str>, state: &Path) -> Vec<Problem> {
    if plan.policy.firewall.is_none() {
        return Vec::new();
    }
    match keeper::findings_here(plan, host, state) {
        Ok(findings) => findings.into_iter().map(of_finding).collect(),
        Err(refused) if host.is_some() => vec![Problem::placeless(refused.reason).hint_maybe(refused.hint)],
        Err(refused) => {
            vec![warning(format!("the packets are not checked: {}", refused.reason), refused.hint)]
        }
    }
}

fn of_finding(finding: Finding) -> Problem {
    let problem = warning(finding.text, finding.hint);
    match finding.weight {
        Weight::Error => Problem { severity: Severity::Error, ..problem },
        Weight::Warning | Weight::Note => problem,
    }
}

fn warning(text: String, hint: Option<String>) -> Problem {
    Problem { severity: Severity::Warning, ..Problem::placeless(text) }.hint_maybe(hint)
}
