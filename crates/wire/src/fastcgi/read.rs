//! The records of an application, read as they arrive, however they are cut.

use super::{HEAD, REQUEST, VERSION, kind};
use std::fmt;

/// Reads the records that answer one request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecordReader {
    stage: Stage,
    /// The head of a record, or the content of the last one, as far as it arrived.
    held: [u8; HEAD],
    has: usize,
    kind: u8,
    content: usize,
    padding: usize,
    stdout_ended: bool,
    end: Option<End>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Stage {
    #[default]
    Head,
    Content,
    Padding,
}

/// What one call of [`RecordReader::read`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record {
    /// How many bytes are dealt with; content ends there.
    pub consumed: usize,
    /// Where content starts within them.
    pub start: usize,
    /// What it is.
    pub found: Found,
}

/// What was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// Nothing yet: everything was consumed.
    Nothing,
    /// A piece of the answer, never empty.
    Stdout,
    /// A piece of what the application says to its operator, never empty.
    Stderr,
    /// The end of the request, again with every call. Nothing behind it is read.
    End(End),
}

/// How a request ended (section 5.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct End {
    /// What the application says about itself; 0 is success, as with the exit status of a program.
    pub application: u32,
    /// What it says about the request.
    pub protocol: ProtocolStatus,
}

/// What an application says about a request (section 5.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProtocolStatus {
    /// It was answered.
    Complete,
    /// It came while another one is served on the connection.
    CannotMultiplex,
    /// It was not begun, for want of some resource.
    Overloaded,
    /// The application answers no requests.
    UnknownRole,
}

/// Why records are refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordError {
    /// The first byte is not the version; what answers speaks something else.
    Version(u8),
    /// A record of a request that was not sent.
    Request(u16),
    /// A type that no application sends.
    Kind(u8),
    /// An end that does not have eight bytes.
    EndLength(u16),
    /// An end with a status that does not exist.
    EndStatus(u8),
    /// More of the answer behind its end.
    BehindEnd,
}

impl fmt::Display for RecordError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Version(version) => {
                write!(f, "a record begins with {version:#04x}, which is not FastCGI 1.0")
            }
            Self::Request(id) => write!(f, "a record belongs to the request {id}, and 1 was sent"),
            Self::Kind(kind) => write!(f, "a record has the type {kind}, which no application sends"),
            Self::EndLength(length) => write!(f, "the end of the request has {length} bytes in place of 8"),
            Self::EndStatus(status) => write!(f, "the request ended with the unknown status {status}"),
            Self::BehindEnd => f.write_str("the answer goes on behind its end"),
        }
    }
}

impl std::error::Error for RecordError {}

impl RecordReader {
    /// Reads until content or the end of the request is found, or all bytes are consumed.
    ///
    /// # Errors
    ///
    /// What no application sends that speaks FastCGI with us. What was found before stays found.
    pub fn read(&mut self, bytes: &[u8]) -> Result<Record, RecordError> {
        let mut at = 0;
        loop {
            let rest = &bytes[at..];
            if let Some(end) = self.end {
                let padding = self.padding.min(rest.len());
                self.padding -= padding;
                at += padding;
                return Ok(Record { consumed: at, start: at, found: Found::End(end) });
            }
            if rest.is_empty() {
                return Ok(Record { consumed: at, start: at, found: Found::Nothing });
            }
            match self.stage {
                Stage::Head => at += self.take_head(rest)?,
                Stage::Content if self.content == 0 => self.stage = Stage::Padding,
                Stage::Content if self.kind == kind::END => at += self.take_end(rest)?,
                Stage::Content => {
                    let run = self.content.min(rest.len());
                    self.content -= run;
                    let found = match self.kind {
                        kind::STDOUT => Found::Stdout,
                        kind::STDERR => Found::Stderr,
                        // About the application itself.
                        _ => Found::Nothing,
                    };
                    if found != Found::Nothing {
                        return Ok(Record { consumed: at + run, start: at, found });
                    }
                    at += run;
                }
                Stage::Padding => {
                    let run = self.padding.min(rest.len());
                    self.padding -= run;
                    at += run;
                    if self.padding == 0 {
                        self.stage = Stage::Head;
                    }
                }
            }
        }
    }

    /// Whether the request has ended and nothing of its last record is outstanding, so that another may follow.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.end.is_some() && self.padding == 0
    }

    /// Fills what is held up to eight bytes; answers how many were taken, and whether it is full now.
    fn hold(&mut self, bytes: &[u8]) -> (usize, bool) {
        let run = (HEAD - self.has).min(bytes.len());
        self.held[self.has..self.has + run].copy_from_slice(&bytes[..run]);
        self.has += run;
        let full = self.has == HEAD;
        if full {
            self.has = 0;
        }
        (run, full)
    }

    fn take_head(&mut self, bytes: &[u8]) -> Result<usize, RecordError> {
        if self.has == 0 && bytes[0] != VERSION {
            // Said with the first byte: what speaks another protocol may wait for us before it sends eight.
            return Err(RecordError::Version(bytes[0]));
        }
        let (taken, full) = self.hold(bytes);
        if full {
            self.judge_head()?;
        }
        Ok(taken)
    }

    fn judge_head(&mut self) -> Result<(), RecordError> {
        let [_, kind, id_high, id_low, high, low, padding, _] = self.held;
        let (id, length) = (u16::from_be_bytes([id_high, id_low]), u16::from_be_bytes([high, low]));
        match (id, kind) {
            (0, _) | (REQUEST, kind::STDERR) => {}
            (REQUEST, kind::STDOUT) if length == 0 => self.stdout_ended = true,
            (REQUEST, kind::STDOUT) if self.stdout_ended => return Err(RecordError::BehindEnd),
            (REQUEST, kind::STDOUT) => {}
            (REQUEST, kind::END) if length == 8 => {}
            (REQUEST, kind::END) => return Err(RecordError::EndLength(length)),
            (REQUEST, _) => return Err(RecordError::Kind(kind)),
            _ => return Err(RecordError::Request(id)),
        }
        // What concerns the application itself is not asked for, and skipped whatever its type.
        self.kind = if id == 0 { 0 } else { kind };
        (self.content, self.padding) = (length.into(), padding.into());
        self.stage = if length == 0 && padding == 0 { Stage::Head } else { Stage::Content };
        Ok(())
    }

    fn take_end(&mut self, bytes: &[u8]) -> Result<usize, RecordError> {
        let (taken, full) = self.hold(bytes);
        if full {
            let [first, second, third, fourth, status, ..] = self.held;
            let protocol = match status {
                0 => ProtocolStatus::Complete,
                1 => ProtocolStatus::CannotMultiplex,
                2 => ProtocolStatus::Overloaded,
                3 => ProtocolStatus::UnknownRole,
                status => return Err(RecordError::EndStatus(status)),
            };
            let application = u32::from_be_bytes([first, second, third, fourth]);
            // The padding behind it is skipped where it comes, and not waited for.
            self.end = Some(End { application, protocol });
        }
        Ok(taken)
    }
}
