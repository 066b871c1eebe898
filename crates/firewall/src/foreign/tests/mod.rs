//! Foreign tables as tools write them, and the verdicts on packets.

mod build;
mod robustness;
mod verdicts;
mod whole;
