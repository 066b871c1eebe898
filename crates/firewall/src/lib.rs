//! From the policy and what was observed on a machine to packets.
//!
//! Everything here is pure: no sockets, no files, no clock. The way of a policy: [`model::plan::Policy`] and
//! [`observed::Observed`] → `Draft` (rules with addresses) → [`canonical::Canonical`] (disjoint intervals) → `Checked`
//! (the operator's way in is proved to stay open) → [`nft::Table`] (what the kernel is given, and gives back).

pub mod addresses;
pub mod canonical;
pub mod nft;
pub mod observed;
pub mod packet;
