//! FastCGI 1.0, as far as a server needs it that sends one request at a time over a connection: what it writes, and the
//! records that an application answers with. Content is never copied here; who reads is told where it lies.
//!
//! Source: the FastCGI specification, document version 1.0 (Open Market, 1996), by its sections.

mod read;
mod write;

#[cfg(test)]
mod tests;

pub use read::{End, Found, ProtocolStatus, Record, RecordError, RecordReader};
pub use write::{LongPair, Params, end_stdin, stdin};

/// The only version (section 3.3).
const VERSION: u8 = 1;
/// The id of the only request of a connection; 0 is for what concerns the application itself (section 3.3).
const REQUEST: u16 = 1;
/// Bytes of the head of a record.
const HEAD: usize = 8;

/// Bytes of content of one record at most.
pub const LONGEST: usize = 65_535;

/// Types of records (section 8).
mod kind {
    pub(super) const BEGIN: u8 = 1;
    pub(super) const END: u8 = 3;
    pub(super) const PARAMS: u8 = 4;
    pub(super) const STDIN: u8 = 5;
    pub(super) const STDOUT: u8 = 6;
    pub(super) const STDERR: u8 = 7;
}
