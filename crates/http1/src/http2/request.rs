//! The head of a request.

use super::{is_token, judge_field};
use crate::field::Known;
use crate::refusal::Refusal;
use crate::write;

/// Crumbs of the cookie that one request may send. Browsers send one for each cookie, so they have a bound of their own
/// beside that of fields.
const MAX_CRUMBS: usize = 256;

/// The pseudo-fields of a request (RFC 9113 section 8.3.1).
#[derive(Clone, Copy, Debug)]
pub struct Pseudo<'a> {
    /// `:method`.
    pub method: &'a [u8],
    /// `:scheme`.
    pub scheme: Option<&'a [u8]>,
    /// `:authority`.
    pub authority: Option<&'a [u8]>,
    /// `:path`.
    pub path: &'a [u8],
    /// For a WebSocket (RFC 8441), the key that the handshake of HTTP/1.1 wants and HTTP/2 does without.
    pub websocket: Option<&'a [u8]>,
}

/// What follows the head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Body {
    /// Nothing: the stream ended with the head.
    None,
    /// Data, whose length `content-length` says or nobody knows.
    Follows,
}

/// What is collected while fields are written.
#[derive(Default)]
struct Written {
    length: bool,
    host: bool,
    /// The crumbs of the cookie, joined (RFC 9113 section 8.2.3).
    cookie: Vec<u8>,
    crumbs: usize,
}

impl Written {
    fn join_crumb(&mut self, crumb: &[u8]) -> Result<(), Refusal> {
        if self.crumbs == MAX_CRUMBS {
            return Err(Refusal::TooManyFields);
        }
        if self.crumbs > 0 {
            self.cookie.extend_from_slice(b"; ");
        }
        self.cookie.extend_from_slice(crumb);
        self.crumbs += 1;
        Ok(())
    }
}

/// Writes the head of a request. Data of unknown length is announced as chunks.
///
/// # Errors
///
/// What would break the head, or means nothing in HTTP/2. What was written until then is no head.
pub fn write_request<'a>(
    out: &mut Vec<u8>,
    pseudo: &Pseudo<'_>,
    fields: impl Iterator<Item = (&'a [u8], &'a [u8])>,
    body: Body,
) -> Result<(), Refusal> {
    write_first_line(out, pseudo)?;
    if let Some(authority) = pseudo.authority {
        judge_field(b"host", authority)?;
        write::field(out, b"Host", authority);
    }
    let mut written = Written::default();
    for (name, value) in fields {
        write_field(out, pseudo, name, value, &mut written)?;
    }
    if written.crumbs > 0 {
        write::field(out, b"cookie", &written.cookie);
    }
    write_framing(out, pseudo, body, written.length);
    write::end(out);
    Ok(())
}

fn write_first_line(out: &mut Vec<u8>, pseudo: &Pseudo<'_>) -> Result<(), Refusal> {
    let method = if pseudo.websocket.is_some() { b"GET" } else { pseudo.method };
    if method == b"CONNECT" {
        return Err(Refusal::ConnectMethod);
    }
    if method.is_empty() || !method.iter().all(|byte| is_token(*byte)) {
        return Err(Refusal::RequestLine);
    }
    if pseudo.scheme.is_some_and(|scheme| scheme != b"http" && scheme != b"https") {
        return Err(Refusal::Target);
    }
    let path = pseudo.path;
    let visible = path.iter().all(|byte| matches!(byte, 0x21..=0x7e) && *byte != b'#');
    if !visible || !(path.starts_with(b"/") || path == b"*") {
        return Err(Refusal::Target);
    }
    write::request_line(out, method, &[path]);
    Ok(())
}

fn write_field(
    out: &mut Vec<u8>,
    pseudo: &Pseudo<'_>,
    name: &[u8],
    value: &[u8],
    written: &mut Written,
) -> Result<(), Refusal> {
    match judge_field(name, value)? {
        Known::Cookie => return written.join_crumb(value),
        Known::Host if std::mem::replace(&mut written.host, true) => return Err(Refusal::HostRepeated),
        Known::Host => {
            if let Some(authority) = pseudo.authority {
                let agree = authority.eq_ignore_ascii_case(value);
                return if agree { Ok(()) } else { Err(Refusal::AuthorityDisagrees) };
            }
        }
        // The key is a matter of one connection of HTTP/1.1, and so is what answers it.
        Known::SecWebSocketKey if pseudo.websocket.is_some() => return Ok(()),
        Known::ContentLength => written.length = true,
        _ => {}
    }
    write::field(out, name, value);
    Ok(())
}

fn write_framing(out: &mut Vec<u8>, pseudo: &Pseudo<'_>, body: Body, length: bool) {
    if let Some(key) = pseudo.websocket {
        out.extend_from_slice(b"Connection: Upgrade\r\nUpgrade: websocket\r\n");
        return write::field(out, b"Sec-WebSocket-Key", key);
    }
    match body {
        _ if length => {}
        Body::Follows => write::field(out, b"Transfer-Encoding", b"chunked"),
        // A method that is about its content says that there is none (RFC 9110 section 8.6).
        Body::None if matches!(pseudo.method, b"POST" | b"PUT" | b"PATCH") => {
            write::number_field(out, b"Content-Length", 0);
        }
        Body::None => {}
    }
}
