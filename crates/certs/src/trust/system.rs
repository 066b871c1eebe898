//! Which trust store a system has, told by what exists.

use std::fmt;
use std::path::{Path, PathBuf};

/// Where a Debian system takes more authorities from.
pub(super) const DEBIAN_FOLDER: &str = "usr/local/share/ca-certificates";
/// Where a Fedora system does.
pub(super) const FEDORA_FOLDER: &str = "etc/pki/ca-trust/source/anchors";

/// The file system of a machine.
#[derive(Clone, Debug)]
pub struct System {
    root: PathBuf,
}

/// The kind of a system's trust store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SystemStore {
    /// `update-ca-certificates`: Debian, Ubuntu, Alpine.
    Debian,
    /// `update-ca-trust`: Fedora, RHEL and their kin.
    Fedora,
    /// `trust` of p11-kit: Arch.
    Arch,
}

impl System {
    /// This machine.
    #[must_use]
    pub fn this() -> Self {
        Self::at(Path::new("/"))
    }

    /// A system beneath a folder.
    #[must_use]
    pub fn at(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    /// The kind of trust store, and the program that brings it up to date.
    pub(super) fn detect(&self) -> Option<(SystemStore, PathBuf)> {
        let debian = || self.program("update-ca-certificates").map(|tool| (SystemStore::Debian, tool));
        let fedora = || {
            let tool = self.path(FEDORA_FOLDER).is_dir().then(|| self.program("update-ca-trust")).flatten();
            tool.map(|tool| (SystemStore::Fedora, tool))
        };
        let arch = || self.program("trust").map(|tool| (SystemStore::Arch, tool));
        debian().or_else(fedora).or_else(arch)
    }

    /// A path of the system.
    pub(super) fn path(&self, path: &str) -> PathBuf {
        self.root.join(path)
    }

    /// Looks where administration programs are, whatever PATH says: what runs here runs as root.
    fn program(&self, name: &str) -> Option<PathBuf> {
        let folders = ["usr/sbin", "usr/bin", "sbin", "bin"];
        folders.iter().map(|folder| self.path(folder).join(name)).find(|path| path.is_file())
    }
}

impl fmt::Display for SystemStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Debian => "update-ca-certificates",
            Self::Fedora => "update-ca-trust",
            Self::Arch => "p11-kit",
        })
    }
}
