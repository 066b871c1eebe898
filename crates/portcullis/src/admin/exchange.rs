//! One request and its answer over the admin socket. A keeper that works on an answer gives signs of life (102, RFC 2518
//! section 10.1), so that one which is stuck is told from one which is busy.

use http1::{BodyReader, HeadLimits, HeadScanner, Response, write};
use rustix::net::sockopt::{Timeout, set_socket_timeout, socket_peercred};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

/// How long a keeper may give no sign of life: to be connected to, to take the request, and between two signs.
pub(super) const SILENCE: Duration = Duration::from_secs(8);
/// How long it may work on an answer: the longest are a reload and packets that wait for a gate.
const LONGEST: Duration = Duration::from_secs(150);
const MAX_ANSWER: usize = 64 << 20;

/// Why there is no answer.
#[derive(Debug)]
pub(super) enum Broken {
    /// No sign of life; which process it is that should give one, where it was reached.
    Silent(Option<u32>),
    /// It lives, and has no answer after this time.
    Late(Duration),
    /// What it says is no answer.
    Odd,
    /// The connection failed.
    Io(io::Error),
}

/// The limits of an exchange.
#[derive(Clone, Copy, Debug)]
struct Patience {
    silence: Duration,
    longest: Duration,
}

/// Asks, and answers with the status and the body.
pub(super) fn exchange(
    socket: &Path,
    method: &str,
    path: &str,
    body: &[u8],
) -> Result<(u16, Vec<u8>), Broken> {
    let patience = Patience { silence: SILENCE, longest: LONGEST };
    exchange_within(patience, socket, &request(method, path, body))
}

fn exchange_within(patience: Patience, socket: &Path, request: &[u8]) -> Result<(u16, Vec<u8>), Broken> {
    let mut stream = connect(socket, patience.silence)
        .map_err(|error| if is_late(&error) { Broken::Silent(None) } else { Broken::Io(error) })?;
    // Who listens there, by the kernel's word (unix(7), SO_PEERCRED).
    let keeper = socket_peercred(&stream).ok().map(|told| told.pid.as_raw_nonzero().get().cast_unsigned());
    let broken = |error| if is_late(&error) { Broken::Silent(keeper) } else { Broken::Io(error) };
    stream.write_all(request).map_err(broken)?;
    let (begun, mut bytes, mut piece) = (Instant::now(), Vec::new(), vec![0; 64 << 10]);
    loop {
        match stream.read(&mut piece) {
            Ok(0) => return read_answer(&bytes),
            Ok(read) if bytes.len() + read <= MAX_ANSWER => bytes.extend_from_slice(&piece[..read]),
            Ok(_) => return Err(Broken::Odd),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(broken(error)),
        }
        if begun.elapsed() > patience.longest {
            return Err(Broken::Late(patience.longest));
        }
    }
}

/// Connects within a time, which also bounds each of what is written and read later. A keeper that takes nobody lets
/// clients wait in a queue, and beyond that before it.
fn connect(socket: &Path, silence: Duration) -> io::Result<UnixStream> {
    let address = SocketAddrUnix::new(socket)?;
    let stream =
        rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
    set_socket_timeout(&stream, Timeout::Send, Some(silence))?;
    set_socket_timeout(&stream, Timeout::Recv, Some(silence))?;
    rustix::net::connect(&stream, &address)?;
    Ok(stream.into())
}

/// Whether a time of the socket is over (socket(7), SO_RCVTIMEO).
fn is_late(error: &io::Error) -> bool {
    error.kind() == ErrorKind::WouldBlock
}

fn request(method: &str, path: &str, body: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    write::request_line(&mut out, method.as_bytes(), &[path.as_bytes()]);
    write::field(&mut out, b"Host", b"portcullis");
    if method == "POST" {
        write::number_field(&mut out, b"Content-Length", body.len() as u64);
    }
    write::end(&mut out);
    out.extend_from_slice(body);
    out
}

/// What was said once all was, but for signs of life.
fn read_answer(mut bytes: &[u8]) -> Result<(u16, Vec<u8>), Broken> {
    let limits = HeadLimits::default();
    loop {
        let end = HeadScanner::default().scan(bytes, &limits).ok().flatten().ok_or(Broken::Odd)?;
        let mut response = Response::default();
        response.parse(&bytes[..end], false, &limits).map_err(|_| Broken::Odd)?;
        bytes = &bytes[end..];
        if response.status >= 200 {
            return Ok((response.status, read_body(BodyReader::new(response.body), bytes)?));
        }
    }
}

fn read_body(mut reader: BodyReader, mut rest: &[u8]) -> Result<Vec<u8>, Broken> {
    let mut body = Vec::new();
    while !reader.is_done() && !rest.is_empty() {
        let decoded = reader.decode(rest).map_err(|_| Broken::Odd)?;
        body.extend_from_slice(&rest[decoded.start..decoded.end]);
        rest = &rest[decoded.consumed..];
    }
    reader.end().map_err(|_| Broken::Odd)?;
    Ok(body)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixListener;

    const SHORT: Patience =
        Patience { silence: Duration::from_millis(200), longest: Duration::from_secs(30) };

    #[test]
    fn a_keeper_that_takes_nobody_is_given_up_and_named_where_it_was_reached() {
        let folder = testkit::Folder::new();
        let socket = folder.join("socket");
        let listener = UnixListener::bind(&socket).expect("a socket");
        rustix::net::listen(&listener, 0).expect("a queue for one");
        let ask = || exchange_within(SHORT, &socket, &request("GET", "/status", b""));
        let reached = ask().expect_err("nobody answers");
        assert!(
            matches!(reached, Broken::Silent(Some(keeper)) if keeper == std::process::id()),
            "{reached:?}"
        );
        let queued = ask().expect_err("nobody makes room");
        assert!(matches!(queued, Broken::Silent(None)), "{queued:?}");
    }

    #[test]
    fn signs_of_life_are_no_answer_and_one_that_never_ends_is_late() {
        let said = b"HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}";
        assert_eq!(read_answer(said).expect("an answer"), (200, b"{}".to_vec()));
        assert!(matches!(read_answer(&said[..54]), Err(Broken::Odd)), "it broke off");

        let folder = testkit::Folder::new();
        let socket = folder.join("socket");
        let listener = UnixListener::bind(&socket).expect("a socket");
        let busy = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("a client");
            while stream.write_all(b"HTTP/1.1 102 Processing\r\n\r\n").is_ok() {}
        });
        let patience = Patience { longest: Duration::from_millis(100), ..SHORT };
        let late = exchange_within(patience, &socket, &request("POST", "/reload", b"")).expect_err("late");
        assert!(matches!(late, Broken::Late(_)), "{late:?}");
        busy.join().expect("no panic");
    }
}
