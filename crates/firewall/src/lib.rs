//! From the policy and what was observed on a machine to packets.
//!
//! Everything here is pure: no sockets, no files, no clock. The way of a policy: [`model::plan::Policy`] and
//! [`observed::Observed`] → `Draft` (rules with addresses) → [`canonical::Canonical`] (disjoint intervals) → `Checked`
//! (the operator's way in is proved to stay open) → [`nft::Table`] (what the kernel is given, and gives back).

pub mod addresses;
pub mod adopt;
pub mod canonical;
pub mod checked;
pub mod compile;
pub mod compiled;
pub mod connections;
pub mod difference;
pub mod draft;
pub mod essentials;
pub mod foreign;
pub mod identity;
pub mod nft;
pub mod observed;
pub mod packet;
pub mod prove;
pub mod reference;
pub mod render;
pub mod rule;

mod judge;
#[cfg(test)]
mod testing;
