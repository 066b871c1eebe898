//! Files that must survive: written whole or not at all, proved when they are read, set aside when they are damaged.
//!
//! Knows nothing of what is in them, and says nothing to anybody: whoever keeps a file decides what its loss means.

mod aside;
mod beside;
pub mod digest;
mod journal;
pub mod proof;
mod read;
mod room;
mod sealed;
mod write;

pub use aside::{Damage, set_aside, those_set_aside};
pub use journal::Journal;
pub use proof::Flaw;
pub use read::LARGEST;
pub use room::Room;
pub use sealed::{Found, read_sealed, write_sealed};
pub use write::{Access, remove, write};
