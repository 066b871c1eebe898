//! Reads tables of cases: a line is fields between runs of blanks, `\xHH` is a byte, `\-` is nothing. Lines that
//! start with `# ` and empty lines are for people.

/// The lines of a table, each with its number and its fields.
pub(crate) fn lines(table: &str) -> impl Iterator<Item = (usize, Vec<Vec<u8>>)> {
    table
        .lines()
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty() && !line.starts_with("# "))
        .map(|(at, line)| (at + 1, line.split_ascii_whitespace().map(unescape).collect()))
}

/// A field as text.
pub(crate) fn text(field: &[u8]) -> String {
    String::from_utf8_lossy(field).into_owned()
}

fn unescape(field: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = field;
    while let Some(at) = rest.find('\\') {
        bytes.extend_from_slice(&rest.as_bytes()[..at]);
        let (escape, tail) = rest[at..].split_at(if rest[at..].starts_with("\\x") { 4 } else { 2 });
        match escape.strip_prefix("\\x") {
            Some(digits) => bytes.push(u8::from_str_radix(digits, 16).unwrap()),
            None => assert_eq!(escape, "\\-", "an escape that no case may use in {field}"),
        }
        rest = tail;
    }
    bytes.extend_from_slice(rest.as_bytes());
    bytes
}
