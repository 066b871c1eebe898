//! Who may use the admin socket: root, the keeper's own user, and members of one group. Never the gate.

use super::peer::Peer;
use rustix::fs::{Gid, Mode};
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// The group whose members may do everything that the socket offers. The package makes it.
pub(super) const GROUP: &str = "portcullis-admin";
/// Where groups of the machine are written. Those of a directory service are not asked for, as for accounts.
const GROUPS: &str = "/etc/group";
/// More than this is not read of a file of the machine.
const LARGEST: u64 = 4 << 20;

/// Who may use the admin socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Operators {
    /// The keeper's user.
    pub(super) own: u32,
    /// The user that gates become, where that is another one.
    pub(super) gate: Option<u32>,
    /// The operators' group, where there is one and the keeper is root.
    pub(super) group: Option<u32>,
}

impl Operators {
    /// Those of this machine, where gates become this account.
    pub(crate) fn here(gate: Option<confine::Account>) -> Self {
        let own = rustix::process::geteuid().as_raw();
        let is_root = own == 0;
        let group = read(GROUPS).and_then(|text| find(&text, GROUP)).filter(|_| is_root);
        Self { own, gate: gate.filter(|_| is_root).map(|account| account.uid()), group }
    }

    /// Whether a process may ask.
    pub(super) fn may_ask(&self, peer: &Peer) -> bool {
        self.judge(peer, |group| peer.group == group || peer.process.is_some_and(|id| is_in(id, peer, group)))
    }

    /// Whether a process is one of the group alone, whom the keeper starts no program for.
    pub(super) fn is_member(&self, peer: &Peer) -> bool {
        peer.user != 0 && peer.user != self.own
    }

    /// Whether a process runs as the keeper's own user, and may be its gate, which has no other user then.
    pub(super) fn may_be_the_gate(&self, peer: &Peer) -> bool {
        self.gate.is_none() && peer.user == self.own
    }

    fn judge(&self, peer: &Peer, is_in: impl FnOnce(u32) -> bool) -> bool {
        if self.gate == Some(peer.user) {
            return false;
        }
        peer.user == 0 || peer.user == self.own || self.group.is_some_and(is_in)
    }

    /// Lets the group enter a folder of ours, in which it finds nothing but what it knows by name.
    pub(super) fn open_folder(&self, folder: &Path) -> io::Result<()> {
        let mode = Mode::RWXU | if self.group.is_some() { Mode::XGRP } else { Mode::empty() };
        self.give(folder, mode)
    }

    /// Lets the group connect to the socket.
    pub(super) fn open_socket(&self, socket: &Path) -> io::Result<()> {
        let Some(_) = self.group else { return Ok(()) };
        self.give(socket, Mode::RUSR | Mode::WUSR | Mode::RGRP | Mode::WGRP)
    }

    fn give(&self, path: &Path, mode: Mode) -> io::Result<()> {
        if let Some(group) = self.group {
            rustix::fs::chown(path, None, Some(Gid::from_raw(group)))?;
        }
        Ok(rustix::fs::chmod(path, mode)?)
    }
}

/// Whether a process has a group. The file's mode has let in only those that have it; this holds also where somebody
/// opened the file to all. A process that took the number of one that is gone since is found by its user.
fn is_in(process: i32, peer: &Peer, group: u32) -> bool {
    read(&format!("/proc/{process}/status")).is_some_and(|text| has(&text, peer.user, group))
}

/// `Uid:` and `Groups:` of proc_pid_status(5).
fn has(status: &str, user: u32, group: u32) -> bool {
    let numbers = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
        line.split_ascii_whitespace().filter_map(|number| number.parse().ok()).collect::<Vec<u32>>()
    };
    numbers("Uid:").get(1) == Some(&user) && numbers("Groups:").contains(&group)
}

/// group(5): `name:password:GID:members`. The first line of a name counts, as for the C library; root's is none.
fn find(text: &str, name: &str) -> Option<u32> {
    let line = text.lines().find(|line| line.split(':').next() == Some(name))?;
    line.split(':').nth(2)?.parse().ok().filter(|id| *id != 0 && *id != u32::MAX)
}

fn read(path: &str) -> Option<String> {
    let mut text = Vec::new();
    File::open(path).ok()?.take(LARGEST).read_to_end(&mut text).ok()?;
    Some(String::from_utf8_lossy(&text).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_the_own_user_and_the_group_may_ask_and_the_gate_never() {
        let root = Operators { own: 0, gate: Some(998), group: Some(50) };
        let without = Operators { gate: None, group: None, ..root };
        let user = Operators { own: 1000, gate: None, group: None };
        for (operators, user, is_in, verdict) in [
            (root, 0, false, true),
            (root, 1000, false, false),
            (root, 1000, true, true),
            (root, 998, false, false),
            (root, 998, true, false),
            (without, 0, false, true),
            (without, 1000, true, false),
            (user, 0, false, true),
            (user, 1000, false, true),
            (user, 1001, true, false),
        ] {
            let peer = Peer { user, group: 100, process: None };
            assert_eq!(operators.judge(&peer, |_| is_in), verdict, "{operators:?} {user} {is_in}");
        }
    }

    #[test]
    fn a_group_is_found_by_its_whole_name() {
        let text =
            "root:x:0:\nportcullis-admins:x:7:\nportcullis-admin:x:50:alice,bob\nadm:x:0:\nodd:x:-1:\n";
        for (name, expected) in [
            ("portcullis-admin", Some(50)),
            ("portcullis", None),
            ("root", None),
            ("adm", None),
            ("odd", None),
        ] {
            assert_eq!(find(text, name), expected, "{name}");
        }
    }

    #[test]
    fn a_process_has_the_groups_that_the_kernel_says() {
        let status = "Name:\tcurl\nUid:\t1000\t1001\t1000\t1000\nGid:\t5\t5\t5\t5\nGroups:\t4 50 100 \n";
        for (user, group, expected) in
            [(1001, 50, true), (1001, 5, false), (1000, 50, false), (1001, 10, false), (0, 50, false)]
        {
            assert_eq!(has(status, user, group), expected, "{user} {group}");
        }
        assert!(!has("", 0, 0));
    }
}
