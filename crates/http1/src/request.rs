//! The head of a request: parsed, judged, and kept as ranges of the received bytes.

use crate::Version;
use crate::field::{Field, Fields, Known, Span, elements};
use crate::framing::{BodyLength, ConnectionOptions, Framing};
use crate::limits::{HeadLimits, MAX_FIELDS};
use crate::refusal::Refusal;
use crate::target::Target;
use std::mem::MaybeUninit;

/// The head of a request that passed every rule.
///
/// A value of this type is reused from request to request, so that parsing allocates nothing in steady state.
#[derive(Clone, Debug)]
pub struct Request {
    /// The method, a token.
    pub method: Span,
    /// The target.
    pub target: Target,
    /// The version.
    pub version: Version,
    /// The fields.
    pub fields: Fields,
    /// Where the body ends.
    pub body: BodyLength,
    /// The value of `Host`, which equals the authority of an absolute-form target.
    pub host: Span,
    /// Whether the client wants to keep the connection open.
    pub keep_alive: bool,
    /// Whether the client waits for `100 Continue` before it sends the body.
    pub expects_continue: bool,
    /// The protocol that the client asks to switch to.
    pub upgrade: Upgrade,
    /// Whether the client accepts trailer fields (`TE: trailers`).
    pub accepts_trailers: bool,
}

/// The protocol that a client asks to switch to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Upgrade {
    /// None, or one that is not served, which is then ignored as RFC 9110 section 7.8 allows.
    #[default]
    None,
    /// WebSocket (RFC 6455).
    WebSocket,
}

impl Default for Request {
    fn default() -> Self {
        Self {
            method: Span::default(),
            target: Target::default(),
            version: Version::Http11,
            fields: Fields::default(),
            body: BodyLength::None,
            host: Span::default(),
            keep_alive: false,
            expects_continue: false,
            upgrade: Upgrade::None,
            accepts_trailers: false,
        }
    }
}

/// What is collected while the fields are read.
#[derive(Default)]
struct Collected {
    framing: Framing,
    connection: ConnectionOptions,
    host: Option<Span>,
    expectations: usize,
    upgrade: Upgrade,
}

