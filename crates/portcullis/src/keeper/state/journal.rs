//! A list on disk that grows by lines: adding one costs the same whatever is in it. Each line proves itself.
//!
//! A line that was cut by an interruption, or damaged, is left out, and the file as it was is set aside.

use super::digest;
use super::file::{self, Damage};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Hexadecimal digits of a line's digest: against damage, not against somebody who may write the file.
const PROOF: usize = 16;

/// A journal, open for adding.
#[derive(Debug)]
pub(crate) struct Journal {
    path: PathBuf,
    file: File,
    lines: usize,
}

impl Journal {
    /// Opens a journal, which is made when it is not there, and answers with its lines.
    pub(crate) fn open(path: &Path) -> io::Result<(Self, Vec<String>, Option<Damage>)> {
        let bytes = match fs::read(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            other => other?,
        };
        let (lines, whole) = judge(&bytes);
        let damage = if whole {
            None
        } else {
            let aside = file::set_aside(path)?;
            rewrite(path, lines.iter().map(String::as_str))?;
            Some(Damage { what: format!("a part of {}", path.display()), aside })
        };
        let file = append_to(path)?;
        Ok((Self { path: path.to_owned(), file, lines: lines.len() }, lines, damage))
    }

    /// Adds lines and makes them durable. A line must not contain a line feed.
    pub(crate) fn add<'a>(&mut self, lines: impl IntoIterator<Item = &'a str>) -> io::Result<()> {
        let mut text = String::new();
        for line in lines {
            write_line(&mut text, line);
            self.lines += 1;
        }
        self.file.write_all(text.as_bytes())?;
        self.file.sync_data()
    }

    /// How many lines there are.
    pub(crate) const fn lines(&self) -> usize {
        self.lines
    }

    /// Puts these lines in the place of all others.
    pub(crate) fn replace<'a>(&mut self, lines: impl IntoIterator<Item = &'a str>) -> io::Result<()> {
        self.lines = rewrite(&self.path, lines)?;
        self.file = append_to(&self.path)?;
        Ok(())
    }
}

/// The lines that prove themselves, and whether all did.
fn judge(bytes: &[u8]) -> (Vec<String>, bool) {
    let lines: Vec<Option<&str>> = bytes.split_inclusive(|byte| *byte == b'\n').map(proved).collect();
    let whole = lines.iter().all(Option::is_some);
    (lines.into_iter().flatten().map(str::to_owned).collect(), whole)
}

fn proved(line: &[u8]) -> Option<&str> {
    let line = std::str::from_utf8(line.strip_suffix(b"\n")?).ok()?;
    let (proof, text) = line.split_once(' ')?;
    (digest::hex(text.as_bytes()).get(..PROOF) == Some(proof)).then_some(text)
}

fn write_line(out: &mut String, line: &str) {
    out.push_str(&digest::hex(line.as_bytes())[..PROOF]);
    out.push(' ');
    out.push_str(line);
    out.push('\n');
}

fn append_to(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new().append(true).create(true).mode(0o600).open(path)?;
    file::sync_folder_of(path)?;
    Ok(file)
}

fn rewrite<'a>(path: &Path, lines: impl IntoIterator<Item = &'a str>) -> io::Result<usize> {
    let beside = path.with_extension("new");
    let (mut text, mut count) = (String::new(), 0);
    for line in lines {
        write_line(&mut text, line);
        count += 1;
    }
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&beside, path)?;
    file::sync_folder_of(path)?;
    Ok(count)
}

#[cfg(test)]
mod tests {
    use super::*;
    use testkit::Folder;

    fn lines(path: &Path) -> (Vec<String>, bool) {
        let (_, lines, damage) = Journal::open(path).expect("a journal");
        (lines, damage.is_some())
    }

    #[test]
    fn lines_are_kept_in_their_order() {
        let folder = Folder::new();
        let path = folder.join("bans");
        let (mut journal, none, damage) = Journal::open(&path).expect("a journal");
        assert!(none.is_empty() && damage.is_none());
        journal.add(["one", "two"]).expect("room");
        journal.add(["three"]).expect("room");
        assert_eq!(lines(&path), (vec!["one".into(), "two".into(), "three".into()], false));
        journal.replace(["four"]).expect("room");
        journal.add(["five"]).expect("room");
        assert_eq!(journal.lines(), 2);
        assert_eq!(lines(&path), (vec!["four".into(), "five".into()], false));
    }

    #[test]
    fn a_line_that_was_cut_is_left_out_and_reported() {
        let folder = Folder::new();
        let path = folder.join("bans");
        Journal::open(&path).expect("a journal").0.add(["one", "two"]).expect("room");
        let whole = fs::read(&path).expect("there");
        let first = whole.iter().position(|byte| *byte == b'\n').expect("a line") + 1;
        for cut in first + 1..whole.len() {
            fs::write(&path, &whole[..cut]).expect("our file");
            assert_eq!(lines(&path), (vec!["one".to_owned()], true), "cut at {cut}");
        }
        Journal::open(&path).expect("a journal").0.add(["three"]).expect("room");
        assert_eq!(lines(&path).0, ["one", "three"]);
    }

    #[test]
    fn a_damaged_line_is_left_out_and_reported() {
        let folder = Folder::new();
        let path = folder.join("bans");
        Journal::open(&path).expect("a journal").0.add(["one", "two", "three"]).expect("room");
        let damaged = fs::read_to_string(&path).expect("there").replace("two", "ten");
        fs::write(&path, damaged).expect("our file");
        assert_eq!(lines(&path), (vec!["one".into(), "three".into()], true));
        assert!(folder.join("bans.corrupt").exists());
        assert_eq!(lines(&path), (vec!["one".into(), "three".into()], false));
    }
}
