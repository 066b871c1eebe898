//! `portcullis plan`: what would change on this machine. It changes nothing.

use super::keeping::{Keeping, read, wanted};
use crate::cli::{Common, Plan, Risks};
use crate::failure::{Exit, Failure};
use crate::keeper::{Planned, Request};
use crate::show;
use crate::terminal;

pub(super) fn run(common: &Common, arguments: &Plan) -> Result<Exit, Failure> {
    let file = arguments.file.as_deref();
    let wanted = wanted(common, file, &arguments.host, Risks::default())?;
    let answer = Keeping::of_file(common, file, false)?.ask(Request::Plan(wanted))?;
    if arguments.json {
        terminal::print_json(&answer)?;
    } else {
        terminal::print(show::plan(&read::<Planned>(&answer)?))?;
    }
    Ok(Exit::Done)
}
