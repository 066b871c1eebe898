//! Hosts in network namespaces, and what tests do with them: wires, probes, raw packets, long flows, peers.
//!
//! A namespace is held by a descriptor and has no name, so it goes away with the value, with a panic, and with a killed
//! process. Nothing here changes the network of the machine: traffic stays between the namespaces of one test.

pub mod container;
pub mod cost;
pub mod flow;
pub mod host;
pub mod packet;
pub mod peer;
pub mod probe;
pub mod prober;
pub mod service;
pub mod wire;
pub mod witness;
pub mod world;

pub use container::Container;
pub use cost::packet_cost;
pub use flow::{Flow, Push, Transport};
pub use host::Host;
pub use packet::{ACK, Content, Packet, Sender};
pub use probe::Reach;
pub use prober::{Prober, Tally};
pub use service::Service;
pub use wire::{End, wire};
pub use witness::{Fate, Hook, Witness};
pub use world::World;

#[cfg(test)]
mod tests;
