//! Heads of CGI (RFC 3875) written as heads of HTTP/1.1, and names of fields as the variables that CGI makes of them.
//!
//! Like heads of HTTP/2, what is written here is read by the strict judge of responses afterwards, so nothing may be
//! written that it could read in another way than it was meant.

use crate::Version;
use crate::field::Known;
use crate::http2::is_token;
use crate::refusal::Refusal;
use crate::write;

/// The name of the variable for a field of a request (RFC 3875 section 4.1.18), or nothing for a field that must not
/// become one.
///
/// `Proxy` would become `HTTP_PROXY`, which many libraries obey (httpoxy). A name with anything but letters, digits and
/// hyphens could become the variable of another field: `_` does so by the rules of CGI, and `.` by those of PHP.
#[must_use]
pub fn variable(name: &[u8]) -> Option<Vec<u8>> {
    let plain = name.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'-');
    if !plain || name.eq_ignore_ascii_case(b"proxy") {
        return None;
    }
    let upper = |byte: &u8| if *byte == b'-' { b'_' } else { byte.to_ascii_uppercase() };
    Some(b"HTTP_".iter().copied().chain(name.iter().map(upper)).collect())
}

/// The length of a head with its empty line, once it is complete. Lines end with a line feed, with or without a
/// carriage return before it. What was searched before may be left out with `from`.
#[must_use]
pub fn head_length(bytes: &[u8], from: usize) -> Option<usize> {
    // The end may have begun in what was searched before.
    let mut at = from.saturating_sub(2).min(bytes.len());
    loop {
        let is_empty_line = |rest: &[u8]| match rest {
            [b'\n', ..] => Some(1),
            [b'\r', b'\n', ..] => Some(2),
            _ => None,
        };
        let at_start = at == 0 || bytes.get(at - 1) == Some(&b'\n');
        if at_start && let Some(length) = is_empty_line(bytes.get(at..)?) {
            return Some(at + length);
        }
        at += bytes.get(at..)?.iter().position(|byte| *byte == b'\n')? + 1;
    }
}

/// Writes a complete head as one of HTTP/1.1 that answers a request whose method is `HEAD` or not; answers whether it
/// announces chunks, because the application did not say how long its answer is.
///
/// Fields that only mean something to a connection are left out. A redirect to a path of the same server (RFC 3875
/// section 6.2.2) goes to the client like any other.
///
/// # Errors
///
/// What would break the head; a status that ends nothing; a transfer coding, which CGI does not have.
pub fn write_response(out: &mut Vec<u8>, head: &[u8], to_head: bool) -> Result<bool, Refusal> {
    let status = status(head)?;
    write::status_line(out, Version::Http11, status.code, status.reason);
    let mut length = false;
    for field in fields(head) {
        let (name, value) = field?;
        match Known::of(name) {
            Known::TransferEncoding => return Err(Refusal::CgiTransferEncoding),
            Known::Connection
            | Known::Http2Settings
            | Known::KeepAlive
            | Known::ProxyConnection
            | Known::Te
            | Known::Trailer
            | Known::Upgrade => continue,
            known => length |= known == Known::ContentLength,
        }
        if !is_status(name) {
            write::field(out, name, value);
        }
    }
    let bodiless = to_head || matches!(status.code, 204 | 304);
    let chunked = !bodiless && !length;
    if chunked {
        write::field(out, b"Transfer-Encoding", b"chunked");
    }
    write::end(out);
    Ok(chunked)
}

struct Status<'a> {
    code: u16,
    reason: &'a [u8],
}

/// The status: written, or what a head without one means.
fn status(head: &[u8]) -> Result<Status<'_>, Refusal> {
    let (mut written, mut redirects) = (None, false);
    for field in fields(head) {
        let (name, value) = field?;
        redirects |= Known::of(name) == Known::Location;
        if is_status(name) && written.replace(value).is_some() {
            return Err(Refusal::CgiStatus);
        }
    }
    let Some(value) = written else {
        return Ok(Status { code: if redirects { 302 } else { 200 }, reason: b"" });
    };
    let (digits, reason) = value.split_at(value.len().min(3));
    let separated = reason.is_empty() || reason.starts_with(b" ");
    let code = str::from_utf8(digits).ok().filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()));
    match code.and_then(|digits| digits.parse().ok()) {
        // An interim response would be followed by another head, and CGI has one.
        Some(code @ 200..600) if separated => Ok(Status { code, reason: reason.trim_ascii() }),
        _ => Err(Refusal::CgiStatus),
    }
}

fn is_status(name: &[u8]) -> bool {
    name.eq_ignore_ascii_case(b"status")
}

/// The lines of a head as fields.
fn fields(head: &[u8]) -> impl Iterator<Item = Result<(&[u8], &[u8]), Refusal>> {
    let lines = head.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    lines.filter(|line| !line.is_empty()).map(read_field)
}

fn read_field(line: &[u8]) -> Result<(&[u8], &[u8]), Refusal> {
    if line.starts_with(b" ") || line.starts_with(b"\t") {
        return Err(Refusal::ObsoleteFolding);
    }
    let colon = line.iter().position(|byte| *byte == b':').ok_or(Refusal::FieldName)?;
    let (name, value) = (&line[..colon], without_spaces(&line[colon + 1..]));
    if name.is_empty() || !name.iter().all(|byte| is_token(*byte)) {
        return Err(Refusal::FieldName);
    }
    if write::is_value(value) { Ok((name, value)) } else { Err(Refusal::FieldValue) }
}

