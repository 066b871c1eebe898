//! What the keeper keeps on disk, beneath `<state>/firewall`: snapshots, what became of them, bans and grants.
//!
//! The confirmed snapshot is named by one small file, so that a confirmation is one rename. Nothing here decides; a
//! damaged file is set aside and reported, and never a reason not to start.

pub(crate) mod digest;
pub(crate) mod file;
mod journal;
mod lock;
mod record;

pub(crate) use file::Damage;
pub(crate) use journal::Journal;
pub(crate) use lock::WriterLock;
pub(crate) use record::{ChangedRules, Entry, Fate, Number, Snapshot, Standing, Text};

use crate::admin::FolderError;
use file::Found;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt;
use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

/// Snapshots that are kept; older ones are removed, never the confirmed one.
const KEPT: usize = 100;

/// Why the state cannot be read or written.
#[derive(Debug)]
pub(crate) struct StateError {
    path: PathBuf,
    source: io::Error,
}

impl fmt::Display for StateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot use {}", self.path.display())
    }
}

impl StateError {
    /// What to do about it.
    pub(crate) fn hint(&self) -> String {
        crate::admin::remedy(&self.path, &self.source)
    }
}

impl std::error::Error for StateError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.source)
    }
}

/// The folder, read.
#[derive(Debug)]
pub(crate) struct State {
    folder: PathBuf,
    history: Vec<Entry>,
    standing: Standing,
    /// The highest number of a file of a snapshot when the folder was read: the history may be lost.
    highest: u64,
    damage: Vec<Damage>,
}

impl State {
    /// Makes the folder beneath a state folder, where it is not there, and judges it.
    pub(crate) fn prepare(state: &Path) -> Result<PathBuf, FolderError> {
        let folder = state.join("firewall");
        crate::admin::prepare_folder(&folder.join("lock"))?;
        Ok(folder)
    }

    /// Reads a folder that was prepared.
    pub(crate) fn open(folder: PathBuf) -> Result<Self, StateError> {
        let snapshots = folder.join("snapshots");
        DirBuilder::new().recursive(true).mode(0o700).create(&snapshots).map_err(at(&snapshots))?;
        let standing = Standing::Nothing;
        let highest = highest(&snapshots).map_err(at(&snapshots))?;
        let mut this = Self { folder, history: Vec::new(), standing, highest, damage: Vec::new() };
        this.history = this.read(&this.folder.join("history"), "the history")?.unwrap_or_default();
        let found = this.read(&this.folder.join("confirmed"), "the name of the confirmed snapshot")?;
        // A name that is lost is no reason to open a machine that was closed.
        this.standing = found.unwrap_or_else(|| this.last_confirmed());
        Ok(this)
    }

    /// What the history alone says.
    fn last_confirmed(&self) -> Standing {
        let mut confirmed = self.history.iter().rev();
        confirmed
            .find(|entry| matches!(entry.fate, Fate::Confirmed { .. }))
            .map_or(Standing::Nothing, |entry| Standing::Snapshot(entry.number))
    }

    /// What was damaged, since the last time that it was asked.
    pub(crate) fn take_damage(&mut self) -> Vec<Damage> {
        std::mem::take(&mut self.damage)
    }

    /// The folder.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The history, oldest first.
    pub(crate) fn history(&self) -> &[Entry] {
        &self.history
    }

    /// The last entry, which is the one that a trial is about.
    pub(crate) fn last(&self) -> Option<&Entry> {
        self.history.last()
    }

    /// What is to be in force.
    pub(crate) const fn standing(&self) -> Standing {
        self.standing
    }

    /// The number of the confirmed snapshot.
    pub(crate) const fn confirmed(&self) -> Option<Number> {
        match self.standing {
            Standing::Snapshot(number) => Some(number),
            Standing::Nothing | Standing::Off => None,
        }
    }

    /// The snapshot that was confirmed before the one that is now.
    pub(crate) fn confirmed_before(&self) -> Option<Number> {
        let confirmed = |entry: &&Entry| matches!(entry.fate, Fate::Confirmed { .. });
        let others = self.history.iter().rev().filter(confirmed).map(|entry| entry.number);
        others.into_iter().find(|number| Some(*number) != self.confirmed())
    }

    /// The confirmed snapshot; `None` where nothing was confirmed or the file is damaged.
    pub(crate) fn confirmed_snapshot(&mut self) -> Result<Option<Snapshot>, StateError> {
        match self.confirmed() {
            Some(number) => self.snapshot(number),
            None => Ok(None),
        }
    }

    /// A snapshot; `None` where there is none with this number.
    pub(crate) fn snapshot(&mut self, number: Number) -> Result<Option<Snapshot>, StateError> {
        self.read(&self.snapshot_path(number), &format!("snapshot {number}"))
    }

