//! `portcullis confirm`: the way in still works, so the packets that are on trial stay.

use super::keeping::{Keeping, read};
use crate::cli::{Common, Confirm};
use crate::failure::{Exit, Failure};
use crate::keeper::{Confirmed, Request};
use crate::show;
use crate::terminal;

pub(super) fn run(common: &Common, arguments: &Confirm) -> Result<Exit, Failure> {
    let answer = Keeping::of(common, arguments.console)?.ask(Request::Confirm)?;
    if arguments.json {
        terminal::print_json(&answer)?;
    } else {
        terminal::say(show::confirmed(&read::<Confirmed>(&answer)?));
    }
    Ok(Exit::Done)
}
