//! What the running gate tells its operator: one line an event on standard error, for terminals and for the journal.
//!
//! Lines carry facts that the operator already has (names, addresses, paths, reasons) and never a secret. Control
//! characters are escaped, so what a client or an instance sent cannot forge a line.

use crate::day;
use crate::terminal::{ERROR, WARNING, say_styled};
use model::printable::one_line;
use serde_json::json;
use std::fmt::Display;
use std::sync::OnceLock;
use std::time::SystemTime;

/// How much an event matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Level {
    /// Something happened as it should.
    Info,
    /// Something is not as it should be, and the gate goes on.
    Warning,
    /// Something that was asked for is not done.
    Error,
}

/// Reports an event that is as it should be.
pub(crate) fn info(event: impl Display) {
    say(Level::Info, event);
}

/// Reports something that is not as it should be.
pub(crate) fn warning(event: impl Display) {
    say(Level::Warning, event);
}

/// Reports something that was asked for and is not done.
pub(crate) fn error(event: impl Display) {
    say(Level::Error, event);
}

/// The shape of lines, for as long as the program runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    /// For people.
    Text,
    /// For systemd's journal, which names the program itself and takes the level from the line (sd-daemon(3)).
    Journal,
    /// One JSON object a line.
    Json,
}

static SHAPE: OnceLock<Shape> = OnceLock::new();

/// From now on messages are JSON, one object a line. It is said before the first of them.
pub(crate) fn speak_json() {
    // Where somebody spoke before, it stays as it was.
    let _ = SHAPE.set(Shape::Json);
}

fn shape() -> Shape {
    *SHAPE.get_or_init(|| if is_journal() { Shape::Journal } else { Shape::Text })
}

/// What makes the journal take a line of ours as an error; nothing where there is no journal.
pub(crate) fn error_prefix() -> &'static str {
    if shape() == Shape::Journal { priority(Level::Error) } else { "" }
}

/// Whether standard error is the journal (systemd.exec(5), `JOURNAL_STREAM`).
fn is_journal() -> bool {
    let Ok(named) = std::env::var("JOURNAL_STREAM") else { return false };
    let facts = rustix::fs::fstat(std::io::stderr());
    facts.is_ok_and(|facts| named == format!("{}:{}", facts.st_dev, facts.st_ino))
}

/// The levels of syslog(3).
const fn priority(level: Level) -> &'static str {
    match level {
        Level::Info => "<6>",
        Level::Warning => "<4>",
        Level::Error => "<3>",
    }
}

/// Says an event; the whole line is written at once, so that lines of several threads do not mix.
fn say(level: Level, event: impl Display) {
    say_styled(line(shape(), level, &event.to_string(), SystemTime::now()));
}

fn line(shape: Shape, level: Level, event: &str, now: SystemTime) -> String {
    let word = match level {
        Level::Info => String::new(),
        Level::Warning => format!("{WARNING}warning{WARNING:#}: "),
        Level::Error => format!("{ERROR}error{ERROR:#}: "),
    };
    match shape {
        Shape::Text => format!("portcullis: {word}{}\n", one_line(event)),
        Shape::Journal => format!("{}{word}{}\n", priority(level), one_line(event)),
        Shape::Json => {
            let level = match level {
                Level::Info => "info",
                Level::Warning => "warning",
                Level::Error => "error",
            };
            let object = json!({ "time": day::precisely(now), "level": level, "message": event });
            // JSON leaves some characters as they are that a terminal obeys.
            format!("{}\n", one_line(&object.to_string()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::UNIX_EPOCH;

    fn said(shape: Shape, level: Level, event: &str) -> String {
        anstream::adapter::strip_str(&line(shape, level, event, UNIX_EPOCH)).to_string()
    }

    #[test]
    fn an_event_stays_on_its_line() {
        let event = "instance said \"\r\nportcullis: all is well\x1b[2J\"";
        assert_eq!(
            line(Shape::Text, Level::Info, event, UNIX_EPOCH),
            "portcullis: instance said \"\\r\\nportcullis: all is well\\u{1b}[2J\"\n"
        );
        for shape in [Shape::Journal, Shape::Json] {
            assert_eq!(line(shape, Level::Info, event, UNIX_EPOCH).matches('\n').count(), 1, "{shape:?}");
        }
    }

    #[test]
    fn each_shape_has_its_level() {
        for (shape, level, expected) in [
            (Shape::Text, Level::Info, "portcullis: x\n"),
            (Shape::Text, Level::Warning, "portcullis: warning: x\n"),
            (Shape::Text, Level::Error, "portcullis: error: x\n"),
            (Shape::Journal, Level::Info, "<6>x\n"),
            (Shape::Journal, Level::Warning, "<4>warning: x\n"),
            (Shape::Journal, Level::Error, "<3>error: x\n"),
            (
                Shape::Json,
                Level::Info,
                "{\"level\":\"info\",\"message\":\"x\",\"time\":\"1970-01-01T00:00:00Z\"}\n",
            ),
        ] {
            assert_eq!(said(shape, level, "x"), expected);
        }
    }
}
