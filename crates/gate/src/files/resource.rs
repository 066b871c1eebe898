//! A file and its compressed siblings, as they were found together.

use super::meta::Meta;
use super::representation::{Dressing, Representation};
use super::root::{OpenError, OpenRoot};
use crate::coding::{Accepted, Coding};
use model::plan::FilesHandler;
use rustix::fs::FileType;
use std::os::fd::OwnedFd;
use std::rc::Rc;

/// How often a file that somebody writes to is read again before it is called busy.
const TRIES: usize = 3;

/// A file and its compressed siblings.
#[derive(Debug)]
pub(super) struct Resource {
    /// Of the folder that it was found in.
    pub(super) generation: u64,
    /// The name of the original.
    name: Box<[u8]>,
    original: Rc<Representation>,
    /// By [`Coding::ALL`]; `None` when siblings are not looked for.
    siblings: Option<[Option<Rc<Representation>>; 3]>,
}

/// What has a name.
#[derive(Debug)]
pub(super) enum Found {
    Resource(Resource),
    /// A folder, open.
    Folder(OwnedFd),
}

impl Resource {
    /// Opens and, where they are small, reads the files.
    pub(super) fn load(
        root: &OpenRoot,
        name: &[u8],
        handler: &FilesHandler,
        cache_control: Option<&str>,
    ) -> Result<Found, OpenError> {
        let dressing = Dressing { name, coding: None, varies: handler.precompressed, cache_control };
        let mut opened = root.file(name)?;
        for _ in 0..TRIES {
            let (file, meta) = opened;
            if meta.kind() == FileType::Directory {
                return Ok(Found::Folder(file));
            }
            if let Some(original) = Representation::read(file, meta, dressing) {
                let siblings = handler.precompressed.then(|| siblings(root, &meta, dressing));
                let original = Rc::new(original);
                let resource = Self { generation: root.generation, name: name.into(), original, siblings };
                return Ok(Found::Resource(resource));
            }
            opened = root.file(name)?;
        }
        Err(OpenError::Busy)
    }

    /// The representation for a client, and the name of its file.
    pub(super) fn choose(&self, accepted: Accepted) -> (&Rc<Representation>, Option<Coding>) {
        let siblings = self.siblings.as_ref();
        let sibling = |coding: Coding| {
            let sibling = siblings?[coding as usize].as_ref()?;
            Some((sibling, Some(coding)))
        };
        accepted.iter().find_map(sibling).unwrap_or((&self.original, None))
    }

    /// The open file of a large representation: the one that it was read from, or the same file opened anew. `None`
    /// when it is another file by now.
    pub(super) fn open(&self, coding: Option<Coding>, root: Option<&OpenRoot>) -> Option<OwnedFd> {
        let representation = match coding {
            Some(coding) => self.siblings.as_ref()?[coding as usize].as_ref()?,
            None => &self.original,
        };
        if let Some(file) = representation.file.borrow_mut().take() {
            return Some(file);
        }
        let root = root.filter(|root| root.generation == self.generation)?;
        let (file, meta) = root.file(&sibling_name(&self.name, coding)).ok()?;
        (meta == representation.meta).then_some(file)
    }

    /// Closes the files that were opened to be read and are not wanted.
    pub(super) fn close_files(&self) {
        self.all().for_each(|representation| drop(representation.file.borrow_mut().take()));
    }

    /// Whether everything is on the disk as it was read.
    pub(super) fn is_current(&self, root: &OpenRoot) -> bool {
        let is_same = |coding: Option<Coding>, known: Option<&Rc<Representation>>| {
            root.peek(&sibling_name(&self.name, coding)) == known.map(|known| known.meta)
        };
        let siblings = self.siblings.iter().flatten().zip(Coding::ALL);
        is_same(None, Some(&self.original))
            && siblings.into_iter().all(|(known, coding)| is_same(Some(coding), known.as_ref()))
    }

    /// Whether there is something in memory that is worth to be kept.
    pub(super) fn is_worth_keeping(&self) -> bool {
        self.all().any(|representation| representation.bytes.is_some())
    }

    /// Bytes of memory that it takes.
    pub(super) fn cost(&self) -> usize {
        size_of::<Self>()
            + self.name.len()
            + self.all().map(|representation| representation.cost()).sum::<usize>()
    }

    fn all(&self) -> impl Iterator<Item = &Representation> {
        let siblings = self.siblings.iter().flatten().flatten();
        std::iter::once(&self.original).chain(siblings).map(Rc::as_ref)
    }
}

/// The compressed siblings of a file that are regular files, no older than it, and no larger.
fn siblings(root: &OpenRoot, original: &Meta, dressing: Dressing<'_>) -> [Option<Rc<Representation>>; 3] {
    Coding::ALL.map(|coding| {
        let (file, meta) = root.file(&sibling_name(dressing.name, Some(coding))).ok()?;
        let is_useful = meta.kind() == FileType::RegularFile
            && meta.modified() >= original.modified()
            && meta.size <= original.size;
        let dressing = Dressing { coding: Some(coding), ..dressing };
        is_useful.then(|| Representation::read(file, meta, dressing)).flatten().map(Rc::new)
    })
}

/// The name of a file in a coding.
fn sibling_name(name: &[u8], coding: Option<Coding>) -> Vec<u8> {
    [name, coding.map_or(b"", Coding::suffix)].concat()
}
