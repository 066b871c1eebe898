//! An application that speaks FastCGI and follows a script: what it was asked is recorded, what it answers may be cut
//! into any pieces, or be no answer at all. Written from the specification alone.

use super::server::{Server, Socket};
use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

/// A request as an application sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// Whether the connection is to be kept.
    pub keep: bool,
    /// The variables.
    pub variables: BTreeMap<String, String>,
    /// The body.
    pub body: Vec<u8>,
}

/// What an application does with a request.
#[derive(Clone, Debug)]
pub struct Reply {
    /// Whether the body is read first.
    pub reads_body: bool,
    /// Bytes, as [`record`] makes them.
    pub bytes: Vec<u8>,
    /// How many of them are sent at once.
    pub piece: usize,
    /// Whether the connection waits for another request afterwards.
    pub stays: bool,
}

impl Reply {
    /// An answer that is sent after the whole request, followed by the end of the connection.
    #[must_use]
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self { reads_body: true, bytes: bytes.into(), piece: usize::MAX, stays: false }
    }

    /// A complete answer: a head and a body of CGI in one record, and the end of the request.
    #[must_use]
    pub fn answering(output: &str) -> Self {
        Self::new([record(STDOUT, output), end(0)].concat())
    }
}

/// Types of records.
pub const END: u8 = 3;
/// See [`END`].
pub const STDOUT: u8 = 6;
/// See [`END`].
pub const STDERR: u8 = 7;

/// A record of the request 1, padded to eight bytes.
///
/// # Panics
/// When the content is longer than a record.
#[must_use]
pub fn record(kind: u8, content: impl AsRef<[u8]>) -> Vec<u8> {
    let content = content.as_ref();
    let length = u16::try_from(content.len()).expect("a record has at most 65535 bytes").to_be_bytes();
    let padding = content.len().wrapping_neg() % 8;
    [&[1, kind, 0, 1, length[0], length[1], padding as u8, 0], content, &vec![0; padding]].concat()
}

/// The end of the request with a status of the protocol.
#[must_use]
pub fn end(status: u8) -> Vec<u8> {
    record(END, [0, 0, 0, 0, status, 0, 0, 0])
}

/// The application.
#[derive(Debug)]
pub struct FastCgi {
    server: Server,
    told: Arc<Mutex<Vec<Told>>>,
}

impl FastCgi {
    /// Replies over TCP to each request in turn, and to all that follow as to the last.
    #[must_use]
    pub fn start(replies: Vec<Reply>) -> Self {
        let (told, serve) = serving(replies);
        Self { server: Server::tcp(serve), told }
    }

    /// The same over a Unix socket.
    #[must_use]
    pub fn start_unix(path: &Path, replies: Vec<Reply>) -> Self {
        let (told, serve) = serving(replies);
        Self { server: Server::unix(path, serve), told }
    }

    /// The address of TCP.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// How many connections were accepted.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.server.accepted()
    }

    /// The requests that came, each when it was answered.
    #[must_use]
    pub fn told(&self) -> Vec<Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

type Shared = Arc<Mutex<Vec<Told>>>;

fn serving(replies: Vec<Reply>) -> (Shared, impl Fn(&mut Socket, usize) + Send + Sync + 'static) {
    assert!(!replies.is_empty(), "an application needs a reply");
    let told = Shared::default();
    let of_server = Arc::clone(&told);
    let serve = move |socket: &mut Socket, _| {
        // A peer that goes away ends it; the test sees that on its own side.
        while let Ok(true) = answer(socket, &of_server, &replies) {}
        socket.shutdown(Shutdown::Write);
        let _ = io::copy(socket, &mut io::sink());
    };
    (told, serve)
}

fn answer(socket: &mut Socket, told: &Shared, replies: &[Reply]) -> io::Result<bool> {
    let mut request = Told::default();
    read_variables(socket, &mut request)?;
    let place = told.lock().unwrap_or_else(PoisonError::into_inner).len();
    let reply = &replies[place.min(replies.len() - 1)];
    if reply.reads_body {
        request.body = read_body(socket)?;
    }
    told.lock().unwrap_or_else(PoisonError::into_inner).push(request);
    reply.bytes.chunks(reply.piece).try_for_each(|piece| socket.write_all(piece))?;
    Ok(reply.stays)
}

fn read_variables(socket: &mut Socket, request: &mut Told) -> io::Result<()> {
    let (kind, content) = read_record(socket)?;
    assert_eq!(
        (kind, content.len(), &content[..2]),
        (1, 8, &[0, 1][..]),
        "a request begins as a responder's"
    );
    request.keep = content[2] & 1 == 1;
    loop {
        let (kind, content) = read_record(socket)?;
        assert_eq!(kind, 4, "variables follow the begin");
        if content.is_empty() {
            return Ok(());
        }
        let mut rest = &content[..];
        while !rest.is_empty() {
            let (name, value) = (read_length(&mut rest), read_length(&mut rest));
            let (pair, behind) = rest.split_at(name + value);
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            let former = request.variables.insert(text(&pair[..name]), text(&pair[name..]));
            assert_eq!(former, None, "a variable is told once");
            rest = behind;
        }
    }
}

fn read_body(socket: &mut Socket) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let (kind, content) = read_record(socket)?;
        assert_eq!(kind, 5, "only the body follows the variables");
        if content.is_empty() {
            return Ok(body);
        }
        body.extend_from_slice(&content);
    }
}

fn read_record(socket: &mut Socket) -> io::Result<(u8, Vec<u8>)> {
    let mut head = [0; 8];
    socket.read_exact(&mut head)?;
    assert_eq!((head[0], &head[2..4]), (1, &[0, 1][..]), "version 1 and request 1");
    let mut content = vec![0; usize::from(u16::from_be_bytes([head[4], head[5]])) + usize::from(head[6])];
    socket.read_exact(&mut content)?;
    content.truncate(content.len() - usize::from(head[6]));
    Ok((head[1], content))
}

fn read_length(rest: &mut &[u8]) -> usize {
    let (count, mask) = if rest[0] < 128 { (1, 0xff) } else { (4, 0x7fff_ffff) };
    let length = rest[..count].iter().fold(0_u32, |length, byte| length << 8 | u32::from(*byte));
    *rest = &rest[count..];
    (length & mask) as usize
}
