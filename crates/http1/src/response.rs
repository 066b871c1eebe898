//! The head of a response of an instance: judged as strictly as a request, since instances are not trusted either.

use crate::Version;
use crate::field::{Fields, Known, Span};
use crate::framing::{BodyLength, ConnectionOptions, Framing};
use crate::limits::{HeadLimits, MAX_FIELDS};
use crate::refusal::Refusal;
use crate::request::{diagnose, mark_named, read_field};
use std::mem::MaybeUninit;

/// The head of a response that passed every rule. Reused like [`crate::Request`].
#[derive(Clone, Debug)]
pub struct Response {
    /// The status, 100 to 599.
    pub status: u16,
    /// The reason phrase.
    pub reason: Span,
    /// The version.
    pub version: Version,
    /// The fields.
    pub fields: Fields,
    /// Where the body ends, given the method of the request.
    pub body: BodyLength,
    /// The length that the response speaks of, also where no body follows (`HEAD`, 304).
    pub content_length: Option<u64>,
    /// Whether the instance will keep the connection open.
    pub keep_alive: bool,
}

impl Default for Response {
    fn default() -> Self {
        Self {
            status: 0,
            reason: Span::default(),
            version: Version::Http11,
            fields: Fields::default(),
            body: BodyLength::None,
            content_length: None,
            keep_alive: false,
        }
    }
}

impl Response {
    /// Parses `head`, which must be complete and end with its empty line, as the answer to a request whose method is
    /// `HEAD` or not.
    ///
    /// # Errors
    ///
    /// The first rule that the head breaks. The value is then meaningless until the next successful call.
    pub fn parse(&mut self, head: &[u8], to_head: bool, limits: &HeadLimits) -> Result<(), Refusal> {
        if !head.starts_with(b"HTTP/") {
            return Err(Refusal::StatusLine);
        }
        let mut storage = [const { MaybeUninit::<httparse::Header<'_>>::uninit() }; MAX_FIELDS];
        let mut parsed = httparse::Response::new(&mut []);
        let status = httparse::ParserConfig::default()
            .parse_response_with_uninit_headers(&mut parsed, head, &mut storage)
            .map_err(|error| diagnose(error, head, Refusal::StatusLine))?;
        if !status.is_complete() {
            return Err(Refusal::Truncated);
        }
        let (Some(code), Some(version)) = (parsed.code, parsed.version) else {
            return Err(Refusal::StatusLine);
        };
        if !(100..600).contains(&code) {
            return Err(Refusal::StatusLine);
        }
        self.status = code;
        let reason = parsed.reason.unwrap_or_default().as_bytes();
        self.reason = if reason.is_empty() { Span::default() } else { Span::locate(head, reason) };
        self.version = if version == 0 { Version::Http10 } else { Version::Http11 };
        self.judge_fields(head, parsed.headers, to_head, limits)
    }

    fn judge_fields(
        &mut self,
        head: &[u8],
        parsed: &[httparse::Header<'_>],
        to_head: bool,
        limits: &HeadLimits,
    ) -> Result<(), Refusal> {
        if parsed.len() > limits.fields {
            return Err(Refusal::TooManyFields);
        }
        self.fields.list.clear();
        let mut framing = Framing::default();
        let mut connection = ConnectionOptions::default();
        // Names of instances are not judged for underscores: nobody downstream takes them for ours.
        let limits = HeadLimits { underscores: true, ..*limits };
        for header in parsed {
            let field = read_field(head, header, &limits)?;
            match field.known {
                Known::ContentLength => framing.content_length(header.value)?,
                Known::TransferEncoding => framing.transfer_encoding(header.value)?,
                Known::Connection => connection.read(header.value),
                _ => {}
            }
            self.fields.list.push(field);
        }
        if connection.names_fields {
            mark_named(&mut self.fields, head)?;
        }
        self.conclude(framing, connection, to_head)
    }

    fn conclude(
        &mut self,
        framing: Framing,
        connection: ConnectionOptions,
        to_head: bool,
    ) -> Result<(), Refusal> {
        if framing.chunked && self.version == Version::Http10 {
            return Err(Refusal::TransferEncodingInHttp10);
        }
        let said = framing.judge()?;
        self.content_length = framing.content_length;
        let bodiless = to_head || matches!(self.status, 100..=199 | 204 | 304);
        self.body = if bodiless { BodyLength::None } else { said.unwrap_or(BodyLength::UntilClose) };
        self.keep_alive = self.body != BodyLength::UntilClose
            && match self.version {
                Version::Http11 => !connection.close,
                Version::Http10 => connection.keep_alive && !connection.close,
            };
        // A length on a response that cannot have a body is read by some as a body: never trust what follows.
        if matches!(self.status, 101 | 204) && (framing.chunked || framing.content_length.unwrap_or(0) > 0) {
            self.keep_alive = false;
        }
        Ok(())
    }
}
