//! The first layer: a root folder of its own, in which only what is shown exists.

mod floor;
mod former;
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
use floor::Floor;
use former::Former;
use place::place;
use root::{OldRoot, Root};
use rustix::io::Errno;
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
        Err(Errno::PERM | Errno::ACCESS) => {
            let hint = "give portcullis CAP_SYS_ADMIN";
            return Ok(Layer::not_enforced(name, "no right to make one (CAP_SYS_ADMIN)", Some(hint)));
        }
        Err(error) => return Err(MountError::new("make a mount namespace", error).into()),
    }
    let paths: Vec<PathBuf> = cage.shown.iter().cloned().collect();
    missing.extend(furnish(cage.account.as_ref(), &paths, |_, _| {})?);
    Ok(Layer::enforced(name))
}

/// How many paths are worked on at a time: each takes two descriptors meanwhile, and 1024 is a common limit.
const AT_ONCE: usize = 256;

/// In a fresh mount namespace: an empty root with what is at these paths, parents first, and nothing else, read-only.
/// `placed` is told of each tree and where it came to lie.
fn furnish(
    account: Option<&Account>,
    paths: &[PathBuf],
    mut placed: impl FnMut(PathBuf, Tree),
) -> Result<Vec<Missing>, MountError> {
    let failed = |error| MountError::new("make a root folder", error);
    let (root, old) = Root::replace().map_err(failed)?;
    let floor = Floor::own().map_err(failed)?;
    let mut missing = Vec::new();
    for paths in paths.chunks(AT_ONCE) {
        for (path, found) in paths.iter().zip(find(account, &old, paths)?) {
            let tree = found.and_then(|found| Tree::copy(path, found));
            match tree.and_then(|tree| {
                let place = place(&tree, &floor, &mut Former::default()).map_err(tree::reason)?;
                Ok((place, tree))
            }) {
                Ok((place, tree)) => placed(place, tree),
                Err(reason) => missing.push(Missing { path: path.clone(), reason }),
            }
        }
    }
    let sealed = old.take_off().and_then(|()| root.seal());
    sealed.map_err(|error| MountError::new("make what is shown read-only", error))?;
    Ok(missing)
}

/// What lies at these paths, looked for with the rights of the account: what it could not reach by its path, it does not
/// reach through a mount either, wherever a link of somebody else points.
fn find(
    account: Option<&Account>,
    old: &OldRoot,
    paths: &[PathBuf],
) -> Result<Vec<Result<Found, String>>, MountError> {
    with_rights_of(account, || paths.iter().map(|path| old.find(path)).collect())
        .map_err(|error| MountError::new("look at files as another user", error))
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
