//! Printing: data to standard output, everything else to standard error, colour only where a person looks at it.
//!
//! The streams of `anstream` take the colours out when the output is no terminal or `NO_COLOR` is set, so callers
//! colour without asking.

use crate::failure::{Exit, Failure};
use crate::report;
use anstyle::{AnsiColor, Style};
use model::printable;
use std::fmt::Display;
use std::io::{self, BufRead, IsTerminal, Read, Write};

/// The word `error`.
pub(crate) const ERROR: Style = AnsiColor::Red.on_default().bold();
/// The word `warning`.
pub(crate) const WARNING: Style = AnsiColor::Yellow.on_default().bold();
/// The word `hint`.
pub(crate) const HINT: Style = AnsiColor::Cyan.on_default().bold();

/// An answer is a word.
const LONGEST_ANSWER: u64 = 100;

/// Writes text for people to standard output. What a terminal would obey is escaped, whoever it comes from.
///
/// A reader who left early (`portcullis schema | head -1`) has what they wanted: a broken pipe is no error.
pub(crate) fn print(text: impl Display) -> Result<(), Failure> {
    print_styled(printable::lines(&text.to_string()))
}

/// Writes text with colours of ours, in which nothing else speaks to the terminal, to standard output.
pub(crate) fn print_styled(text: impl Display) -> Result<(), Failure> {
    forgive_broken_pipe(write!(anstream::stdout().lock(), "{text}"), "standard output")
}

/// Writes a line for people to standard output, and tells whether anybody reads on.
pub(crate) fn print_line(line: &str) -> bool {
    writeln!(anstream::stdout().lock(), "{}", printable::one_line(line)).is_ok()
}

/// Writes bytes, as they are and without looking for colours, to standard output.
pub(crate) fn print_bytes(bytes: &[u8]) -> Result<(), Failure> {
    let mut output = io::stdout().lock();
    forgive_broken_pipe(output.write_all(bytes).and_then(|()| output.flush()), "standard output")
}

/// Writes a JSON value and a line feed to standard output.
pub(crate) fn print_json(value: &serde_json::Value) -> Result<(), Failure> {
    // JSON leaves characters beyond ASCII as they are, and of those a terminal obeys some.
    let text = value_text(value);
    print_bytes(text.as_bytes())
}

fn value_text(value: &serde_json::Value) -> String {
    let mut text = String::new();
    for character in format!("{value:#}\n").chars() {
        if character == '\n'
            || printable::one_line(character.encode_utf8(&mut [0; 4])) == character.to_string()
        {
            text.push(character);
        } else {
            text.push_str(&format!("\\u{:04x}", u32::from(character)));
        }
    }
    text
}

/// Writes what is not data to standard error, with what a terminal would obey escaped.
pub(crate) fn say(text: impl Display) {
    say_styled(printable::lines(&text.to_string()));
}

/// Writes text with colours of ours, in which nothing else speaks to the terminal, to standard error. There is nobody
/// left to tell when that fails.
pub(crate) fn say_styled(text: impl Display) {
    // Made first and written at once, so that lines of several processes do not mix either.
    let text = text.to_string();
    let _ = anstream::stderr().lock().write_all(text.as_bytes());
}

/// Writes a warning to standard error.
pub(crate) fn warn(text: impl Display) {
    let text = printable::lines(&text.to_string());
    say_styled(format_args!("{WARNING}warning{WARNING:#}: {text}\n"));
}

/// Writes `error: …` and, where there is one, `hint: …` to standard error.
pub(crate) fn print_failure(failure: &Failure) {
    let reason = printable::lines(&failure.reason);
    let prefix = report::error_prefix();
    match failure.hint.as_deref().map(printable::lines) {
        Some(hint) => say_styled(format_args!(
            "{prefix}{ERROR}error{ERROR:#}: {reason}\n{prefix}{HINT}hint{HINT:#}: {hint}\n"
        )),
        None => say_styled(format_args!("{prefix}{ERROR}error{ERROR:#}: {reason}\n")),
    }
}

/// Asks the person at the terminal; anything but a yes is a no. Where nobody can be asked, `flag` is what says yes.
pub(crate) fn ask(question: &str, flag: &str) -> Result<bool, Failure> {
    let input = io::stdin();
    if !input.is_terminal() {
        return Err(Failure::usage(format!("there is nobody to ask: {question}"))
            .with_hint(format!("{flag} says yes")));
    }
    say(format_args!("{question} [y/N] "));
    let mut answer = String::new();
    let read = input.lock().take(LONGEST_ANSWER).read_line(&mut answer);
    read.map_err(|error| Failure::refused(format!("cannot read an answer: {error}")))?;
    Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
}

fn forgive_broken_pipe(written: io::Result<()>, stream: &str) -> Result<(), Failure> {
    match written {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Failure {
            exit: Exit::Refused,
            reason: format!("cannot write to {stream}: {error}"),
            hint: None,
        }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_stays_what_it_is_and_speaks_to_no_terminal() {
        let value = serde_json::json!({ "note": "a\u{1b}b\u{9b}2J \u{202e} grün\n" });
        let text = value_text(&value);
        assert!(!text.contains(['\u{9b}', '\u{202e}', '\u{1b}']), "{text}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&text).expect("JSON"), value);
    }

    #[test]
    fn a_reader_who_left_is_no_error_and_a_full_disk_is_one() {
        let ended = |kind: io::ErrorKind| forgive_broken_pipe(Err(kind.into()), "standard output");
        assert_eq!(ended(io::ErrorKind::BrokenPipe), Ok(()));
        assert_eq!(ended(io::ErrorKind::StorageFull).map_err(|failure| failure.exit), Err(Exit::Refused));
    }
}
