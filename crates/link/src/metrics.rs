//! The metrics of a gate: the one thing it says that may be large. It writes them into memory of the keeper's that has a
//! size from the beginning and no other; what is read of it is text, in bounded lines, or nothing.

use model::printable;
use rustix::fs::{MemfdFlags, SealFlags, SeekFrom};
use std::fmt;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// Bytes of all metrics at most: ten thousand sites with ten thousand services have 51 MB.
const LARGEST: u64 = 64 << 20;
/// Lines at most: the same have 480,000.
const MOST_LINES: usize = 640_000;
/// Bytes of a line at most, most of which are labels. The longest of ours has the address of a site and a number.
const LONGEST_LINE: usize = 1 << 10;

/// Memory for metrics.
#[derive(Debug)]
pub struct Metrics(File);

/// Why what a gate wrote is not taken for metrics.
#[derive(Debug)]
pub enum MetricsError {
    /// There are too many lines.
    Lines,
    /// A line is too long.
    Line,
    /// It is no text, or one that would do something to a terminal.
    Text,
    /// The machine refused.
    Io(io::Error),
}

impl fmt::Display for MetricsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lines => write!(f, "they have more than {MOST_LINES} lines"),
            Self::Line => write!(f, "a line has more than {LONGEST_LINE} bytes"),
            Self::Text => f.write_str("they are no text"),
            Self::Io(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for MetricsError {}

impl Metrics {
    /// Memory that whoever has it can write into, and not make larger.
    ///
    /// # Errors
    ///
    /// There are no descriptors.
    pub fn new() -> io::Result<Self> {
        let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
        let memory = rustix::fs::memfd_create("portcullis", flags)?;
        // It takes no memory before it is written.
        rustix::fs::ftruncate(&memory, LARGEST)?;
        rustix::fs::fcntl_add_seals(&memory, SealFlags::GROW | SealFlags::SHRINK | SealFlags::SEAL)?;
        Ok(Self(memory.into()))
    }

    /// The descriptor that a gate gets.
    #[must_use]
    pub fn memory(&self) -> &File {
        &self.0
    }

    /// What was written.
    ///
    /// # Errors
    ///
    /// It is more than any gate has to count, or no text.
    pub fn read(&self) -> Result<String, MetricsError> {
        let end =
            rustix::fs::seek(&self.0, SeekFrom::Hole(0)).map_err(|error| MetricsError::Io(error.into()))?;
        let mut bytes = vec![0; usize::try_from(end.min(LARGEST)).unwrap_or_default()];
        self.0.read_exact_at(&mut bytes, 0).map_err(MetricsError::Io)?;
        // Memory is written by pages.
        let length = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        bytes.truncate(length);
        judge(bytes)
    }
}

fn judge(bytes: Vec<u8>) -> Result<String, MetricsError> {
    let text = String::from_utf8(bytes).map_err(|_| MetricsError::Text)?;
    let mut lines = 0;
    for line in text.lines() {
        lines += 1;
        if line.len() > LONGEST_LINE {
            return Err(MetricsError::Line);
        }
        if lines > MOST_LINES {
            return Err(MetricsError::Lines);
        }
    }
    printable::are_plain_lines(&text).then_some(text).ok_or(MetricsError::Text)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn written(bytes: &[u8]) -> Result<String, String> {
        let metrics = Metrics::new().unwrap();
        metrics.memory().write_all_at(bytes, 0).unwrap();
        metrics.read().map_err(|error| error.to_string())
    }

    #[test]
    fn what_was_written_is_read() {
        let text = "# HELP x y\nx{site=\"grün\"} 1\n# EOF\n".repeat(1000);
        assert_eq!(written(text.as_bytes()), Ok(text));
        assert_eq!(written(b""), Ok(String::new()));
    }

    #[test]
    fn what_no_gate_counts_is_refused() {
        for (bytes, why) in [
            (vec![b'x'; 1025], "a line has more than 1024 bytes"),
            (vec![b'x'; LARGEST as usize], "a line has more than 1024 bytes"),
            (b"x\n".repeat(640_001), "they have more than 640000 lines"),
            (vec![b'\n'; LARGEST as usize], "they have more than 640000 lines"),
            (b"x\x1b[2J 1\n".to_vec(), "they are no text"),
            (b"x\0y 1\n".to_vec(), "they are no text"),
            (b"x\xff 1\n".to_vec(), "they are no text"),
            ("x\u{202e} 1\n".into(), "they are no text"),
        ] {
            assert_eq!(written(&bytes), Err(why.to_owned()));
        }
    }

    #[test]
    fn nobody_makes_the_memory_larger() {
        let metrics = Metrics::new().unwrap();
        assert!(metrics.memory().write_all_at(b"x", LARGEST).is_err());
        assert!(metrics.memory().set_len(LARGEST + 1).is_err());
        assert!(metrics.memory().set_len(1).is_err());
    }
}
