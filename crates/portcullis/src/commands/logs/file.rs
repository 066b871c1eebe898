//! The file of the access log: its last lines, and what is written after them, also when it is moved away.

use super::entry::{Last, Wanted};
use crate::cli::Logs;
use crate::failure::{Exit, Failure};
use crate::terminal;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

/// The end of the file that is looked at: what is older is for tools that read files of any size.
const LOOKED_AT: u64 = 256 << 20;
/// Between two looks at a file that is followed; lines come every half second at most.
const BETWEEN_LOOKS: Duration = Duration::from_millis(250);
/// Bytes of one line; a longer one is no line of an access log.
const LONGEST_LINE: u64 = 1 << 20;

pub(super) fn show(path: &Path, wanted: &Wanted, arguments: &Logs) -> Result<Exit, Failure> {
    let mut file = open(path)?;
    let failed = |error: io::Error| Failure::refused(format!("cannot read {}: {error}", path.display()));
    let length = file.metadata().map_err(failed)?.len();
    let from = length.saturating_sub(LOOKED_AT);
    file.seek(SeekFrom::Start(from)).map_err(failed)?;
    let mut lines = Lines::new(file);
    if from > 0 {
        // It begins somewhere within a line.
        lines.next().map_err(failed)?;
    }
    let mut last = Last::new(arguments.lines);
    while let Some(line) = lines.next().map_err(failed)? {
        if wanted.takes(&line) {
            last.push(line);
        }
    }
    if from > 0 && !last.is_full() {
        terminal::warn(format_args!("only the last 256 MiB of {} were looked at", path.display()));
    }
    if last.is_empty() && arguments.lines > 0 {
        let what = if length == 0 { "is empty" } else { "has no line of that kind" };
        let so_far = if arguments.follow { " so far" } else { "" };
        terminal::say(format_args!("{} {what}{so_far}\n", path.display()));
    }
    terminal::print(last.text())?;
    if arguments.follow {
        follow(path, lines, wanted).map_err(failed)?;
    }
    Ok(Exit::Done)
}

fn open(path: &Path) -> Result<File, Failure> {
    File::open(path).map_err(|error| {
        let failure = Failure::refused(format!("cannot read {}: {error}", path.display()));
        match error.kind() {
            io::ErrorKind::NotFound => failure.with_hint("it is made when the gate starts: `portcullis up`"),
            io::ErrorKind::PermissionDenied => failure.with_hint("run this as root"),
            _ => failure,
        }
    })
}

/// Shows what comes, until the reader leaves.
fn follow(path: &Path, mut lines: Lines, wanted: &Wanted) -> io::Result<()> {
    loop {
        while let Some(line) = lines.next()? {
            if wanted.takes(&line) && !terminal::print_line(&line) {
                return Ok(());
            }
        }
        std::thread::sleep(BETWEEN_LOOKS);
        lines.reopen_if_moved(path);
    }
}

/// Whole lines of a file that may grow; the beginning of one that is still being written waits for its end.
struct Lines {
    reader: BufReader<File>,
    begun: Vec<u8>,
}

impl Lines {
    fn new(file: File) -> Self {
        Self { reader: BufReader::new(file), begun: Vec::new() }
    }

    fn next(&mut self) -> io::Result<Option<String>> {
        let room = LONGEST_LINE.saturating_sub(self.begun.len() as u64).max(1);
        self.reader.by_ref().take(room).read_until(b'\n', &mut self.begun)?;
        if self.begun.last() != Some(&b'\n') && (self.begun.len() as u64) < LONGEST_LINE {
            return Ok(None);
        }
        let line = std::mem::take(&mut self.begun);
        Ok(Some(String::from_utf8_lossy(&line).trim_end_matches('\n').to_owned()))
    }

    /// Another file has the name now, or this one was cut: then it is read from its beginning.
    fn reopen_if_moved(&mut self, path: &Path) {
        let (Ok(named), Ok(open)) = (fs::metadata(path), self.reader.get_ref().metadata()) else { return };
        let is_moved = (named.dev(), named.ino()) != (open.dev(), open.ino());
        let is_cut = self.reader.stream_position().is_ok_and(|position| position > open.len());
        if (is_moved || is_cut)
            && let Ok(file) = File::open(path)
        {
            *self = Self::new(file);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn all(lines: &mut Lines) -> Vec<String> {
        std::iter::from_fn(|| lines.next().expect("a file of the test")).collect()
    }

    #[test]
    fn a_line_that_is_still_written_waits_for_its_end() {
        let folder = testkit::Folder::new();
        let path = folder.write("log", "a\nb");
        let mut lines = Lines::new(File::open(&path).expect("there"));
        assert_eq!(all(&mut lines), ["a"]);
        let mut file = File::options().append(true).open(&path).expect("there");
        file.write_all(b"c\nd\n").expect("written");
        assert_eq!(all(&mut lines), ["bc", "d"]);
    }

    #[test]
    fn a_log_that_was_moved_or_cut_is_opened_anew() {
        let folder = testkit::Folder::new();
        let path = folder.write("log", "old\n");
        let mut lines = Lines::new(File::open(&path).expect("there"));
        assert_eq!(all(&mut lines), ["old"]);
        lines.reopen_if_moved(&path);
        assert!(all(&mut lines).is_empty(), "nothing happened to it");
        fs::rename(&path, folder.join("log.1")).expect("moved");
        lines.reopen_if_moved(&path);
        folder.write("log", "new\n");
        lines.reopen_if_moved(&path);
        assert_eq!(all(&mut lines), ["new"]);
        folder.write("log", "x\n");
        lines.reopen_if_moved(&path);
        assert_eq!(all(&mut lines), ["x"]);
    }
}
