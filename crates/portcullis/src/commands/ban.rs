//! `portcullis ban`, `unban` and `bans`: sources whose packets are refused before any rule is asked.

use super::keeping::{Keeping, absolute, read};
use crate::cli::{Ban, Bans, Common, Unban};
use crate::failure::{Exit, Failure};
use crate::keeper::{self, BanList, Banned, Request};
use crate::show;
use crate::terminal;
use std::time::{SystemTime, UNIX_EPOCH};

pub(super) fn ban(common: &Common, arguments: &Ban) -> Result<Exit, Failure> {
    let request = Request::Ban(keeper::Ban {
        sources: arguments.sources.clone(),
        file: arguments.file.as_deref().map(absolute).transpose()?,
        seconds: (!arguments.permanent).then_some(arguments.span.as_secs()),
        note: arguments.note.clone(),
        replace: arguments.replace,
    });
    changed(common, request, arguments.json, "banned")
}

pub(super) fn unban(common: &Common, arguments: &Unban) -> Result<Exit, Failure> {
    let request = Request::Unban { sources: arguments.sources.clone() };
    changed(common, request, arguments.json, "not banned any more")
}

pub(super) fn bans(common: &Common, arguments: &Bans) -> Result<Exit, Failure> {
    let answer = Keeping::of(common, false)?.ask(Request::Bans)?;
    if arguments.json {
        terminal::print_json(&answer)?;
    } else {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        terminal::print(show::bans(&read::<BanList>(&answer)?, now))?;
    }
    Ok(Exit::Done)
}

fn changed(common: &Common, request: Request, json: bool, what: &str) -> Result<Exit, Failure> {
    let answer = Keeping::of(common, false)?.ask(request)?;
    if json {
        terminal::print_json(&answer)?;
    } else {
        terminal::say(show::banned(&read::<Banned>(&answer)?, what));
    }
    Ok(Exit::Done)
}
