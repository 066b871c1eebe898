//! `limit` of a rule: new connections of each source in a period.

use super::super::Lowering;
use crate::plan::RuleLimit;
use crate::problem::{Problem, shown};
use crate::raw::decode::Text;
use crate::raw::measure::parse_time;
use std::time::Duration;

/// The most connections of a limit.
const MOST: u32 = 65_535;
/// The longest period in seconds.
const LONGEST: u64 = 86_400;

/// Reads a limit such as `6/30s` or `10/m`.
pub(super) fn limit(text: &Text, lowering: &mut Lowering<'_>) -> Option<RuleLimit> {
    match parse(text.as_str()) {
        Ok(limit) => Some(limit),
        Err(label) => {
            lowering.report(
                Problem::error(text.at, format!("{} is not a limit", shown(text.as_str())))
                    .label(label)
                    .hint("write for example \"6/30s\", \"10/s\", \"30/m\" or \"100/1h\""),
            );
            None
        }
    }
}

pub(super) fn parse(text: &str) -> Result<RuleLimit, String> {
    let Some((count, period)) = text.split_once('/') else {
        return Err("a number of connections, a slash and a period are expected".to_owned());
    };
    let digits = !count.is_empty() && count.bytes().all(|byte| byte.is_ascii_digit());
    let count = count.parse().ok().filter(|count| digits && (1..=MOST).contains(count));
    let count = count.ok_or_else(|| format!("the number must be 1 to {MOST}"))?;
    let bare = period.starts_with(|first: char| first.is_ascii_alphabetic());
    let period = if bare { format!("1{period}") } else { period.to_owned() };
    let milliseconds = parse_time(&period).map_err(|error| format!("the period: {error}"))?;
    if milliseconds % 1000 != 0 || !(1..=LONGEST).contains(&(milliseconds / 1000)) {
        return Err("the period must be whole seconds, 1s to 1d".to_owned());
    }
    Ok(RuleLimit { count, period: Duration::from_millis(milliseconds) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn limits_are_read() {
        let cases = [
            ("6/30s", Some((6, 30))),
            ("10/s", Some((10, 1))),
            ("10/m", Some((10, 60))),
            ("100/1h", Some((100, 3600))),
            ("1/1m30s", Some((1, 90))),
            ("65535/d", Some((65_535, 86_400))),
            ("65536/s", None),
            ("0/s", None),
            ("-1/s", None),
            ("+1/s", None),
            ("6", None),
            ("/s", None),
            ("6/", None),
            ("6/30", None),
            ("6/500ms", None),
            ("6/2d", None),
            ("6/sec", None),
            ("6/30s/2", None),
        ];
        for (text, expected) in cases {
            let limit =
                expected.map(|(count, seconds)| RuleLimit { count, period: Duration::from_secs(seconds) });
            assert_eq!(parse(text).ok(), limit, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics_and_what_is_read_is_written_alike(text in "\\PC{0,20}|[0-9]{1,5}/[0-9]{0,3}[smhd]") {
            if let Ok(limit) = parse(&text) {
                prop_assert_eq!(parse(&limit.to_string()), Ok(limit));
            }
        }
    }
}
