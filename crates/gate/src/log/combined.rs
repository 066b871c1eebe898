//! The access log in the combined format of Apache and nginx.

use super::{Record, StreamRecord, escape, time};
use crate::request::write_ip;
use http1::write;

/// Writes one line.
pub(super) fn write(out: &mut Vec<u8>, record: &Record<'_>) {
    write_ip(out, record.client);
    out.extend_from_slice(b" - - [");
    time::common(out, record.time);
    out.extend_from_slice(b"] \"");
    if record.method.is_empty() {
        // What was refused before it could be read is shown as it came.
        escape::quoted(out, or_dash(record.path));
    } else {
        escape::quoted(out, record.method);
        out.push(b' ');
        escape::quoted(out, record.path);
        escape::quoted(out, record.query);
        out.push(b' ');
        out.extend_from_slice(record.version.as_bytes());
    }
    out.extend_from_slice(b"\" ");
    write::number(out, u64::from(record.status));
    out.push(b' ');
    write::number(out, record.bytes_out);
    out.extend_from_slice(b" \"");
    escape::quoted(out, or_dash(record.referer));
    out.extend_from_slice(b"\" \"");
    escape::quoted(out, or_dash(record.user_agent));
    out.extend_from_slice(b"\"\n");
}

/// Writes one line of a stream, as if it were a request of the method TCP or UDP: 200 where it ended well, 502 where an
/// instance or the client broke it, 503 where the gate refused or ended it.
pub(super) fn write_stream(out: &mut Vec<u8>, record: &StreamRecord<'_>) {
    write_ip(out, record.client);
    out.extend_from_slice(b" - - [");
    time::common(out, record.time);
    out.extend_from_slice(b"] \"");
    out.extend_from_slice(record.transport.to_ascii_uppercase().as_bytes());
    out.push(b' ');
    escape::quoted(out, or_dash(record.stream.as_bytes()));
    out.extend_from_slice(b"\" ");
    let status = match (record.rule, record.error) {
        (Some(_), _) => 503,
        (None, Some(_)) => 502,
        (None, None) => 200,
    };
    write::number(out, status);
    out.push(b' ');
    write::number(out, record.bytes_out);
    out.extend_from_slice(b" \"-\" \"-\"\n");
}

fn or_dash(value: &[u8]) -> &[u8] {
    if value.is_empty() { b"-" } else { value }
}
