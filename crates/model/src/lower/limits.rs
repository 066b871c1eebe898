//! `[limits]`.

use super::Lowering;
use crate::plan::Limits;
use crate::problem::Problem;
use crate::raw::limits as raw;
use crate::raw::measure::size_text;
use crate::raw::units::{Bytes, Count, Or, Time};
use crate::source::Located;
use std::time::Duration;

pub(super) fn limits(raw: Option<&Located<raw::Limits>>, lowering: &mut Lowering<'_>) -> Limits {
    let mut limits = Limits::default();
    let Some(raw) = raw.map(|raw| &raw.value) else { return limits };
    bytes(&mut limits.header_bytes, raw.header_bytes.as_ref());
    count(&mut limits.header_count, raw.header_count.as_ref());
    bytes(&mut limits.request_line, raw.request_line.as_ref());
    if let Some(size) = &raw.body {
        limits.body = body(size.value);
    }
    time(&mut limits.handshake_timeout, raw.handshake_timeout.as_ref());
    time(&mut limits.head_timeout, raw.head_timeout.as_ref());
    time(&mut limits.idle_timeout, raw.idle_timeout.as_ref());
    time(&mut limits.read_timeout, raw.read_timeout.as_ref());
    time(&mut limits.write_timeout, raw.write_timeout.as_ref());
    if let Some(rate) = &raw.min_rate {
        limits.min_rate = rate.value.value().map_or(0, |rate| rate.0);
    }
    time(&mut limits.upgrade_timeout, raw.upgrade_timeout.as_ref());
    time(&mut limits.drain_timeout, raw.drain_timeout.as_ref());
    count(&mut limits.http2_streams, raw.http2_streams.as_ref());
    bytes(&mut limits.http2_stream_window, raw.http2_stream_window.as_ref());
    bytes(&mut limits.http2_connection_window, raw.http2_connection_window.as_ref());
    count(&mut limits.http2_resets, raw.http2_resets.as_ref());
    count(&mut limits.http2_control_frames, raw.http2_control_frames.as_ref());
    limits.connections = raw.connections.as_ref().map(|connections| as_size(connections.value.0));
    count(&mut limits.connections_per_address, raw.connections_per_address.as_ref());
    if let Some(accepted) = &raw.underscores_in_headers {
        limits.underscores_in_headers = accepted.value;
    }
    bytes(&mut limits.file_cache, raw.file_cache.as_ref());
    check_request_line(raw, &limits, lowering);
    check_windows(raw, &limits, lowering);
    limits
}

/// A stream is a part of its connection, so a larger window would never be open.
fn check_windows(raw: &raw::Limits, limits: &Limits, lowering: &mut Lowering<'_>) {
    let (stream, connection) = (limits.http2_stream_window, limits.http2_connection_window);
    let written = raw.http2_stream_window.as_ref().map(|value| value.at);
    let Some(at) = written.or_else(|| raw.http2_connection_window.as_ref().map(|value| value.at)) else {
        return;
    };
    if stream > connection {
        lowering.report(
            Problem::error(at, "`http2_stream_window` is larger than `http2_connection_window`")
                .label(format!("{} is more than {}", size(stream), size(connection)))
                .note("all streams of a connection share its window"),
        );
    }
}

fn size(bytes: usize) -> String {
    size_text(u64::try_from(bytes).unwrap_or(u64::MAX))
}

/// A request line is a part of the head, so a larger bound would never be met.
fn check_request_line(raw: &raw::Limits, limits: &Limits, lowering: &mut Lowering<'_>) {
    if limits.request_line <= limits.header_bytes {
        return;
    }
    let line = raw.request_line.as_ref().map(|value| value.at);
    let Some(at) = line.or_else(|| raw.header_bytes.as_ref().map(|value| value.at)) else { return };
    lowering.report(
        Problem::error(at, "`request_line` is larger than `header_bytes`")
            .label(format!("{} is more than {}", size(limits.request_line), size(limits.header_bytes)))
            .note("the request line is a part of the head that `header_bytes` bounds"),
    );
}

/// The bound of a body; `None` is unlimited.
pub(super) fn body(size: raw::BodySize) -> Option<u64> {
    match size {
        Or::Value(bytes) => Some(bytes.0),
        Or::Word(_) => None,
    }
}

/// A number that the decoder found to be in range.
pub(super) fn as_size(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// Takes over a duration where one is written.
pub(super) fn time<const L: u64, const M: u64>(field: &mut Duration, raw: Option<&Located<Time<L, M>>>) {
    if let Some(raw) = raw {
        *field = raw.value.0;
    }
}

/// Takes over a number where one is written.
pub(super) fn count<const L: u64, const M: u64>(field: &mut usize, raw: Option<&Located<Count<L, M>>>) {
    if let Some(raw) = raw {
        *field = as_size(raw.value.0);
    }
}

fn bytes<const L: u64, const M: u64>(field: &mut usize, raw: Option<&Located<Bytes<L, M>>>) {
    if let Some(raw) = raw {
        *field = as_size(raw.value.0);
    }
}
