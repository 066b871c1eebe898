//! Which script answers a path. Decided once, on the canonical path that was routed, and confined to the root.
//!
//! A script is a file beneath the root whose name ends as scripts do. Everything else never is one, whatever stands
//! behind it in the path: `/uploads/evil.jpg/x.php` does not run `evil.jpg`.

use crate::files::{OpenError, OpenRoot, Root, is_hidden};
use model::path::decode_segments;
use model::plan::FastCgi;
use rustix::fs::FileType;
use std::borrow::Cow;
use std::os::unix::ffi::OsStrExt;
use std::time::Instant;

/// The scripts of a service, for one thread.
#[derive(Debug)]
pub(crate) struct Scripts {
    plan: FastCgi,
    root: Root,
}

/// The script that answers a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Script {
    /// The folder of all scripts, without a slash at its end.
    pub(crate) root: Vec<u8>,
    /// The path of the script beneath it, with its first slash.
    pub(crate) name: Vec<u8>,
    /// What follows the script in the path, decoded; empty, or with its first slash.
    pub(crate) path_info: Vec<u8>,
}

/// What answers a path.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// A script.
    Script(Script),
    /// The path with a slash: it names a folder that has a script.
    AddSlash,
}

/// Why no script answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoScript {
    /// There is none.
    Absent,
    /// A link leads out of the root.
    Outside,
    /// The rights to look for it are missing.
    Denied,
    /// The root itself cannot be opened.
    Root,
    /// Descriptors ran out, or the disk failed.
    Failed,
}

impl NoScript {
    pub(crate) fn status(self) -> u16 {
        match self {
            Self::Absent | Self::Outside => 404,
            Self::Denied => 403,
            Self::Root => 500,
            Self::Failed => 503,
        }
    }

    pub(crate) fn rule(self) -> &'static str {
        match self {
            Self::Absent => "script-absent",
            Self::Outside => "script-outside-root",
            Self::Denied => "script-denied",
            Self::Root => "script-root",
            Self::Failed => "script-failed",
        }
    }

    /// What the operator has to hear.
    pub(crate) fn reason(self) -> Option<&'static str> {
        match self {
            Self::Absent | Self::Outside => None,
            Self::Denied => Some("the gate's user has no right to a folder in it"),
            Self::Root => Some("it cannot be opened"),
            Self::Failed => Some("descriptors ran out, or the disk failed"),
        }
    }

    fn of(error: &OpenError) -> Self {
        match error {
            OpenError::Absent | OpenError::NotAFile => Self::Absent,
            OpenError::Outside => Self::Outside,
            OpenError::Denied => Self::Denied,
            OpenError::Busy | OpenError::Failed(_) => Self::Failed,
        }
    }
}

impl Scripts {
    pub(crate) fn new(plan: FastCgi) -> Self {
        // The application has another working folder than the gate.
        let root = std::path::absolute(&plan.root).unwrap_or_else(|_| plan.root.clone());
        Self { root: Root::new(root.clone()), plan: FastCgi { root, ..plan } }
    }

    /// The script for a canonical path beneath the root. `now` decides how old a look at the root may be.
    pub(crate) fn find(&self, path: &[u8], now: Instant) -> Result<Found, NoScript> {
        let root =
            if self.plan.check { Some(self.root.open(now).map_err(|_| NoScript::Root)?) } else { None };
        let segments: Result<Vec<_>, _> = decode_segments(path).collect();
        let named = segments.ok().filter(|segments| !segments.iter().any(|name| name.contains(&b'\\')));
        let Some(segments) = named else {
            // A path with a segment that is no file's name names no script.
            return self.fall_back(root.as_deref());
        };
        let is_folder = path.ends_with(b"/");
        match root {
            Some(root) => self.find_file(&root, &segments, is_folder),
            None => self.find_name(&segments, is_folder),
        }
    }

