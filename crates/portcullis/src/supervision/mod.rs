//! The keeper's side of the gate: started, told what to serve, replaced when it dies, taken over from a keeper that
//! died.

mod asking;
mod asks;
mod bucket;
mod conversation;
mod deaths;
mod ending;
mod identity;
mod loaded;
mod offer;
pub(crate) mod orphans;
mod predecessors;
mod probe;
mod process;
mod replacing;
mod settings;
mod sight;
mod start;
mod supervisor;
mod turn;

pub(crate) use asks::Asked;
pub(crate) use bucket::{Bucket, Seldom};
pub(crate) use ending::Beginning;
pub(crate) use offer::{BACKLOG, Bound, Offer, restore};
pub(crate) use predecessors::{Inheritance, find as find_predecessors};
pub(crate) use process::is_over_by;
pub(crate) use settings::Settings;
pub(crate) use supervisor::{Heard, Predecessors, Supervisor};

pub(crate) use loaded::resolver_texts;

#[cfg(test)]
mod tests;
