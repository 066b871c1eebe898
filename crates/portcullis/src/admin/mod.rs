//! The admin socket: how commands talk to the running gate. HTTP/1.1 over a Unix socket, five requests, one for each
//! connection; `curl --unix-socket` works as well.
//!
//! Who may ask is decided by the kernel's word about the peer, not by the socket file's mode alone. What is done is
//! not decided here: requests go to a [`Control`].

mod client;
mod exchange;
mod folder;
mod lock;
mod message;
mod operators;
mod peer;
mod remedy;
mod server;

pub(crate) use client::{AskError, Client};
pub(crate) use folder::{FolderError, judge_for as judge_folder, prepare as prepare_folder};
pub(crate) use lock::GateLock;
pub(crate) use operators::Operators;
pub(crate) use remedy::remedy;
pub(crate) use server::Server;

use crate::keeper::{Asked, Refused};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// What the running gate offers to its operator. Calls come from threads of the admin server and may block.
pub(crate) trait Control: Send + Sync + 'static {
    /// What the gate does at the moment.
    fn status(&self) -> serde_json::Value;

    /// Takes the changed configuration.
    fn reload(&self, request: &ReloadRequest) -> Result<Message, ReloadRefused>;

    /// Has another program rehearse, and begins to become it.
    fn upgrade(&self, program: Option<&Path>) -> Result<Message, ReloadRefused>;

    /// Begins to end the gate, and returns at once.
    fn stop(&self);

    /// The metrics in the text format of `OpenMetrics`.
    fn metrics(&self) -> String;

    /// Whether a process is a gate of this keeper.
    fn is_gate(&self, process: u32) -> bool;

    /// Asks the keeper about packets.
    fn firewall(&self, asked: &Asked) -> Result<serde_json::Value, Refused>;
}

/// Why the gate kept its old configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ReloadRefused {
    /// Why, in one line.
    pub(crate) reason: String,
    /// Every problem of the file, rendered without colours, or nothing.
    pub(crate) problems: String,
    /// What to do.
    pub(crate) hint: Option<String>,
    /// Whether it was the machine that refused, and not the answer that is no.
    #[serde(default)]
    pub(crate) by_machine: bool,
}

/// The body of `POST /reload`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReloadRequest {
    /// The file; without it, the one where the configuration came from before.
    #[serde(default)]
    pub(crate) file: Option<PathBuf>,
    /// Whether a file without sites and streams is meant, although some are served.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) allow_empty: bool,
}

/// The body of `POST /upgrade`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct UpgradeRequest {
    #[serde(default)]
    program: Option<PathBuf>,
}

/// The answer to what has no data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Message {
    /// One line for people.
    pub(crate) message: String,
    /// Warnings of the file, rendered without colours, or nothing.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) problems: String,
}

impl Message {
    /// A line without warnings.
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), problems: String::new() }
    }
}

const STATUS: &str = "/status";
const RELOAD: &str = "/reload";
const STOP: &str = "/stop";
const UPGRADE: &str = "/upgrade";
const METRICS: &str = "/metrics";
const FIREWALL: &str = "/firewall";

#[cfg(test)]
mod tests;
