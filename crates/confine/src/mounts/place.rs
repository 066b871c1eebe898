//! Mounting a tree at its path, in the root of the calling thread.

use super::floor::Floor;
use super::former::Former;
use super::tree::{Identity, Tree, identity};
use rustix::fs::{AtFlags, Mode, OFlags, ResolveFlags, StatxAttributes, StatxFlags};
use rustix::io::Errno;
use rustix::mount::{MoveMountFlags, UnmountFlags};
use rustix::process::{chdir, fchdir};
use std::ffi::{OsStr, OsString};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Component, Path, PathBuf};

/// `MOVE_MOUNT_BENEATH` of Linux 6.5, which rustix has no name for.
const BENEATH: MoveMountFlags = MoveMountFlags::from_bits_retain(0x200);

/// Mounts the tree at its path, in place of an earlier one if there is any, unless it is to be seen there already. Where
/// a link is in the way, within a folder that is shown, it is mounted where the link leads. Returns where that was.
pub(super) fn place(tree: &Tree, floor: &Floor, former: &mut Former) -> Result<PathBuf, Errno> {
    for path in [&tree.path, &tree.found.real] {
        match place_at(tree, path, floor, former) {
            Err(Errno::LOOP) => {}
            done => return done.map(|()| path.clone()),
        }
    }
    Err(Errno::LOOP)
}

fn place_at(tree: &Tree, path: &Path, floor: &Floor, former: &mut Former) -> Result<(), Errno> {
    let spot = Spot::make(path, tree.found.is_folder, floor)?;
    let upon = spot.open()?;
    if identity_of(&upon)? == tree.found.identity {
        return Ok(());
    }
    if is_mounted(&upon)? && mount(tree, &upon, BENEATH).is_ok() {
        // The new one lies beneath the old one: taking that away leaves no moment without either.
        return former.put_aside(&spot, floor);
    }
    // Before Linux 6.5 the old one stays beneath until the process ends.
    mount(tree, &upon, MoveMountFlags::empty())
}

fn mount(tree: &Tree, upon: &OwnedFd, how: MoveMountFlags) -> Result<(), Errno> {
    let flags = how | MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH | MoveMountFlags::MOVE_MOUNT_T_EMPTY_PATH;
    rustix::mount::move_mount(&tree.copy, "", upon, "", flags)
}

/// Takes away all that is mounted at a path, and the folders that were made for it.
pub(super) fn remove(path: &Path, floor: &Floor, former: &mut Former) -> Result<(), Errno> {
    let spot = match Spot::find(path) {
        Err(Errno::NOENT | Errno::NOTDIR) => return Ok(()),
        found => found?,
    };
    while spot.open().and_then(is_mounted).unwrap_or(false) {
        former.put_aside(&spot, floor)?;
    }
    // What others still use is not empty, and what is shown is not of the floor. Either ends the walk.
    let mut end = Some((spot, path));
    while let Some((spot, path)) = end.take() {
        if floor.holds(&spot.folder)? && floor.remove(path).is_ok() {
            end = path.parent().and_then(|above| Some((Spot::find(above).ok()?, above)));
        }
    }
    Ok(())
}

/// A name in a folder, reached without following a link: what is shown belongs to others, who could lead a privileged
/// thread astray.
pub(super) struct Spot {
    folder: OwnedFd,
    name: OsString,
}

impl Spot {
    fn find(path: &Path) -> Result<Self, Errno> {
        Self::walk(path, |at, name, _| open(at, name))
    }

    /// Makes what is missing on the way, and a folder or an empty file at the end of it.
    pub(super) fn make(path: &Path, is_folder: bool, floor: &Floor) -> Result<Self, Errno> {
        let open_or_make = |at: &OwnedFd, name: &OsStr, path: &Path, is_folder| match open(at, name) {
            Err(Errno::NOENT) if floor.holds(at)? => {
                floor.make(path, is_folder).and_then(|()| open(at, name))
            }
            found => found,
        };
        let spot = Self::walk(path, |at, name, path| open_or_make(at, name, path, true))?;
        open_or_make(&spot.folder, &spot.name, path, is_folder)?;
        Ok(spot)
    }

    /// Steps through the folders above a path; a step gets a folder, a name in it, and the path of both.
    fn walk(
        path: &Path,
        step: impl Fn(&OwnedFd, &OsStr, &Path) -> Result<OwnedFd, Errno>,
    ) -> Result<Self, Errno> {
        let name = path.file_name().ok_or(Errno::INVAL)?.to_owned();
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let mut folder = rustix::fs::open("/", flags, Mode::empty())?;
        let mut so_far = PathBuf::from("/");
        for part in path.parent().into_iter().flat_map(Path::components) {
            if let Component::Normal(name) = part {
                so_far.push(name);
                folder = step(&folder, name, &so_far)?;
            }
        }
        Ok(Self { folder, name })
    }

    pub(super) fn open(&self) -> Result<OwnedFd, Errno> {
        open(&self.folder, &self.name)
    }

    /// Takes the topmost mount off, whoever holds it open. Leaves the thread in the root folder.
    pub(super) fn take_off(&self) -> Result<(), Errno> {
        fchdir(&self.folder)?;
        let done = rustix::mount::unmount(&self.name, UnmountFlags::DETACH | UnmountFlags::NOFOLLOW);
        chdir("/").and(done)
    }
}

fn open(at: &OwnedFd, name: &OsStr) -> Result<OwnedFd, Errno> {
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
    rustix::fs::openat2(at, name, OFlags::PATH | OFlags::CLOEXEC, Mode::empty(), resolve)
}

fn identity_of(file: impl AsFd) -> Result<Identity, Errno> {
    rustix::fs::fstat(file).map(|stat| identity(&stat))
}

/// Whether something is mounted exactly here (Linux 5.8).
fn is_mounted(spot: impl AsFd) -> Result<bool, Errno> {
    let found = rustix::fs::statx(spot, "", AtFlags::EMPTY_PATH, StatxFlags::empty())?;
    Ok(found.stx_attributes.contains(StatxAttributes::MOUNT_ROOT))
}
