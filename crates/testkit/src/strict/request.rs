//! Requests as an instance receives them from the gate.

use super::fields::{self, Field, is_token};
use super::source::{Broken, Source, wrong};
use super::{Framing, body};
use std::io::Read;

/// A whole request.
#[derive(Clone, Debug)]
pub struct Request {
    /// Every byte of it.
    pub raw: Vec<u8>,
    /// The method.
    pub method: String,
    /// The target as it was sent.
    pub target: String,
    /// The field lines in order.
    pub fields: Vec<Field>,
    /// How the length of the body was said.
    pub framing: Framing,
    /// The body without its framing.
    pub body: Vec<u8>,
    /// The trailer fields.
    pub trailers: Vec<Field>,
}

impl Request {
    /// Reads one request; `None` when the connection ended before its first byte.
    ///
    /// # Errors
    /// When the connection breaks, or the bytes are no strict message.
    pub fn read<R: Read>(source: &mut Source<R>) -> Result<Option<Self>, Broken> {
        if source.at_end()? {
            return Ok(None);
        }
        let mut request = Self::read_head(source)?;
        request.read_body(source)?;
        Ok(Some(request))
    }

    /// Reads a head alone; the body is read by [`Self::read_body`].
    ///
    /// # Errors
    /// When the connection breaks, or the bytes are no strict message.
    pub fn read_head<R: Read>(source: &mut Source<R>) -> Result<Self, Broken> {
        let line = source.line()?;
        let (method, target) = parse_request_line(&line)?;
        let fields = fields::read(source)?;
        judge_fields(&fields)?;
        let framing = body::framing(&fields)?.unwrap_or(Framing::None);
        let raw = source.take_record();
        Ok(Self { raw, method, target, fields, framing, body: Vec::new(), trailers: Vec::new() })
    }

    /// Reads the body after its head.
    ///
    /// # Errors
    /// When the connection breaks, or the bytes are no strict message.
    pub fn read_body<R: Read>(&mut self, source: &mut Source<R>) -> Result<(), Broken> {
        let body = body::read(source, self.framing)?;
        self.body = body.content;
        self.trailers = body.trailers;
        self.raw.extend(source.take_record());
        Ok(())
    }

    /// The values of every field of this name, in order, as text.
    #[must_use]
    pub fn values(&self, name: &str) -> Vec<String> {
        fields::values(&self.fields, name)
            .iter()
            .map(|value| String::from_utf8_lossy(value).into_owned())
            .collect()
    }

    /// The value of the only field of this name; `None` when there is none or more than one.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<String> {
        let mut values = self.values(name);
        values.pop().filter(|_| values.is_empty())
    }
}

fn parse_request_line(line: &[u8]) -> Result<(String, String), Broken> {
    let shown = line.escape_ascii();
    let parts: Vec<&[u8]> = line.split(|&byte| byte == b' ').collect();
    let &[method, target, b"HTTP/1.1"] = parts.as_slice() else {
        return wrong(format!("not `METHOD TARGET HTTP/1.1`: {shown}"));
    };
    if !is_token(method) {
        return wrong(format!("a method that is no token: {shown}"));
    }
    judge_target(target)?;
    Ok((String::from_utf8_lossy(method).into_owned(), String::from_utf8_lossy(target).into_owned()))
}

fn judge_target(target: &[u8]) -> Result<(), Broken> {
    let shown = target.escape_ascii();
    if target == b"*" {
        return Ok(());
    }
    if target.first() != Some(&b'/') {
        return wrong(format!("a target in another than origin form: {shown}"));
    }
    if target.iter().any(|&byte| !byte.is_ascii_graphic() || byte == b'#' || byte == b'\\') {
        return wrong(format!("a byte that does not belong into a target: {shown}"));
    }
    let path = target.split(|&byte| byte == b'?').next().unwrap_or(target);
    let dots = |segment: &[u8]| {
        let plain = segment.to_ascii_lowercase().escape_ascii().to_string().replace("%2e", ".");
        plain == "." || plain == ".."
    };
    if path.split(|&byte| byte == b'/').any(dots) {
        return wrong(format!("a dot segment: {shown}"));
    }
    Ok(())
}

fn judge_fields(fields: &[Field]) -> Result<(), Broken> {
    match fields::values(fields, "host").as_slice() {
        [host] if host.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-._~:[]%".contains(byte)) => {}
        [host] => return wrong(format!("a Host that is no host: {}", host.escape_ascii())),
        hosts => return wrong(format!("{} Host fields", hosts.len())),
    }
    for name in ["keep-alive", "proxy-connection", "proxy-authenticate"] {
        if !fields::values(fields, name).is_empty() {
            return wrong(format!("the hop-by-hop field {name}"));
        }
    }
    let connection = fields::values(fields, "connection").join(&b","[..]).to_ascii_lowercase();
    let listed =
        |wanted: &[u8]| connection.split(|&byte| byte == b',').any(|item| item.trim_ascii() == wanted);
    for item in connection.split(|&byte| byte == b',').map(<[u8]>::trim_ascii) {
        if !matches!(item, b"" | b"close" | b"keep-alive" | b"upgrade" | b"te") {
            return wrong(format!("Connection names {}", item.escape_ascii()));
        }
    }
    for name in ["upgrade", "te"] {
        if fields::values(fields, name).is_empty() == listed(name.as_bytes()) {
            return wrong(format!("{name} and Connection disagree"));
        }
    }
    Ok(())
}
