//! What a process of ours may still do: its user, its file system, its system calls.
//!
//! [`enter()`] locks the calling process up for good, in four layers that do not rely on each other ([`LayerName`]), and
//! reports what of it this machine could do. [`Outside`] is how the process that stayed outside shows it further folders.
//! Nothing here knows what the process is for, beyond the list of system calls that it needs (`calls/`).

mod access;
mod account;
mod cage;
mod calls;
mod descriptors;
mod enter;
mod features;
mod mounts;
mod reading;
mod report;
mod rights;

pub use account::{Account, NotAnAccount, account};
pub use cage::{Cage, LayerName};
pub use descriptors::close_inherited;
pub use enter::{EnterError, enter};
pub use features::{Features, features};
pub use mounts::{MountError, Outside};
pub use reading::{Unreadable, can_read};
pub use report::{Layer, Missing, Report, State};
