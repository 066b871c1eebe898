//! A list on disk that grows by lines: adding one costs the same whatever is in it. Each line proves itself.
//!
//! Nothing is written before the first line is added. A line that was cut by an interruption, or damaged, is left out; the
//! file as it was gets a second name, and the lines that are whole take its place.

use crate::aside::{Damage, copy_aside};
use crate::proof::{self, Flaw};
use crate::read::{self, Bytes};
use crate::write::{Access, place, sync_folder, write};
use rustix::fs::{Mode, OFlags};
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// A journal. Its owner alone can read it.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    lines: usize,
    end: End,
}

/// Where the next line goes.
#[derive(Debug)]
enum End {
    /// To the end of the file, which has to be opened.
    Closed,
    /// To the end of the file, whose bytes until there are whole.
    Open(File, u64),
    /// Nowhere before the file is [replaced](Journal::replace): it ends with what is no line.
    Ragged,
}

impl Journal {
    /// Reads a journal, and answers with its lines and what was wrong with it.
    ///
    /// # Errors
    ///
    /// The machine refuses to read. A file that cannot be repaired is no error.
    pub fn open(path: &Path) -> io::Result<(Self, Vec<String>, Option<Damage>)> {
        let (bytes, flaw) = match read::read(path)? {
            Bytes::All(bytes) => (bytes, None),
            Bytes::Absent => (Vec::new(), None),
            Bytes::Flawed(flaw) => (Vec::new(), Some(flaw)),
        };
        let (lines, whole) = proof::lines(&bytes);
        let lines: Vec<String> = lines.into_iter().map(str::to_owned).collect();
        let mut journal = Self { path: path.to_owned(), lines: lines.len(), end: End::Closed };
        let damage = match (flaw, whole) {
            (Some(flaw), _) => Some(Damage::set_aside(path, flaw)),
            (None, false) => Some(journal.repair(&lines)),
            (None, true) => None,
        };
        if damage.as_ref().is_some_and(|damage| damage.aside.is_err()) {
            journal.end = End::Ragged;
        }
        Ok((journal, lines, damage))
    }

    /// Adds lines and makes them durable. A line must not contain a line feed.
    ///
    /// # Errors
    ///
    /// The machine refuses, or the journal has to be [replaced](Self::replace) first. The lines are not there then.
    pub fn add<'a>(&mut self, lines: impl IntoIterator<Item = &'a str>) -> io::Result<()> {
        let (text, count) = text_of(lines);
        let (mut file, length) = match std::mem::replace(&mut self.end, End::Ragged) {
            End::Open(file, length) => (file, length),
            End::Closed => open_end(&self.path).inspect_err(|_| self.end = End::Closed)?,
            End::Ragged => return Err(io::Error::other("it has to be written anew")),
        };
        if let Err(error) = file.write_all(text.as_bytes()).and_then(|()| file.sync_data()) {
            // A half of a line would take the next one with it.
            if file.set_len(length).and_then(|()| file.sync_data()).is_ok() {
                self.end = End::Open(file, length);
            }
            return Err(error);
        }
        self.end = End::Open(file, length + text.len() as u64);
        self.lines += count;
        Ok(())
    }

    /// Whether lines can be added.
    #[must_use]
    pub const fn is_sound(&self) -> bool {
        !matches!(self.end, End::Ragged)
    }

    /// How many lines there are.
    #[must_use]
    pub const fn lines(&self) -> usize {
        self.lines
    }

    /// Puts these lines in the place of all others.
    ///
    /// # Errors
    ///
    /// As those of [`write()`].
    pub fn replace<'a>(&mut self, lines: impl IntoIterator<Item = &'a str>) -> io::Result<()> {
        let (text, count) = text_of(lines);
        let was_sound = self.is_sound();
        // Whatever file has the name afterwards is opened anew.
        self.end = if was_sound { End::Closed } else { End::Ragged };
        write(&self.path, text.as_bytes(), Access::Private)?;
        self.end = End::Closed;
        self.lines = count;
        Ok(())
    }

    /// At every moment the damaged file or the repaired one has the name.
    fn repair(&mut self, lines: &[String]) -> Damage {
        let aside = copy_aside(&self.path)
            .and_then(|aside| self.replace(lines.iter().map(String::as_str)).map(|()| aside));
        Damage { flaw: Flaw::Damaged, aside }
    }
}

