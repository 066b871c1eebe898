//! Hyper and httparse as oracles: what we accept, they accept and read alike. They accept more than we do.

mod requests;
mod responses;
