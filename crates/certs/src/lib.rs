//! Certificates: the store that the gate serves from, certificates from files, and the own authority.
//!
//! This crate reads and writes files. It opens no socket, starts no thread and reads no clock: whoever owns the
//! [`Store`] calls [`Store::refresh`] from time to time and says what time it is. Private keys leave this crate
//! as signing keys of rustls, and as DER for the process that serves them; they are never part of an event, an error or a list.
//!
//! ```text
//! plan ──► wanted ──► files, own certificates ──► table ──► Resolver ──► rustls
//! ```

mod authority;
mod certificate;
mod event;
mod facts;
mod files;
mod names;
mod obtained;
mod own;
mod pair;
mod problem;
mod resolver;
mod server;
mod serving;
mod state;
mod store;
mod table;
pub mod trust;
mod validity;
mod wanted;
mod watch;

pub use authority::{Authority, AuthorityError, AuthorityFacts, IssueError};
pub use event::{Event, IssueReason, Severity};
pub use facts::{CertificateFacts, Fingerprint, Source};
pub use files::FileError;
pub use obtained::NotKept;
pub use pair::Pair;
pub use problem::Problem;
pub use resolver::Resolver;
pub use server::{server_config, ticketer};
pub use serving::{Change, Host, Mirror, Serving};
pub use state::{StateError, StateFolder};
pub use store::{Store, StoreError};
pub use table::{CertificateId, Table};
pub use validity::Validity;
