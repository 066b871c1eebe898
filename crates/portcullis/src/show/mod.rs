//! Answers of the keeper as a person reads them. Facts in, text out; nothing is asked here.

mod adoption;
mod bans;
mod history;
mod outcome;
mod plan;
mod status;

pub(crate) use adoption::{adoption, differences};
pub(crate) use bans::{banned, bans, granted, grants};
pub(crate) use history::{going_back, history};
pub(crate) use outcome::{applied, confirmed, ended, openings, restored};
pub(crate) use plan::{packets, plan};
pub(crate) use status::status;

use crate::keeper::{Finding, Number, Weight};
use model::printable::one_line;

/// `1 rule`, `2 rules`.
fn counted(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

/// A number of bytes or packets with its magnitude: `12`, `3.4 k`, `5.6 M`.
fn amount(number: u64) -> String {
    let mut scaled = number as f64;
    for unit in ["", " k", " M", " G", " T"] {
        if scaled < 999.5 {
            return if unit.is_empty() { number.to_string() } else { format!("{scaled:.1}{unit}") };
        }
        scaled /= 1000.0;
    }
    format!("{scaled:.1} P")
}

/// What is in force when a snapshot is.
fn standing(snapshot: Option<Number>) -> String {
    match snapshot {
        Some(Number(0)) => {
            "snapshot 0: essentials and ssh, in place of packets that the state folder does not know"
                .to_owned()
        }
        Some(number) => format!("snapshot {number}"),
        None => "nothing: no packets are filtered".to_owned(),
    }
}

/// Findings, one paragraph each. Advice that is the same for neighbours is given once, after the last of them.
fn findings(list: &[Finding]) -> String {
    list.iter().enumerate().fold(String::new(), |mut text, (at, finding)| {
        let word = match finding.weight {
            Weight::Note => "note",
            Weight::Warning => "warning",
            Weight::Error => "error",
        };
        text.push_str(&format!("{word}: {}\n", one_line(&finding.text)));
        let again = list.get(at + 1).is_some_and(|next| next.hint == finding.hint);
        if let Some(hint) = finding.hint.as_ref().filter(|_| !again) {
            text.push_str(&format!("hint: {}\n", one_line(hint)));
        }
        text
    })
}

/// A table below a title, its lines indented.
fn section(title: &str, table: &str) -> String {
    table.lines().fold(format!("\n{title}\n"), |text, line| text + "  " + line + "\n")
}

/// Texts, one a line.
fn lines_of(list: &[String]) -> String {
    list.iter().map(|text| one_line(text)).collect::<Vec<_>>().join("\n")
}

/// Rows of a table without a header.
fn rows<Row: IntoIterator<Item = String>>(rows: impl IntoIterator<Item = Row>) -> String {
    table(&[], rows).trim_start_matches('\n').to_owned()
}

/// A table whose cells cannot speak to the terminal: whoever starts a process chooses its name.
fn table<Row: IntoIterator<Item = String>>(header: &[String], rows: impl IntoIterator<Item = Row>) -> String {
    let rows = rows.into_iter().map(|row| row.into_iter().map(|cell| one_line(&cell)));
    crate::table::aligned(header, rows)
}

#[cfg(test)]
mod tests;
