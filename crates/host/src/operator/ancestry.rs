//! A process and those that it descends from, as `/proc` tells them.
//!
//! It collects; what that means is decided in `operator`.

use super::terminal::is_console;
use crate::sockets::{program, sockets_of};
use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;

/// A process and its ancestors, nearest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Ancestry {
    pub(super) processes: Vec<Ancestor>,
    /// Whether it leads up to the first process: none ended while it was read, and none belongs to somebody whose
    /// descriptors we may not see.
    pub(super) complete: bool,
}

/// A process that a session may hang on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Ancestor {
    pub(super) program: String,
    /// Whether its controlling terminal is the machine's own.
    pub(super) console: bool,
    /// The inodes of its sockets.
    pub(super) sockets: Vec<u32>,
    /// What the ssh server told it; sudo takes that away, but an ancestor of sudo still has it.
    pub(super) ssh_connection: Option<SshConnection>,
}

/// The variable `SSH_CONNECTION`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SshConnection {
    pub(super) peer: SocketAddr,
    pub(super) local: SocketAddr,
}

/// No real tree is as deep; one that goes round would have no end.
const DEPTH: usize = 256;

/// Follows a process up through `root`'s `proc`.
pub(super) fn read(root: &Path, process: u32) -> Ancestry {
    let mut ancestry = Ancestry { processes: Vec::new(), complete: true };
    let mut next = process;
    while next != 0 {
        let folder = root.join(format!("proc/{next}"));
        let Some((parent, terminal)) = stat(&folder).filter(|_| ancestry.processes.len() < DEPTH) else {
            ancestry.complete = false;
            return ancestry;
        };
        ancestry.complete &= fs::read_dir(folder.join("fd")).is_ok();
        ancestry.processes.push(Ancestor {
            program: program(&folder),
            console: is_console(terminal),
            sockets: sockets_of(&folder),
            ssh_connection: ssh_connection(&fs::read(folder.join("environ")).unwrap_or_default()),
        });
        next = parent;
    }
    ancestry
}

/// The parent and the controlling terminal. The program's name before them may hold spaces and parentheses.
fn stat(folder: &Path) -> Option<(u32, i32)> {
    let content = fs::read(folder.join("stat")).ok()?;
    let content = String::from_utf8_lossy(&content);
    let (_, fields) = content.rsplit_once(')')?;
    // State, parent, process group, session, terminal.
    let mut fields = fields.split_whitespace().skip(1);
    let parent = fields.next()?.parse().ok()?;
    Some((parent, fields.nth(2)?.parse().ok()?))
}

fn ssh_connection(environment: &[u8]) -> Option<SshConnection> {
    let variable =
        environment.split(|byte| *byte == 0).find_map(|one| one.strip_prefix(b"SSH_CONNECTION="))?;
    let mut words = str::from_utf8(variable).ok()?.split(' ');
    let peer = end(words.next()?, words.next()?)?;
    let local = end(words.next()?, words.next()?)?;
    Some(SshConnection { peer, local })
}

/// A link-local address carries the name of its interface.
fn end(address: &str, port: &str) -> Option<SocketAddr> {
    let address: IpAddr = address.split('%').next()?.parse().ok()?;
    Some(SocketAddr::new(address, port.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn process(root: &testkit::Folder, id: u32, stat: &str, environment: &str, inodes: &[u32]) {
        root.write(format!("proc/{id}/stat"), stat);
        root.write(format!("proc/{id}/comm"), "name\n");
        root.write(format!("proc/{id}/environ"), environment);
        let descriptors = root.join(format!("proc/{id}/fd"));
        fs::create_dir_all(&descriptors).expect("a folder");
        for inode in inodes {
            symlink(format!("socket:[{inode}]"), descriptors.join(inode.to_string())).expect("a link");
        }
    }

    #[test]
    fn a_process_is_followed_up_to_the_first() {
        let root = testkit::Folder::new();
        process(&root, 1, "1 (systemd) S 0 1 1 0 -1", "", &[]);
        process(&root, 40, "40 (sshd-session) S 1 40 40 0 -1", "", &[7, 8]);
        process(
            &root,
            50,
            "50 (a) b (c)) S 40 50 50 34817 -1",
            "A=1\0SSH_CONNECTION=fe80::1%eth0 5 fe80::2%eth0 22\0",
            &[],
        );
        process(&root, 60, "60 (sudo) S 50 60 50 1025 -1", "TERM=x\0", &[]);
        let found = read(root.path(), 60);
        assert!(found.complete);
        assert_eq!(found.processes.len(), 4);
        assert_eq!(
            found.processes.iter().map(|one| one.console).collect::<Vec<_>>(),
            [true, false, false, false]
        );
        let mut sockets = found.processes.iter().flat_map(|one| one.sockets.clone()).collect::<Vec<_>>();
        sockets.sort_unstable();
        assert_eq!(sockets, [7, 8]);
        let told = found.processes.iter().find_map(|one| one.ssh_connection).expect("bash still has it");
        assert_eq!(
            (told.peer.to_string(), told.local.to_string()),
            ("[fe80::1]:5".into(), "[fe80::2]:22".into())
        );
    }

    #[test]
    fn a_tree_that_breaks_off_or_goes_round_is_not_complete() {
        let root = testkit::Folder::new();
        process(&root, 60, "60 (x) S 50 60 50 0 -1", "", &[]);
        assert!(!read(root.path(), 60).complete, "its parent is gone");
        process(&root, 50, "50 (x) S 60 60 50 0 -1", "", &[]);
        assert!(!read(root.path(), 60).complete, "it goes round");
        process(&root, 50, "50 (x", "", &[]);
        assert!(!read(root.path(), 60).complete, "it is cut short");
    }

    #[test]
    fn what_is_no_connection_is_not_believed() {
        for value in ["", "x", "192.0.2.1 5 192.0.2.2", "192.0.2.1 5 192.0.2.2 99999", "a 5 b 22"] {
            assert_eq!(ssh_connection(format!("SSH_CONNECTION={value}\0").as_bytes()), None, "{value}");
        }
    }
}
