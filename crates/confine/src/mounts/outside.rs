//! Showing further folders to a process that is confined already, from the process that is not.

use super::floor::Floor;
use super::former::Former;
use super::place::{place, remove};
use super::tree::{Identity, copy, identity_at, reason, without_links};
use super::{AT_ONCE, MountError, furnish, root};
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
use std::path::{Path, PathBuf};
use std::time::Instant;

/// The way into the mount namespace of a confined process, and what is shown there. Every change is made on a thread of
/// its own, which ends with it; a call takes a few milliseconds.
#[derive(Debug)]
pub struct Outside {
    entrance: Entrance,
    shown: BTreeMap<PathBuf, Shown>,
    /// Why what is not shown is not.
    missing: BTreeMap<PathBuf, String>,
    former: Former,
}

/// How to get in, and with whose rights to look for what is shown.
#[derive(Debug)]
struct Entrance {
    namespace: File,
    account: Option<Account>,
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
    /// The namespace of the process, once it has reported that it entered `cage`. None where it shares ours, or its root
    /// folder is ours: then it sees whatever its user may read. Needs CAP_SYS_PTRACE; what follows needs CAP_SYS_ADMIN and CAP_SYS_CHROOT.
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
        let entrance = Entrance { namespace, account: cage.account.clone() };
        let mut outside =
            Self { entrance, shown: BTreeMap::new(), missing: BTreeMap::new(), former: Former::default() };
        let root = identity_at(Path::new("/"));
        let seen = outside.on_a_thread(|entrance, _| {
            let places: Vec<PathBuf> = cage.shown.iter().map(|path| without_links(path)).collect();
            entrance.go_and_look()?;
            // What the process sees, and not what is there now: a link may have been switched meanwhile.
            let shown = cage.shown.iter().zip(places);
            let shown =
                shown.map(|(path, place)| (path.clone(), Shown { identity: identity_at(path), place }));
            Ok((identity_at(Path::new("/")), shown.collect()))
        })?;
        outside.shown = seen.1;
        Ok((seen.0 != root).then_some(outside))
    }

    /// Shows these too, read-only, each at its own path, or what is there now in place of what was. From here on
    /// [`refresh`](Self::refresh) follows them. Returns those that cannot be shown and why; they are gone if they were.
    ///
    /// # Errors
    /// The namespace cannot be changed; what was shown before still is.
    pub fn show(&mut self, paths: impl IntoIterator<Item = PathBuf>) -> Result<Vec<Missing>, MountError> {
        let paths: Vec<PathBuf> = paths.into_iter().collect::<BTreeSet<_>>().into_iter().collect();
        let mut missing = Vec::new();
        for some in paths.chunks(AT_ONCE) {
            missing.extend(self.show_some(some)?);
        }
        Ok(missing)
    }

    fn show_some(&mut self, paths: &[PathBuf]) -> Result<Vec<Missing>, MountError> {
        // Before the work and not after it: what changes meanwhile is found by the next look.
        let identities: Vec<_> = paths.iter().map(|path| identity_at(path)).collect();
        let (mut places, missing) = self.on_a_thread(|entrance, former| show(entrance, paths, former))?;
        let mut left = BTreeSet::new();
        for (path, identity) in paths.iter().zip(identities) {
            let place = places.remove(path).unwrap_or_else(|| path.clone());
            let before = self.shown.insert(path.clone(), Shown { identity, place });
            left.extend(before.map(|before| before.place));
        }
        self.missing.retain(|path, _| !paths.contains(path));
        self.missing.extend(missing.iter().map(|missing| (missing.path.clone(), missing.reason.clone())));
        left.retain(|place| !self.is_needed(place));
        left.extend(missing.iter().map(|missing| missing.path.clone()));
        self.take_away(&left)?;
        Ok(missing)
    }

    /// Takes these away, and shows again what else was seen through them.
    ///
    /// # Errors
    /// As for [`show`](Self::show).
    pub fn hide(&mut self, paths: impl IntoIterator<Item = PathBuf>) -> Result<(), MountError> {
        let mut left = BTreeSet::new();
        for path in paths {
            self.missing.remove(&path);
            if let Some(shown) = self.shown.remove(&path) {
                left.extend([path, shown.place]);
            }
        }
        left.retain(|place| !self.is_needed(place));
        self.take_away(&left)?;
        let beneath = self.seen_through(&left);
        self.show(beneath).map(|_| ())
    }

    /// Looks whether other folders or files have the names of what is shown: a link that was switched to the next release,
    /// a folder that was built anew. One `stat` for each, and nothing more while nothing changed. Returns the paths that
    /// were shown anew. To be called every second or so: it is also when what was replaced or hidden is taken off at
    /// last, ten seconds later.
    ///
    /// # Errors
    /// As for [`show`](Self::show).
    pub fn refresh(&mut self, now: Instant) -> Result<Vec<PathBuf>, MountError> {
        if self.former.is_over(now) {
            self.on_a_thread(|entrance, former| {
                let floor = entrance.go_straight_in()?;
                former
                    .take_off(&floor, now)
                    .map_err(|error| MountError::new("take off what was shown before", error))
            })?;
        }
        let changed = self.shown.iter().filter(|(path, shown)| identity_at(path) != shown.identity);
        let mut changed: BTreeSet<PathBuf> = changed.map(|(path, _)| path.clone()).collect();
        if changed.is_empty() {
            return Ok(Vec::new());
        }
        changed.extend(self.seen_through(&changed));
        self.show(changed.clone())?;
        Ok(changed.into_iter().collect())
    }

    /// The same, with what the process itself could not show when it started. What has come since does not count.
    #[must_use]
    pub fn with_missing(mut self, missing: &[Missing]) -> Self {
        let is_absent = |path| self.shown.get(path).is_none_or(|shown| shown.identity.is_none());
        let still = missing.iter().filter(|missing| is_absent(&missing.path));
        self.missing = still.map(|missing| (missing.path.clone(), missing.reason.clone())).collect();
        self
    }

    /// What is to be shown and is not.
    pub fn missing(&self) -> impl Iterator<Item = Missing> {
        self.missing.iter().map(|(path, reason)| Missing { path: path.clone(), reason: reason.clone() })
    }

    /// Everything that is to be shown, whether it is there or not.
    pub fn shown(&self) -> impl Iterator<Item = &Path> {
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

    /// Whether a path is to be shown, or something is that had to be mounted there.
    fn is_needed(&self, path: &PathBuf) -> bool {
        self.shown.contains_key(path) || self.shown.values().any(|shown| shown.place == *path)
    }

    fn take_away(&mut self, places: &BTreeSet<PathBuf>) -> Result<(), MountError> {
        if places.is_empty() {
            return Ok(());
        }
        self.on_a_thread(|entrance, former| {
            let floor = entrance.go_straight_in()?;
            // What lies deeper goes first.
            places.iter().rev().try_for_each(|path| {
                remove(path, &floor, former)
                    .map_err(|error| MountError::new(format!("hide {}", path.display()), error))
            })
        })
    }

    fn on_a_thread<T: Send>(
        &mut self,
        work: impl FnOnce(&Entrance, &mut Former) -> Result<T, MountError> + Send,
    ) -> Result<T, MountError> {
        let panicked = || MountError::new("change the mount namespace", Errno::CANCELED);
        let (entrance, former) = (&self.entrance, &mut self.former);
        std::thread::scope(|scope| {
            let thread = std::thread::Builder::new().name("mounts".to_owned());
            let thread = thread.spawn_scoped(scope, || work(entrance, former));
            thread
                .map_err(|error| MountError::new("start a thread", error))?
                .join()
                .map_err(|_| panicked())?
        })
    }
}

