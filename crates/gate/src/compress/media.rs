//! Which media types shrink. What is not known to is left alone: it is compressed already more often than not.

/// Types beside `text/*` and the structured suffixes.
const KNOWN: &[&str] = &[
    "application/javascript",
    "application/json",
    "application/rtf",
    "application/vnd.ms-fontobject",
    "application/wasm",
    "application/x-javascript",
    "application/x-ndjson",
    "application/xml",
    "application/yaml",
    "font/collection",
    "font/otf",
    "font/ttf",
    "image/bmp",
    "image/vnd.microsoft.icon",
    "image/x-icon",
];

/// Structured suffixes (RFC 6839) of formats that are text.
const SUFFIXES: &[&str] = &["+json", "+text", "+xml", "+yaml"];

/// Whether a body of this `Content-Type` gains from compression.
pub(super) fn is_compressible(content_type: &[u8]) -> bool {
    let media = content_type.split(|&byte| byte == b';').next().unwrap_or_default().trim_ascii();
    if starts_with(media, "text/") {
        return !media.eq_ignore_ascii_case(b"text/event-stream");
    }
    KNOWN.iter().any(|known| media.eq_ignore_ascii_case(known.as_bytes()))
        || SUFFIXES.iter().any(|suffix| ends_with(media, suffix))
}

fn starts_with(media: &[u8], prefix: &str) -> bool {
    media.len() > prefix.len() && media[..prefix.len()].eq_ignore_ascii_case(prefix.as_bytes())
}

fn ends_with(media: &[u8], suffix: &str) -> bool {
    media.len() > suffix.len() && media[media.len() - suffix.len()..].eq_ignore_ascii_case(suffix.as_bytes())
}
