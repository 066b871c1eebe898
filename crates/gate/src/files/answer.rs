//! What is answered for a file: status, lines of the head, and where the body comes from.

use super::FileRequest;
use super::condition::Verdict;
use super::multipart;
use super::range::Ranges;
use super::representation::Representation;
use super::resource::Resource;
use super::root::Root;
use crate::coding::{Accepted, Coding};
use http1::write;
use std::ops::Range;
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::sync::Arc;

/// The answer to a request for a file.
#[derive(Debug)]
pub(crate) enum FileAnswer {
    /// No file is sent: 403, 404, 405, 412, 416, 500 or 503.
    Refused {
        /// The status.
        status: u16,
        /// Further lines of the head, each with its CRLF.
        lines: Vec<u8>,
        /// The rule that refused, for the log.
        rule: &'static str,
    },
    /// None; the service of the route answers.
    Otherwise,
    /// The same path with a slash, as a 308.
    Redirect {
        /// Path and query.
        location: Vec<u8>,
    },
    /// 200, 206 or 304.
    Content(Content),
}

/// An answer with a file, or with what is known of it.
#[derive(Debug)]
pub(crate) struct Content {
    /// 200, 206 or 304.
    pub(crate) status: u16,
    lines: Lines,
    /// The body; empty for HEAD and 304, whatever the lines say of its length.
    pub(crate) body: Body,
}

/// Where a body comes from.
#[derive(Debug)]
pub(crate) enum Body {
    /// There is none.
    Empty,
    /// Bytes of a cached file; see [`Memory::bytes`].
    Memory(Memory),
    /// Bytes of an open file. They may turn out to be fewer, when somebody truncates it: the connection is closed then.
    File(FileSlice),
    /// Text that was made for this answer.
    Text(Vec<u8>),
    /// One after the other; none of them is `Parts` again.
    Parts(Vec<Self>),
}

/// Bytes of a cached file.
#[derive(Clone, Debug)]
pub(crate) struct Memory {
    representation: Rc<Representation>,
    range: Range<usize>,
}

/// Bytes of an open file.
#[derive(Clone, Debug)]
pub(crate) struct FileSlice {
    /// The file, with no offset of its own that matters: read with `pread`, `preadv2` or `sendfile` with an offset.
    pub(crate) file: Arc<OwnedFd>,
    /// The first byte.
    pub(crate) offset: u64,
    /// How many.
    pub(crate) length: u64,
}

#[derive(Debug)]
enum Lines {
    /// Those of a 200.
    Whole(Rc<Representation>),
    /// Those of a 304.
    NotModified(Rc<Representation>),
    /// Made for this answer.
    Made(Vec<u8>),
}

impl FileAnswer {
    pub(super) fn refused(status: u16, rule: &'static str) -> Self {
        Self::Refused { status, lines: Vec::new(), rule }
    }

    pub(super) fn method_not_allowed() -> Self {
        let mut lines = Vec::new();
        write::field(&mut lines, b"Allow", b"GET, HEAD");
        Self::Refused { status: 405, lines, rule: "file-method" }
    }

    /// The listing of a folder. It may name what was uploaded a second ago by somebody else: no scripts, no cache.
    pub(super) fn listing(page: Vec<u8>, is_head: bool) -> Self {
        let mut lines = Vec::new();
        write::field(&mut lines, b"Cache-Control", b"no-cache");
        write::field(&mut lines, b"Content-Security-Policy", b"default-src 'none'");
        write::field(&mut lines, b"X-Content-Type-Options", b"nosniff");
        write::field(&mut lines, b"Content-Type", b"text/html; charset=utf-8");
        write::number_field(&mut lines, b"Content-Length", page.len() as u64);
        let body = if is_head { Body::Empty } else { Body::Text(page) };
        Self::Content(Content { status: 200, lines: Lines::Made(lines), body })
    }
}

impl Content {
    /// The lines of the head that speak of the file, each with its CRLF; `Content-Length` among them unless the
    /// status is 304.
    pub(crate) fn lines(&self) -> &[u8] {
        match &self.lines {
            Lines::Whole(representation) => representation.lines(),
            Lines::NotModified(representation) => representation.shared_lines(),
            Lines::Made(lines) => lines,
        }
    }
}

impl Body {
    /// Bytes of the body.
    pub(crate) fn length(&self) -> u64 {
        match self {
            Self::Empty => 0,
            Self::Memory(memory) => memory.range.len() as u64,
            Self::File(slice) => slice.length,
            Self::Text(text) => text.len() as u64,
            Self::Parts(parts) => parts.iter().map(Self::length).sum(),
        }
    }
}

