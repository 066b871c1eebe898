//! What the keeper keeps on disk, beneath `<state>/firewall`: snapshots, what became of them, bans and grants.
//!
//! The confirmed snapshot is named by one small file, so that a confirmation is one rename. Nothing here decides; a
//! damaged file is set aside and reported, and never a reason not to start.

mod lock;
mod record;

pub(crate) use lock::WriterLock;
pub(crate) use record::{ChangedRules, Entry, Fate, Number, Snapshot, Standing, Text};

use crate::admin::FolderError;
use crate::failure::with_causes;
use kept::{Flaw, Found, Journal, Room};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeSet;
use std::fmt;
use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

/// Snapshots that are kept; older ones are removed, never the confirmed one.
const KEPT: usize = 100;

/// What it means that a file is damaged.
const HISTORY_LOST: &str = "snapshots from before cannot be gone back to";
const NAME_LOST: &str = "the last one of the history stands in for it";
const SNAPSHOT_LOST: &str = "its packets cannot be put in force again; if they are the confirmed ones, the least that is safe stands in for them";

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
    /// Damaged files that were told.
    told: BTreeSet<PathBuf>,
    /// Why the history on disk is behind, where it is.
    behind: Option<String>,
}

/// A file that is not what was kept, for people.
#[derive(Debug)]
pub(crate) struct Damage {
    what: String,
    damage: kept::Damage,
    loss: &'static str,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.what, self.damage, self.loss)
    }
}

impl State {
    /// Makes the folder beneath a state folder, where it is not there, and judges it.
    pub(crate) fn prepare(state: &Path) -> Result<PathBuf, FolderError> {
        let folder = Self::folder_in(state);
        crate::admin::prepare_folder(&folder.join("lock"))?;
        Ok(folder)
    }

    /// Where it lies beneath a state folder.
    pub(crate) fn folder_in(state: &Path) -> PathBuf {
        state.join("firewall")
    }

    /// Reads a folder that was prepared.
    pub(crate) fn open(folder: PathBuf) -> Result<Self, StateError> {
        let snapshots = folder.join("snapshots");
        DirBuilder::new().recursive(true).mode(0o700).create(&snapshots).map_err(at(&snapshots))?;
        let standing = Standing::Nothing;
        let highest = highest(&snapshots).map_err(at(&snapshots))?;
        let mut this = Self {
            folder,
            history: Vec::new(),
            standing,
            highest,
            damage: Vec::new(),
            told: BTreeSet::new(),
            behind: None,
        };
        let history = this.read(&this.folder.join("history"), "the history", HISTORY_LOST)?;
        this.history = history.unwrap_or_default();
        let path = this.folder.join("confirmed");
        let found = this.read(&path, "the name of the confirmed snapshot", NAME_LOST)?;
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
        self.read(&self.snapshot_path(number), &format!("snapshot {number}"), SNAPSHOT_LOST)
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
            .flat_map(|folder| kept::those_set_aside(folder))
            .collect()
    }

    /// Whether the disk takes what is written. Where that cannot be told, it will be.
    pub(crate) fn room(&self) -> Room {
        Room::of(&self.folder).unwrap_or(Room::Free)
    }

    /// Why the history on disk is behind, where it is.
    pub(crate) fn behind(&self) -> Option<&str> {
        self.behind.as_deref()
    }

    /// Writes a snapshot and its line in the history: both or none.
    pub(crate) fn begin(&mut self, snapshot: &Snapshot, entry: Entry) -> Result<(), StateError> {
        let path = self.snapshot_path(snapshot.number);
        let mut history = self.history.clone();
        history.push(entry);
        history.drain(..history.len().saturating_sub(KEPT));
        let written = write(&path, snapshot).and_then(|()| write(&self.folder.join("history"), &history));
        if let Err(error) = written {
            // What was there is there again, as far as the disk takes it; an unknown snapshot does no harm.
            let _ = write(&self.folder.join("history"), &self.history);
            let _ = kept::remove(&path);
            return Err(error);
        }
        self.forget_others(&history);
        self.history = history;
        self.behind = None;
        Ok(())
    }

    /// Writes a snapshot anew, whose typed sets have changed.
    pub(crate) fn amend(&mut self, snapshot: &Snapshot) -> Result<(), StateError> {
        write(&self.snapshot_path(snapshot.number), snapshot)
    }

    /// Writes down what became of the last snapshot. Where the disk refuses, it is known until this process ends, and
    /// [`Self::catch_up`] tries again.
    pub(crate) fn settle_last(&mut self, fate: Fate) -> Result<(), StateError> {
        if let Some(last) = self.history.last_mut() {
            last.fate = fate;
        }
        let written = write(&self.folder.join("history"), &self.history);
        self.behind = written.as_ref().err().map(|error| with_causes(error));
        written
    }

