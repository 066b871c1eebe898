//! This machine, as Portcullis sees and changes it: nftables, sockets, interfaces, sessions.
//!
//! It acts and observes; what is right is decided in `firewall`.

pub mod conntrack;
pub mod interfaces;
pub mod machine;
mod netlink;
pub mod nft;
pub mod operator;
pub mod rights;
pub mod service_manager;
pub mod settings;
pub mod sockets;

pub use machine::{ObserveError, observe};
pub use netlink::NetlinkError;