    /// The number that the next snapshot gets.
    pub(crate) fn next_number(&self) -> Number {
        let last = self.history.last().map_or(0, |entry| entry.number.0);
        Number(last.max(self.confirmed().map_or(0, |number| number.0)).max(self.highest) + 1)
    }

    /// The damaged files that lie there.
    pub(crate) fn set_aside(&self) -> Vec<PathBuf> {
        [self.folder.clone(), self.folder.join("snapshots")]
            .iter()
            .flat_map(|folder| file::those_set_aside(folder))
            .collect()
    }

    /// Writes a snapshot and its line in the history.
    pub(crate) fn begin(&mut self, snapshot: &Snapshot, entry: Entry) -> Result<(), StateError> {
        let path = self.snapshot_path(snapshot.number);
        write(&path, snapshot)?;
        self.history.push(entry);
        self.forget_old()?;
        self.write_history()
    }

    /// Writes a snapshot anew, whose typed sets have changed.
    pub(crate) fn amend(&mut self, snapshot: &Snapshot) -> Result<(), StateError> {
        write(&self.snapshot_path(snapshot.number), snapshot)
    }

    /// Writes down what became of the last snapshot.
    pub(crate) fn settle_last(&mut self, fate: Fate) -> Result<(), StateError> {
        if let Some(last) = self.history.last_mut() {
            last.fate = fate;
        }
        self.write_history()
    }

    /// Says what is to be in force from now on.
    pub(crate) fn stand(&mut self, standing: Standing) -> Result<(), StateError> {
        write(&self.folder.join("confirmed"), &standing)?;
        self.standing = standing;
        Ok(())
    }

    /// A list that is written as a whole.
    pub(crate) fn list<T: DeserializeOwned>(&mut self, name: &str) -> Result<Option<T>, StateError> {
        self.read(&self.folder.join(name), &format!("the list of {name}"))
    }

    /// Writes such a list.
    pub(crate) fn write_list(&self, name: &str, list: &impl Serialize) -> Result<(), StateError> {
        write(&self.folder.join(name), list)
    }

    /// A list that grows by lines.
    pub(crate) fn journal(&mut self, name: &str) -> Result<(Journal, Vec<String>), StateError> {
        let path = self.folder.join(name);
        let (journal, lines, damage) = Journal::open(&path).map_err(at(&path))?;
        self.damage.extend(damage);
        Ok((journal, lines))
    }

    fn read<T: DeserializeOwned>(&mut self, path: &Path, what: &str) -> Result<Option<T>, StateError> {
        let content = match file::read(path).map_err(at(path))? {
            Found::Absent => return Ok(None),
            Found::Whole(content) => content,
            Found::Corrupt(aside) => {
                self.damage.push(Damage { what: what.to_owned(), aside });
                return Ok(None);
            }
        };
        // What proves itself and is not understood was written by another version.
        match serde_json::from_slice(&content) {
            Ok(value) => Ok(Some(value)),
            Err(_) => {
                let aside = file::set_aside(path).map_err(at(path))?;
                self.damage.push(Damage { what: format!("{what} (of another version)"), aside });
                Ok(None)
            }
        }
    }

    fn snapshot_path(&self, number: Number) -> PathBuf {
        self.folder.join("snapshots").join(format!("{:08}", number.0))
    }

    fn forget_old(&mut self) -> Result<(), StateError> {
        let surplus = self.history.len().saturating_sub(KEPT);
        for entry in self.history.drain(..surplus).collect::<Vec<_>>() {
            if Some(entry.number) != self.confirmed() {
                let path = self.snapshot_path(entry.number);
                file::remove(&path).map_err(at(&path))?;
            }
        }
        Ok(())
    }

    fn write_history(&self) -> Result<(), StateError> {
        write(&self.folder.join("history"), &self.history)
    }
}

/// The highest number that a file in the folder of snapshots has, damaged ones included; 0 where there is none.
fn highest(snapshots: &Path) -> io::Result<u64> {
    let mut highest = 0;
    for entry in fs::read_dir(snapshots)? {
        let name = entry?.file_name();
        let number = name.to_str().and_then(|name| name.split('.').next()?.parse().ok());
        highest = highest.max(number.unwrap_or(0));
    }
    Ok(highest)
}

fn write(path: &Path, value: &impl Serialize) -> Result<(), StateError> {
    let failed = at(path);
    let content = serde_json::to_vec(value).map_err(io::Error::other);
    content.and_then(|content| file::write(path, &content)).map_err(failed)
}

/// Names the path of what the machine refused.
pub(crate) fn at(path: &Path) -> impl FnOnce(io::Error) -> StateError {
    let path = path.to_owned();
    |source| StateError { path, source }
}

/// The state of a folder, for tests.
#[cfg(test)]
pub(crate) fn opened(state: &Path) -> State {
    State::open(State::prepare(state).expect("a folder")).expect("a state")
}

#[cfg(test)]
mod tests;
