//! Which process holds a socket: one pass over the descriptors of all processes.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::Path;

/// A process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    /// Its id.
    pub id: u32,
    /// The name of its program (`/proc/PID/comm`).
    pub program: String,
}

/// The processes that hold sockets, by the sockets' inodes.
#[derive(Debug, Default)]
pub(crate) struct Owners(HashMap<u32, Process>);

impl Owners {
    /// Looks through `root`'s `proc`. Descriptors that may not be read (of other users, without root) and processes
    /// that end meanwhile are left out.
    pub(crate) fn read(root: &Path) -> io::Result<Self> {
        let mut owners = HashMap::new();
        for entry in fs::read_dir(root.join("proc"))? {
            let Ok(entry) = entry else { continue };
            let Some(id) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
            let inodes = sockets_of(&entry.path());
            if inodes.is_empty() {
                continue;
            }
            let process = Process { id, program: program(&entry.path()) };
            for inode in inodes {
                owners
                    .entry(inode)
                    .and_modify(|known| {
                        if rank(&process) < rank(known) {
                            *known = process.clone();
                        }
                    })
                    .or_insert_with(|| process.clone());
            }
        }
        Ok(Self(owners))
    }

    /// The process that holds a socket.
    pub(crate) fn of(&self, inode: u32) -> Option<&Process> {
        self.0.get(&inode)
    }
}

/// Of several holders the one that serves is told: not the service manager that passed the socket on, and the parent
/// rather than its workers, which have higher numbers as a rule.
fn rank(process: &Process) -> (bool, u32) {
    (process.id == 1, process.id)
}

/// The inodes of the sockets that a process holds; none where its descriptors may not be read.
pub(crate) fn sockets_of(process: &Path) -> Vec<u32> {
    let Ok(descriptors) = fs::read_dir(process.join("fd")) else {
        return Vec::new();
    };
    descriptors
        .flatten()
        .filter_map(|entry| fs::read_link(entry.path()).ok())
        .filter_map(|target| inode(target.to_str()?))
        .collect()
}

/// `socket:[123]`.
fn inode(target: &str) -> Option<u32> {
    target.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok()
}

/// The name of a process's program; empty when it has ended.
pub(crate) fn program(process: &Path) -> String {
    let name = fs::read(process.join("comm")).unwrap_or_default();
    String::from_utf8_lossy(&name).trim_end_matches('\n').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn process(root: &Path, id: u32, name: &str, inodes: &[u32]) {
        let folder = root.join(format!("proc/{id}"));
        fs::create_dir_all(folder.join("fd")).expect("a folder");
        fs::write(folder.join("comm"), format!("{name}\n")).expect("a file");
        for (number, inode) in inodes.iter().enumerate() {
            symlink(format!("socket:[{inode}]"), folder.join(format!("fd/{number}"))).expect("a link");
        }
    }

    #[test]
    fn the_serving_process_owns_a_socket_that_several_hold() {
        let folder = testkit::Folder::new();
        process(folder.path(), 1, "systemd", &[10, 11]);
        process(folder.path(), 300, "nginx", &[20]);
        process(folder.path(), 20, "nginx", &[20, 11]);
        let owners = Owners::read(folder.path()).expect("a proc tree");
        let found = |inode| owners.of(inode).map(|process| (process.id, process.program.as_str()));
        assert_eq!(found(10), Some((1, "systemd")));
        assert_eq!(found(11), Some((20, "nginx")));
        assert_eq!(found(20), Some((20, "nginx")));
        assert_eq!(found(30), None);
    }
}
