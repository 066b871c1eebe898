//! Spans of time on the command line and in answers: `90s`, `1h30m`, `2d`. Whole seconds; reads no clock.

use std::time::Duration;

const UNITS: [(char, u64); 5] = [('w', 604_800), ('d', 86_400), ('h', 3600), ('m', 60), ('s', 1)];

/// Reads a span such as `1h30m`; `0` needs no unit.
pub(crate) fn parse(text: &str) -> Result<Duration, String> {
    const EXPECTED: &str = "a span is a number with a unit, such as 60s, 2h or 1h30m";
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    let (mut rest, mut seconds, mut last) = (text, 0_u64, u64::MAX);
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let number: u64 = rest[..digits].parse().map_err(|_| EXPECTED)?;
        let unit = rest[digits..].chars().next().ok_or(EXPECTED)?;
        let (_, scale) = UNITS.iter().find(|(name, _)| *name == unit).ok_or(EXPECTED)?;
        if *scale >= last {
            return Err("units go from large to small, each once".to_owned());
        }
        last = *scale;
        let part = number.checked_mul(*scale).and_then(|part| seconds.checked_add(part));
        seconds = part.filter(|sum| *sum <= 100 * 365 * 86_400).ok_or("this is longer than 100 years")?;
        rest = &rest[digits + unit.len_utf8()..];
    }
    if text.is_empty() { Err(EXPECTED.to_owned()) } else { Ok(Duration::from_secs(seconds)) }
}

/// A span for people, in its two largest units: `59s`, `1h30m`, `6d`.
pub(crate) fn text(seconds: u64) -> String {
    let (mut rest, mut parts) = (seconds, Vec::new());
    for (unit, scale) in UNITS {
        if rest >= scale && parts.len() < 2 {
            parts.push(format!("{}{unit}", rest / scale));
            rest %= scale;
        } else if !parts.is_empty() {
            break;
        }
    }
    if parts.is_empty() { "0s".to_owned() } else { parts.concat() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read() {
        for (text, seconds) in
            [("0", 0), ("0s", 0), ("60s", 60), ("2h", 7200), ("1h30m", 5400), ("1w1d", 691_200)]
        {
            assert_eq!(parse(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for text in
            ["", "s", "60", "1x", "30m1h", "1h1h", "-1s", "1.5h", "99999999999999999999s", "9999999w", "1ü"]
        {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn spans_are_shown_in_two_units() {
        for (seconds, shown) in [
            (0, "0s"),
            (59, "59s"),
            (60, "1m"),
            (5400, "1h30m"),
            (5401, "1h30m"),
            (86_400 * 6, "6d"),
            (3601, "1h"),
        ] {
            assert_eq!(text(seconds), shown);
        }
    }
}