fn text_of<'a>(lines: impl IntoIterator<Item = &'a str>) -> (String, usize) {
    let (mut text, mut count) = (String::new(), 0);
    for line in lines {
        text.push_str(&proof::line(line));
        count += 1;
    }
    (text, count)
}

/// Opens the end of a file, which is made when it is not there, and says how long it is.
fn open_end(path: &Path) -> io::Result<(File, u64)> {
    let (folder, name) = place(path)?;
    let flags = OFlags::WRONLY | OFlags::APPEND | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = File::from(rustix::fs::openat(&folder, name, flags, Mode::RUSR | Mode::WUSR)?);
    sync_folder(&folder)?;
    let length = file.metadata()?.len();
    Ok((file, length))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::MetadataExt;

    struct Place(tempfile::TempDir);

    impl Place {
        fn new() -> Self {
            Self(tempfile::tempdir().expect("a folder"))
        }

        fn path(&self) -> PathBuf {
            self.0.path().join("bans")
        }

        fn open(&self) -> Journal {
            Journal::open(&self.path()).expect("a journal").0
        }

        /// Its lines, and whether something was wrong.
        fn lines(&self) -> (Vec<String>, bool) {
            let (_, lines, damage) = Journal::open(&self.path()).expect("a journal");
            (lines, damage.is_some())
        }
    }

    #[test]
    fn lines_are_kept_in_their_order() {
        let place = Place::new();
        let (mut journal, none, damage) = Journal::open(&place.path()).expect("a journal");
        assert!(none.is_empty() && damage.is_none() && !place.path().exists());
        journal.add(["one", "two"]).expect("room");
        journal.add(["three"]).expect("room");
        assert_eq!(place.lines(), (vec!["one".into(), "two".into(), "three".into()], false));
        journal.replace(["four"]).expect("room");
        journal.add(["five"]).expect("room");
        assert_eq!(journal.lines(), 2);
        assert_eq!(place.lines(), (vec!["four".into(), "five".into()], false));
        assert_eq!(fs::metadata(place.path()).expect("there").mode() & 0o7777, 0o600);
    }

    #[test]
    fn a_line_that_was_cut_is_left_out_and_reported_once() {
        let place = Place::new();
        place.open().add(["one", "two"]).expect("room");
        let whole = fs::read(place.path()).expect("there");
        let first = whole.iter().position(|byte| *byte == b'\n').expect("a line") + 1;
        for cut in first + 1..whole.len() {
            fs::write(place.path(), &whole[..cut]).expect("our file");
            assert_eq!(place.lines(), (vec!["one".to_owned()], true), "cut at {cut}");
            assert_eq!(place.lines(), (vec!["one".to_owned()], false), "cut at {cut}");
        }
        place.open().add(["three"]).expect("room");
        assert_eq!(place.lines().0, ["one", "three"]);
    }

    #[test]
    fn a_damaged_line_is_left_out_and_the_file_as_it_was_stays() {
        let place = Place::new();
        place.open().add(["one", "two", "three"]).expect("room");
        let damaged = fs::read_to_string(place.path()).expect("there").replace("two", "ten");
        fs::write(place.path(), &damaged).expect("our file");
        assert_eq!(place.lines(), (vec!["one".into(), "three".into()], true));
        let aside = place.0.path().join("bans.damaged-1");
        assert_eq!(fs::read_to_string(aside).expect("there"), damaged);
    }

    #[test]
    fn a_folder_in_its_place_is_set_aside() {
        let place = Place::new();
        fs::create_dir(place.path()).expect("ours");
        assert_eq!(place.lines(), (Vec::new(), true));
        place.open().add(["one"]).expect("room");
        assert_eq!(place.lines().0, ["one"]);
    }

    #[test]
    fn a_refusal_leaves_the_lines_that_were_there() {
        let place = Place::new();
        let mut journal = place.open();
        journal.add(["one"]).expect("room");
        // A file that cannot be written to its end, as that of a full disk.
        let length = fs::metadata(place.path()).expect("there").len();
        journal.end = End::Open(File::open("/dev/full").expect("the device"), length);
        journal.add(["two"]).expect_err("it was opened to be read");
        assert!(!journal.is_sound(), "it cannot be cut either");
        journal.add(["two"]).expect_err("it has to be written anew");
        assert_eq!(place.lines(), (vec!["one".to_owned()], false));
        journal.replace(["one", "two"]).expect("room");
        journal.add(["three"]).expect("room");
        assert_eq!(place.lines().0, ["one", "two", "three"]);
    }
}
