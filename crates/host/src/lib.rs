//! This machine, as Portcullis sees and changes it: nftables, sockets, interfaces, sessions.
//!
//! It acts and observes; what is right is decided in `firewall`.
