//! Field lines (RFC 9112 section 5) and what several of them say together.

use super::source::{Broken, Source, wrong};
use std::io::Read;

/// A field line as it was received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// The name, in its case.
    pub name: String,
    /// The value without the whitespace around it.
    pub value: Vec<u8>,
}

/// The values of every field of this name, in order.
pub(super) fn values<'a>(fields: &'a [Field], name: &str) -> Vec<&'a [u8]> {
    let wanted = |field: &&Field| field.name.eq_ignore_ascii_case(name);
    fields.iter().filter(wanted).map(|field| field.value.as_slice()).collect()
}

/// Reads field lines up to and with the empty line.
pub(super) fn read<R: Read>(source: &mut Source<R>) -> Result<Vec<Field>, Broken> {
    let mut fields = Vec::new();
    loop {
        let line = source.line()?;
        if line.is_empty() {
            return Ok(fields);
        }
        fields.push(parse(&line)?);
    }
}

fn parse(line: &[u8]) -> Result<Field, Broken> {
    let shown = line.escape_ascii();
    let Some(colon) = line.iter().position(|&byte| byte == b':') else {
        return wrong(format!("a field line without colon: {shown}"));
    };
    let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
    if !is_token(name) {
        return wrong(format!("a field name that is no token: {shown}"));
    }
    if value.iter().any(|&byte| (byte < b' ' && byte != b'\t') || byte == 0x7f) {
        return wrong(format!("a control byte in a field value: {shown}"));
    }
    Ok(Field { name: String::from_utf8_lossy(name).into_owned(), value: value.to_vec() })
}

/// Whether these bytes are a token (RFC 9110 section 5.6.2).
pub(super) fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty()
        && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte))
}
