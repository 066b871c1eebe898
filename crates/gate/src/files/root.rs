//! The folder of a route, and the one way to open what is in it.

use super::meta::Meta;
use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;
use std::cell::RefCell;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::{Duration, Instant};

/// How old a look at the file system may be.
pub(super) const FRESH: Duration = Duration::from_secs(1);
/// How often an open that raced with a rename is tried again. Each try is a whole walk, so more would let somebody
/// who renames in a loop hold the thread.
const TRIES: usize = 64;

/// The folder of a route: opened once, and again when another folder has its name (a release that is switched by a
/// link, for example).
#[derive(Debug)]
pub(crate) struct Root {
    path: PathBuf,
    state: RefCell<State>,
}

#[derive(Debug, Default)]
struct State {
    open: Option<Rc<OpenRoot>>,
    checked: Option<Instant>,
    generation: u64,
}

/// A folder that is open.
#[derive(Debug)]
pub(crate) struct OpenRoot {
    folder: OwnedFd,
    meta: Meta,
    /// Another number after every change of folder.
    pub(super) generation: u64,
}

/// Why a file cannot be opened.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum OpenError {
    /// There is none.
    Absent,
    /// A link leads out of the folder.
    Outside,
    /// It is a FIFO, a device or a socket.
    NotAFile,
    /// The rights are missing.
    Denied,
    /// Descriptors ran out, or somebody renames all the time.
    Busy,
    /// The disk, or a kernel without `openat2`.
    Failed(Errno),
}

impl Root {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path, state: RefCell::default() }
    }

    /// The folder as it was at most a second ago.
    pub(crate) fn open(&self, now: Instant) -> rustix::io::Result<Rc<OpenRoot>> {
        let mut state = self.state.borrow_mut();
        let is_fresh = state.checked.is_some_and(|checked| now.saturating_duration_since(checked) < FRESH);
        if let Some(open) = state.open.as_ref().filter(|_| is_fresh) {
            return Ok(Rc::clone(open));
        }
        // Not taken back when what follows fails: a folder that is gone serves nothing more.
        let former = state.open.take();
        let meta = Meta::at(CWD, self.path.as_os_str().as_bytes(), AtFlags::empty())?;
        let open = match former.filter(|former| former.meta.is_same(&meta)) {
            Some(former) => former,
            None => {
                state.generation += 1;
                Rc::new(OpenRoot::open(&self.path, state.generation)?)
            }
        };
        state.checked = Some(now);
        state.open = Some(Rc::clone(&open));
        Ok(open)
    }

    /// The folder that was open last, for what was found in it.
    pub(super) fn last(&self) -> Option<Rc<OpenRoot>> {
        self.state.borrow().open.clone()
    }
}

impl OpenRoot {
    fn open(path: &std::path::Path, generation: u64) -> rustix::io::Result<Self> {
        let folder =
            rustix::fs::open(path, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
        let meta = Meta::of(folder.as_fd())?;
        Ok(Self { folder, meta, generation })
    }

    /// Opens a file or folder beneath this one. Links are followed as long as they stay beneath it. Nothing waits: a
    /// FIFO without writer, or a terminal, is opened and refused.
    pub(super) fn file(&self, name: &[u8]) -> Result<(OwnedFd, Meta), OpenError> {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
        let file = self.open_beneath(name, flags)?;
        let meta = Meta::of(file.as_fd()).map_err(OpenError::Failed)?;
        match meta.kind() {
            FileType::RegularFile | FileType::Directory => Ok((file, meta)),
            _ => Err(OpenError::NotAFile),
        }
    }

    /// What a name beneath this folder leads to. Needs no right to read it.
    pub(crate) fn kind(&self, name: &[u8]) -> Result<FileType, OpenError> {
        let found = self.open_beneath(name, OFlags::PATH | OFlags::CLOEXEC)?;
        Ok(Meta::of(found.as_fd()).map_err(OpenError::Failed)?.kind())
    }

    /// What has a name beneath this folder, as far as [`Meta::at`] can tell.
    pub(super) fn peek(&self, name: &[u8]) -> Option<Meta> {
        Meta::at(self.folder.as_fd(), name, AtFlags::empty()).ok()
    }

    /// `openat2` and nothing else. It answers EAGAIN when somebody renames meanwhile and it cannot be sure where the
    /// walk is; then it is asked again.
    fn open_beneath(&self, name: &[u8], flags: OFlags) -> Result<OwnedFd, OpenError> {
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
        for _ in 0..TRIES {
            match rustix::fs::openat2(&self.folder, name, flags, Mode::empty(), resolve) {
                Err(Errno::AGAIN | Errno::INTR) => {}
                Err(errno) => return Err(OpenError::of(errno)),
                Ok(file) => return Ok(file),
            }
        }
        Err(OpenError::Busy)
    }
}

impl OpenError {
    fn of(errno: Errno) -> Self {
        match errno {
            Errno::NOENT | Errno::NOTDIR | Errno::NAMETOOLONG | Errno::INVAL | Errno::ILSEQ => Self::Absent,
            // A link out of the folder; a loop of links; a link of /proc.
            Errno::XDEV | Errno::LOOP => Self::Outside,
            Errno::NXIO | Errno::NODEV | Errno::OPNOTSUPP => Self::NotAFile,
            Errno::ACCESS | Errno::PERM => Self::Denied,
            Errno::MFILE | Errno::NFILE | Errno::NOMEM => Self::Busy,
            errno => Self::Failed(errno),
        }
    }
}
