//! `portcullis cert list`.

use super::found::{self, Broken};
use super::{names, source, to_json};
use crate::cli::Common;
use crate::day;
use crate::failure::{Exit, Failure};
use crate::table::aligned;
use crate::terminal;
use certs::CertificateFacts;
use std::time::SystemTime;

pub(super) fn run(common: &Common, json: bool) -> Result<Exit, Failure> {
    let found = found::find(common, SystemTime::now())?;
    if json {
        let broken = found.broken.iter().map(Broken::to_json);
        terminal::print_json(&found.good.iter().map(to_json).chain(broken).collect())?;
        return Ok(Exit::Done);
    }
    if found.good.is_empty() && found.broken.is_empty() {
        terminal::say("there are no certificates\n");
        return Ok(Exit::Done);
    }
    let header = ["names", "from", "until", "serves", "problems"].map(str::to_owned);
    terminal::print(aligned(&header, found.good.iter().map(row).chain(found.broken.iter().map(broken))))?;
    Ok(Exit::Done)
}

fn lines(list: &[String]) -> String {
    if list.is_empty() { "-".to_owned() } else { list.join("\n") }
}

fn broken(broken: &Broken) -> [String; 5] {
    let nothing = || "-".to_owned();
    let problem = match &broken.hint {
        Some(hint) => format!("{}\n{hint}", broken.problem),
        None => broken.problem.clone(),
    };
    [nothing(), "files".to_owned(), nothing(), lines(&broken.used_for), problem]
}

fn row(facts: &CertificateFacts) -> [String; 5] {
    [
        lines(&names(facts)),
        source(facts).to_owned(),
        day::format(facts.validity.not_after),
        lines(&facts.used_for),
        lines(&facts.problems.iter().map(ToString::to_string).collect::<Vec<_>>()),
    ]
}
