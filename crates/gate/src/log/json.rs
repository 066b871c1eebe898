//! The access log as JSON lines.

use super::{Record, StreamRecord, escape, time};
use crate::request::write_ip;
use http1::write;
use std::time::Duration;

/// Writes one line.
pub(super) fn write(out: &mut Vec<u8>, record: &Record<'_>) {
    out.extend_from_slice(b"{\"time\":\"");
    time::rfc3339(out, record.time);
    out.extend_from_slice(b"\",\"id\":\"");
    out.extend_from_slice(&record.id.digits());
    out.extend_from_slice(b"\",\"client\":\"");
    write_ip(out, record.client);
    out.push(b'"');
    text(out, "method", record.method);
    text(out, "host", record.host.as_bytes());
    out.extend_from_slice(b",\"path\":\"");
    escape::json(out, record.path);
    escape::json(out, record.query);
    out.push(b'"');
    text(out, "version", record.version.as_bytes());
    text(out, "scheme", if record.secure { b"https" } else { b"http" });
    number(out, "status", u64::from(record.status));
    number(out, "bytes_in", record.bytes_in);
    number(out, "bytes_out", record.bytes_out);
    milliseconds(out, record.duration);
    some_text(out, "tls", record.tls.as_bytes());
    some_text(out, "site", record.site.as_bytes());
    some_text(out, "service", record.service.as_bytes());
    some_text(out, "instance", record.instance.as_bytes());
    if let Some(status) = record.grpc_status {
        number(out, "grpc_status", u64::from(status));
    }
    some_text(out, "user_agent", record.user_agent);
    some_text(out, "referer", record.referer);
    some_text(out, "rule", record.rule.unwrap_or_default().as_bytes());
    some_text(out, "error", record.error.unwrap_or_default().as_bytes());
    out.extend_from_slice(b"}\n");
}

/// Writes one line of a stream.
pub(super) fn write_stream(out: &mut Vec<u8>, record: &StreamRecord<'_>) {
    out.extend_from_slice(b"{\"time\":\"");
    time::rfc3339(out, record.time);
    out.extend_from_slice(b"\",\"client\":\"");
    write_ip(out, record.client);
    out.push(b'"');
    some_text(out, "stream", record.stream.as_bytes());
    text(out, "transport", record.transport.as_bytes());
    number(out, "bytes_in", record.bytes_in);
    number(out, "bytes_out", record.bytes_out);
    milliseconds(out, record.duration);
    some_text(out, "host", record.host.as_bytes());
    some_text(out, "instance", record.instance.as_bytes());
    some_text(out, "rule", record.rule.unwrap_or_default().as_bytes());
    some_text(out, "error", record.error.unwrap_or_default().as_bytes());
    out.extend_from_slice(b"}\n");
}

fn name(out: &mut Vec<u8>, name: &str) {
    out.extend_from_slice(b",\"");
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\":");
}

fn number(out: &mut Vec<u8>, of: &str, value: u64) {
    name(out, of);
    write::number(out, value);
}

/// Milliseconds with three decimals.
fn milliseconds(out: &mut Vec<u8>, duration: Duration) {
    number(out, "ms", u64::try_from(duration.as_millis()).unwrap_or(u64::MAX));
    let micros = duration.subsec_micros() % 1000;
    let digits = [micros / 100, micros / 10 % 10, micros % 10].map(|digit| b'0' + digit as u8);
    out.push(b'.');
    out.extend_from_slice(&digits);
}

fn text(out: &mut Vec<u8>, of: &str, value: &[u8]) {
    name(out, of);
    out.push(b'"');
    escape::json(out, value);
    out.push(b'"');
}

fn some_text(out: &mut Vec<u8>, name: &str, value: &[u8]) {
    if !value.is_empty() {
        text(out, name, value);
    }
}
