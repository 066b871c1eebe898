//! The texts of durations and sizes: a number and its unit. Ranges are the matter of the keys.

/// Units of time with their milliseconds.
const TIMES: [(&str, u64); 7] = [
    ("ms", 1),
    ("s", 1000),
    ("m", 60_000),
    ("h", 3_600_000),
    ("d", 86_400_000),
    ("w", 604_800_000),
    ("y", 31_536_000_000),
];

/// Units of size with their bytes.
const SIZES: [(&str, u64); 9] = [
    ("B", 1),
    ("kB", 1000),
    ("KiB", 1 << 10),
    ("MB", 1_000_000),
    ("MiB", 1 << 20),
    ("GB", 1_000_000_000),
    ("GiB", 1 << 30),
    ("TB", 1_000_000_000_000),
    ("TiB", 1 << 40),
];

/// Why a text is not a duration or a size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum UnitError {
    /// There is no number where one is expected.
    Number,
    /// There is no unit after a number.
    NoUnit,
    /// There is no such unit.
    Unit,
    /// The value does not fit into 64 bits.
    TooLarge,
    /// Units of time that do not go from large to small.
    Order,
}

impl std::fmt::Display for UnitError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Number => "a whole number is expected before each unit",
            Self::NoUnit => "the unit is missing",
            Self::Unit => "there is no such unit",
            Self::TooLarge => "too large",
            Self::Order => "units must go from large to small, each once",
        })
    }
}

/// Milliseconds of a text such as `1h30m`.
pub(crate) fn parse_time(text: &str) -> Result<u64, UnitError> {
    let mut rest = text;
    let mut total: u64 = 0;
    let mut last = u64::MAX;
    loop {
        let (number, after) = number(rest)?;
        let length = after.bytes().take_while(u8::is_ascii_alphabetic).count();
        let scale = unit(&after[..length], &TIMES)?;
        if scale >= last {
            return Err(UnitError::Order);
        }
        last = scale;
        let part = number.checked_mul(scale).ok_or(UnitError::TooLarge)?;
        total = total.checked_add(part).ok_or(UnitError::TooLarge)?;
        rest = &after[length..];
        if rest.is_empty() {
            return Ok(total);
        }
    }
}

/// Bytes of a text such as `16KiB`.
pub(crate) fn parse_size(text: &str) -> Result<u64, UnitError> {
    let (number, after) = number(text)?;
    let scale = unit(after.strip_prefix(' ').unwrap_or(after), &SIZES)?;
    number.checked_mul(scale).ok_or(UnitError::TooLarge)
}

fn number(text: &str) -> Result<(u64, &str), UnitError> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    if digits == 0 {
        return Err(UnitError::Number);
    }
    let number = text[..digits].parse().map_err(|_| UnitError::TooLarge)?;
    Ok((number, &text[digits..]))
}

fn unit(name: &str, units: &[(&str, u64)]) -> Result<u64, UnitError> {
    if name.is_empty() {
        return Err(UnitError::NoUnit);
    }
    units.iter().find(|(unit, _)| *unit == name).map(|(_, scale)| *scale).ok_or(UnitError::Unit)
}

/// A duration as it would be written, in the largest unit that needs no fraction.
pub(crate) fn time_text(milliseconds: u64) -> String {
    if milliseconds == 0 {
        return "0s".to_owned();
    }
    whole_units(milliseconds, &TIMES)
}

/// A size as it would be written, in the largest binary unit that needs no fraction.
pub(crate) fn size_text(bytes: u64) -> String {
    let binary = [SIZES[0], SIZES[2], SIZES[4], SIZES[6], SIZES[8]];
    if bytes == 0 { "0B".to_owned() } else { whole_units(bytes, &binary) }
}

fn whole_units(value: u64, units: &[(&str, u64)]) -> String {
    let fits = units.iter().rev().find(|(_, scale)| value.is_multiple_of(*scale));
    fits.map_or_else(|| value.to_string(), |(name, scale)| format!("{}{name}", value / scale))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read() {
        let cases = [
            ("500ms", Ok(500)),
            ("60s", Ok(60_000)),
            ("5m", Ok(300_000)),
            ("1h30m", Ok(5_400_000)),
            ("1d", Ok(86_400_000)),
            ("1w", Ok(604_800_000)),
            ("1y", Ok(31_536_000_000)),
            ("0s", Ok(0)),
            ("", Err(UnitError::Number)),
            ("s", Err(UnitError::Number)),
            ("60", Err(UnitError::NoUnit)),
            ("1h30", Err(UnitError::NoUnit)),
            ("60 s", Err(UnitError::NoUnit)),
            ("60sec", Err(UnitError::Unit)),
            ("60S", Err(UnitError::Unit)),
            ("1.5s", Err(UnitError::NoUnit)),
            ("-1s", Err(UnitError::Number)),
            ("30m1h", Err(UnitError::Order)),
            ("1s1s", Err(UnitError::Order)),
            ("99999999999999999999s", Err(UnitError::TooLarge)),
            ("9999999999999999y", Err(UnitError::TooLarge)),
            ("1sé", Err(UnitError::Number)),
        ];
        for (text, expected) in cases {
            assert_eq!(parse_time(text), expected, "{text}");
        }
    }

    #[test]
    fn sizes_are_read() {
        let cases = [
            ("240B", Ok(240)),
            ("16KiB", Ok(16 << 10)),
            ("16 KiB", Ok(16 << 10)),
            ("1MB", Ok(1_000_000)),
            ("1kB", Ok(1000)),
            ("10GiB", Ok(10 << 30)),
            ("16", Err(UnitError::NoUnit)),
            ("16K", Err(UnitError::Unit)),
            ("16kib", Err(UnitError::Unit)),
            ("1.5GiB", Err(UnitError::Unit)),
            ("99999999999GiB", Err(UnitError::TooLarge)),
            ("", Err(UnitError::Number)),
        ];
        for (text, expected) in cases {
            assert_eq!(parse_size(text), expected, "{text}");
        }
    }

    #[test]
    fn values_are_shown_as_they_would_be_written() {
        assert_eq!(time_text(0), "0s");
        assert_eq!(time_text(1500), "1500ms");
        assert_eq!(time_text(3_600_000), "1h");
        assert_eq!(size_text(16 << 10), "16KiB");
        assert_eq!(size_text(1000), "1000B");
    }
}
