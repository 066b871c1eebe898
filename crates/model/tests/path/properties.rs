//! What holds of every path that is accepted.

use model::path::canonicalize;
use proptest::prelude::*;

/// Pieces of which the known bypasses are made.
const PIECES: [&str; 40] = [
    "/",
    "/",
    "/",
    "/",
    ".",
    "..",
    "/../",
    "/./",
    "//",
    "a",
    "b",
    "admin",
    "%61",
    "%2e",
    "%2E",
    "%2f",
    "%2F",
    "%5c",
    "\\",
    ";",
    ";x",
    "%3b",
    "%3B",
    "%25",
    "%252e",
    "%252f",
    "%25%32",
    "%32%65",
    "%32%66",
    "%c0%af",
    "%e0%80%af",
    "%00",
    "%20",
    "%c3%a9",
    "%",
    "?",
    "#",
    " ",
    "~",
    "%23",
];

fn paths() -> impl Strategy<Value = Vec<u8>> {
    let pieces = prop::collection::vec(prop::sample::select(&PIECES[..]), 0..14);
    let spelled = pieces.prop_map(|pieces| format!("/{}", pieces.concat()).into_bytes());
    let bytes = prop::collection::vec(any::<u8>(), 0..24).prop_map(|bytes| [&b"/"[..], &bytes].concat());
    prop_oneof![4 => spelled, 1 => bytes]
}

fn accepted(raw: &[u8]) -> Option<(Vec<u8>, bool)> {
    let mut out = Vec::new();
    canonicalize(raw, &mut out).ok().map(|facts| (out, facts.encoded_slash))
}

/// Decodes every escape once, leniently, as an instance may.
fn decoded(path: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = path;
    while let Some((&byte, tail)) = rest.split_first() {
        let digits = rest.get(1..3).and_then(|digits| std::str::from_utf8(digits).ok());
        let value = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match value.filter(|_| byte == b'%') {
            Some(value) => {
                out.push(value);
                rest = &rest[3..];
            }
            None => {
                out.push(byte);
                rest = tail;
            }
        }
    }
    out
}

/// The names that a careless instance sees: backslashes are slashes, parameters go, empty names go.
fn names(path: &[u8]) -> Vec<&[u8]> {
    let segments = path.split(|b| matches!(b, b'/' | b'\\'));
    segments
        .map(|segment| segment.split(|&b| b == b';').next().unwrap_or_default())
        .filter(|n| !n.is_empty())
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    #[test]
    fn the_canonical_form_of_a_canonical_form_is_itself(raw in paths()) {
        if let Some((path, _)) = accepted(&raw) {
            prop_assert_eq!(accepted(&path).map(|(path, _)| path), Some(path));
        }
    }

    #[test]
    fn a_canonical_path_has_neither_dot_segments_nor_empty_ones(raw in paths()) {
        if let Some((path, _)) = accepted(&raw) {
            prop_assert!(path.starts_with(b"/"));
            let is_clean = path.iter().all(|b| b.is_ascii_graphic() && !b"\\#?\"<>^`{}".contains(b));
            prop_assert!(is_clean);
            let inner: Vec<&[u8]> = path[1..].split(|&b| b == b'/').collect();
            let (last, parents) = inner.split_last().unwrap();
            prop_assert!(parents.iter().all(|segment| !segment.is_empty() && !segment.starts_with(b";")));
            prop_assert!(parents.iter().chain([last]).all(|segment| !matches!(**segment, [b'.'] | [b'.', b'.'])));
        }
    }

    /// Decoded not at all, once or twice, a path names the segments that routes were matched with, up to the first
    /// slash that was encoded in it; and no reading goes up again.
    #[test]
    fn no_reading_of_a_canonical_path_leaves_its_segments(raw in paths()) {
        let Some((path, encoded_slash)) = accepted(&raw) else { return Ok(()) };
        let once = decoded(&path);
        let twice = decoded(&once);
        for (times, reading) in [(0, &path), (1, &once), (2, &twice)] {
            let seen = names(reading);
            prop_assert!(!seen.iter().any(|name| matches!(**name, [b'.'] | [b'.', b'.'])), "{} times", times);
            let matched: Vec<Vec<u8>> = path[1..]
                .split(|&b| b == b'/')
                .take_while(|segment| !decoded(&decoded(segment)).contains(&b'/'))
                .map(|segment| (0..times).fold(segment.to_vec(), |segment, _| decoded(&segment)))
                .map(|segment| segment.split(|&b| b == b';').next().unwrap_or_default().to_vec())
                .filter(|name| !name.is_empty())
                .collect();
            prop_assert_eq!(&seen[..matched.len()], &matched[..], "{} times", times);
            prop_assert!(encoded_slash || seen.len() == matched.len(), "{} times", times);
        }
    }

    #[test]
    fn a_reading_has_no_byte_that_ends_a_name_elsewhere(raw in paths()) {
        if let Some((path, _)) = accepted(&raw) {
            let twice = decoded(&decoded(&path));
            prop_assert!(!twice.iter().any(|b| b.is_ascii_control() || *b == b'\\'));
        }
    }
}
