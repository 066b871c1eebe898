//! gRPC: what its clients understand of a refusal, and how long they wait.
//!
//! Calls themselves are requests like others, whose trailers pass. A call may stay open in both directions for long, so
//! the times of its bodies are those of an upgraded connection.

mod web;

pub(crate) use web::Translator;

use crate::respond::Answer;
use http1::{Known, Request};
use std::time::Duration;
use wire::grpc_web::Form;

/// Whether a request is a call.
pub(crate) fn is_call(request: &Request, head: &[u8]) -> bool {
    let Some(media) = request.fields.only(Known::ContentType, head) else { return false };
    let (start, rest) = media.split_at(media.len().min(b"application/grpc".len()));
    start.eq_ignore_ascii_case(b"application/grpc") && matches!(rest.first(), None | Some(b'+' | b';' | b'-'))
}

/// The form of a call of gRPC-Web.
pub(crate) fn web_form(request: &Request, head: &[u8]) -> Option<Form> {
    Form::of(request.fields.only(Known::ContentType, head)?).map(|(form, _)| form)
}

/// Whether an instance can answer a call over HTTP/2 alone. gRPC-Web that is not translated was made to do without.
pub(crate) fn needs_http2(request: &Request, head: &[u8], translated: bool) -> bool {
    translated || (is_call(request, head) && web_form(request, head).is_none())
}

/// What a call ended with, among fields of its answer or its trailers; `None` where they do not say.
pub(crate) fn status<'a>(fields: impl IntoIterator<Item = (&'a [u8], &'a [u8])>) -> Option<u32> {
    let (_, value) = fields.into_iter().find(|(name, _)| name.eq_ignore_ascii_case(b"grpc-status"))?;
    let digits =
        std::str::from_utf8(value).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))?;
    digits.parse().ok()
}

/// How long the client waits for the answer (`grpc-timeout`); `None` when it does not say.
pub(crate) fn timeout(request: &Request, head: &[u8]) -> Option<Duration> {
    let value = request.fields.named(b"grpc-timeout", head).next()?.value.of(head);
    let (unit, digits) = value.split_last()?;
    if digits.is_empty() || digits.len() > 8 || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let number = digits.iter().fold(0, |number, digit| number * 10 + u64::from(digit - b'0'));
    Some(match unit {
        b'H' => Duration::from_secs(number * 3600),
        b'M' => Duration::from_secs(number * 60),
        b'S' => Duration::from_secs(number),
        b'm' => Duration::from_millis(number),
        b'u' => Duration::from_micros(number),
        b'n' => Duration::from_nanos(number),
        _ => return None,
    })
}

/// A refusal as an answer that consists of trailers alone, which come in the head; to a call in this form of gRPC-Web.
pub(crate) fn refusal(answer: &Answer, form: Option<Form>) -> Answer {
    let message = format!("{} {}", answer.status, http1::write::reason_phrase(answer.status));
    let code = code(answer.status).to_string();
    let content_type = match form {
        None => "application/grpc",
        Some(Form::Binary) => "application/grpc-web+proto",
        Some(Form::Text) => "application/grpc-web-text+proto",
    };
    let whole = Answer { status: 200, content_type, ..Answer::default() };
    whole.with_field(b"grpc-status", code.as_bytes()).with_field(b"grpc-message", message.as_bytes())
}

/// The code of gRPC for a status of HTTP.
pub(crate) fn code(status: u16) -> u8 {
    const UNKNOWN: u8 = 2;
    const DEADLINE_EXCEEDED: u8 = 4;
    const PERMISSION_DENIED: u8 = 7;
    const RESOURCE_EXHAUSTED: u8 = 8;
    const UNIMPLEMENTED: u8 = 12;
    const INTERNAL: u8 = 13;
    const UNAVAILABLE: u8 = 14;
    const UNAUTHENTICATED: u8 = 16;
    match status {
        400 => INTERNAL,
        401 => UNAUTHENTICATED,
        403 => PERMISSION_DENIED,
        404 | 405 | 501 => UNIMPLEMENTED,
        408 | 504 => DEADLINE_EXCEEDED,
        413 | 414 | 431 => RESOURCE_EXHAUSTED,
        429 | 502 | 503 => UNAVAILABLE,
        _ => UNKNOWN,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http1::HeadLimits;

    fn parsed(fields: &str) -> (Request, Vec<u8>) {
        let head = format!("POST / HTTP/1.1\r\nHost: a\r\n{fields}\r\n\r\n").into_bytes();
        let mut request = Request::default();
        request.parse(&head, &HeadLimits::default()).expect("a good head");
        (request, head)
    }

    #[test]
    fn calls_are_known_by_their_media_type() {
        for (media, call) in [
            ("application/grpc", true),
            ("Application/GRPC+proto", true),
            ("application/grpc;x", true),
            ("application/grpc-web+proto", true),
            ("application/grpcx", false),
            ("application/json", false),
            ("", false),
        ] {
            let (request, head) = parsed(&format!("Content-Type: {media}"));
            assert_eq!(is_call(&request, &head), call, "{media}");
        }
    }

    #[test]
    fn timeouts_have_at_most_eight_digits_and_a_unit() {
        for (text, expected) in [
            ("1S", Some(Duration::from_secs(1))),
            ("250m", Some(Duration::from_millis(250))),
            ("99999999H", Some(Duration::from_secs(99_999_999 * 3600))),
            ("3u", Some(Duration::from_micros(3))),
            ("100000000S", None),
            ("S", None),
            ("", None),
            ("-1S", None),
            ("1", None),
            ("1s", None),
        ] {
            let (request, head) = parsed(&format!("Grpc-Timeout: {text}"));
            assert_eq!(timeout(&request, &head), expected, "{text}");
        }
    }
}
