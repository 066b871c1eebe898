//! `portcullis apply`: shows the plan, asks, and has the keeper put it in force. Changed packets are on trial.

use super::keeping::{Keeping, read, wanted};
use crate::cli::{Apply, Common, How};
use crate::failure::{Exit, Failure};
use crate::keeper::{self, Applied, Planned, Request, Trial, Wanted};
use crate::show;
use crate::terminal;
use serde_json::json;

pub(super) fn run(common: &Common, arguments: &Apply) -> Result<Exit, Failure> {
    let file = arguments.file.as_deref();
    let wanted = wanted(common, file, &arguments.host, arguments.how.risks)?;
    let keeping = Keeping::of_file(common, file, arguments.how.risks.console)?;
    apply(&keeping, wanted, arguments.how, arguments.json)
}

/// Shows, asks and applies; shared by what ends in an apply.
pub(super) fn apply(keeping: &Keeping, wanted: Wanted, how: How, json: bool) -> Result<Exit, Failure> {
    let trial = match how.confirm {
        _ if how.no_trial => Trial::None,
        Some(span) => Trial::Seconds(span.as_secs()),
        None => Trial::AsConfigured,
    };
    let plan = keeping.ask(Request::Plan(wanted.clone()))?;
    let planned: Planned = read(&plan)?;
    if let Some(trial) = &planned.trial {
        return Err(Failure::no(keeper::during_trial(trial.snapshot)).with_hint(keeper::END_TRIAL));
    }
    if !json {
        terminal::print(show::plan(&planned))?;
    }
    if !how.yes && (planned.packets_change || !planned.routes.is_empty()) {
        let question = match planned.cut.named.as_slice() {
            [] => "Apply this?",
            _ => "Apply this, and cut these connections once it is confirmed?",
        };
        if !terminal::ask(question, "--yes")? {
            return Err(Failure::no("nothing was applied"));
        }
    }
    let shown = Some(planned.name);
    let answer = keeping.ask(Request::Apply(keeper::Apply { wanted, trial, shown }))?;
    keeping.note();
    if json {
        terminal::print_json(&json!({ "plan": plan, "applied": answer }))?;
    } else {
        let here = keeping.confirms_here(how.risks.console);
        terminal::say(show::applied(&read::<Applied>(&answer)?, here));
    }
    Ok(Exit::Done)
}