impl Request {
    /// Parses `head`, which must be complete and end with its empty line, and judges it.
    ///
    /// # Errors
    ///
    /// The first rule that the head breaks. The value is then meaningless until the next successful call.
    pub fn parse(&mut self, head: &[u8], limits: &HeadLimits) -> Result<(), Refusal> {
        let mut storage = [const { MaybeUninit::<httparse::Header<'_>>::uninit() }; MAX_FIELDS];
        let mut parsed = httparse::Request::new(&mut []);
        let status = httparse::ParserConfig::default()
            .parse_request_with_uninit_headers(&mut parsed, head, &mut storage)
            .map_err(|error| diagnose(error, head, Refusal::RequestLine))?;
        if !status.is_complete() {
            return Err(Refusal::Truncated);
        }
        let (Some(method), Some(target), Some(version)) = (parsed.method, parsed.path, parsed.version) else {
            return Err(Refusal::RequestLine);
        };
        self.version = if version == 0 { Version::Http10 } else { Version::Http11 };
        self.judge_method(head, method.as_bytes())?;
        self.target = Target::parse(head, target.as_bytes(), method.as_bytes())?;
        let collected = self.collect(head, parsed.headers, limits)?;
        self.conclude(head, &collected)
    }

    fn judge_method(&mut self, head: &[u8], method: &[u8]) -> Result<(), Refusal> {
        match method {
            b"CONNECT" => return Err(Refusal::ConnectMethod),
            b"TRACE" => return Err(Refusal::TraceMethod),
            _ => self.method = Span::locate(head, method),
        }
        Ok(())
    }

    fn collect(
        &mut self,
        head: &[u8],
        parsed: &[httparse::Header<'_>],
        limits: &HeadLimits,
    ) -> Result<Collected, Refusal> {
        if parsed.len() > limits.fields {
            return Err(Refusal::TooManyFields);
        }
        self.fields.list.clear();
        self.accepts_trailers = false;
        let mut collected = Collected::default();
        for header in parsed {
            let field = read_field(head, header, limits)?;
            self.note(&field, header.value, &mut collected)?;
            self.fields.list.push(field);
        }
        Ok(collected)
    }

    fn note(&mut self, field: &Field, value: &[u8], collected: &mut Collected) -> Result<(), Refusal> {
        match field.known {
            Known::ContentLength => collected.framing.content_length(value)?,
            Known::TransferEncoding => collected.framing.transfer_encoding(value)?,
            Known::Connection => collected.connection.read(value),
            Known::Host if collected.host.is_some() => return Err(Refusal::HostRepeated),
            Known::Host => collected.host = Some(field.value),
            Known::Expect if self.version == Version::Http11 => {
                collected.expectations += 1;
                if !value.eq_ignore_ascii_case(b"100-continue") || collected.expectations > 1 {
                    return Err(Refusal::Expectation);
                }
            }
            Known::Upgrade if value.eq_ignore_ascii_case(b"websocket") => {
                collected.upgrade = Upgrade::WebSocket;
            }
            Known::Te => {
                self.accepts_trailers |=
                    elements(value).any(|coding| coding.eq_ignore_ascii_case(b"trailers"));
            }
            _ => {}
        }
        Ok(())
    }

    fn conclude(&mut self, head: &[u8], collected: &Collected) -> Result<(), Refusal> {
        let connection = collected.connection;
        self.host = collected.host.ok_or(Refusal::HostMissing)?;
        if let Some(authority) = self.target.authority
            && !authority.of(head).eq_ignore_ascii_case(self.host.of(head))
        {
            return Err(Refusal::AbsoluteFormDisagrees);
        }
        if collected.framing.chunked && self.version == Version::Http10 {
            return Err(Refusal::TransferEncodingInHttp10);
        }
        self.body = collected.framing.judge()?.unwrap_or(BodyLength::None);
        self.keep_alive = match self.version {
            Version::Http11 => !connection.close,
            Version::Http10 => connection.keep_alive && !connection.close,
        };
        let has_body = !matches!(self.body, BodyLength::None | BodyLength::Exact(0));
        self.expects_continue = collected.expectations > 0 && has_body;
        let upgradable = connection.upgrade && self.version == Version::Http11 && !has_body;
        self.upgrade = if upgradable { collected.upgrade } else { Upgrade::None };
        if connection.names_fields {
            mark_named(&mut self.fields, head)?;
        }
        Ok(())
    }
}

/// Makes a field of what httparse found.
pub(crate) fn read_field(
    head: &[u8],
    header: &httparse::Header<'_>,
    limits: &HeadLimits,
) -> Result<Field, Refusal> {
    let name = header.name.as_bytes();
    let known = Known::of(name);
    if matches!(known, Known::Other | Known::XForwardedOther)
        && !limits.underscores
        && memchr::memchr(b'_', name).is_some()
    {
        return Err(Refusal::FieldUnderscore);
    }
    // httparse gives an empty value a place outside of the head.
    let value = if header.value.is_empty() { Span::default() } else { Span::locate(head, header.value) };
    Ok(Field { name: Span::locate(head, name), value, known, hop: known.is_hop_by_hop() })
}

/// Options of one `Connection` field: more would only cost time.
const MAX_CONNECTION_OPTIONS: usize = 32;

/// Marks the fields that a `Connection` field names as belonging to this connection only.
pub(crate) fn mark_named(fields: &mut Fields, head: &[u8]) -> Result<(), Refusal> {
    for index in 0..fields.list.len() {
        if fields.list[index].known != Known::Connection {
            continue;
        }
        let options = elements(fields.list[index].value.of(head));
        for (number, option) in options.enumerate() {
            if number == MAX_CONNECTION_OPTIONS {
                return Err(Refusal::TooManyFields);
            }
            if Known::of(option).is_framing() {
                return Err(Refusal::ConnectionNamesFraming);
            }
            for field in &mut fields.list {
                if field.name.of(head).eq_ignore_ascii_case(option) {
                    field.hop = true;
                }
            }
        }
    }
    Ok(())
}

/// Finds the rule behind an error of httparse, which knows fewer kinds. `first_line` is the rule of a malformed first
/// line.
pub(crate) fn diagnose(error: httparse::Error, head: &[u8], first_line: Refusal) -> Refusal {
    let bare = memchr::memchr_iter(b'\r', head).any(|place| head.get(place + 1) != Some(&b'\n'));
    if bare {
        return Refusal::BareCarriageReturn;
    }
    let folded = head.windows(3).any(|bytes| bytes[..2] == *b"\r\n" && matches!(bytes[2], b' ' | b'\t'));
    match error {
        httparse::Error::Version if is_version_reached(head) => Refusal::Version,
        httparse::Error::TooManyHeaders => Refusal::TooManyFields,
        httparse::Error::HeaderName if folded => Refusal::ObsoleteFolding,
        httparse::Error::HeaderValue if folded => Refusal::ObsoleteFolding,
        httparse::Error::HeaderName => Refusal::FieldName,
        httparse::Error::HeaderValue => Refusal::FieldValue,
        // Something stands between the version and the end of the line, or nothing where a version should.
        _ if !has_bare_line_feed(head) => first_line,
        _ => Refusal::BareLineFeed,
    }
}

/// Whether the version of a first line is where it belongs, so that it can be the version that is wrong: the third of
/// three words of a request, the first of a response.
fn is_version_reached(head: &[u8]) -> bool {
    let line = head.trim_ascii_start().split(|byte| *byte == b'\r').next().unwrap_or_default();
    let mut words = line.split(|byte| *byte == b' ');
    let is_response = line.get(..5).is_some_and(|start| start.eq_ignore_ascii_case(b"HTTP/"));
    is_response || matches!((words.nth(2), words.next()), (Some(version), None) if !version.is_empty())
}

fn has_bare_line_feed(head: &[u8]) -> bool {
    memchr::memchr_iter(b'\n', head).any(|place| place == 0 || head[place - 1] != b'\r')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(head: &str) -> Result<Request, Refusal> {
        let mut request = Request::default();
        request.parse(head.as_bytes(), &HeadLimits::default()).map(|()| request)
    }

    #[test]
    fn fields_keep_case_and_order() {
        let head = "GET /a HTTP/1.1\r\nhOsT: x\r\nX-b:  1 \r\nx-B: 2\r\nEmpty:\r\n\r\n";
        let request = parse(head).expect("a good head");
        let names: Vec<_> = request.fields.iter().map(|field| field.name.of(head.as_bytes())).collect();
        assert_eq!(names, [&b"hOsT"[..], b"X-b", b"x-B", b"Empty"]);
        let values: Vec<_> = request.fields.iter().map(|field| field.value.of(head.as_bytes())).collect();
        assert_eq!(values, [&b"x"[..], b"1", b"2", b""]);
    }

    #[test]
    fn fields_named_by_connection_are_marked() {
        let head = "GET / HTTP/1.1\r\nHost: x\r\nX-A: 1\r\nConnection: close, x-a\r\n\r\n";
        let request = parse(head).expect("a good head");
        assert!(request.fields.iter().nth(1).is_some_and(|field| field.hop));
        assert!(!request.keep_alive);
        assert_eq!(
            parse("GET / HTTP/1.1\r\nHost: x\r\nConnection: host\r\n\r\n").err(),
            Some(Refusal::ConnectionNamesFraming)
        );
    }

    #[test]
    fn websocket_is_asked_for_only_with_both_fields() {
        let with = "GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: WebSocket\r\n\r\n";
        assert_eq!(parse(with).map(|request| request.upgrade), Ok(Upgrade::WebSocket));
        let without = "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n\r\n";
        assert_eq!(parse(without).map(|request| request.upgrade), Ok(Upgrade::None));
    }
}
