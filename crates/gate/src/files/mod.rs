//! Static files: from a canonical path and the conditions of a request to an answer. Sends nothing.
//!
//! A file is opened by `openat2` beneath the folder of the route, which the kernel guarantees however often somebody
//! swaps folders and links meanwhile; there is no second way to open one. What is small is answered from a cache of
//! the thread without a system call; what is large is handed over as an open file, a place and a length.
//!
//! **What can block.** Opening, `statx` and the first read of a small file wait for the disk when it is cold. One
//! answer costs a dozen opens, as many `statx` and 512 KiB of reads at most (a file, three compressed siblings, the
//! same for the fallback), and for a listing a thousand `statx` more; paths have at most 4 KiB. Large files are never
//! read here, and nothing is mapped: a truncated file must be a short read, not a signal.

mod answer;
mod cache;
mod condition;
mod listing;
mod media;
mod meta;
mod multipart;
mod name;
mod range;
mod representation;
mod resource;
mod root;

#[cfg(test)]
mod tests;

pub(crate) use answer::{Body, Content, FileAnswer, FileSlice};
pub(crate) use cache::FileCache;
pub(crate) use condition::Conditions;
pub(crate) use name::is_hidden;
pub(crate) use root::{OpenError, OpenRoot, Root};

use self::cache::{Key, Lookup};
use self::name::{FileName, NameError};
use self::resource::{Found, Resource};
use crate::coding::{Accepted, Coding};
use model::plan::FilesHandler;
use rustix::io::Errno;
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// What of a request the answer depends on.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct FileRequest<'a> {
    /// The method.
    pub(crate) method: &'a [u8],
    /// The canonical path (see [`model::path`]), with the segments that the route takes up.
    pub(crate) path: &'a [u8],
    /// The query with its question mark, or nothing; it is kept in redirects.
    pub(crate) query: &'a [u8],
    /// Preconditions and `Range`.
    pub(crate) conditions: Conditions<'a>,
    /// `Accept-Encoding`.
    pub(crate) accept_encoding: Option<&'a [u8]>,
}

/// A route that serves files, for one thread.
#[derive(Debug)]
pub(crate) struct FileRoute {
    handler: FilesHandler,
    root: Root,
    /// Tells the routes apart in the cache, also those of former snapshots.
    id: u64,
}

impl FileRoute {
    /// The folder is opened with the first request, so that one that does not exist yet stops nothing.
    pub(crate) fn new(handler: FilesHandler) -> Self {
        static LAST: AtomicU64 = AtomicU64::new(0);
        let root = Root::new(handler.root.clone());
        Self { handler, root, id: LAST.fetch_add(1, Ordering::Relaxed) }
    }

    /// What it was made from.
    pub(crate) fn handler(&self) -> &FilesHandler {
        &self.handler
    }

    /// Answers a request. `now` decides how old a look at the file system may be: up to a second.
    pub(crate) fn answer(&self, request: &FileRequest<'_>, cache: &FileCache, now: Instant) -> FileAnswer {
        if !matches!(request.method, b"GET" | b"HEAD") {
            let otherwise = self.handler.otherwise.is_some();
            return if otherwise { FileAnswer::Otherwise } else { FileAnswer::method_not_allowed() };
        }
        let key = Key { route: self.id, lookup: Lookup::Path(request.path) };
        if let Some(answer) = self.cached(key, request, cache, now) {
            return answer;
        }
        match FileName::of(request.path, &self.handler) {
            Ok(name) if self.is_script(&name) => self.refuse_script(),
            Ok(name) => self.look_up(&name, key, request, cache, now),
            Err(NameError::Hidden) => FileAnswer::refused(404, "file-hidden"),
            Err(NameError::Segment(_) | NameError::Long) if self.handler.otherwise.is_some() => {
                FileAnswer::Otherwise
            }
            Err(NameError::Segment(_) | NameError::Long) => FileAnswer::refused(404, "file-name"),
        }
    }

    /// Whether a file would be the text of a script, which is run and never sent.
    fn is_script(&self, name: &FileName) -> bool {
        let own = self.handler.otherwise.as_ref().and_then(|otherwise| otherwise.scripts.as_ref());
        own.into_iter().chain(&self.handler.refused_scripts).any(|extension| name.is_script(extension))
    }

    fn refuse_script(&self) -> FileAnswer {
        if self.handler.otherwise.is_some() {
            FileAnswer::Otherwise
        } else {
            FileAnswer::refused(404, "file-script")
        }
    }

    /// The answer from the cache, when what it has is at most a second old or still what is on the disk.
    fn cached(
        &self,
        key: Key<'_>,
        request: &FileRequest<'_>,
        cache: &FileCache,
        now: Instant,
    ) -> Option<FileAnswer> {
        let is_current = |resource: &Resource| {
            let root = self.root.open(now);
            root.is_ok_and(|root| root.generation == resource.generation && resource.is_current(&root))
        };
        let resource = cache.find(key, now, is_current)?;
        self.present(&resource, request)
    }

