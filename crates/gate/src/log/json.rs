//! The access log as JSON lines.

use super::{Record, escape, time};
use std::io::Write as _;

/// Writes one line.
pub(super) fn write(out: &mut Vec<u8>, record: &Record<'_>) {
    out.extend_from_slice(b"{\"time\":\"");
    time::rfc3339(out, record.time);
    // Writing to a vector cannot fail.
    let _ = write!(out, "\",\"id\":\"{}\",\"client\":\"{}\"", record.id, record.client);
    text(out, "method", record.method);
    text(out, "host", record.host.as_bytes());
    out.extend_from_slice(b",\"path\":\"");
    escape::json(out, record.path);
    escape::json(out, record.query);
    let scheme = if record.secure { "https" } else { "http" };
    let _ = write!(
        out,
        "\",\"version\":\"{}\",\"scheme\":\"{scheme}\",\"status\":{},\"bytes_in\":{},\"bytes_out\":{},\"ms\":{}.{:03}",
        record.version,
        record.status,
        record.bytes_in,
        record.bytes_out,
        record.duration.as_millis(),
        record.duration.subsec_micros() % 1000,
    );
    some_text(out, "tls", record.tls.as_bytes());
    some_text(out, "site", record.site.as_bytes());
    some_text(out, "service", record.service.as_bytes());
    some_text(out, "instance", record.instance.as_bytes());
    some_text(out, "user_agent", record.user_agent);
    some_text(out, "referer", record.referer);
    some_text(out, "rule", record.rule.unwrap_or_default().as_bytes());
    some_text(out, "error", record.error.unwrap_or_default().as_bytes());
    out.extend_from_slice(b"}\n");
}

fn text(out: &mut Vec<u8>, name: &str, value: &[u8]) {
    out.extend_from_slice(b",\"");
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\":\"");
    escape::json(out, value);
    out.push(b'"');
}

fn some_text(out: &mut Vec<u8>, name: &str, value: &[u8]) {
    if !value.is_empty() {
        text(out, name, value);
    }
}
