//! `portcullis cert list`.

use super::{certificates, names, source, to_json};
use crate::cli::Common;
use crate::day;
use crate::failure::{Exit, Failure};
use crate::table::aligned;
use crate::terminal;
use certs::CertificateFacts;
use std::time::SystemTime;

pub(super) fn run(common: &Common, json: bool) -> Result<Exit, Failure> {
    let list = certificates(common, SystemTime::now())?;
    if json {
        terminal::print_json(&list.iter().map(to_json).collect())?;
        return Ok(Exit::Done);
    }
    if list.is_empty() {
        terminal::say("there are no certificates\n");
        return Ok(Exit::Done);
    }
    let header = ["names", "from", "until", "serves", "problems"].map(str::to_owned);
    terminal::print(aligned(&header, list.iter().map(row)))?;
    Ok(Exit::Done)
}

fn row(facts: &CertificateFacts) -> [String; 5] {
    let lines = |list: Vec<String>| if list.is_empty() { "-".to_owned() } else { list.join("\n") };
    [
        lines(names(facts)),
        source(facts).to_owned(),
        day::format(facts.validity.not_after),
        lines(facts.used_for.clone()),
        lines(facts.problems.iter().map(ToString::to_string).collect()),
    ]
}
