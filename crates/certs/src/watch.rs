//! Certificate files as the store watches them: asks the file system what changed, and keeps what works.

use crate::event::Event;
use crate::files::{self, Loaded};
use crate::problem::{Problem, of_validity};
use crate::table::CertificateId;
use model::plan::CertificateFiles;
use std::error::Error;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::SystemTime;

/// How many pairs are worth a thread.
const SHARE: usize = 64;

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
    fn of(path: &Path) -> Option<Self> {
        let facts = std::fs::metadata(path).ok()?;
        Some(Self {
            device: facts.dev(),
            inode: facts.ino(),
            size: facts.size(),
            modified: (facts.mtime(), facts.mtime_nsec()),
            changed: (facts.ctime(), facts.ctime_nsec()),
        })
    }
}

impl WatchedFiles {
    /// Reads many files for the first time, on all cores: reading a key is arithmetic. Answers in their order.
    pub(crate) fn open_all(
        files: &[(CertificateFiles, CertificateId)],
        events: &mut Vec<Event>,
    ) -> Vec<Self> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let share = files.len().div_ceil(cores).max(SHARE);
        let open = |files: &[(CertificateFiles, CertificateId)]| {
            let mut events = Vec::new();
            let one =
                |(files, id): &(CertificateFiles, CertificateId)| Self::open(files.clone(), *id, &mut events);
            (files.iter().map(one).collect::<Vec<_>>(), events)
        };
        let opened: Vec<_> = std::thread::scope(|scope| {
            let shares = files.chunks(share).map(|share| (share, scope.spawn(|| open(share))));
            let shares: Vec<_> = shares.collect();
            // What another thread could not finish is done here.
            shares.into_iter().map(|(share, thread)| thread.join().unwrap_or_else(|_| open(share))).collect()
        });
        opened
            .into_iter()
            .flat_map(|(opened, said)| {
                events.extend(said);
                opened
            })
            .collect()
    }

    /// Reads files for the first time.
    fn open(files: CertificateFiles, id: CertificateId, events: &mut Vec<Event>) -> Self {
        let stamps = stamps(&files);
        let mut watched = Self { files, loaded: None, stamps, complaint: None, reported: Vec::new() };
        match files::load(&watched.files) {
            Ok(loaded) => watched.loaded = Some((id, loaded)),
            Err(error) => watched.complain(error, events),
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
            Ok(loaded) => {
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

/// Of certificate and key. Taken before the files are read: what changes while they are is seen the next time.
fn stamps(files: &CertificateFiles) -> [Option<Stamp>; 2] {
    [Stamp::of(&files.certificate), Stamp::of(&files.key)]
}
