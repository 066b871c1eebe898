//! Room for state and logs: bytes, files, and whether anything can be written at all.

use super::World;
use super::finding::Finding;
use model::plan::AccessLog;
use rustix::fs::{Access, AtFlags, CWD, StatVfsMountFlags, accessat, statvfs};
use std::path::Path;

const PART: &str = "disk";
/// Less is a problem: a day of logs, and the state many times over.
const LEAST_BYTES: u64 = 256 << 20;
/// Less of the whole is one, too.
const LEAST_PERCENT: u64 = 2;

/// A file system at one moment.
#[derive(Clone, Copy, Debug)]
struct Room {
    bytes: u64,
    all_bytes: u64,
    files: u64,
    /// 0 where the file system does not count them.
    all_files: u64,
    is_read_only: bool,
    /// Whether who asks may make files there.
    may_write: bool,
}

pub(super) fn look(world: &World) -> Vec<Finding> {
    let log = match &world.plan.log.access {
        AccessLog::File(path) => path.parent().filter(|folder| *folder != Path::new("")),
        _ => None,
    };
    let folders = [Some(("state", world.places.state.as_path())), log.map(|folder| ("log", folder))];
    folders.into_iter().flatten().map(|(what, folder)| of(what, folder)).collect()
}

fn of(what: &str, folder: &Path) -> Finding {
    // What is not there yet will lie on the file system of what is above it.
    let there = folder.ancestors().find(|path| path.is_dir()).unwrap_or(Path::new("/"));
    match statvfs(there) {
        Err(error) => {
            let found = format!("the {what} folder {} cannot be looked at: {error}", folder.display());
            Finding::problem(PART, found, "run this as root")
        }
        Ok(found) => {
            let room = Room {
                bytes: found.f_bavail.saturating_mul(found.f_frsize),
                all_bytes: found.f_blocks.saturating_mul(found.f_frsize),
                files: found.f_favail,
                all_files: found.f_files,
                is_read_only: found.f_flag.contains(StatVfsMountFlags::RDONLY),
                may_write: accessat(CWD, there, Access::WRITE_OK | Access::EXEC_OK, AtFlags::EACCESS).is_ok(),
            };
            judge(&format!("the {what} folder {}", folder.display()), &there.display().to_string(), room)
        }
    }
}

fn judge(folder: &str, there: &str, room: Room) -> Finding {
    let free = format!("{} MiB free", room.bytes >> 20);
    if room.is_read_only {
        return Finding::problem(
            PART,
            format!("{folder} is on a read-only file system"),
            format!(
                "`mount -o remount,rw $(findmnt -no TARGET -T {there})`, or [state] folder names another one"
            ),
        );
    }
    if !room.may_write {
        return Finding::problem(
            PART,
            format!("{folder} cannot be written by this user, who may not write {there}"),
            "run this as who starts the gate; `--state`, and [state] folder and [log] access of the file, name other places",
        );
    }
    let is_short = |free: u64, all: u64| free.saturating_mul(100) < all.saturating_mul(LEAST_PERCENT);
    if room.bytes < LEAST_BYTES || is_short(room.bytes, room.all_bytes) {
        let remedy = format!(
            "`du -xh --max-depth=2 {there} | sort -h | tail` and `journalctl --vacuum-size=200M` make room"
        );
        return Finding::problem(PART, format!("{folder} has little room: {free}"), remedy);
    }
    if room.all_files > 0 && is_short(room.files, room.all_files) {
        let remedy = format!("`du -x --inodes --max-depth=2 {there} | sort -n | tail` shows where they are");
        return Finding::problem(PART, format!("{folder} can take only {} more files", room.files), remedy);
    }
    Finding::good(PART, format!("{folder} has room: {free}"))
}

#[cfg(test)]
mod tests {
    use super::super::finding::State;
    use super::*;

    #[test]
    fn room_is_judged_by_bytes_files_and_the_right_to_write() {
        let all = 100 << 30;
        let room = Room {
            bytes: all / 2,
            all_bytes: all,
            files: 500,
            all_files: 1000,
            is_read_only: false,
            may_write: true,
        };
        for (room, state, part) in [
            (room, State::Good, "51200 MiB free"),
            (Room { bytes: LEAST_BYTES, all_bytes: LEAST_BYTES, ..room }, State::Good, "256 MiB free"),
            (Room { bytes: LEAST_BYTES - 1, all_bytes: LEAST_BYTES, ..room }, State::Problem, "little room"),
            (Room { bytes: all / 51, ..room }, State::Problem, "little room"),
            (Room { files: 19, ..room }, State::Problem, "19 more files"),
            (Room { files: 20, ..room }, State::Good, "has room"),
            (Room { files: 0, all_files: 0, ..room }, State::Good, "has room"),
            (Room { is_read_only: true, ..room }, State::Problem, "read-only"),
            (Room { may_write: false, ..room }, State::Problem, "cannot be written by this user"),
        ] {
            let finding = judge("the state folder /x", "/", room);
            assert_eq!(finding.state, state, "{room:?}");
            assert!(finding.found.contains(part), "{}", finding.found);
        }
    }
}
