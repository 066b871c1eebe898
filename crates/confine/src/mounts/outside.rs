//! Showing further folders to a process that is confined already, from the process that is not.

use super::place::{place, remove};
use super::tree::{Identity, Tree, copy, identity_at, reason};
use super::{MountError, furnish, root};
use crate::account::Account;
use crate::cage::Cage;
use crate::report::Missing;
use rustix::fs::CWD;
use rustix::io::Errno;
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

/// The way into the mount namespace of a confined process, and what is shown there. Every change is made on a thread of
/// its own, which ends with it; a call takes a few milliseconds.
#[derive(Debug)]
pub struct Outside {
    namespace: File,
    account: Option<Account>,
    shown: BTreeMap<PathBuf, Shown>,
}

/// A path that is to be shown.
#[derive(Debug, Clone)]
struct Shown {
    /// What was at the path when it was shown last.
    identity: Option<Identity>,
    /// Where it is mounted, if that is not its path.
    place: PathBuf,
}

impl Outside {
    /// The namespace of the process, once it has reported that it entered `cage`. None where it shares ours: then it sees
    /// whatever its user may read. Needs CAP_SYS_PTRACE; what follows needs CAP_SYS_ADMIN and CAP_SYS_CHROOT.
    ///
    /// # Errors
    /// There is no such process, or the right is missing.
    pub fn of(process: u32, cage: &Cage) -> Result<Option<Self>, MountError> {
        let failed = |error| MountError::new(format!("open the mount namespace of process {process}"), error);
        let namespace = File::open(format!("/proc/{process}/ns/mnt")).map_err(failed)?;
        let theirs = namespace.metadata().map_err(failed)?;
        let ours = std::fs::metadata("/proc/thread-self/ns/mnt").map_err(failed)?;
        if (theirs.dev(), theirs.ino()) == (ours.dev(), ours.ino()) {
            return Ok(None);
        }
        let shown = cage.shown.iter().map(|path| {
            let place = std::fs::canonicalize(path).unwrap_or_else(|_| path.clone());
            (path.clone(), Shown { identity: identity_at(path), place })
        });
        Ok(Some(Self { namespace, account: cage.account, shown: shown.collect() }))
    }

    /// Shows these too, read-only, each at its own path, or what is there now in place of what was. From here on
    /// [`refresh`](Self::refresh) follows them. Returns those that are not shown and why.
    ///
    /// # Errors
    /// The namespace cannot be changed; what was shown before still is.
    pub fn show(&mut self, paths: impl IntoIterator<Item = PathBuf>) -> Result<Vec<Missing>, MountError> {
        let paths: BTreeSet<PathBuf> = paths.into_iter().collect();
        if paths.is_empty() {
            return Ok(Vec::new());
        }
        // Before the work and not after it: what changes meanwhile is found by the next look.
        let identities: Vec<_> = paths.iter().map(|path| identity_at(path)).collect();
        let (places, missing) = self.on_a_thread(|outside| show(outside, &paths))?;
        for (path, identity) in paths.into_iter().zip(identities) {
            let place = places.get(&path).unwrap_or(&path).clone();
            self.shown.insert(path, Shown { identity, place });
        }
        Ok(missing)
    }

    /// Takes these away, and shows again what else was seen through them.
    ///
    /// # Errors
    /// As for [`show`](Self::show).
    pub fn hide(&mut self, paths: impl IntoIterator<Item = PathBuf>) -> Result<(), MountError> {
        let paths: BTreeSet<PathBuf> = paths.into_iter().collect();
        let hidden: Vec<Shown> = paths.iter().filter_map(|path| self.shown.remove(path)).collect();
        if hidden.is_empty() {
            return Ok(());
        }
        let places: BTreeSet<PathBuf> =
            paths.iter().cloned().chain(hidden.into_iter().map(|one| one.place)).collect();
        self.on_a_thread(|outside| {
            outside.go_in()?;
            // What lies deeper goes first.
            places.iter().rev().try_for_each(|path| {
                remove(path).map_err(|error| MountError::new(format!("hide {}", path.display()), error))
            })
        })?;
        let beneath = self.seen_through(&places);
        self.show(beneath).map(|_| ())
    }

