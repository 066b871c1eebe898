//! Whether a response is compressed, decided from both judged heads alone.

use super::media::is_compressible;
use crate::coding::{Accepted, Coding};
use http1::{BodyLength, Fields, Known, Request, Response};
use memchr::memmem;
use model::plan::Compression;

/// What is shorter gains nothing that a packet would notice.
const MIN_LENGTH: u64 = 256;

/// The order where a client has no preference: least work first, as it is for each response.
const PREFERENCE: [Coding; 3] = [Coding::Zstandard, Coding::Gzip, Coding::Brotli];

/// Fields whose value holds for the bytes that the instance sent (RFC 9530, RFC 3230, RFC 2616 section 14.15).
const DIGESTS: [&[u8]; 4] = [b"content-digest", b"repr-digest", b"digest", b"content-md5"];

/// What becomes of a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It passes as it is, for everybody.
    Untouched,
    /// It passes as it is, but another request may get it encoded: caches have to know (RFC 9110 section 12.5.5).
    Varies,
    /// It is encoded. An answer to HEAD gets the head that GET would get (RFC 9110 section 9.3.2).
    Encoded(Coding),
    /// It is a 304 that confirms a response which was encoded here: its head has to say of the validator and of what
    /// the response depends on what the 200 said (RFC 9110 section 15.4.5).
    Confirmed,
}

impl Verdict {
    /// Whether the head speaks of encoded bytes.
    pub(crate) fn is_of_encoded(self) -> bool {
        matches!(self, Self::Encoded(_) | Self::Confirmed)
    }
}

/// A request or response with the bytes that its ranges refer to.
#[derive(Debug)]
pub(crate) struct Judged<'a, T> {
    /// The judged head.
    pub(crate) message: &'a T,
    /// Its bytes.
    pub(crate) head: &'a [u8],
}

/// Decides what becomes of a response.
pub(crate) fn decide(
    compression: Compression,
    request: &Judged<'_, Request>,
    response: &Judged<'_, Response>,
) -> Verdict {
    if compression == Compression::Off {
        return Verdict::Untouched;
    }
    if confirms(request, response) {
        return Verdict::Confirmed;
    }
    if !is_eligible(response) || forbids(&request.message.fields, request.head) {
        return Verdict::Untouched;
    }
    if compression != Compression::WithCookies && has_credentials(request.message, response.message) {
        return Verdict::Varies;
    }
    let fields = request.message.fields.iter().filter(|field| field.known == Known::AcceptEncoding);
    let accepted = Accepted::parse(fields.map(|field| field.value.of(request.head)), PREFERENCE);
    accepted.iter().next().map_or(Verdict::Varies, Verdict::Encoded)
}

/// Whether the response suits compression, whoever asked for it.
fn is_eligible(response: &Judged<'_, Response>) -> bool {
    let Judged { message: Response { status, body, content_length, fields, .. }, head } = response;
    let whole = matches!(status, 200..=203 | 400..=599);
    let length = match body {
        BodyLength::Exact(length) => Some(*length),
        _ => *content_length,
    };
    let has_digest = |name: &[u8]| DIGESTS.iter().any(|digest| name.eq_ignore_ascii_case(digest));
    whole
        && length.is_none_or(|length| length >= MIN_LENGTH)
        && fields.only(Known::ContentType, head).is_some_and(is_compressible)
        && fields.first(Known::ContentEncoding).is_none()
        && fields.first(Known::ContentRange).is_none()
        && !fields.iter().any(|field| has_digest(field.name.of(head)))
        && !forbids(fields, head)
}

/// Whether a 304 names with a strong tag what the client has under the weak one that it gets from here.
fn confirms(request: &Judged<'_, Request>, response: &Judged<'_, Response>) -> bool {
    if response.message.status != 304 {
        return false;
    }
    let Some(tag) = response.message.fields.only(Known::ETag, response.head) else { return false };
    let weak = [b"W/", tag].concat();
    let asked = request.message.fields.iter().filter(|field| field.known == Known::IfNoneMatch);
    // A tag ends with its quote, so no other one contains it.
    tag.starts_with(b"\"")
        && asked.map(|field| field.value.of(request.head)).any(|tags| memmem::find(tags, &weak).is_some())
}

/// Whether a side forbids to transform (RFC 9111 sections 5.2.1.6 and 5.2.2.6).
fn forbids(fields: &Fields, head: &[u8]) -> bool {
    fields
        .iter()
        .filter(|field| field.known == Known::CacheControl)
        .flat_map(|field| field.value.of(head).split(|&byte| byte == b','))
        .any(|directive| directive.trim_ascii().eq_ignore_ascii_case(b"no-transform"))
}

/// Whether the response may hold what only this client may know.
fn has_credentials(request: &Request, response: &Response) -> bool {
    request.fields.first(Known::Cookie).is_some()
        || request.fields.first(Known::Authorization).is_some()
        || response.fields.first(Known::SetCookie).is_some()
}

#[cfg(test)]
#[path = "decide_tests.rs"]
mod tests;