    /// The first file on the way that is a script, then the script of a folder, then the fallback.
    fn find_file(
        &self,
        root: &OpenRoot,
        segments: &[Cow<'_, [u8]>],
        is_folder: bool,
    ) -> Result<Found, NoScript> {
        let mut name = Vec::new();
        for (place, segment) in segments.iter().enumerate() {
            if is_hidden(segment) {
                return self.fall_back(Some(root));
            }
            name.push(b'/');
            name.extend_from_slice(segment);
            if !self.is_script(segment) {
                continue;
            }
            match kind(root, &name)? {
                Some(FileType::RegularFile) => {
                    return Ok(self.script(&name, &segments[place + 1..], is_folder));
                }
                // A folder may be called like a script.
                Some(FileType::Directory) => {}
                _ => return self.fall_back(Some(root)),
            }
        }
        let index = [&name, &b"/"[..], self.plan.index.as_bytes()].concat();
        if !is_folder && !segments.is_empty() {
            let is_folder = kind(root, &name)? == Some(FileType::Directory)
                && kind(root, &index)? == Some(FileType::RegularFile);
            return if is_folder { Ok(Found::AddSlash) } else { self.fall_back(Some(root)) };
        }
        match kind(root, &index)? {
            Some(FileType::RegularFile) => Ok(self.script(&index, &[], false)),
            _ => self.fall_back(Some(root)),
        }
    }

    /// The first name on the way that ends as scripts do: all that can be said where the files are elsewhere. What looks
    /// like a file and not like a folder may not stand before it, because PHP goes back to it when the script is none.
    fn find_name(&self, segments: &[Cow<'_, [u8]>], is_folder: bool) -> Result<Found, NoScript> {
        if segments.iter().any(|segment| is_hidden(segment)) {
            return self.fall_back(None);
        }
        let joined = |segments: &[Cow<'_, [u8]>]| -> Vec<u8> {
            segments.iter().flat_map(|segment| [&b"/"[..], segment]).flatten().copied().collect()
        };
        if let Some(place) = segments.iter().position(|segment| self.is_script(segment)) {
            if segments[..place].iter().any(|segment| looks_like_file(segment)) {
                return self.fall_back(None);
            }
            let (script, rest) = segments.split_at(place + 1);
            return Ok(self.script(&joined(script), rest, is_folder));
        }
        let of_folder = segments.is_empty() || is_folder && self.plan.fallback.is_none();
        if of_folder {
            let index = [&joined(segments), &b"/"[..], self.plan.index.as_bytes()].concat();
            return Ok(self.script(&index, &[], false));
        }
        self.fall_back(None)
    }

    /// The front controller.
    fn fall_back(&self, root: Option<&OpenRoot>) -> Result<Found, NoScript> {
        let fallback = self.plan.fallback.as_ref().ok_or(NoScript::Absent)?;
        let name = [b"/", fallback.as_bytes()].concat();
        match root.map_or(Ok(Some(FileType::RegularFile)), |root| kind(root, &name))? {
            Some(FileType::RegularFile) => Ok(self.script(&name, &[], false)),
            _ => Err(NoScript::Absent),
        }
    }

    fn script(&self, name: &[u8], rest: &[Cow<'_, [u8]>], is_folder: bool) -> Found {
        let mut path_info: Vec<u8> =
            rest.iter().flat_map(|segment| [&b"/"[..], segment]).flatten().copied().collect();
        if is_folder {
            path_info.push(b'/');
        }
        let root = self.plan.root.as_os_str().as_bytes();
        let root = root.strip_suffix(b"/").unwrap_or(root).to_vec();
        Found::Script(Script { root, name: name.to_vec(), path_info })
    }

    /// Whether a name ends as those of scripts do. The letters count: `.PHP` is another ending to the file system.
    fn is_script(&self, name: &[u8]) -> bool {
        let extension = self.plan.extension.as_bytes();
        name.len() > extension.len() && name.ends_with(extension)
    }
}

/// Whether a name ends as those of files do: in a dot and a word. `v1.2` is a folder's.
fn looks_like_file(name: &[u8]) -> bool {
    let dot = name.iter().rposition(|byte| *byte == b'.');
    dot.is_some_and(|dot| name[dot + 1..].iter().any(u8::is_ascii_alphabetic))
}

/// What has a name, given with its first slash; nothing where nothing has.
fn kind(root: &OpenRoot, name: &[u8]) -> Result<Option<FileType>, NoScript> {
    match root.kind(name.strip_prefix(b"/").unwrap_or(name)) {
        Ok(kind) => Ok(Some(kind)),
        Err(OpenError::Absent) => Ok(None),
        Err(error) => Err(NoScript::of(&error)),
    }
}
