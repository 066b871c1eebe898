//! What a target asks `hello` to do. Pure: text in, an action out.

use std::time::Duration;

/// What to do with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    /// Greet and show what was received.
    Greet,
    /// Show the field lines.
    Headers,
    /// Say how long the body was, and its SHA-256.
    Upload,
    /// Echo WebSocket messages.
    WebSocket,
    /// Answer with this status.
    Status(u16),
    /// Greet after this time.
    Delay(Duration),
    /// Send so many bytes, in chunks or with their length.
    Bytes { count: u64, chunked: bool },
    /// Send so many server-sent events, one in each interval.
    Stream { count: u64, interval: Duration },
    /// Send the prepared answer.
    Static256,
    /// Send the head of the answer byte by byte.
    SlowHeaders,
    /// Never answer.
    Hang,
    /// Close without an answer.
    Close,
    /// The number in the path is missing or out of range.
    BadNumber,
}

const LONGEST_DELAY: u64 = 10 * 60 * 1000;
const DEFAULT_INTERVAL: u64 = 100;

impl Action {
    /// The action of a target in origin form.
    pub(super) fn of(target: &str) -> Self {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let mut segments = path.trim_start_matches('/').split('/');
        let (first, second) = (segments.next().unwrap_or_default(), segments.next());
        match first {
            "headers" => Self::Headers,
            "upload" => Self::Upload,
            "ws" => Self::WebSocket,
            "static256" => Self::Static256,
            "slow-headers" => Self::SlowHeaders,
            "hang" => Self::Hang,
            "close" => Self::Close,
            "status" | "delay" | "bytes" | "stream" => Self::with_number(first, second, query),
            _ => Self::Greet,
        }
    }

    fn with_number(name: &str, number: Option<&str>, query: &str) -> Self {
        let Some(number) = number.and_then(|number| number.parse::<u64>().ok()) else {
            return Self::BadNumber;
        };
        match (name, number) {
            ("status", 200..=599) => Self::Status(number as u16),
            ("delay", 0..=LONGEST_DELAY) => Self::Delay(Duration::from_millis(number)),
            ("bytes", _) => Self::Bytes { count: number, chunked: parameter(query, "chunked").is_some() },
            ("stream", _) => match interval(query) {
                Some(interval) => Self::Stream { count: number, interval },
                None => Self::BadNumber,
            },
            _ => Self::BadNumber,
        }
    }
}

fn interval(query: &str) -> Option<Duration> {
    let milliseconds = match parameter(query, "ms") {
        Some(text) => text.parse().ok().filter(|&number| number <= LONGEST_DELAY)?,
        None => DEFAULT_INTERVAL,
    };
    Some(Duration::from_millis(milliseconds))
}

/// The value of a query parameter; empty when it stands alone.
pub(super) fn parameter<'a>(query: &'a str, name: &str) -> Option<&'a str> {
    query.split('&').find_map(|pair| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        (key == name).then_some(value)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_name_actions() {
        let ms = Duration::from_millis;
        for (target, action) in [
            ("/", Action::Greet),
            ("/anything/else?x", Action::Greet),
            ("/headers", Action::Headers),
            ("/upload?json", Action::Upload),
            ("/ws", Action::WebSocket),
            ("/status/418", Action::Status(418)),
            ("/status/100", Action::BadNumber),
            ("/status/600", Action::BadNumber),
            ("/status", Action::BadNumber),
            ("/status/x", Action::BadNumber),
            ("/delay/0", Action::Delay(ms(0))),
            ("/delay/600000", Action::Delay(ms(600_000))),
            ("/delay/600001", Action::BadNumber),
            ("/bytes/7", Action::Bytes { count: 7, chunked: false }),
            ("/bytes/7?chunked", Action::Bytes { count: 7, chunked: true }),
            ("/stream/3", Action::Stream { count: 3, interval: ms(100) }),
            ("/stream/3?ms=5", Action::Stream { count: 3, interval: ms(5) }),
            ("/stream/3?ms=-5", Action::BadNumber),
            ("/static256", Action::Static256),
        ] {
            assert_eq!(Action::of(target), action, "{target}");
        }
    }
}
