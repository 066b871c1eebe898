//! Certificate files as the store watches them: asks the file system what changed, and keeps what works.

use crate::event::Event;
use crate::files::{self, Loaded};
use crate::problem::{Problem, of_validity};
use crate::table::CertificateId;
use model::plan::CertificateFiles;
use std::collections::BTreeMap;
use std::error::Error;
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::SystemTime;

/// How many pairs a thread takes at once.
const SHARE: usize = 64;
/// Threads for each core: where the files come from a disk, some wait for it while others do their arithmetic.
const WAITING: usize = 4;
/// Threads at most.
const MOST: usize = 32;

/// A pair of files and what was last read from it.
pub(crate) struct WatchedFiles {
    pub(crate) files: CertificateFiles,
    /// What is served; an older content than that of the files when they are broken now.
    pub(crate) loaded: Option<(CertificateId, Loaded)>,
    /// The files when they were read last.
    stamps: [Option<Stamp>; 2],
    /// What was last said about their being broken, so that it is said once.
    complaint: Option<String>,
    /// Problems that were reported.
    reported: Vec<Problem>,
}

/// What changes when a file is written, replaced, or a symbolic link to it is pointed elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Stamp {
    /// Follows symbolic links. `None` when there is no file to be seen.
    fn at(path: &Path) -> Option<Self> {
        std::fs::metadata(path).ok().map(|facts| Self::of(&facts))
    }

    fn of(facts: &Metadata) -> Self {
        Self {
            device: facts.dev(),
            inode: facts.ino(),
            size: facts.size(),
            modified: (facts.mtime(), facts.mtime_nsec()),
            changed: (facts.ctime(), facts.ctime_nsec()),
        }
    }
}

impl WatchedFiles {
    /// Whether what is served is what the files have, as far as was seen.
    pub(crate) fn is_in_order(&self) -> bool {
        self.loaded.is_some() && self.complaint.is_none()
    }

    /// Reads many files for the first time, on all cores: reading a key is arithmetic. Answers in their order.
    pub(crate) fn open_all(
        files: &[(CertificateFiles, CertificateId)],
        events: &mut Vec<Event>,
    ) -> Vec<Self> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let shares: Vec<_> = files.chunks(SHARE).collect();
        let threads = (cores * WAITING).min(MOST).min(shares.len());
        let next = AtomicUsize::new(0);
        let work = || {
            let mut done = Vec::new();
            loop {
                let index = next.fetch_add(1, Ordering::Relaxed);
                let Some(share) = shares.get(index) else { return done };
                done.push((index, Self::open_share(share)));
            }
        };
        let done = std::thread::scope(|scope| {
            let helpers =
                (1..threads).filter_map(|_| std::thread::Builder::new().spawn_scoped(scope, work).ok());
            let helpers: Vec<_> = helpers.collect();
            let own = work();
            helpers
                .into_iter()
                .filter_map(|thread| thread.join().ok())
                .flatten()
                .chain(own)
                .collect::<Vec<_>>()
        });
        let mut done: BTreeMap<_, _> = done.into_iter().collect();
        let shares = shares.iter().enumerate();
        // What another thread could not finish is done here.
        let opened =
            shares.map(|(index, share)| done.remove(&index).unwrap_or_else(|| Self::open_share(share)));
        let mut all = Vec::with_capacity(files.len());
        for (some, said) in opened {
            all.extend(some);
            events.extend(said);
        }
        all
    }

    fn open_share(files: &[(CertificateFiles, CertificateId)]) -> (Vec<Self>, Vec<Event>) {
        let mut events = Vec::new();
        let opened = files.iter().map(|(files, id)| Self::open(files.clone(), *id, &mut events)).collect();
        (opened, events)
    }

    /// Reads files for the first time.
    fn open(files: CertificateFiles, id: CertificateId, events: &mut Vec<Event>) -> Self {
        let loaded = files::load(&files);
        let mut watched =
            Self { files, loaded: None, stamps: [None; 2], complaint: None, reported: Vec::new() };
        match loaded {
            Ok((loaded, facts)) => {
                watched.stamps = facts.map(|facts| Some(Stamp::of(&facts)));
                watched.loaded = Some((id, loaded));
            }
            // They are read again whatever their stamps say, which tell whether something new is wrong then.
            Err(error) => {
                watched.stamps = stamps(&watched.files);
                watched.complain(error, events);
            }
        }
        watched
    }

    /// Reads the files again when they changed, or when they were broken: what was in the way (a full table of
    /// files, a folder without permission) need not leave a trace on the file itself. Returns whether something
    /// else is served now.
    pub(crate) fn refresh(&mut self, id: CertificateId, events: &mut Vec<Event>) -> bool {
        let stamps = stamps(&self.files);
        if stamps == self.stamps && self.complaint.is_none() {
            return false;
        }
        if stamps != self.stamps {
            self.complaint = self.complaint.take().map(|_| String::new());
        }
        self.stamps = stamps;
        match files::load(&self.files) {
            Ok((loaded, _)) => {
                self.complaint = None;
                self.take(id, loaded, events)
            }
            Err(error) => {
                self.complain(error, events);
                false
            }
        }
    }

    /// What is wrong with the certificate that is served.
    pub(crate) fn problems(&self, now: SystemTime) -> Vec<Problem> {
        let Some((_, loaded)) = &self.loaded else { return Vec::new() };
        of_validity(&loaded.leaf.validity, now).into_iter().chain(loaded.problems.iter().cloned()).collect()
    }

    /// Reports problems that were not reported before.
    pub(crate) fn report(&mut self, problems: Vec<Problem>, events: &mut Vec<Event>) {
        let new = problems.iter().filter(|problem| !self.reported.contains(problem));
        events.extend(
            new.map(|problem| Event::FilesProblem { files: self.files.clone(), problem: problem.clone() }),
        );
        self.reported = problems;
    }

    /// Serves what was read, unless it is the same certificate as before (somebody touched the file).
    fn take(&mut self, id: CertificateId, loaded: Loaded, events: &mut Vec<Event>) -> bool {
        if let Some((_, old)) = &mut self.loaded {
            let same_chain = old.pair.chain() == loaded.pair.chain();
            old.problems.clone_from(&loaded.problems);
            if same_chain {
                return false;
            }
        }
        events.push(Event::FilesChanged {
            files: self.files.clone(),
            names: loaded.leaf.names.clone(),
            not_after: loaded.leaf.validity.not_after,
        });
        self.loaded = Some((id, loaded));
        true
    }

    fn complain(&mut self, error: files::FileError, events: &mut Vec<Event>) {
        let complaint = match error.source() {
            Some(source) => format!("{error}: {source}"),
            None => error.to_string(),
        };
        if self.complaint.as_ref() != Some(&complaint) {
            let kept = self.loaded.is_some();
            events.push(Event::FilesBroken { files: self.files.clone(), error, kept });
        }
        self.complaint = Some(complaint);
    }
}

/// Of certificate and key. Taken before the files are read, or of what was opened to be read: what changes while they are
/// is seen the next time.
fn stamps(files: &CertificateFiles) -> [Option<Stamp>; 2] {
    [Stamp::at(&files.certificate), Stamp::at(&files.key)]
}
