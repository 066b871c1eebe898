//! Which process a gate is: noted by the keeper that starts it, so that a later one knows it again whatever the gate says,
//! or if it says nothing. The number of a process is given again; when it began is not, until the machine starts anew, which
//! the folder may outlive.
//!
//! The note is a symbolic link beside the socket of the gate, in a folder that only the keeper's user can enter: it is there
//! or it is not, and a full disk has room for it.

use super::process::Process;
use super::start::PREFIX;
use crate::gate_user;
use rustix::process::Pid;
use std::fmt;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What notes are called, in place of [`PREFIX`].
const NOTE: &str = "process-";

/// Notes which process the gate of a socket is, before it is told anything.
pub(super) fn note(place: &Path, process: &Process) -> io::Result<()> {
    let (began, boot) = (began(process.pid())?, boot()?);
    std::os::unix::fs::symlink(format!("{}.{began}.{boot}", process.pid()), beside(place))
}

/// Forgets a socket, and the gate that it was of.
pub(super) fn forget(place: &Path) {
    // What stays is found to be nobody's.
    let _ = fs::remove_file(place);
    let _ = fs::remove_file(beside(place));
}

/// Why nobody can be sure which process a gate is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unsure {
    /// Nothing was noted.
    Unnoted,
    /// What was noted is none of our notes.
    Odd,
    /// The process has ended.
    Gone,
    /// It is of a user that no gate has.
    Stranger,
}

impl fmt::Display for Unsure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unnoted => "nobody noted which process it is",
            Self::Odd => "what was noted about it cannot be read",
            Self::Gone => "its process is gone",
            Self::Stranger => "its process is of a user that no gate has",
        })
    }
}

/// The process that was noted for the gate of a socket, where it runs still and is of a user that gates have.
pub(super) fn of(place: &Path) -> Result<Process, Unsure> {
    let noted = fs::read_link(beside(place)).map_err(|_| Unsure::Unnoted)?;
    let (pid, begun, booted) = parse(&noted).ok_or(Unsure::Odd)?;
    if boot().map_err(|_| Unsure::Odd)? != booted {
        return Err(Unsure::Gone);
    }
    let process = Process::by_number(pid).map_err(|_| Unsure::Gone)?;
    let number = process.pid();
    let owner = place.parent().and_then(|folder| fs::metadata(folder).ok()).map(|facts| facts.uid());
    // One that was only just started is of the keeper's user still.
    let users = [owner, gate_user::account().map(|account| account.uid())];
    let (is_same, user) = (began(number).ok() == Some(begun), user(number));
    // While it lives, its number is that of no other, so that it was this one that was looked at.
    if !is_same || process.is_over_within(Duration::ZERO) {
        return Err(Unsure::Gone);
    }
    if user.is_none_or(|user| !users.contains(&Some(user))) {
        return Err(Unsure::Stranger);
    }
    Ok(process)
}

/// How long a process has run, where the machine says it.
pub(super) fn age(process: u32) -> Option<Duration> {
    let ticks = rustix::param::clock_ticks_per_second();
    let since = began(process).ok()?;
    let begun = Duration::from_millis(since.checked_mul(1000)?.checked_div(ticks)?);
    let uptime = fs::read_to_string("/proc/uptime").ok()?;
    let now = Duration::try_from_secs_f64(uptime.split(' ').next()?.parse().ok()?).ok()?;
    now.checked_sub(begun)
}

fn beside(place: &Path) -> PathBuf {
    let name = place.file_name().unwrap_or_default().to_string_lossy();
    place.with_file_name(format!("{NOTE}{}", name.strip_prefix(PREFIX).unwrap_or(&name)))
}

fn parse(noted: &Path) -> Option<(Pid, u64, &str)> {
    let mut parts = noted.to_str()?.splitn(3, '.');
    let (pid, began, boot) = (parts.next()?, parts.next()?, parts.next()?);
    Some((Pid::from_raw(pid.parse().ok()?)?, began.parse().ok()?, boot))
}

/// Which start of the machine this is (proc_sys_kernel(5)).
fn boot() -> io::Result<String> {
    Ok(fs::read_to_string("/proc/sys/kernel/random/boot_id")?.trim_end().to_owned())
}

/// When a process began, in ticks since the machine did (proc_pid_stat(5), field 22).
fn began(process: u32) -> io::Result<u64> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat"))?;
    // Its name may have anything in it; the third field follows the last parenthesis.
    let ticks = stat.rsplit_once(") ").and_then(|(_, rest)| rest.split(' ').nth(19)?.parse().ok());
    ticks.ok_or_else(|| io::Error::other("it is not said when a process began"))
}

/// The user of a process that decides about its files (proc_pid_status(5)).
fn user(process: u32) -> Option<u32> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    status.lines().find_map(|line| line.strip_prefix("Uid:")?.split_whitespace().nth(3)?.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;
    use testkit::Folder;

    #[test]
    fn a_process_is_known_again_until_it_ends_and_no_other_is_taken_for_it() {
        let folder = Folder::new();
        let place = folder.join("gate-1");
        assert_eq!(of(&place).map(drop), Err(Unsure::Unnoted));
        let mut sleeper = Command::new("sleep").arg("600").spawn().expect("a process");
        let number = Pid::from_raw(sleeper.id().cast_signed()).expect("a number");
        let process = Process::by_number(number).expect("it runs");
        note(&place, &process).expect("a note");
        assert_eq!(of(&place).map(|known| known.pid()), Ok(sleeper.id()));
        sleeper.kill().expect("our child");
        sleeper.wait().expect("our child");
        assert_eq!(of(&place).map(drop), Err(Unsure::Gone));
        forget(&place);
        assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 0);
    }

    #[test]
    fn a_process_is_as_old_as_the_machine_says() {
        let mut sleeper = Command::new("sleep").arg("600").spawn().expect("a process");
        let (young, own) = (age(sleeper.id()), age(std::process::id()));
        sleeper.kill().expect("our child");
        sleeper.wait().expect("our child");
        assert!(
            young.is_some_and(|young| young < Duration::from_secs(10)) && own >= young,
            "{young:?}, {own:?}"
        );
        assert_eq!(age(sleeper.id()), None);
    }

    #[test]
    fn a_number_that_was_given_again_is_somebody_else() {
        let folder = Folder::new();
        let (place, own) = (folder.join("gate-1"), std::process::id());
        let (began, boot) = (began(own).expect("it runs"), boot().expect("it has started"));
        for (noted, known) in [
            (format!("{own}.{began}.{boot}"), Ok(own)),
            (format!("{own}.1.{boot}"), Err(Unsure::Gone)),
            (format!("{own}.{began}.another"), Err(Unsure::Gone)),
            (format!("{own}.{began}"), Err(Unsure::Odd)),
            (format!("{own}"), Err(Unsure::Odd)),
            (format!("0.{own}.{boot}"), Err(Unsure::Odd)),
            (format!("2147483647.1.{boot}"), Err(Unsure::Gone)),
        ] {
            std::os::unix::fs::symlink(&noted, beside(&place)).expect("a note");
            assert_eq!(of(&place).map(|known| known.pid()), known, "{noted}");
            forget(&place);
        }
    }
}
