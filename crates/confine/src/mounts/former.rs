//! What was shown and is not any more. It stays mounted for a while where no path of the confined process leads: landlock
//! judges a file by the way up from it to the root, so that a folder which is still held open would be lost at once if
//! its mount were taken off.

use super::floor::Floor;
use super::place::Spot;
use rustix::io::Errno;
use rustix::mount::{MoveMountFlags, UnmountFlags};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Only root may go in, and needs to.
const FOLDER: &str = "/.former";
/// How long somebody may still hold a folder open. The gate looks for the folder of a route anew after a second.
const HELD: Duration = Duration::from_secs(10);

/// The mounts that were put aside, in the order in which that happened.
#[derive(Debug, Default)]
pub(super) struct Former {
    next: u64,
    mounts: Vec<(u64, Instant)>,
}

impl Former {
    /// Puts the topmost mount of a spot aside.
    pub(super) fn put_aside(&mut self, spot: &Spot, floor: &Floor) -> Result<(), Errno> {
        floor.make_closed(FOLDER.as_ref())?;
        let mount = spot.open()?;
        let is_folder = rustix::fs::FileType::from_raw_mode(rustix::fs::fstat(&mount)?.st_mode).is_dir();
        let aside = Spot::make(&path(self.next), is_folder, floor)?.open()?;
        let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH | MoveMountFlags::MOVE_MOUNT_T_EMPTY_PATH;
        match rustix::mount::move_mount(&mount, "", &aside, "", flags) {
            Ok(()) => {}
            // A folder that was removed cannot be moved, and there is nothing in it that anybody could open.
            Err(Errno::NOENT) => return spot.take_off(),
            Err(error) => return Err(error),
        }
        self.mounts.push((self.next, Instant::now()));
        self.next += 1;
        Ok(())
    }

    /// Whether there is something that nobody can need any more.
    pub(super) fn is_over(&self, now: Instant) -> bool {
        self.mounts.first().is_some_and(|(_, since)| now.saturating_duration_since(*since) >= HELD)
    }

    /// Takes off what nobody can need any more.
    pub(super) fn take_off(&mut self, floor: &Floor, now: Instant) -> Result<(), Errno> {
        while self.is_over(now) {
            let (number, _) = self.mounts.remove(0);
            let path = path(number);
            rustix::mount::unmount(&path, UnmountFlags::DETACH | UnmountFlags::NOFOLLOW)?;
            floor.remove(&path)?;
        }
        Ok(())
    }
}

fn path(number: u64) -> PathBuf {
    PathBuf::from(FOLDER).join(number.to_string())
}
