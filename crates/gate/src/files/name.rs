//! The name of a file beneath the folder of a route, from a canonical path. Asks no file system.

use model::path::{SegmentError, decode_segments, skip_segments};
use model::plan::FilesHandler;

/// Bytes of a path at most: more is what the kernel refuses anyway (`PATH_MAX`).
const LONGEST: usize = 4000;

/// The name of a file, relative to the folder: no empty segment, no `.`, no `..`, no NUL.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct FileName {
    path: Vec<u8>,
    /// How much of `path` names the folder, when the request path ended in a slash and the rest is the index.
    folder: Option<usize>,
}

/// Why a path names no file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NameError {
    /// A segment starts with a dot and is not served.
    Hidden,
    /// A segment is not the name of a file.
    Segment(SegmentError),
    /// It is longer than any file's.
    Long,
}

impl FileName {
    /// Reads the segments that the route leaves over.
    pub(super) fn of(path: &[u8], handler: &FilesHandler) -> Result<Self, NameError> {
        let rest = skip_segments(path, handler.skip_segments);
        let mut name = Vec::with_capacity(rest.len() + handler.index.len() + 1);
        for segment in decode_segments(rest) {
            let segment = segment.map_err(NameError::Segment)?;
            if is_hidden(&segment) && !handler.hidden {
                return Err(NameError::Hidden);
            }
            if !name.is_empty() {
                name.push(b'/');
            }
            name.extend_from_slice(&segment);
        }
        let is_folder = rest.last() == Some(&b'/');
        let folder = is_folder.then_some(name.len());
        if is_folder {
            if !name.is_empty() {
                name.push(b'/');
            }
            name.extend_from_slice(handler.index.as_bytes());
        }
        if name.len() > LONGEST { Err(NameError::Long) } else { Ok(Self { path: name, folder }) }
    }

    /// The file; `.` when the route itself was asked for without its slash.
    pub(super) fn path(&self) -> &[u8] {
        if self.path.is_empty() { b"." } else { &self.path }
    }

    /// Whether it is the name of a script, or of what editors and people leave beside one: `x.php`, `x.PHP`, `x.php~`,
    /// `x.php.bak`, `x.php5`.
    pub(super) fn is_script(&self, extension: &str) -> bool {
        let name = self.path.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
        let extension = extension.trim_start_matches('.').as_bytes();
        let is_of_script = |part: &[u8]| {
            let (front, rest) = part.split_at(part.len().min(extension.len()));
            let ends = rest.first().is_none_or(|byte| !byte.is_ascii_alphabetic()) || rest == b"s";
            front.eq_ignore_ascii_case(extension) && ends
        };
        let of_php = |part: &[u8]| {
            let others: [&[u8]; 2] = [b"phtml", b"phar"];
            extension == b"php" && others.iter().any(|other| part.eq_ignore_ascii_case(other))
        };
        name.split(|byte| *byte == b'.').skip(1).any(|part| is_of_script(part) || of_php(part))
    }

    /// Whether the request path ended in a slash.
    pub(super) fn is_folder(&self) -> bool {
        self.folder.is_some()
    }

    /// The folder of a request path that ended in a slash.
    pub(super) fn folder(&self) -> &[u8] {
        match self.folder {
            Some(0) | None => b".",
            Some(length) => &self.path[..length],
        }
    }
}

/// Whether a name starts with a dot. `.well-known` is made to be public (RFC 8615).
pub(crate) fn is_hidden(name: &[u8]) -> bool {
    name.first() == Some(&b'.') && name != b".well-known"
}
