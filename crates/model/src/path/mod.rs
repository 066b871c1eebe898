//! The path of a request in one canonical form, so that the same bytes are matched, logged and forwarded.
//!
//! A path that two servers could read in two ways is refused, with the rule that it breaks; it is never repaired
//! into something that nobody sent. What remains is brought to one spelling:
//!
//! - escapes of unreserved characters are decoded, all others are kept with upper-case digits (RFC 3986, 6.2.2);
//! - dot segments are resolved (RFC 3986, 5.2.4), also where their dots are escaped;
//! - slashes in a row are merged.
//!
//! Nothing here knows routes, files or hosts.

mod byte;
mod canonical;
mod error;
mod key;
mod segment;
mod target;

pub use canonical::{PathFacts, canonicalize};
pub use error::PathError;
pub use segment::{SegmentError, Segments, decode_segments, skip_segments};
pub use target::{Target, split_target};

pub(crate) use canonical::decode_slashes;
pub(crate) use key::{compare_key, is_hollow, key};
