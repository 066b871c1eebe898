//! `portcullis firewall adopt`: prints the rules of another firewall on this machine as a part of a file, and says what
//! differs. The other one is switched off only with `--disable`.

use crate::cli::Common;
use crate::commands::keeping::{Keeping, read};
use crate::failure::{Exit, Failure};
use crate::keeper::{Adopt, Adoption, Request};
use crate::show;
use crate::terminal;

/// What `adopt` is told.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wish {
    /// Answer for programs.
    pub(super) json: bool,
    /// Switch the other firewall off.
    pub(super) disable: bool,
    /// Without a question.
    pub(super) yes: bool,
}

pub(super) fn run(common: &Common, wish: Wish) -> Result<Exit, Failure> {
    let keeping = Keeping::of(common, false)?;
    if wish.disable && !wish.yes {
        let adoption: Adoption = keeping.ask_for(Request::Adopt(Adopt { disable: false }))?;
        terminal::say(show::differences(&adoption));
        if !terminal::ask(&format!("Switch {} off?", adoption.name), "--yes")? {
            return Err(Failure::no("it stays on"));
        }
    }
    let answer = keeping.ask(Request::Adopt(Adopt { disable: wish.disable }))?;
    if wish.json {
        terminal::print_json(&answer)?;
        return Ok(Exit::Done);
    }
    let adoption: Adoption = read(&answer)?;
    if !wish.disable {
        terminal::print(&adoption.toml)?;
    }
    terminal::say(show::adoption(&adoption));
    Ok(Exit::Done)
}