/// What stands between spaces and tabs. A carriage return is not one of them.
fn without_spaces(mut value: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = value {
        value = rest;
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{BodyLength, HeadLimits, MAX_FIELDS, Response};
    use proptest::prelude::*;

    const LIMITS: HeadLimits =
        HeadLimits { bytes: 1 << 20, fields: MAX_FIELDS, first_line: 1 << 20, underscores: true };

    fn written(head: &str, to_head: bool) -> Result<(String, bool), Refusal> {
        let mut out = Vec::new();
        write_response(&mut out, head.as_bytes(), to_head).map(|chunked| {
            let mut response = Response::default();
            assert_eq!(response.parse(&out, to_head, &LIMITS), Ok(()), "{head:?}");
            assert_eq!(response.body == BodyLength::Chunked, chunked);
            assert_ne!(response.body, BodyLength::UntilClose);
            (String::from_utf8_lossy(&out).into_owned(), chunked)
        })
    }

    #[test]
    fn a_head_of_cgi_is_one_of_http() {
        let ok = "HTTP/1.1 200 OK\r\n";
        let chunked = "Transfer-Encoding: chunked\r\n\r\n";
        for (head, expected) in [
            ("Content-type: text/html\r\n\r\n", format!("{ok}Content-type: text/html\r\n{chunked}")),
            ("A: b\nStatus: 404 Gone Fishing\n\n", format!("HTTP/1.1 404 Gone Fishing\r\nA: b\r\n{chunked}")),
            ("Status: 299\r\n\r\n", format!("HTTP/1.1 299 Status\r\n{chunked}")),
            ("Location: /there\r\n\r\n", format!("HTTP/1.1 302 Found\r\nLocation: /there\r\n{chunked}")),
            ("Status: 201\nLocation: /a\n\n", format!("HTTP/1.1 201 Created\r\nLocation: /a\r\n{chunked}")),
            ("Content-Length: 3\n\n", format!("{ok}Content-Length: 3\r\n\r\n")),
            ("Connection: close\nUpgrade: x\nKeep-Alive: 1\n\n", format!("{ok}{chunked}")),
            ("\r\n", format!("{ok}{chunked}")),
            ("Status: 304 Not Modified\n\n", "HTTP/1.1 304 Not Modified\r\n\r\n".to_owned()),
        ] {
            assert_eq!(written(head, false).map(|written| written.0), Ok(expected), "{head:?}");
        }
        assert_eq!(written("A: b\n\n", true), Ok((format!("{ok}A: b\r\n\r\n"), false)));
    }

    #[test]
    fn what_is_no_head_is_refused() {
        for (head, refusal) in [
            ("Status: 100\n\n", Refusal::CgiStatus),
            ("Status: 101 Switching Protocols\n\n", Refusal::CgiStatus),
            ("Status: 600\n\n", Refusal::CgiStatus),
            ("Status: +20\n\n", Refusal::CgiStatus),
            ("Status: 2000\n\n", Refusal::CgiStatus),
            ("Status: \n\n", Refusal::CgiStatus),
            ("Status: 200\nStatus: 200\n\n", Refusal::CgiStatus),
            ("Transfer-Encoding: chunked\n\n", Refusal::CgiTransferEncoding),
            ("HTTP/1.1 200 OK\n\n", Refusal::FieldName),
            ("Hello\n\n", Refusal::FieldName),
            (": a\n\n", Refusal::FieldName),
            ("A : b\n\n", Refusal::FieldName),
            ("A: b\n c\n\n", Refusal::ObsoleteFolding),
            ("A: b\rX: c\n\n", Refusal::FieldValue),
            ("A: b\r\r\n\n", Refusal::FieldValue),
            ("A: \0\n\n", Refusal::FieldValue),
        ] {
            assert_eq!(written(head, false), Err(refusal), "{head:?}");
        }
    }

    #[test]
    fn a_field_becomes_the_variable_of_no_other() {
        for (name, expected) in [
            ("User-Agent", Some("HTTP_USER_AGENT")),
            ("x-1", Some("HTTP_X_1")),
            ("Proxy", None),
            ("PROXY", None),
            ("X_Forwarded_For", None),
            ("X.Forwarded.For", None),
            ("a~b", None),
        ] {
            assert_eq!(variable(name.as_bytes()).as_deref(), expected.map(str::as_bytes), "{name}");
        }
    }

    #[test]
    fn the_end_of_a_head_is_found_however_it_comes() {
        for (bytes, length) in [
            ("A: b\r\n\r\nbody\n\n", Some(8)),
            ("A: b\n\nbody", Some(6)),
            ("A: b\n\r\nbody", Some(7)),
            ("\nbody", Some(1)),
            ("\r\nbody", Some(2)),
            ("A: b\r\n\r", None),
            ("A: b\n", None),
            ("A\r\r\n", None),
            ("", None),
        ] {
            let found = (0..=bytes.len()).scan(0, |from, end| {
                let found = head_length(&bytes.as_bytes()[..end], *from);
                *from = end;
                Some(found)
            });
            assert_eq!(found.flatten().next(), length, "{bytes:?}");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_written_is_a_head(head in "([A-Za-z:\\- \t\r\n\0é]|Status: |[0-9]{3}){0,60}\n\n") {
            let _ = written(&head, false);
        }
    }
}
