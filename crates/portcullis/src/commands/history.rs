//! `portcullis history`: what was applied, by whom, and what became of it.

use super::keeping::{Keeping, read};
use crate::cli::{Common, History};
use crate::failure::{Exit, Failure};
use crate::keeper::{self, Request};
use crate::show;
use crate::terminal;

pub(super) fn run(common: &Common, arguments: &History) -> Result<Exit, Failure> {
    let answer = Keeping::of(common, false)?.ask(Request::History)?;
    if arguments.json {
        terminal::print_json(&answer)?;
    } else {
        terminal::print(show::history(&read::<keeper::History>(&answer)?))?;
    }
    Ok(Exit::Done)
}
