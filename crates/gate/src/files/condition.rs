//! Conditional requests (RFC 9110, 13): whether the file is sent, and whether a range of it may be.

use std::time::{Duration, UNIX_EPOCH};

/// The fields of a request that make it conditional or partial, as received. Where a field came twice, the first: the
/// whole file is always a right answer.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Conditions<'a> {
    /// `If-Match`.
    pub(crate) if_match: Option<&'a [u8]>,
    /// `If-Unmodified-Since`.
    pub(crate) if_unmodified_since: Option<&'a [u8]>,
    /// `If-None-Match`.
    pub(crate) if_none_match: Option<&'a [u8]>,
    /// `If-Modified-Since`.
    pub(crate) if_modified_since: Option<&'a [u8]>,
    /// `Range`.
    pub(crate) range: Option<&'a [u8]>,
    /// `If-Range`.
    pub(crate) if_range: Option<&'a [u8]>,
}

/// What a file has to be compared with.
#[derive(Clone, Copy, Debug)]
pub(super) struct Validators<'a> {
    /// The entity tag, strong, with its quotes.
    pub(super) tag: &'a [u8],
    /// Seconds since 1970.
    pub(super) modified: Option<u64>,
}

/// What the preconditions say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The request is answered as if there were none.
    Proceed,
    /// 304.
    NotModified,
    /// 412.
    Failed,
}

impl Conditions<'_> {
    /// Judges the preconditions of a GET or HEAD in the order of RFC 9110, 13.2.2.
    pub(super) fn judge(&self, file: Validators<'_>) -> Verdict {
        let is_newer =
            |field: Option<&[u8]>| file.modified.zip(field.and_then(date)).map(|(file, date)| file > date);
        match self.if_match {
            Some(tags) if !any_tag(tags, |weak, tag| !weak && tag == file.tag) => return Verdict::Failed,
            None if is_newer(self.if_unmodified_since) == Some(true) => return Verdict::Failed,
            _ => {}
        }
        match self.if_none_match {
            Some(tags) if any_tag(tags, |_, tag| tag == file.tag) => Verdict::NotModified,
            None if is_newer(self.if_modified_since) == Some(false) => Verdict::NotModified,
            _ => Verdict::Proceed,
        }
    }

    /// The `Range`, when `If-Range` does not rule it out (RFC 9110, 13.1.5).
    ///
    /// A date never holds: it counts whole seconds, so a file can change without its date (8.8.2.2), and whoever has
    /// a date of ours also has an entity tag.
    pub(super) fn range(&self, file: Validators<'_>) -> Option<&[u8]> {
        self.range.filter(|_| self.if_range.is_none_or(|tag| tag == file.tag))
    }
}

/// A date in any of the forms of RFC 9110, 5.6.7, in seconds since 1970. What is none counts for nothing.
fn date(field: &[u8]) -> Option<u64> {
    let time = httpdate::parse_http_date(std::str::from_utf8(field).ok()?).ok()?;
    time.duration_since(UNIX_EPOCH).ok().as_ref().map(Duration::as_secs)
}

/// Whether `*` or one of a list of entity tags matches; `matches` learns whether a tag is weak. The list ends where it
/// is malformed.
fn any_tag(field: &[u8], matches: impl Fn(bool, &[u8]) -> bool) -> bool {
    if field == b"*" {
        return true;
    }
    let mut rest = field;
    loop {
        rest = skip(rest);
        let (weak, tagged) = rest.strip_prefix(b"W/").map_or((false, rest), |tagged| (true, tagged));
        let Some(opaque) = tagged.strip_prefix(b"\"") else { return false };
        let Some(end) = opaque.iter().position(|&byte| byte == b'"') else { return false };
        if matches(weak, &tagged[..end + 2]) {
            return true;
        }
        rest = &opaque[end + 1..];
    }
}

/// Passes over what separates the elements of a list.
fn skip(text: &[u8]) -> &[u8] {
    let end = text.iter().position(|byte| !matches!(byte, b' ' | b'\t' | b',')).unwrap_or(text.len());
    &text[end..]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The file of the cases.
    const FILE: Validators<'static> = Validators { tag: b"\"abc\"", modified: Some(784_111_777) };

    /// Lines of `Field: value | Field: value => verdict`.
    #[test]
    fn preconditions_are_judged_in_the_order_of_the_standard() {
        for line in include_str!("cases/conditions.txt").lines().filter(|line| !line.starts_with('#')) {
            let (fields, expected) = line.split_once(" => ").expect("a case");
            let mut conditions = Conditions::default();
            for field in fields.split(" | ") {
                let (name, value) = field.split_once(": ").expect("a field");
                let value = Some(value.as_bytes());
                match name {
                    "If-Match" => conditions.if_match = value,
                    "If-Unmodified-Since" => conditions.if_unmodified_since = value,
                    "If-None-Match" => conditions.if_none_match = value,
                    "If-Modified-Since" => conditions.if_modified_since = value,
                    "If-Range" => conditions.if_range = value,
                    "Range" => conditions.range = value,
                    other => unreachable!("{other}"),
                }
            }
            let answer = match conditions.judge(FILE) {
                Verdict::Failed => "412",
                Verdict::NotModified => "304",
                Verdict::Proceed if conditions.range(FILE).is_some() => "206",
                Verdict::Proceed => "200",
            };
            assert_eq!(answer, expected, "{fields}");
        }
    }
}