    /// Looks on the disk.
    fn look_up(
        &self,
        name: &FileName,
        key: Key<'_>,
        request: &FileRequest<'_>,
        cache: &FileCache,
        now: Instant,
    ) -> FileAnswer {
        let root = match self.root.open(now) {
            Ok(root) => root,
            Err(error) => return without_root(error),
        };
        match Resource::load(&root, name.path(), &self.handler, self.handler.cache_control.as_deref()) {
            Ok(Found::Resource(resource)) => self.keep_and_present(resource, key, request, cache, now),
            // Whether it has something to say about its folders is known to the service.
            Ok(Found::Folder(_)) if self.handler.otherwise.is_some() => FileAnswer::Otherwise,
            Ok(Found::Folder(_)) if !name.is_folder() => redirect_to_folder(request),
            Ok(Found::Folder(_)) => self.fall_back(request, cache, now),
            Err(OpenError::Absent) if name.is_folder() && self.handler.listing => {
                self.list(&root, name, request, cache, now)
            }
            Err(OpenError::Absent) => self.fall_back(request, cache, now),
            Err(error) => refused(&error),
        }
    }

    /// Answers with the listing of a folder that has no index, when it is a folder.
    fn list(
        &self,
        root: &OpenRoot,
        name: &FileName,
        request: &FileRequest<'_>,
        cache: &FileCache,
        now: Instant,
    ) -> FileAnswer {
        match Resource::load(root, name.folder(), &self.handler, None) {
            Ok(Found::Folder(folder)) => match listing::page(&folder, request.path, self.handler.hidden) {
                Ok(page) => FileAnswer::listing(page, request.method == b"HEAD"),
                Err(_) => FileAnswer::refused(500, "file-unreadable"),
            },
            Ok(Found::Resource(_)) | Err(OpenError::Absent) => self.fall_back(request, cache, now),
            Err(error) => refused(&error),
        }
    }

    /// Answers with the fallback where there is one. It is cached under its own name: there is no end of paths that
    /// lead to it.
    fn fall_back(&self, request: &FileRequest<'_>, cache: &FileCache, now: Instant) -> FileAnswer {
        if self.handler.otherwise.is_some() {
            return FileAnswer::Otherwise;
        }
        let Some(fallback) = &self.handler.fallback else { return FileAnswer::refused(404, "file-absent") };
        let key = Key { route: self.id, lookup: Lookup::Fallback };
        if let Some(answer) = self.cached(key, request, cache, now) {
            return answer;
        }
        let root = match self.root.open(now) {
            Ok(root) => root,
            Err(error) => return without_root(error),
        };
        // Without Cache-Control: a path that finds nothing today may find something tomorrow.
        match Resource::load(&root, fallback.as_bytes(), &self.handler, None) {
            Ok(Found::Resource(resource)) => self.keep_and_present(resource, key, request, cache, now),
            Ok(Found::Folder(_)) | Err(OpenError::Absent) => FileAnswer::refused(404, "file-fallback-absent"),
            Err(error) => refused(&error),
        }
    }

    fn keep_and_present(
        &self,
        resource: Resource,
        key: Key<'_>,
        request: &FileRequest<'_>,
        cache: &FileCache,
        now: Instant,
    ) -> FileAnswer {
        let resource = Rc::new(resource);
        let answer = self.present(&resource, request);
        resource.close_files();
        cache.insert(key, &resource, now);
        answer.unwrap_or_else(|| FileAnswer::refused(503, "file-busy"))
    }

    /// `None` when a file is not what it was when the resource was made.
    fn present(&self, resource: &Resource, request: &FileRequest<'_>) -> Option<FileAnswer> {
        let accepted = if self.handler.precompressed {
            Accepted::parse(request.accept_encoding, Coding::ALL)
        } else {
            Accepted::default()
        };
        answer::present(resource, accepted, request, &self.root)
    }
}

/// A folder that is not there has no files. It may come and go, such as that of a client of ACME.
fn without_root(errno: Errno) -> FileAnswer {
    let status = if errno == Errno::NOENT { 404 } else { 500 };
    FileAnswer::refused(status, "files-root")
}

/// Why a file that is there is not served.
fn refused(error: &OpenError) -> FileAnswer {
    match error {
        OpenError::Absent => FileAnswer::refused(404, "file-absent"),
        OpenError::Outside => FileAnswer::refused(404, "file-outside-root"),
        OpenError::NotAFile => FileAnswer::refused(404, "file-not-regular"),
        OpenError::Denied => FileAnswer::refused(403, "file-unreadable"),
        OpenError::Busy => FileAnswer::refused(503, "file-busy"),
        OpenError::Failed(_) => FileAnswer::refused(500, "file-failed"),
    }
}

/// A folder without its slash: relative links in its index would lead elsewhere.
fn redirect_to_folder(request: &FileRequest<'_>) -> FileAnswer {
    let mut location = Vec::with_capacity(request.path.len() + 1 + request.query.len());
    location.extend_from_slice(request.path);
    location.push(b'/');
    location.extend_from_slice(request.query);
    // Canonical paths have no empty segments and no backslash; a `Location` that starts with two of either would
    // name another host.
    match location.as_slice() {
        [b'/', b'/' | b'\\', ..] => FileAnswer::refused(404, "file-name"),
        [b'/', ..] => FileAnswer::Redirect { location },
        _ => FileAnswer::refused(404, "file-name"),
    }
}
