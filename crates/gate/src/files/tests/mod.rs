//! Whole answers for folders on a disk.
#![expect(clippy::unwrap_used, reason = "tests")]

mod answers;
mod caching;
mod escape;
mod listings;
mod otherwise;
mod ranges;

use super::{Body, Conditions, Content, FileAnswer, FileCache, FileRequest, FileRoute};
use model::path::canonicalize;
use model::plan::FilesHandler;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// What must never be answered.
const SECRET: &str = "the secret beside the root";

/// A folder `root` with a secret beside it, and a route that serves it.
struct Site {
    folder: TempDir,
    route: FileRoute,
    cache: FileCache,
    /// The time of the next request.
    now: Instant,
}

/// A route with every default.
fn handler(root: &Path) -> FilesHandler {
    FilesHandler {
        root: root.to_owned(),
        skip_segments: 0,
        index: "index.html".into(),
        fallback: None,
        otherwise: None,
        refused_scripts: Vec::new(),
        listing: false,
        precompressed: false,
        hidden: false,
        cache_control: None,
    }
}

impl Site {
    fn new(change: impl FnOnce(&mut FilesHandler)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("root");
        std::fs::create_dir(&root).unwrap();
        std::fs::write(folder.path().join("secret"), SECRET).unwrap();
        let mut handler = handler(&root);
        change(&mut handler);
        let route = FileRoute::new(handler);
        Self { folder, route, cache: FileCache::new(1 << 20), now: Instant::now() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join("root").join(name)
    }

    /// Writes a file, and the folders above it.
    fn write(&self, name: &str, content: impl AsRef<[u8]>) -> &Self {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
        self
    }

    /// Sets when a file was modified, in seconds since 1970.
    fn touch(&self, name: &str, seconds: u64) -> &Self {
        let time = std::time::UNIX_EPOCH + Duration::from_secs(seconds);
        std::fs::File::options().write(true).open(self.path(name)).unwrap().set_modified(time).unwrap();
        self
    }

    /// Answers a request as it comes from a client: a path that is not canonical is refused before.
    fn ask(&self, path: &str, change: impl FnOnce(&mut FileRequest<'_>)) -> Option<FileAnswer> {
        let mut canonical = Vec::new();
        canonicalize(path.as_bytes(), &mut canonical).ok()?;
        let mut request = FileRequest { method: b"GET", path: &canonical, ..FileRequest::default() };
        change(&mut request);
        Some(self.route.answer(&request, &self.cache, self.now))
    }

    fn get(&self, path: &str) -> Shown {
        Shown::of(self.ask(path, |_| {}).unwrap())
    }

    fn get_with(&self, path: &str, conditions: Conditions<'_>) -> Shown {
        // The change cannot know how long the request lives, so the request is made here.
        let request =
            FileRequest { method: b"GET", path: path.as_bytes(), conditions, ..FileRequest::default() };
        Shown::of(self.route.answer(&request, &self.cache, self.now))
    }

    fn get_encoded(&self, path: &str, accept: &str) -> Shown {
        let accept_encoding = Some(accept.as_bytes());
        let request =
            FileRequest { method: b"GET", path: path.as_bytes(), accept_encoding, ..FileRequest::default() };
        Shown::of(self.route.answer(&request, &self.cache, self.now))
    }

    /// Lets a second pass, after which the disk is looked at again.
    fn wait(&mut self) {
        self.now += Duration::from_secs(1);
    }
}

/// An answer as a client would see it.
#[derive(Debug, PartialEq, Eq)]
struct Shown {
    status: u16,
    lines: Vec<String>,
    body: Vec<u8>,
    rule: &'static str,
}

impl Shown {
    fn of(answer: FileAnswer) -> Self {
        match answer {
            FileAnswer::Refused { status, lines, rule } => {
                Self { status, lines: split(&lines), body: Vec::new(), rule }
            }
            FileAnswer::Otherwise => {
                Self { status: 0, lines: Vec::new(), body: Vec::new(), rule: "otherwise" }
            }
            FileAnswer::Redirect { location } => {
                let lines = vec![format!("Location: {}", String::from_utf8(location).unwrap())];
                Self { status: 308, lines, body: Vec::new(), rule: "" }
            }
            FileAnswer::Content(content) => Self::of_content(&content),
        }
    }

    fn of_content(content: &Content) -> Self {
        let mut body = Vec::new();
        read(&content.body, &mut body);
        assert_eq!(content.body.length(), body.len() as u64);
        Self { status: content.status, lines: split(content.lines()), body, rule: "" }
    }

    /// The value of a field that is there once.
    fn field(&self, name: &str) -> &str {
        self.find(name).unwrap_or_else(|| unreachable!("{name} in {:?}", self.lines))
    }

    fn find(&self, name: &str) -> Option<&str> {
        let mut values = self.lines.iter().filter_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        let value = values.next();
        assert_eq!(values.next(), None, "{name} twice");
        value
    }

    fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
}

fn split(lines: &[u8]) -> Vec<String> {
    let text = std::str::from_utf8(lines).unwrap();
    assert!(text.is_empty() || text.ends_with("\r\n"));
    text.split_terminator("\r\n").map(str::to_owned).collect()
}

fn read(body: &Body, out: &mut Vec<u8>) {
    match body {
        Body::Empty => {}
        Body::Memory(memory) => out.extend_from_slice(memory.bytes()),
        Body::Text(text) => out.extend_from_slice(text),
        Body::Parts(parts) => parts.iter().for_each(|part| read(part, out)),
        Body::File(slice) => {
            let file = std::fs::File::from(slice.file.try_clone().unwrap());
            let start = out.len();
            out.resize(start + slice.length as usize, 0);
            file.read_exact_at(&mut out[start..], slice.offset).unwrap();
        }
    }
}
