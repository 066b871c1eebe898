//! One file as it is sent: its validators, the lines of its head made beforehand, and its bytes when they are few.

use super::condition::Validators;
use super::media::content_type;
use super::meta::Meta;
use crate::coding::Coding;
use http1::write;
use std::cell::RefCell;
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, UNIX_EPOCH};

/// Files up to this size are kept in memory.
pub(super) const SMALL: u64 = 64 << 10;
/// The first second that no HTTP date can express: the year 10000.
const NO_DATE: u64 = 253_402_300_800;

/// One file as it is sent.
#[derive(Debug)]
pub(super) struct Representation {
    pub(super) meta: Meta,
    tag: Box<str>,
    /// The lines of the head of a 200, each with its CRLF, so that every other head is a beginning of it.
    lines: Box<[u8]>,
    /// What a 304 has too: validators, `Vary`, `Cache-Control`.
    shared: usize,
    /// Everything but type and length.
    common: usize,
    /// Everything but the length.
    typed: usize,
    /// The whole file, when it is small.
    pub(super) bytes: Option<Box<[u8]>>,
    /// The open file of a large one, for the answer that it was opened for.
    pub(super) file: RefCell<Option<OwnedFd>>,
}

/// What the lines of a head say beside what the file says.
#[derive(Clone, Copy, Debug)]
pub(super) struct Dressing<'a> {
    /// The name that tells the media type: that of the file before it was compressed.
    pub(super) name: &'a [u8],
    /// How it was compressed.
    pub(super) coding: Option<Coding>,
    /// Whether other requests get it in another coding.
    pub(super) varies: bool,
    /// `Cache-Control`.
    pub(super) cache_control: Option<&'a str>,
}

impl Representation {
    /// Reads a file when it is small. `None` when somebody writes to it meanwhile, so that what was read may be half
    /// of this and half of that.
    pub(super) fn read(file: OwnedFd, meta: Meta, dressing: Dressing<'_>) -> Option<Self> {
        let bytes = match meta.size <= SMALL {
            true => Some(read_whole(&file, meta)?),
            false => None,
        };
        let is_large = bytes.is_none();
        let representation = Self::dress(meta, dressing, bytes);
        if is_large {
            representation.file.replace(Some(file));
        }
        Some(representation)
    }

    fn dress(meta: Meta, dressing: Dressing<'_>, bytes: Option<Box<[u8]>>) -> Self {
        let tag = meta.entity_tag().into_boxed_str();
        let mut lines = Vec::with_capacity(320);
        write::field(&mut lines, b"ETag", tag.as_bytes());
        if let Some(modified) = meta.modified().filter(|&modified| modified < NO_DATE) {
            let date = httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(modified));
            write::field(&mut lines, b"Last-Modified", date.as_bytes());
        }
        if dressing.varies {
            write::field(&mut lines, b"Vary", b"Accept-Encoding");
        }
        if let Some(value) = dressing.cache_control {
            // A value that would break the head is left out; the configuration accepts none.
            let _ = write::checked_field(&mut lines, b"Cache-Control", value.as_bytes());
        }
        let shared = lines.len();
        write::field(&mut lines, b"Accept-Ranges", b"bytes");
        write::field(&mut lines, b"X-Content-Type-Options", b"nosniff");
        if let Some(coding) = dressing.coding {
            write::field(&mut lines, b"Content-Encoding", coding.token().as_bytes());
        }
        let common = lines.len();
        let (media, charset) = content_type(dressing.name);
        write::field(&mut lines, b"Content-Type", [media, charset].concat().as_bytes());
        let typed = lines.len();
        write::number_field(&mut lines, b"Content-Length", meta.size);
        let lines = lines.into_boxed_slice();
        Self { meta, tag, lines, shared, common, typed, bytes, file: RefCell::default() }
    }

    pub(super) fn validators(&self) -> Validators<'_> {
        Validators { tag: self.tag.as_bytes(), modified: self.meta.modified() }
    }

    /// The lines of a 200.
    pub(super) fn lines(&self) -> &[u8] {
        &self.lines
    }

    /// The lines of a 304 or 412.
    pub(super) fn shared_lines(&self) -> &[u8] {
        &self.lines[..self.shared]
    }

    /// The lines of a 206 with several ranges, whose type and length are others.
    pub(super) fn common_lines(&self) -> &[u8] {
        &self.lines[..self.common]
    }

    /// The lines of a 206 with one range, whose length is another.
    pub(super) fn typed_lines(&self) -> &[u8] {
        &self.lines[..self.typed]
    }

    /// The `Content-Type` line.
    pub(super) fn type_line(&self) -> &[u8] {
        &self.lines[self.common..self.typed]
    }

    /// Bytes of memory that it takes.
    pub(super) fn cost(&self) -> usize {
        size_of::<Self>()
            + self.lines.len()
            + self.tag.len()
            + self.bytes.as_ref().map_or(0, |bytes| bytes.len())
    }
}

/// Reads a whole small file, and makes sure that nobody wrote to it meanwhile.
fn read_whole(file: &OwnedFd, meta: Meta) -> Option<Box<[u8]>> {
    let size = usize::try_from(meta.size).ok()?;
    let mut bytes = vec![0; size].into_boxed_slice();
    let mut done = 0;
    while done < size {
        match rustix::io::pread(file, &mut bytes[done..], done as u64) {
            Ok(0) => return None,
            Ok(count) => done += count,
            Err(rustix::io::Errno::INTR) => {}
            Err(_) => return None,
        }
    }
    (Meta::of(file.as_fd()).ok()? == meta).then_some(bytes)
}
