//! Host names as the gate compares them: one canonical form for `Host`, SNI, certificates and the file.
//!
//! The canonical form is lower case, in A-labels (RFC 5890), without a trailing dot; an IPv4 address in dotted
//! decimal; an IPv6 address in the form of RFC 5952 without brackets. Nothing here looks up names.

mod authority;
mod name;
mod pattern;
mod table;

pub use authority::{Authority, AuthorityError, canonical_sni, parse_authority};
pub use name::{HostError, HostName};
pub use pattern::HostPattern;
pub use table::HostTable;
