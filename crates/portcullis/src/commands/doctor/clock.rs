//! Whether the clock can be right: certificates and confirmations depend on it.

use super::World;
use super::finding::Finding;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{SystemTime, UNIX_EPOCH};

const PART: &str = "clock";
/// 2026-01-01 UTC: this program is younger than that.
const EARLIEST: u64 = 1_767_225_600;
/// 2100-01-01 UTC.
const LATEST: u64 = 4_102_444_800;

pub(super) fn look(world: &World) -> Vec<Finding> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map(|since| since.as_secs()).unwrap_or(0);
    vec![judge(now, is_synchronised(&world.root, world.has_systemd()))]
}

/// Whether something keeps it right; `None` where that cannot be told.
fn is_synchronised(root: &Path, has_systemd: bool) -> Option<bool> {
    if root.join("run/systemd/timesync/synchronized").exists() {
        return Some(true);
    }
    if !has_systemd {
        return None;
    }
    let asked = Command::new("timedatectl")
        .args(["show", "--property=NTPSynchronized", "--value"])
        .stdin(Stdio::null())
        .output()
        .ok()?;
    match String::from_utf8_lossy(&asked.stdout).trim() {
        "yes" => Some(true),
        "no" => Some(false),
        _ => None,
    }
}

fn judge(now: u64, is_synchronised: Option<bool>) -> Finding {
    const REMEDY: &str = "`timedatectl set-ntp true`, or install chrony";
    let date = crate::day::format(UNIX_EPOCH + std::time::Duration::from_secs(now));
    if !(EARLIEST..LATEST).contains(&now) {
        return Finding::problem(PART, format!("{date} cannot be: certificates will be refused"), REMEDY);
    }
    match is_synchronised {
        Some(true) => Finding::good(PART, format!("{date}, synchronised")),
        Some(false) => Finding::problem(PART, format!("{date}, and nothing keeps it right"), REMEDY),
        None => Finding::note(PART, format!("{date}; it cannot be told whether anything keeps it right"))
            .with("`chronyc tracking` or `ntpq -p` tells, where one of them runs"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::State;
    use super::*;

    #[test]
    fn a_clock_is_good_when_it_can_be_right_and_is_kept() {
        for (now, synchronised, state) in [
            (EARLIEST, Some(true), State::Good),
            (EARLIEST - 1, Some(true), State::Problem),
            (LATEST, Some(true), State::Problem),
            (EARLIEST, Some(false), State::Problem),
            (EARLIEST, None, State::Note),
        ] {
            assert_eq!(judge(now, synchronised).state, state, "{now} {synchronised:?}");
        }
    }

    #[test]
    fn timesyncd_leaves_a_file() {
        let root = testkit::Folder::new();
        assert_eq!(is_synchronised(root.path(), false), None);
        root.write("run/systemd/timesync/synchronized", "");
        assert_eq!(is_synchronised(root.path(), false), Some(true));
    }
}
