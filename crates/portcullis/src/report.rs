//! What the running gate tells its operator: one line an event on standard error, for terminals and for the journal.
//!
//! Lines carry facts that the operator already has (names, addresses, paths, reasons) and never a secret. Control
//! characters are escaped, so what a client or an instance sent cannot forge a line.

use crate::terminal::{ERROR, WARNING, say_styled as say};
use model::printable::one_line;
use std::fmt::{self, Display, Write};

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
    say(Line(Level::Info, event));
}

/// Reports something that is not as it should be.
pub(crate) fn warning(event: impl Display) {
    say(Line(Level::Warning, event));
}

/// Reports something that was asked for and is not done.
pub(crate) fn error(event: impl Display) {
    say(Line(Level::Error, event));
}

/// One line; the whole of it is written at once, so that lines of several threads do not mix.
struct Line<T>(Level, T);

impl<T: Display> Display for Line<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("portcullis: ")?;
        match self.0 {
            Level::Info => {}
            Level::Warning => write!(f, "{WARNING}warning{WARNING:#}: ")?,
            Level::Error => write!(f, "{ERROR}error{ERROR:#}: ")?,
        }
        f.write_str(&one_line(&self.1.to_string()))?;
        f.write_char('\n')
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_stays_on_its_line() {
        let line = Line(Level::Info, "instance said \"\r\nportcullis: all is well\x1b[2J\"").to_string();
        assert_eq!(line, "portcullis: instance said \"\\r\\nportcullis: all is well\\u{1b}[2J\"\n");
    }

    #[test]
    fn levels_are_named() {
        assert!(Line(Level::Warning, "x").to_string().contains("warning"));
        assert!(Line(Level::Error, "x").to_string().contains("error"));
    }
}
