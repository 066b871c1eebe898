//! Which lines are wanted, and the last of them. Reads no file.

use crate::cli::Logs;
use crate::day;
use serde_json::Value;
use std::collections::VecDeque;
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::time::SystemTime;

/// Which lines are wanted.
#[derive(Clone, Debug, Default)]
pub(super) struct Wanted {
    messages: bool,
    site: Option<String>,
    status: Option<RangeInclusive<u16>>,
    rule: Option<String>,
    /// As times in the log are written, which sort like text.
    since: Option<String>,
}

impl Wanted {
    pub(super) fn new(arguments: &Logs, now: SystemTime) -> Self {
        let since = arguments.since.and_then(|ago| now.checked_sub(ago));
        Self {
            messages: arguments.messages,
            site: arguments.site.clone(),
            status: arguments.status.clone(),
            rule: arguments.rule.clone(),
            // Without the `Z`, which would sort behind the milliseconds of the same second.
            since: since.map(|since| day::precisely(since).trim_end_matches('Z').to_owned()),
        }
    }

    /// Whether requests are chosen by what they were about.
    pub(super) const fn filters(&self) -> bool {
        self.site.is_some() || self.status.is_some() || self.rule.is_some()
    }

    /// Whether some kind of line is wanted and others are not.
    pub(super) const fn selects(&self) -> bool {
        self.messages || self.filters()
    }

    /// Whether a line of the access log, or of what the gate wrote together with it, is wanted.
    pub(super) fn takes(&self, line: &str) -> bool {
        if !self.selects() && self.since.is_none() {
            return true;
        }
        let fields: Option<Value> =
            if line.starts_with('{') { serde_json::from_str(line).ok() } else { None };
        if self.messages {
            return !is_request(line, fields.as_ref());
        }
        let Some(fields) = fields else { return !self.selects() && self.since.is_none() };
        let text = |name: &str| fields[name].as_str();
        let is = |name: &str, wanted: &Option<String>| {
            wanted.as_deref().is_none_or(|wanted| text(name) == Some(wanted))
        };
        let status = || fields["status"].as_u64().and_then(|status| u16::try_from(status).ok());
        is("site", &self.site)
            && is("rule", &self.rule)
            && self
                .status
                .as_ref()
                .is_none_or(|wanted| status().is_some_and(|status| wanted.contains(&status)))
            && self.since.as_deref().is_none_or(|since| text("time").is_some_and(|time| time >= since))
    }
}

/// Whether a line tells of a request or a connection of a stream, in either format.
fn is_request(line: &str, fields: Option<&Value>) -> bool {
    match fields {
        Some(fields) => fields.get("client").is_some(),
        None => line.split(' ').next().is_some_and(|first| first.parse::<IpAddr>().is_ok()),
    }
}

/// The last lines of many.
#[derive(Debug)]
pub(super) struct Last {
    most: usize,
    lines: VecDeque<String>,
}

impl Last {
    pub(super) const fn new(most: usize) -> Self {
        Self { most, lines: VecDeque::new() }
    }

    pub(super) fn push(&mut self, line: String) {
        self.lines.push_back(line);
        if self.lines.len() > self.most {
            self.lines.pop_front();
        }
    }

    /// The lines, each with its end.
    pub(super) fn text(self) -> String {
        self.lines.into_iter().map(|line| line + "\n").collect()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    pub(super) fn is_full(&self) -> bool {
        self.lines.len() == self.most
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REQUEST: &str = r#"{"time":"2026-11-20T11:24:05.120Z","site":"a.test","status":404,"rule":"no-route","client":"::1"}"#;
    const COMBINED: &str = r#"127.0.0.1 - - [20/Nov/2026:12:30:06 +0000] "GET / HTTP/1.1" 200 4 "-" "-""#;
    const MESSAGE: &str = "listening on 0.0.0.0:80 with 2 threads";
    const JSON_MESSAGE: &str = r#"{"level":"info","message":"x","time":"2026-11-20T11:24:05Z"}"#;

    #[test]
    fn lines_are_taken_by_what_they_tell() {
        let none = Wanted::default;
        let text = |text: &str| Some(text.to_owned());
        for (wanted, taken) in [
            (none(), [true, true, true, true]),
            (Wanted { messages: true, ..none() }, [false, false, true, true]),
            (Wanted { site: text("a.test"), ..none() }, [true, false, false, false]),
            (Wanted { site: text("b.test"), ..none() }, [false; 4]),
            (Wanted { status: Some(400..=499), ..none() }, [true, false, false, false]),
            (Wanted { status: Some(405..=499), ..none() }, [false; 4]),
            (Wanted { rule: text("no-route"), ..none() }, [true, false, false, false]),
            (Wanted { since: text("2026-11-20T11:24:05"), ..none() }, [true, false, false, true]),
            (Wanted { since: text("2026-11-20T11:24:06"), ..none() }, [false; 4]),
        ] {
            let found = [REQUEST, COMBINED, MESSAGE, JSON_MESSAGE].map(|line| wanted.takes(line));
            assert_eq!(found, taken, "{wanted:?}");
        }
    }

    #[test]
    fn the_last_lines_are_kept_and_no_more() {
        for (most, expected) in [(0, ""), (2, "b\nc\n"), (9, "a\nb\nc\n")] {
            let mut last = Last::new(most);
            for line in ["a", "b", "c"] {
                last.push(line.to_owned());
            }
            assert_eq!(last.text(), expected);
        }
    }
}
