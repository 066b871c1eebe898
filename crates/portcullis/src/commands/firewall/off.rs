//! `portcullis firewall off`: takes our table out of the kernel, after it was said what is open then.

use crate::cli::Common;
use crate::commands::keeping::Keeping;
use crate::failure::{Exit, Failure};
use crate::keeper::{Openings, Request};
use crate::show;
use crate::terminal;

pub(super) fn run(common: &Common, yes: bool) -> Result<Exit, Failure> {
    let keeping = Keeping::of(common, false)?;
    let openings: Openings = keeping.ask_for(Request::OffWouldOpen)?;
    terminal::say(show::openings(&openings));
    if !yes && !terminal::ask("Switch the firewall off?", "--yes")? {
        return Err(Failure::no("the firewall stays on"));
    }
    keeping.ask(Request::Off)?;
    terminal::say("the firewall is off, also after a restart; `portcullis apply` switches it on\n");
    Ok(Exit::Done)
}
