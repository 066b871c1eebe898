//! A mount namespace whose root is an empty folder in memory.

use super::tree::{Found, reason};
use nix::sched::CloneFlags;
use rustix::fs::{Mode, OFlags, ResolveFlags};
use rustix::io::Errno;
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, MountFlags, MountPropagationFlags, MoveMountFlags,
    UnmountFlags,
};
use rustix::process::{chdir, fchdir, pivot_root, umask};
use std::ffi::OsString;
use std::io::Read;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;
use std::path::{Component, Path};

/// What the root may hold: it has folders and empty files for mounting upon, no bytes.
const SIZE: &str = "64k";
/// How often an open that raced with a rename is tried.
const TRIES: usize = 64;
/// So many folders and files to mount upon.
const INODES: &str = "200000";

/// The calling thread gets a mount namespace, a working folder and a file mask of its own. Nothing that is mounted or
/// unmounted on the one side appears on the other.
pub(super) fn unshare() -> Result<(), Errno> {
    nix::sched::unshare(CloneFlags::CLONE_NEWNS).map_err(|error| Errno::from_raw_os_error(error as i32))?;
    let private = MountPropagationFlags::PRIVATE | MountPropagationFlags::REC;
    rustix::mount::mount_change("/", private)?;
    // Folders to mount upon must be open to a user that is not root.
    umask(Mode::from_raw_mode(0o022));
    Ok(())
}

/// The new root, while what is in it can still be written.
pub(super) struct Root {
    /// The file system of processes, which is not in the new root.
    proc: OwnedFd,
}

/// What was the root before. It lies upon the new one, where no path leads, and is looked into from its own folder.
pub(super) struct OldRoot {
    folder: OwnedFd,
    proc: OwnedFd,
}

impl Root {
    /// Puts an empty folder in place of everything.
    pub(super) fn replace() -> Result<(Self, OldRoot), Errno> {
        let folder = |path: &str| {
            rustix::fs::open(path, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
        };
        let root = Self { proc: folder("/proc")? };
        let old = OldRoot { folder: folder("/")?, proc: folder("/proc/thread-self/fd")? };
        let new = in_memory()?;
        rustix::mount::move_mount(&new, "", rustix::fs::CWD, "/", MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH)?;
        fchdir(&new)?;
        pivot_root(".", ".")?;
        chdir("/")?;
        Ok((root, old))
    }

    /// Makes every mount, the root itself among them, read-only and without devices, programs and other users' rights,
    /// whatever it was before.
    pub(super) fn seal(self) -> Result<(), Errno> {
        let flags = MountFlags::BIND
            | MountFlags::RDONLY
            | MountFlags::NOSUID
            | MountFlags::NODEV
            | MountFlags::NOEXEC;
        self.mounted()?.iter().try_for_each(|path| rustix::mount::mount_remount(path, flags, c""))
    }

    fn mounted(&self) -> Result<Vec<OsString>, Errno> {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC;
        let file = rustix::fs::openat(&self.proc, "thread-self/mountinfo", flags, Mode::empty())?;
        let mut text = Vec::new();
        std::fs::File::from(file)
            .read_to_end(&mut text)
            .map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))?;
        text.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()).map(mount_point).collect()
    }
}

impl OldRoot {
    /// What is at a path in it, links followed, with the rights that the thread has now.
    pub(super) fn find(&self, path: &Path) -> Result<Found, String> {
        if !path.is_absolute() || path.components().any(|part| part == Component::ParentDir) {
            return Err("must be absolute and without `..`".to_owned());
        }
        if path.parent().is_none() {
            return Err("the whole file system cannot be shown".to_owned());
        }
        let file = self.open(path).map_err(|error| match error {
            Errno::LOOP => "has too many links on its way".to_owned(),
            error => reason(error),
        })?;
        let real =
            rustix::fs::readlinkat(&self.proc, file.as_raw_fd().to_string(), Vec::new()).map_err(reason)?;
        Found::new(file, OsString::from_vec(real.into_bytes()).into())
    }

    fn open(&self, path: &Path) -> Result<OwnedFd, Errno> {
        let flags = OFlags::PATH | OFlags::CLOEXEC;
        // With links that go up, it asks for another try when somebody renames meanwhile.
        for _ in 0..TRIES {
            match rustix::fs::openat2(&self.folder, path, flags, Mode::empty(), ResolveFlags::IN_ROOT) {
                Err(Errno::AGAIN) => {}
                done => return done,
            }
        }
        Err(Errno::AGAIN)
    }

    /// It is gone from this namespace.
    pub(super) fn take_off(self) -> Result<(), Errno> {
        fchdir(&self.folder)?;
        rustix::mount::unmount(".", UnmountFlags::DETACH)?;
        chdir("/")
    }
}

fn in_memory() -> Result<OwnedFd, Errno> {
    let kind = rustix::mount::fsopen("tmpfs", FsOpenFlags::FSOPEN_CLOEXEC)?;
    for (key, value) in [("mode", "0755"), ("size", SIZE), ("nr_inodes", INODES)] {
        rustix::mount::fsconfig_set_string(&kind, key, value)?;
    }
    rustix::mount::fsconfig_create(&kind)?;
    let attributes = MountAttrFlags::MOUNT_ATTR_NOSUID
        | MountAttrFlags::MOUNT_ATTR_NODEV
        | MountAttrFlags::MOUNT_ATTR_NOEXEC;
    rustix::mount::fsmount(&kind, FsMountFlags::FSMOUNT_CLOEXEC, attributes)
}

/// The fifth field of a line of mountinfo (proc_pid_mountinfo(5)), in which blanks and backslashes are octal.
fn mount_point(line: &[u8]) -> Result<OsString, Errno> {
    let field = line.split(|&byte| byte == b' ').nth(4).ok_or(Errno::IO)?;
    let mut path = Vec::with_capacity(field.len());
    let mut rest = field;
    while let [first, tail @ ..] = rest {
        if let ([b'\\'], [a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', after @ ..]) = ([*first], tail) {
            path.push((a - b'0') << 6 | (b - b'0') << 3 | (c - b'0'));
            rest = after;
        } else {
            path.push(*first);
            rest = tail;
        }
    }
    Ok(OsString::from_vec(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn octal_bytes_of_a_mount_point_are_read() {
        for (field, expected) in
            [("/srv/shop", "/srv/shop"), (r"/srv/my\040shop\134x", r"/srv/my shop\x"), (r"/a\9", r"/a\9")]
        {
            let line = format!("36 35 98:0 /mnt1 {field} rw,noatime master:1 - ext3 /dev/root rw");
            assert_eq!(mount_point(line.as_bytes()), Ok(expected.into()), "{field}");
        }
        assert_eq!(mount_point(b"36 35"), Err(Errno::IO));
    }
}
