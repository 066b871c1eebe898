//! `portcullis firewall show`: the table as text, in the language of nft, for people who want to see what is enforced.

use crate::cli::{self, Common};
use crate::commands::keeping::{Keeping, wanted};
use crate::failure::{Exit, Failure};
use crate::keeper::Request;
use crate::terminal;

pub(super) fn run(common: &Common, planned: bool) -> Result<Exit, Failure> {
    let text: String = if planned {
        let wanted = wanted(common, None, &cli::Host::default(), cli::Risks::default())?;
        Keeping::of_file(common, None, false)?.ask_for(Request::ShowPlanned(wanted))?
    } else {
        Keeping::of(common, false)?.ask_for(Request::Show)?
    };
    terminal::print(text)?;
    Ok(Exit::Done)
}
