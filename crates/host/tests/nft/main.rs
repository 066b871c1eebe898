//! nf_tables against the kernel: every test in a network namespace of its own, which ends with its thread.

mod elements;
mod namespace;
mod others;
mod ownership;
mod random;
mod replacing;
mod samples;
mod tables;
