//! The access log: lines are made on the thread of the request and written by a thread of their own, so that a slow
//! disk slows nobody. What cannot be written is counted.

mod combined;
mod escape;
mod json;
mod time;
mod writer;

pub use writer::AccessLog;

use crate::request::RequestId;
use model::plan::LogFormat;
use std::net::IpAddr;
use std::time::Duration;

/// Bytes of lines that a thread gathers before it hands them over.
const GATHERED: usize = 32 << 10;

/// What is said of a request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Record<'a> {
    /// Since 1970.
    pub(crate) time: Duration,
    pub(crate) id: RequestId,
    pub(crate) client: IpAddr,
    pub(crate) method: &'a [u8],
    pub(crate) host: &'a str,
    pub(crate) path: &'a [u8],
    /// With its question mark, or empty.
    pub(crate) query: &'a [u8],
    pub(crate) version: &'static str,
    pub(crate) secure: bool,
    /// The version of TLS, or empty.
    pub(crate) tls: &'static str,
    pub(crate) status: u16,
    pub(crate) bytes_in: u64,
    pub(crate) bytes_out: u64,
    pub(crate) duration: Duration,
    pub(crate) site: &'a str,
    pub(crate) service: &'a str,
    pub(crate) instance: &'a str,
    /// What a call of gRPC ended with.
    pub(crate) grpc_status: Option<u32>,
    pub(crate) user_agent: &'a [u8],
    pub(crate) referer: &'a [u8],
    pub(crate) rule: Option<&'a str>,
    pub(crate) error: Option<&'a str>,
}

/// What is said of a connection or session of a stream.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StreamRecord<'a> {
    /// Since 1970.
    pub(crate) time: Duration,
    /// Empty for what was refused before that was known.
    pub(crate) stream: &'a str,
    /// `tcp` or `udp`.
    pub(crate) transport: &'static str,
    pub(crate) client: IpAddr,
    /// The name that was asked for with TLS, or empty.
    pub(crate) host: &'a str,
    pub(crate) instance: &'a str,
    pub(crate) bytes_in: u64,
    pub(crate) bytes_out: u64,
    pub(crate) duration: Duration,
    pub(crate) rule: Option<&'a str>,
    pub(crate) error: Option<&'a str>,
}

/// Gathers the lines of a thread.
#[derive(Debug)]
pub(crate) struct LogBuffer {
    log: Option<AccessLog>,
    format: LogFormat,
    lines: Vec<u8>,
    count: u64,
}

impl LogBuffer {
    pub(crate) fn new(log: Option<AccessLog>, format: LogFormat) -> Self {
        Self { log, format, lines: Vec::new(), count: 0 }
    }

    pub(crate) fn set_format(&mut self, format: LogFormat) {
        self.format = format;
    }

    /// Adds a line.
    pub(crate) fn write(&mut self, record: &Record<'_>) {
        if self.log.is_none() {
            return;
        }
        match self.format {
            LogFormat::Json => json::write(&mut self.lines, record),
            LogFormat::Combined => combined::write(&mut self.lines, record),
        }
        self.added();
    }

    /// Adds a line for a stream.
    pub(crate) fn write_stream(&mut self, record: &StreamRecord<'_>) {
        if self.log.is_none() {
            return;
        }
        match self.format {
            LogFormat::Json => json::write_stream(&mut self.lines, record),
            LogFormat::Combined => combined::write_stream(&mut self.lines, record),
        }
        self.added();
    }

    fn added(&mut self) {
        self.count += 1;
        if self.lines.len() >= GATHERED {
            self.flush();
        }
    }

    /// Hands the gathered lines over.
    pub(crate) fn flush(&mut self) {
        if let Some(log) = &self.log
            && !self.lines.is_empty()
        {
            self.lines = log.hand_over(std::mem::take(&mut self.lines), std::mem::take(&mut self.count));
        }
    }
}
