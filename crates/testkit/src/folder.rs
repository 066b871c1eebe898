//! Temporary folders with files in them.

use std::fs;
use std::path::{Path, PathBuf};

/// A folder that goes away with the value.
#[derive(Debug)]
pub struct Folder(tempfile::TempDir);

impl Folder {
    /// A new empty folder, mode 0700.
    ///
    /// # Panics
    /// When the machine does not give one.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "making a folder is an act and not a default")]
    pub fn new() -> Self {
        Self(tempfile::Builder::new().prefix("portcullis-test-").tempdir().expect("a temporary folder"))
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// The path of a name in it, whether it exists or not.
    #[must_use]
    pub fn join(&self, name: impl AsRef<Path>) -> PathBuf {
        self.path().join(name)
    }

    /// Writes a file, with the folders above it, and returns its path.
    ///
    /// # Panics
    /// When that fails.
    pub fn write(&self, name: impl AsRef<Path>, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.join(name);
        fs::create_dir_all(path.parent().expect("a file has a folder")).expect("folders of a test");
        fs::write(&path, content).expect("a file of a test");
        path
    }
}