    /// Looks whether other folders or files have the names of what is shown: a link that was switched to the next release,
    /// a folder that was built anew. One `stat` for each, and nothing more while nothing changed. Returns the paths that
    /// were shown anew.
    ///
    /// # Errors
    /// As for [`show`](Self::show).
    pub fn refresh(&mut self) -> Result<Vec<PathBuf>, MountError> {
        let changed = self.shown.iter().filter(|(path, shown)| identity_at(path) != shown.identity);
        let mut changed: BTreeSet<PathBuf> = changed.map(|(path, _)| path.clone()).collect();
        if changed.is_empty() {
            return Ok(Vec::new());
        }
        changed.extend(self.seen_through(&changed));
        self.show(changed.clone())?;
        Ok(changed.into_iter().collect())
    }

    /// Everything that is to be shown, whether it is there or not.
    pub fn shown(&self) -> impl Iterator<Item = &std::path::Path> {
        self.shown.keys().map(PathBuf::as_path)
    }

    /// What is shown beneath these paths, by its name or by where its links lead.
    fn seen_through(&self, paths: &BTreeSet<PathBuf>) -> Vec<PathBuf> {
        let is_beneath = |path: &PathBuf, shown: &Shown| {
            paths.iter().any(|one| path.starts_with(one) || shown.place.starts_with(one))
        };
        let beneath = self.shown.iter().filter(|(path, shown)| is_beneath(path, shown));
        beneath.map(|(path, _)| path.clone()).collect()
    }

    /// The calling thread sees what the confined process sees, with its own rights.
    fn go_in(&self) -> Result<(), MountError> {
        // A thread that shares its working folder with others is not let in.
        root::unshare()
            .and_then(|()| move_into_link_name_space(self.namespace.as_fd(), Some(LinkNameSpaceType::Mount)))
            .map_err(|error| MountError::new("enter the mount namespace", error))
    }

    fn on_a_thread<T: Send>(
        &self,
        work: impl FnOnce(&Self) -> Result<T, MountError> + Send,
    ) -> Result<T, MountError> {
        let panicked = || MountError::new("change the mount namespace", Errno::CANCELED);
        std::thread::scope(|scope| {
            let thread =
                std::thread::Builder::new().name("mounts".to_owned()).spawn_scoped(scope, || work(self));
            thread
                .map_err(|error| MountError::new("start a thread", error))?
                .join()
                .map_err(|_| panicked())?
        })
    }
}

/// Where each path came to lie.
type Places = BTreeMap<PathBuf, PathBuf>;

/// The trees are made read-only in a namespace of this thread alone: the confined process never sees them otherwise.
fn show(outside: &Outside, paths: &BTreeSet<PathBuf>) -> Result<(Places, Vec<Missing>), MountError> {
    root::unshare().map_err(|error| MountError::new("make a mount namespace", error))?;
    let (furniture, mut missing) = furnish(outside.account, paths)?;
    let mut trees = Vec::with_capacity(furniture.len());
    for (place, tree) in furniture {
        let copy =
            copy(CWD, &place).map_err(|error| MountError::new(format!("copy {}", place.display()), error))?;
        trees.push(Tree { copy, ..tree });
    }
    move_into_link_name_space(outside.namespace.as_fd(), Some(LinkNameSpaceType::Mount))
        .map_err(|error| MountError::new("enter the mount namespace", error))?;
    let mut places = Places::new();
    for tree in trees {
        match place(&tree) {
            Ok(place) => _ = places.insert(tree.path, place),
            Err(error) => missing.push(Missing { path: tree.path, reason: reason(error) }),
        }
    }
    Ok((places, missing))
}