impl Entrance {
    /// The calling thread sees what the confined process sees, with its own rights, and can change the root. Only one that
    /// shares its working folder with no other is let in.
    fn go_in(&self) -> Result<Floor, MountError> {
        self.enter()?;
        let floor = Floor::of_sealed().map_err(|error| MountError::new("copy the mount namespace", error))?;
        self.enter()?;
        Ok(floor)
    }

    fn enter(&self) -> Result<(), MountError> {
        move_into_link_name_space(self.namespace.as_fd(), Some(LinkNameSpaceType::Mount))
            .map_err(|error| MountError::new("enter the mount namespace", error))
    }

    /// The same from a thread that shares its working folder.
    fn go_straight_in(&self) -> Result<Floor, MountError> {
        root::unshare().map_err(|error| MountError::new("make a mount namespace", error))?;
        self.go_in()
    }

    /// The same for who changes nothing.
    fn go_and_look(&self) -> Result<(), MountError> {
        root::unshare().map_err(|error| MountError::new("make a mount namespace", error))?;
        self.enter()
    }
}

/// Where each path came to lie.
type Places = BTreeMap<PathBuf, PathBuf>;

/// The trees are made read-only in a namespace of this thread alone: the confined process never sees them otherwise.
fn show(
    entrance: &Entrance,
    paths: &[PathBuf],
    former: &mut Former,
) -> Result<(Places, Vec<Missing>), MountError> {
    root::unshare().map_err(|error| MountError::new("make a mount namespace", error))?;
    let mut furniture = Vec::with_capacity(paths.len());
    let mut missing = furnish(entrance.account.as_ref(), paths, |place, tree| furniture.push((place, tree)))?;
    for (place, tree) in &mut furniture {
        tree.copy = copy(CWD, &*place)
            .map_err(|error| MountError::new(format!("copy {}", place.display()), error))?;
    }
    let floor = entrance.go_in()?;
    let mut places = Places::new();
    for (_, tree) in furniture {
        match place(&tree, &floor, former) {
            Ok(place) => _ = places.insert(tree.path, place),
            Err(error) => missing.push(Missing { path: tree.path, reason: reason(error) }),
        }
    }
    Ok((places, missing))
}
