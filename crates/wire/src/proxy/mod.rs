//! The PROXY protocol (HAProxy, "The PROXY protocol versions 1 & 2", 2020): what stands before the first byte of a
//! connection and says who opened it.
//!
//! Whom to believe is not decided here: a header proves nothing about who wrote it.

mod v1;
mod v2;
mod write;

pub use write::{Version, write};

use std::fmt;
use std::net::SocketAddr;

/// The longest header that is read: that of version 2 with this many bytes behind its fixed part. Version 1 has at most
/// 107 bytes.
pub const LONGEST: usize = v2::FIXED + v2::LONGEST_REST;

/// What a header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Header {
    /// Who opened the connection, and to what address. Both are of one family.
    Proxied {
        /// The client.
        source: SocketAddr,
        /// Where it connected to.
        destination: SocketAddr,
    },
    /// The proxy speaks for itself (`LOCAL`, such as a health check), or does not know (`UNKNOWN`, Unix sockets): the
    /// connection's own addresses hold.
    Own,
}

/// Why bytes are no header. The connection is not to be served: what follows could mean anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// Neither version's first bytes.
    Signature,
    /// Version 1: no end of line within 107 bytes.
    LineTooLong,
    /// Version 1: the words of the line are not those of the format.
    Line,
    /// Version 1 or 2: an address that is none, or not of the family that was named.
    Address,
    /// Version 1: a port that is none.
    Port,
    /// Version 2: a version other than 2, or a command other than LOCAL and PROXY.
    Command,
    /// Version 2: a family or transport that does not exist, or that no connection of this kind has.
    Family,
    /// Version 2: shorter than its addresses, longer than is read, or with a broken list of extensions.
    Length,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Signature => "no PROXY header",
            Self::LineTooLong => "a PROXY line of more than 107 bytes",
            Self::Line => "a malformed PROXY line",
            Self::Address => "a PROXY header with a malformed address",
            Self::Port => "a PROXY header with a malformed port",
            Self::Command => "a PROXY header of an unknown version or command",
            Self::Family => "a PROXY header of an unknown family or transport",
            Self::Length => "a PROXY header whose lengths do not fit",
        })
    }
}

impl std::error::Error for Malformed {}

/// Reads the header at the beginning of `bytes`: what it says and how many bytes it has, or nothing while more are
/// needed. The answer never changes when more bytes come.
///
/// # Errors
///
/// The bytes cannot become a header any more.
pub fn parse(bytes: &[u8]) -> Result<Option<(Header, usize)>, Malformed> {
    if v2::may_begin(bytes) {
        return v2::parse(bytes);
    }
    if v1::may_begin(bytes) {
        return v1::parse(bytes);
    }
    Err(Malformed::Signature)
}

#[cfg(test)]
mod tests;
