//! A page of the operator's, read when a snapshot is made.

use std::io;
use std::path::Path;
use std::sync::Arc;

/// The most that a page may have.
const MAX_PAGE: u64 = 1 << 20;

/// A page of the operator's.
#[derive(Clone, Debug)]
pub(crate) struct Page(Arc<[u8]>);

impl Page {
    /// Reads a page.
    pub(crate) fn read(path: &Path) -> io::Result<Self> {
        let facts = std::fs::metadata(path)?;
        if !facts.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a file"));
        }
        if facts.len() > MAX_PAGE {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "it is larger than 1 MiB"));
        }
        Ok(Self(std::fs::read(path)?.into()))
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }
}
