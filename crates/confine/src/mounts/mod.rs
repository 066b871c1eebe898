//! The first layer: a root folder of its own, in which only what is shown exists.

mod outside;
mod place;
mod root;
mod tree;

pub use outside::Outside;

use crate::account::Account;
use crate::cage::{Cage, LayerName};
use crate::enter::EnterError;
use crate::report::{Layer, Missing};
use crate::rights::with_rights_of;
use place::place;
use root::Root;
use rustix::io::Errno;
use std::collections::BTreeSet;
use std::fmt::{Display, Formatter};
use std::io;
use std::path::PathBuf;
use tree::{Found, Tree};

/// A mount namespace that could not be made or changed.
#[derive(Debug)]
pub struct MountError {
    what: String,
    source: io::Error,
}

/// Moves the process into a root folder of its own, with what the cage shows.
pub(crate) fn enter(cage: &Cage, missing: &mut Vec<Missing>) -> Result<Layer, EnterError> {
    let name = LayerName::Mounts;
    if !rustix::process::geteuid().is_root() {
        let hint = "start portcullis as root";
        return Ok(Layer::not_enforced(name, "not root: sees every file that its user may read", Some(hint)));
    }
    match root::unshare() {
        Ok(()) => {}
        Err(Errno::PERM) => {
            let hint = "give portcullis CAP_SYS_ADMIN";
            return Ok(Layer::not_enforced(name, "no right to make one (CAP_SYS_ADMIN)", Some(hint)));
        }
        Err(error) => return Err(MountError::new("make a mount namespace", error).into()),
    }
    let (_, failed) = furnish(cage.account, &cage.shown)?;
    missing.extend(failed);
    Ok(Layer::enforced(name))
}

/// Trees, each with where it lies.
type Furniture = Vec<(PathBuf, Tree)>;

/// In a fresh mount namespace: an empty root with what is at these paths and nothing else, read-only.
fn furnish(
    account: Option<Account>,
    paths: &BTreeSet<PathBuf>,
) -> Result<(Furniture, Vec<Missing>), MountError> {
    let (trees, mut missing) = open(account, paths)?;
    let root = Root::replace().map_err(|error| MountError::new("make a root folder", error))?;
    let mut placed = Vec::with_capacity(trees.len());
    for tree in trees {
        match place(&tree) {
            Ok(place) => placed.push((place, tree)),
            Err(error) => missing.push(Missing { path: tree.path, reason: tree::reason(error) }),
        }
    }
    root.seal().map_err(|error| MountError::new("make what is shown read-only", error))?;
    Ok((placed, missing))
}

/// Copies of what lies at these paths, parents first. Each is looked for with the rights of the account: what it could
/// not reach by its path, it does not reach through a mount either, wherever a link of somebody else points.
fn open(
    account: Option<Account>,
    paths: &BTreeSet<PathBuf>,
) -> Result<(Vec<Tree>, Vec<Missing>), MountError> {
    let found = with_rights_of(account, || paths.iter().map(|path| Found::at(path)).collect::<Vec<_>>());
    let found = found.map_err(|error| MountError::new("look at files as another user", error))?;
    let (mut trees, mut missing) = (Vec::new(), Vec::new());
    for (path, found) in paths.iter().zip(found) {
        match found.and_then(|found| Tree::copy(path, found)) {
            Ok(tree) => trees.push(tree),
            Err(reason) => missing.push(Missing { path: path.clone(), reason }),
        }
    }
    Ok((trees, missing))
}

impl MountError {
    fn new(what: impl Into<String>, source: impl Into<io::Error>) -> Self {
        Self { what: what.into(), source: source.into() }
    }
}

impl From<MountError> for EnterError {
    fn from(error: MountError) -> Self {
        Self::Mounts(error)
    }
}

impl Display for MountError {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "cannot {}: {}", self.what, self.source)
    }
}

impl std::error::Error for MountError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.source)
    }
}
