//! `portcullis rollback`: ends a trial at once, or puts an earlier snapshot on trial.

use super::apply::apply;
use super::keeping::{Keeping, read, risks};
use crate::cli::{Common, Rollback};
use crate::failure::{Exit, Failure};
use crate::keeper::{Ended, Request, Source, Status, Wanted};
use crate::show;
use crate::terminal;

pub(super) fn run(common: &Common, arguments: &Rollback) -> Result<Exit, Failure> {
    let keeping = Keeping::of(common, arguments.how.risks.console)?;
    let on_trial = keeping.ask_for::<Status>(Request::Status)?.trial.is_some();
    if on_trial && arguments.to.is_none() {
        return end(&keeping, arguments.json);
    }
    if arguments.to.is_none() && !arguments.json {
        terminal::say(show::going_back(&keeping.ask_for(Request::History)?));
    }
    let source = Source::Snapshot(arguments.to);
    let wanted = Wanted { source, host: None, risks: risks(arguments.how.risks) };
    apply(&keeping, wanted, arguments.how, arguments.json)
}

/// Going back to what was in force a moment ago needs no question.
fn end(keeping: &Keeping, json: bool) -> Result<Exit, Failure> {
    let answer = keeping.ask(Request::EndTrial)?;
    if json {
        terminal::print_json(&answer)?;
    } else {
        terminal::say(show::ended(&read::<Ended>(&answer)?));
    }
    Ok(Exit::Done)
}
