//! Judges bytes as the gate does, and says the verdict in the words of the tables.

use http1::{BodyLength, BodyReader, HeadLimits, HeadScanner, Refusal, Request, Response, Upgrade};

/// The length of the head in bytes that arrive in pieces; `None` when more are needed.
pub(crate) fn scan<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Result<Option<usize>, Refusal> {
    let (mut scanner, mut received) = (HeadScanner::default(), Vec::new());
    for piece in pieces {
        received.extend_from_slice(piece);
        if let Some(length) = scanner.scan(&received, &HeadLimits::default())? {
            return Ok(Some(length));
        }
    }
    Ok(None)
}

/// The verdict on a request whose bytes arrive in pieces.
pub(crate) fn request(pieces: &[&[u8]]) -> String {
    let bytes = pieces.concat();
    let judged = scan(pieces.iter().copied()).and_then(|length| {
        let Some(length) = length else { return Ok("more".to_owned()) };
        let mut request = Request::default();
        request.parse(&bytes[..length], &HeadLimits::default())?;
        let facts = [
            (request.expects_continue, "continue"),
            (request.upgrade == Upgrade::WebSocket, "websocket"),
            (request.accepts_trailers, "trailers"),
        ];
        let mut words = vec![body(request.body), connection(request.keep_alive).to_owned()];
        words.extend(facts.iter().filter(|(holds, _)| *holds).map(|(_, word)| (*word).to_owned()));
        Ok(words.join(" "))
    });
    judged.unwrap_or_else(refused)
}

/// The verdict on a response whose bytes arrive in pieces.
pub(crate) fn response(to_head: bool, pieces: &[&[u8]]) -> String {
    let bytes = pieces.concat();
    let judged = scan(pieces.iter().copied()).and_then(|length| {
        let Some(length) = length else { return Ok("more".to_owned()) };
        let mut response = Response::default();
        response.parse(&bytes[..length], to_head, &HeadLimits::default())?;
        Ok(format!("{} {} {}", response.status, body(response.body), connection(response.keep_alive)))
    });
    judged.unwrap_or_else(refused)
}

/// What became of a chunked body.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Chunked {
    Done { data: Vec<u8>, trailers: Vec<u8>, rest: Vec<u8> },
    More { data: Vec<u8> },
    Refused(Refusal),
}

/// Decodes a chunked body whose bytes arrive in pieces, as a caller does that keeps what is not consumed.
pub(crate) fn chunked(pieces: &[&[u8]]) -> Chunked {
    let mut reader = BodyReader::new(BodyLength::Chunked);
    let (mut data, mut held) = (Vec::new(), Vec::new());
    for piece in pieces {
        held.extend_from_slice(piece);
        loop {
            let decoded = match reader.decode(&held) {
                Ok(decoded) => decoded,
                Err(refusal) => return Chunked::Refused(refusal),
            };
            data.extend_from_slice(&held[decoded.start..decoded.end]);
            held.drain(..decoded.consumed);
            if decoded.consumed == 0 {
                break;
            }
        }
    }
    if !reader.is_done() {
        assert!(held.is_empty(), "what is not done consumes everything");
        return Chunked::More { data };
    }
    Chunked::Done { data, trailers: reader.trailers().to_vec(), rest: held }
}

fn refused(refusal: Refusal) -> String {
    format!("! {}", refusal.rule())
}

fn body(length: BodyLength) -> String {
    match length {
        BodyLength::None => "none".to_owned(),
        BodyLength::Exact(length) => length.to_string(),
        BodyLength::Chunked => "chunked".to_owned(),
        BodyLength::UntilClose => "close".to_owned(),
    }
}

fn connection(keep_alive: bool) -> &'static str {
    if keep_alive { "keep" } else { "close" }
}