impl Memory {
    /// The bytes.
    pub(crate) fn bytes(&self) -> &[u8] {
        self.representation.bytes.as_deref().map_or(&[], |bytes| &bytes[self.range.clone()])
    }
}

/// Where the bytes of a representation are.
pub(super) enum Place {
    Memory(Rc<Representation>),
    File(Arc<OwnedFd>),
}

impl Place {
    /// `None` when a large file is another one by now.
    fn of(
        resource: &Resource,
        (representation, coding): (&Rc<Representation>, Option<Coding>),
        root: &Root,
    ) -> Option<Self> {
        if representation.bytes.is_some() {
            return Some(Self::Memory(Rc::clone(representation)));
        }
        let file = resource.open(coding, root.last().as_deref())?;
        Some(Self::File(Arc::new(file)))
    }

    /// A range of the bytes.
    pub(super) fn slice(&self, range: &Range<u64>) -> Body {
        match self {
            // A representation in memory is small, so its ranges fit.
            Self::Memory(representation) => Body::Memory(Memory {
                representation: Rc::clone(representation),
                range: range.start as usize..range.end as usize,
            }),
            Self::File(file) => Body::File(FileSlice {
                file: Arc::clone(file),
                offset: range.start,
                length: range.end - range.start,
            }),
        }
    }
}

/// The answer to a GET or HEAD for a file that was found. `None` when it is another one by now.
pub(super) fn present(
    resource: &Resource,
    accepted: Accepted,
    request: &FileRequest<'_>,
    root: &Root,
) -> Option<FileAnswer> {
    let (representation, coding) = resource.choose(accepted);
    let validators = representation.validators();
    match request.conditions.judge(validators) {
        Verdict::Failed => return Some(precondition_failed(representation)),
        Verdict::NotModified => {
            let lines = Lines::NotModified(Rc::clone(representation));
            return Some(FileAnswer::Content(Content { status: 304, lines, body: Body::Empty }));
        }
        Verdict::Proceed => {}
    }
    let whole = || Lines::Whole(Rc::clone(representation));
    if request.method == b"HEAD" {
        // A Range is for GET alone (RFC 9110, 14.2).
        return Some(FileAnswer::Content(Content { status: 200, lines: whole(), body: Body::Empty }));
    }
    let size = representation.meta.size;
    let ranges = request.conditions.range(validators).map_or(Ranges::Whole, |field| Ranges::of(field, size));
    if ranges == Ranges::Unsatisfiable {
        return Some(unsatisfiable(size));
    }
    let place = Place::of(resource, (representation, coding), root)?;
    let partial = match ranges {
        Ranges::Some(ranges) => partial(representation, &place, &ranges),
        _ => None,
    };
    let content =
        partial.unwrap_or_else(|| Content { status: 200, lines: whole(), body: place.slice(&(0..size)) });
    Some(FileAnswer::Content(content))
}

/// A 206. `None` when the whole file is less than what was asked for.
fn partial(representation: &Representation, place: &Place, ranges: &[Range<u64>]) -> Option<Content> {
    let [range] = ranges else {
        let (lines, body) = multipart::make(representation, place, ranges)?;
        return Some(Content { status: 206, lines: Lines::Made(lines), body });
    };
    let mut lines = representation.typed_lines().to_vec();
    content_range(&mut lines, range, representation.meta.size);
    write::number_field(&mut lines, b"Content-Length", range.end - range.start);
    Some(Content { status: 206, lines: Lines::Made(lines), body: place.slice(range) })
}

/// Writes a `Content-Range` (RFC 9110, 14.4).
pub(super) fn content_range(out: &mut Vec<u8>, range: &Range<u64>, size: u64) {
    out.extend_from_slice(b"Content-Range: bytes ");
    write::number(out, range.start);
    out.push(b'-');
    write::number(out, range.end - 1);
    out.push(b'/');
    write::number(out, size);
    out.extend_from_slice(b"\r\n");
}

fn unsatisfiable(size: u64) -> FileAnswer {
    let mut lines = b"Content-Range: bytes */".to_vec();
    write::number(&mut lines, size);
    lines.extend_from_slice(b"\r\n");
    FileAnswer::Refused { status: 416, lines, rule: "file-range" }
}

fn precondition_failed(representation: &Representation) -> FileAnswer {
    let lines = representation.shared_lines().to_vec();
    FileAnswer::Refused { status: 412, lines, rule: "file-precondition" }
}
