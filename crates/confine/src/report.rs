//! What of a cage holds, in words for the operator.

use crate::cage::LayerName;
use serde::{Deserialize, Serialize};
use std::fmt::{Display, Formatter};
use std::path::PathBuf;

/// What [`enter`](crate::enter()) did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// One for each of [`LayerName::ALL`], in that order.
    pub layers: Vec<Layer>,
    /// What should be shown and is not.
    pub missing: Vec<Missing>,
}

/// One layer and how far it holds. Displays as `landlock: partly: Landlock ABI 3: ...`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Layer {
    /// Which layer.
    pub name: LayerName,
    /// How far it holds.
    pub state: State,
    /// What the operator can do about it.
    pub hint: Option<String>,
}

/// How far a layer holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// All of it.
    Enforced,
    /// Some of it; the text says what is missing.
    Partly(String),
    /// Nothing of it; the text says why.
    NotEnforced(String),
}

/// A path that is not shown, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Missing {
    /// As it was asked for.
    pub path: PathBuf,
    /// Lower case, without a full stop.
    pub reason: String,
}

impl Report {
    /// Whether every layer holds in full. What is missing among the paths does not matter.
    #[must_use]
    pub fn is_enforced(&self) -> bool {
        self.layers.iter().all(|layer| layer.state == State::Enforced)
    }
}

impl Layer {
    pub(crate) fn enforced(name: LayerName) -> Self {
        Self { name, state: State::Enforced, hint: None }
    }

    pub(crate) fn partly(name: LayerName, reason: impl Into<String>, hint: &str) -> Self {
        Self { name, state: State::Partly(reason.into()), hint: Some(hint.to_owned()) }
    }

    pub(crate) fn not_enforced(name: LayerName, reason: impl Into<String>, hint: Option<&str>) -> Self {
        Self { name, state: State::NotEnforced(reason.into()), hint: hint.map(str::to_owned) }
    }

    pub(crate) fn left_out(name: LayerName) -> Self {
        Self::not_enforced(name, "left out", None)
    }
}

impl Display for Layer {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}: {}", self.name, self.state)
    }
}

impl Display for State {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Enforced => formatter.write_str("enforced"),
            Self::Partly(reason) => write!(formatter, "partly: {reason}"),
            Self::NotEnforced(reason) => write!(formatter, "not enforced: {reason}"),
        }
    }
}

impl Display for Missing {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}: {}", self.path.display(), self.reason)
    }
}
