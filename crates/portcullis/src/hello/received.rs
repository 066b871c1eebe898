//! What was received, as values that can be shown as JSON or text.

use aws_lc_rs::digest::Digest;
use http1::{Request, Version};
use serde::Serialize;
use std::fmt::Write;

/// A request as the client sent it.
#[derive(Debug, Serialize)]
pub(super) struct Received<'a> {
    pub(super) greeting: &'static str,
    /// The name of this instance.
    pub(super) instance: &'a str,
    /// The number of this request, from 1.
    pub(super) request: u64,
    /// Who sent it.
    pub(super) peer: &'a str,
    pub(super) method: String,
    pub(super) target: String,
    pub(super) version: &'static str,
    /// Names and values in their order and case.
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: ReceivedBody,
}

/// What is left of a body once it was read.
#[derive(Debug, Default, Serialize)]
pub(super) struct ReceivedBody {
    /// Bytes, framing not counted.
    pub(super) length: u64,
    /// The SHA-256, where there was a body.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) sha256: Option<String>,
}

/// Who received a request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Receiver<'a> {
    pub(super) instance: &'a str,
    pub(super) peer: &'a str,
    pub(super) number: u64,
}

pub(super) const GREETING: &str = "Hello from Portcullis";

impl<'a> Received<'a> {
    /// Collects what a judged head and its body say.
    pub(super) fn new(receiver: Receiver<'a>, request: &Request, head: &[u8], body: ReceivedBody) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let fields = request.fields.iter();
        Self {
            greeting: GREETING,
            instance: receiver.instance,
            request: receiver.number,
            peer: receiver.peer,
            method: text(request.method.of(head)),
            target: target_of(request, head),
            version: match request.version {
                Version::Http10 => "HTTP/1.0",
                Version::Http11 => "HTTP/1.1",
            },
            headers: fields.map(|field| (text(field.name.of(head)), text(field.value.of(head)))).collect(),
            body,
        }
    }

    /// For people.
    pub(super) fn as_text(&self) -> String {
        let body = match &self.body.sha256 {
            Some(sha256) => format!("{} bytes, SHA-256 {sha256}", self.body.length),
            None => "none".to_owned(),
        };
        format!(
            "{GREETING}\n\n{} {} {}\n{}\ninstance  {}\nrequest   {}\npeer      {}\nbody      {body}\n",
            self.method,
            self.target,
            self.version,
            self.headers_as_text(),
            self.instance,
            self.request,
            self.peer,
        )
    }

    /// The field lines, one each.
    pub(super) fn headers_as_text(&self) -> String {
        let mut text = String::new();
        for (name, value) in &self.headers {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{name}: {value}");
        }
        text
    }

    /// For programs, with a line feed at the end.
    pub(super) fn as_json(&self) -> String {
        json(self)
    }
}

/// A value as JSON text with a line feed at the end.
pub(super) fn json(value: &impl Serialize) -> String {
    let text = serde_json::to_string_pretty(value).expect("strings and numbers are JSON");
    text + "\n"
}

/// The target in the form that was sent.
fn target_of(request: &Request, head: &[u8]) -> String {
    let path = String::from_utf8_lossy(request.target.path_and_query.of(head));
    match request.target.authority {
        _ if request.target.asterisk => "*".to_owned(),
        Some(authority) => format!("http://{}{path}", String::from_utf8_lossy(authority.of(head))),
        None => path.into_owned(),
    }
}

/// A digest in hexadecimal.
pub(super) fn hexadecimal(digest: &Digest) -> String {
    digest.as_ref().iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
