//! The protocol between the keeper, which has the rights, and the gate, which faces the network.
//!
//! They share one Unix socket of packets (`SOCK_SEQPACKET`, unix(7)), so that a message comes whole or not at all, and
//! whoever dies leaves no half of one behind. A message is a head of four bytes and a value in the format of postcard;
//! one that is larger than a packet lies in a sealed memfd that comes with it. Descriptors travel as `SCM_RIGHTS`.
//!
//! A watcher is asked through such a socket as well: one [`Errand`], and a [`NameFact`] for each thing it found out.
//!
//! The keeper trusts nothing that comes from a gate: what it reads is bounded in size, in number of descriptors and in
//! time, and everything a gate may ask for stands in [`Ask`]. `docs/protocol.md` has the whole of it.

mod ask;
mod channel;
mod errand;
mod frame;
mod metrics;
mod order;
mod payload;
mod told;

pub use ask::{Ask, AskRefused, LONGEST_NAME, Pem};
pub use channel::{Channel, MOST_DESCRIPTORS, ReceiveError, Received, SendError, Trust};
pub use errand::{Errand, MOST_ADDRESSES, NameFact};
pub use frame::{FrameError, decode, encode, from_packet};
pub use metrics::{Metrics, MetricsError};
pub use order::{
    Certificate, CertificateChange, Install, Key, Listener, Numbered, Order, Patience, Protocol, Start, Texts,
};
pub use told::{Answer, Counts, HeldSocket, Hello, LONGEST_TEXT, Refusal, Told};

/// The version of the messages. Keeper and gate of one build have the same; a keeper that finds a gate with another
/// one speaks only [`Order::Sockets`] and [`Order::Drain`] with it, which never change.
pub const PROTOCOL: u16 = 1;