    /// Writes the history where the disk has refused it before.
    pub(crate) fn catch_up(&mut self) {
        if self.behind.is_some() {
            let written = write(&self.folder.join("history"), &self.history);
            self.behind = written.as_ref().err().map(|error| with_causes(error));
        }
    }

    /// Says what is to be in force from now on. Where the disk refuses, it is what it was.
    pub(crate) fn stand(&mut self, standing: Standing) -> Result<(), StateError> {
        replace(&self.folder.join("confirmed"), &standing, &self.standing)?;
        self.standing = standing;
        Ok(())
    }

    /// A list that is written as a whole. `loss` says what it means that it is damaged.
    pub(crate) fn list<T: DeserializeOwned>(
        &mut self,
        name: &str,
        loss: &'static str,
    ) -> Result<Option<T>, StateError> {
        self.read(&self.folder.join(name), &format!("the list of {name}"), loss)
    }

    /// Writes such a list. Where the disk refuses, it is what it was.
    pub(crate) fn write_list<T: Serialize + ?Sized>(
        &self,
        name: &str,
        list: &T,
        before: &T,
    ) -> Result<(), StateError> {
        replace(&self.folder.join(name), list, before)
    }

    /// A list that grows by lines. `loss` says what it means that some are damaged.
    pub(crate) fn journal(
        &mut self,
        name: &str,
        loss: &'static str,
    ) -> Result<(Journal, Vec<String>), StateError> {
        let path = self.folder.join(name);
        let (journal, lines, damage) = Journal::open(&path).map_err(at(&path))?;
        if let Some(damage) = damage {
            self.tell(&path, &format!("the list of {name}"), damage, loss);
        }
        Ok((journal, lines))
    }

    fn read<T: DeserializeOwned>(
        &mut self,
        path: &Path,
        what: &str,
        loss: &'static str,
    ) -> Result<Option<T>, StateError> {
        let flaw = match kept::read_sealed(path).map_err(at(path))? {
            Found::Absent => return Ok(None),
            Found::Flawed(flaw) => flaw,
            // What proves itself and is not understood was written by another version.
            Found::Whole(content) => match serde_json::from_slice(&content) {
                Ok(value) => return Ok(Some(value)),
                Err(_) => Flaw::OtherVersion,
            },
        };
        self.tell(path, what, kept::Damage::set_aside(path, flaw), loss);
        Ok(None)
    }

    /// Has the operator told of a damaged file, once where it cannot be set aside and is found again and again.
    fn tell(&mut self, path: &Path, what: &str, damage: kept::Damage, loss: &'static str) {
        if damage.aside.is_ok() || self.told.insert(path.to_owned()) {
            self.damage.push(Damage { what: what.to_owned(), damage, loss });
        }
    }

    fn snapshot_path(&self, number: Number) -> PathBuf {
        self.folder.join("snapshots").join(format!("{:08}", number.0))
    }

    /// Removes the snapshots that a full history names no more, and those that an interruption left between two of its
    /// lines. One more than there should be does no harm.
    fn forget_others(&self, history: &[Entry]) {
        let Some(before_last) = history.len().checked_sub(2).and_then(|index| history.get(index)) else {
            return;
        };
        let oldest = history.first().filter(|_| history.len() == KEPT).map_or(0, |entry| entry.number.0);
        let last = history.last().map_or(0, |entry| entry.number.0);
        let confirmed = self.confirmed().map(|number| number.0);
        for number in numbers(&self.folder.join("snapshots")).unwrap_or_default() {
            let is_left = number < oldest || (before_last.number.0 < number && number < last);
            if is_left && Some(number) != confirmed {
                let _ = kept::remove(&self.snapshot_path(Number(number)));
            }
        }
    }
}

/// The highest number that a file in the folder of snapshots has, damaged ones included; 0 where there is none.
fn highest(snapshots: &Path) -> io::Result<u64> {
    Ok(numbers(snapshots)?.into_iter().max().unwrap_or(0))
}

/// The numbers of the files in the folder of snapshots, damaged ones included.
fn numbers(snapshots: &Path) -> io::Result<BTreeSet<u64>> {
    let mut numbers = BTreeSet::new();
    for entry in fs::read_dir(snapshots)? {
        let name = entry?.file_name();
        numbers.extend(name.to_str().and_then(|name| name.split('.').next()?.parse::<u64>().ok()));
    }
    Ok(numbers)
}

fn write<T: Serialize + ?Sized>(path: &Path, value: &T) -> Result<(), StateError> {
    let failed = at(path);
    let content = serde_json::to_vec(value).map_err(io::Error::other);
    content.and_then(|content| kept::write_sealed(path, &content)).map_err(failed)
}

/// Writes a value, or else the one before again: a disk that fails late may have taken the new one.
fn replace<T: Serialize + ?Sized>(path: &Path, value: &T, before: &T) -> Result<(), StateError> {
    write(path, value).inspect_err(|_| {
        // The first refusal is what is told.
        let _ = write(path, before);
    })
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
