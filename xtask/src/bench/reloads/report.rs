//! The section of the report about reloads.

use crate::bench::peer::Peer;
use std::fmt::Write;
use std::time::Duration;
use testkit::load::{Client, Outcome, Report, Shape};

/// The heading of the section.
pub(crate) const HEADING: &str = "\n## Reloads\n";

/// One proxy.
pub(super) struct Row {
    pub(super) peer: Peer,
    /// What was found, or why it did not come to the end.
    pub(super) found: Result<Found, String>,
}

impl Row {
    /// For who waits.
    pub(super) fn line(&self) -> String {
        let cells = match &self.found {
            Ok(found) => found.cells(),
            Err(reason) => std::array::from_fn(|at| match at {
                0 => format!("did not finish: {}", reason.replace(['\n', '|'], " ")),
                _ => "–".to_owned(),
            }),
        };
        format!("| {} | {} |", self.peer.name(), cells.join(" | "))
    }
}

/// What was found of a proxy that came to the end.
pub(super) struct Found {
    pub(super) report: Report,
    /// Processor time of one reload, beyond what the load takes.
    pub(super) cpu: Duration,
    /// Until a new connection sees the new settings; median.
    pub(super) seen: Duration,
    /// Without and with reloads.
    pub(super) p99: (Duration, Duration),
    /// Bytes before the first and after the last.
    pub(super) memory: (u64, u64),
    /// Processes that are there at the end.
    pub(super) processes: usize,
}

impl Found {
    fn cells(&self) -> [String; 8] {
        let count = |clients: &[Client], outcomes: &[Outcome]| {
            let of = |client: &Client| {
                outcomes.iter().map(|outcome| self.report.tally.count(*client, *outcome)).sum::<u64>()
            };
            clients.iter().map(of).sum::<u64>()
        };
        let requests = [Client::KeepAlive, Client::Fresh, Client::Http2];
        let failures: Vec<Outcome> =
            Outcome::ALL.into_iter().filter(|outcome| outcome.is_failure()).collect();
        let ends = [Outcome::Ended, Outcome::Closed];
        let lost = [&failures[..], &ends].concat();
        let milliseconds = |time: Duration| format!("{:.1}", time.as_secs_f64() * 1e3);
        let mebibytes = |bytes: u64| format!("{:.1}", bytes as f64 / f64::from(1 << 20));
        [
            format!("{} of {}", count(&requests, &failures), count(&requests, &[Outcome::Answered])),
            count(&requests, &ends).to_string(),
            count(&[Client::WebSocket], &lost).to_string(),
            count(&[Client::Download, Client::Events], &lost).to_string(),
            milliseconds(self.cpu),
            milliseconds(self.seen),
            format!("{} → {}", milliseconds(self.p99.0), milliseconds(self.p99.1)),
            format!("{} → {} ({})", mebibytes(self.memory.0), mebibytes(self.memory.1), self.processes),
        ]
    }
}

/// The whole section.
pub(super) fn section(reloads: usize, pause: Duration, shape: &Shape, rows: &[Row]) -> String {
    let mut text = format!(
        "{HEADING}\n\
        Written by `cargo build --release -p xtask && target/release/xtask bench-reload`, as root; `cargo xtask bench` leaves\n\
        this section as it is. {reloads} reloads of each proxy, {} ms apart, each with a change that a new connection has to see\n\
        before the next. Meanwhile {} connections of HTTP/1.1, {} clients that connect for each request, {} connections of\n\
        HTTP/2 with {} streams, and {} WebSockets are busy, half of those of HTTP/1.1 over TLS and all of HTTP/2, and a\n\
        download and a stream of events go on. A request failed when it got no answer, or not the right one, and the server\n\
        had not said before that it would take no more. Connections that end are those of HTTP/1.1 and HTTP/2, also where\n\
        the end was announced: each costs its client a new one. Processor time is what all processes take beyond the time\n\
        without reloads, memory that of all processes without the pages of files; how many there are at the end is in brackets.\n\
        Settings: [xtask/bench/reload](../xtask/bench/reload).\n\n\
        | proxy | failed requests | connections ended | WebSockets lost | long answers cut | ms of CPU per reload | ms until seen | p99 in ms, without → with | MiB, before → after |\n\
        |---|---:|---:|---:|---:|---:|---:|---:|---:|\n",
        pause.as_millis(),
        shape.keep_alive,
        shape.fresh,
        shape.http2,
        shape.streams,
        shape.websockets
    );
    for row in rows {
        let _ = writeln!(text, "{}", row.line());
    }
    text
}

/// A report with its section about reloads replaced, or put before that about the firewall.
pub(super) fn replaced(report: &str, section: &str) -> String {
    let end_of = |start: usize| report[start + 1..].find("\n## ").map_or(report.len(), |at| start + 1 + at);
    let (start, end) = match report.find(HEADING) {
        Some(start) => (start, end_of(start)),
        None => {
            let at = report.find(crate::bench::FIREWALL).unwrap_or(report.len());
            (at, at)
        }
    };
    format!("{}{section}{}", &report[..start], &report[end..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_that_did_not_finish_has_a_row_of_its_own() {
        let reason = "the process ended (exit status: 2), at reload 2 of 100".to_owned();
        let row = Row { peer: Peer::Caddy, found: Err(reason) };
        let text = section(100, Duration::from_millis(300), &Shape::default(), &[row]);
        let row = "| Caddy | did not finish: the process ended (exit status: 2), at reload 2 of 100 | – | – | – | – | – | – | – |\n";
        assert!(text.ends_with(row), "{text}");
    }

    #[test]
    fn the_section_is_put_before_the_firewall_and_then_replaced() {
        let report = "# B\n\n## Settings\n\nx\n\n## The firewall\n\ny\n";
        let once = replaced(report, "\n## Reloads\n\nfirst\n");
        assert_eq!(once, "# B\n\n## Settings\n\nx\n\n## Reloads\n\nfirst\n\n## The firewall\n\ny\n");
        assert_eq!(replaced(&once, "\n## Reloads\n\nsecond\n"), once.replace("first", "second"));
    }
}
