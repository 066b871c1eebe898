//! What this process may do to packets, and whose network namespace it is in.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Whether this process has the effective capability `CAP_NET_ADMIN`. It may count only within a user namespace.
#[must_use]
pub fn may_change_packets(root: &Path) -> bool {
    const CAP_NET_ADMIN: u32 = 12;
    let status = fs::read_to_string(root.join("proc/thread-self/status")).unwrap_or_default();
    effective(&status).is_some_and(|capabilities| capabilities >> CAP_NET_ADMIN & 1 == 1)
}

fn effective(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("CapEff:"))?;
    u64::from_str_radix(line.trim(), 16).ok()
}

/// What says that this process runs in a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Container {
    /// A file that its engine leaves there.
    File(PathBuf),
    /// The variable `container` of the first process, which systemd-nspawn, LXC and podman set.
    Environment(String),
    /// A control group of an engine.
    ControlGroup(String),
}

/// Whether this process runs in a container, and what says so.
#[must_use]
pub fn in_container(root: &Path) -> Option<Container> {
    const FILES: [&str; 2] = [".dockerenv", "run/.containerenv"];
    let file = FILES.iter().map(|name| root.join(name)).find(|path| path.exists());
    let environment = || container_variable(&fs::read(root.join("proc/1/environ")).unwrap_or_default());
    let group = || control_group(&fs::read_to_string(root.join("proc/1/cgroup")).unwrap_or_default());
    file.map(Container::File)
        .or_else(|| environment().map(Container::Environment))
        .or_else(|| group().map(Container::ControlGroup))
}

fn container_variable(environment: &[u8]) -> Option<String> {
    let value = environment.split(|byte| *byte == 0).find_map(|one| one.strip_prefix(b"container="))?;
    Some(String::from_utf8_lossy(value).into_owned())
}

/// The group of an engine in the lines of `/proc/1/cgroup`. With a control group namespace it is hidden (`0::/`).
fn control_group(content: &str) -> Option<String> {
    const ENGINES: [&str; 6] =
        ["/docker/", "/docker-", "/libpod-", "/kubepods", "/lxc.payload", "/machine.slice/"];
    let groups = content.lines().filter_map(|line| line.splitn(3, ':').nth(2));
    groups.map(str::to_owned).find(|group| ENGINES.iter().any(|engine| group.contains(engine)))
}

/// Whose network namespace this process is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Namespace {
    /// The machine's first.
    Initial,
    /// Another than the first process's: somebody made it on purpose, and it is a machine of its own.
    Separate,
    /// The first process's, which in a container may be the container's or, with host networking, the machine's:
    /// kernels before 6.18 do not tell which.
    OfFirstProcess,
}

impl Namespace {
    /// Reads it below a root (`/`).
    #[must_use]
    pub fn read(root: &Path) -> Self {
        /// `NET_NS_INIT_INO` of `linux/nsfs.h`; earlier kernels give numbers as they come.
        const INITIAL: u64 = 0xefff_fff9;
        let own = fs::metadata(root.join("proc/thread-self/ns/net")).map(|link| link.ino());
        if own.is_ok_and(|own| own == INITIAL) {
            return Self::Initial;
        }
        match (identity(root, "thread-self"), identity(root, "1")) {
            (Some(own), Some(first)) if own != first => Self::Separate,
            _ => Self::OfFirstProcess,
        }
    }
}

/// What is one and the same for processes of one network namespace. The link to the namespace itself needs the right
/// to trace the process, this file of the namespace does not.
fn identity(root: &Path, process: &str) -> Option<u64> {
    fs::metadata(root.join("proc").join(process).join("net/dev")).ok().map(|file| file.ino())
}

/// Whether packets here may be a container's own, on which a firewall of the machine is not to be built: in a
/// container, and neither in the machine's namespace nor in one that was made within.
#[must_use]
pub fn in_namespace_of_container(root: &Path) -> Option<Container> {
    in_container(root).filter(|_| Namespace::read(root) == Namespace::OfFirstProcess)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_capability_is_read_from_the_effective_ones() {
        let cases = [
            ("CapPrm:\t0000000000000000\nCapEff:\t0000000000001000\n", true),
            ("CapPrm:\t000001ffffffffff\nCapEff:\t0000000000000000\n", false),
            ("CapEff:\tnonsense\n", false),
            ("", false),
        ];
        for (status, expected) in cases {
            let root = testkit::Folder::new();
            root.write("proc/thread-self/status", status);
            assert_eq!(may_change_packets(root.path()), expected, "{status}");
        }
    }

    #[test]
    fn a_container_is_known_by_any_of_its_marks() {
        let cases = [
            ("run/.containerenv", "", true),
            (".dockerenv", "", true),
            ("proc/1/environ", "A=1\0container=lxc\0", true),
            ("proc/1/environ", "my_container=lxc\0", false),
            ("proc/1/cgroup", "0::/system.slice/docker-0123.scope\n", true),
            ("proc/1/cgroup", "0::/init.scope\n", false),
            ("proc/1/cgroup", "0::/system.slice/docker.service\n", false),
        ];
        for (file, content, expected) in cases {
            let root = testkit::Folder::new();
            root.write(file, content);
            assert_eq!(in_container(root.path()).is_some(), expected, "{file}: {content}");
        }
    }
}
