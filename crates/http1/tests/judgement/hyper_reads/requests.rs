//! Requests: what we accept, hyper's server and httparse accept and read alike: method, target, fields and body.

use crate::judge;
use crate::splits::heads;
use crate::table::vectors;
use http_body_util::{BodyExt, Full};
use http1::{BodyLength, HeadLimits, Request};
use hyper::body::{Bytes, Incoming};
use hyper_util::rt::TokioIo;
use proptest::prelude::*;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};

/// A request as one reader reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Read {
    method: String,
    target: String,
    fields: Vec<(String, Vec<u8>)>,
    body: Option<Vec<u8>>,
}

/// Our reading of the first request, where its head is complete and accepted; the body where it is complete.
fn ours(bytes: &[u8]) -> Option<Read> {
    let length = judge::scan([bytes]).ok()??;
    let (head, rest) = bytes.split_at(length);
    let mut request = Request::default();
    request.parse(head, &HeadLimits::default()).ok()?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let target = match (request.target.asterisk, request.target.authority) {
        (true, _) => "*".to_owned(),
        (false, Some(authority)) => text(authority.of(head)) + &text(request.target.path_and_query.of(head)),
        (false, None) => text(request.target.path_and_query.of(head)),
    };
    let fields =
        request.fields.iter().map(|f| (text(f.name.of(head)).to_lowercase(), f.value.of(head).to_vec()));
    let body = match request.body {
        BodyLength::None => Some(Vec::new()),
        BodyLength::Exact(length) => rest.get(..usize::try_from(length).ok()?).map(<[u8]>::to_vec),
        BodyLength::Chunked => match judge::chunked(&[rest]) {
            judge::Chunked::Done { data, .. } => Some(data),
            _ => None,
        },
        BodyLength::UntilClose => panic!("a request never lasts until the connection ends"),
    };
    let mut fields: Vec<_> = fields.collect();
    fields.sort();
    Some(Read { method: text(request.method.of(head)), target, fields, body })
}

/// The reading of hyper's server of the first request.
fn hypers(bytes: &[u8]) -> Option<Read> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let seen = Arc::new(Mutex::new(None));
    let store = Arc::clone(&seen);
    runtime.block_on(async {
        let (mut client, server) = tokio::io::duplex(64 << 10);
        tokio::io::AsyncWriteExt::write_all(&mut client, bytes).await.unwrap();
        tokio::io::AsyncWriteExt::shutdown(&mut client).await.unwrap();
        let service = hyper::service::service_fn(move |request| {
            let store = Arc::clone(&store);
            async move {
                let read = read(request).await;
                store.lock().unwrap().get_or_insert(read);
                Ok::<_, Infallible>(hyper::Response::new(Full::<Bytes>::default()))
            }
        });
        // An error after the first request is of no interest.
        let _ = hyper::server::conn::http1::Builder::new()
            .half_close(true)
            .serve_connection(TokioIo::new(server), service)
            .await;
    });
    seen.lock().unwrap().take()
}

async fn read(request: hyper::Request<Incoming>) -> Read {
    let (parts, body) = request.into_parts();
    let target = match parts.uri.authority() {
        Some(authority) => format!("{authority}{}", parts.uri.path_and_query().map_or("", |p| p.as_str())),
        None => parts.uri.to_string(),
    };
    let mut fields: Vec<_> = parts
        .headers
        .iter()
        .map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec()))
        .collect();
    fields.sort();
    let body = body.collect().await.ok().map(|body| body.to_bytes().to_vec());
    Read { method: parts.method.to_string(), target, fields, body }
}

/// Heads that are mostly accepted.
fn tidy_heads() -> impl Strategy<Value = Vec<u8>> {
    let method = prop::sample::select(vec!["GET", "POST", "PUT", "HEAD", "DELETE", "OPTIONS", "X-Y"]);
    let target =
        prop::sample::select(vec!["/", "/a?b=c", "//a//../b", "/%00;x", "http://a/", "/a|b", "/?", "/a[1]"]);
    let version = prop::sample::select(vec!["1.1", "1.1", "1.1", "1.0"]);
    let fields = vec![
        "Content-Length: 5",
        "Content-Length: 0",
        "Transfer-Encoding: chunked",
        "Connection: close",
        "Connection: x, keep-alive",
        "Expect: 100-continue",
        "Upgrade: websocket",
        "Connection: upgrade",
        "TE: trailers",
        "X: \t y ",
        "x:",
        "Cookie: a=b",
        "X: \u{e9}",
        "Accept:*/*",
        "!#$%&'*+-.^`|~: 1",
        "Trailer: x",
        "Range: bytes=0-",
        "Content-Type: text/plain",
    ];
    let fields = prop::collection::vec(prop::sample::select(fields), 0..6);
    (method, target, version, fields).prop_map(|(method, target, version, fields)| {
        let lines: String = fields.iter().map(|field| format!("{field}\r\n")).collect();
        format!("{method} {target} HTTP/{version}\r\nHost: a\r\n{lines}\r\n").into_bytes()
    })
}

/// What follows a head: parts of chunks, or a chunked body.
pub(super) fn bodies() -> impl Strategy<Value = Vec<u8>> {
    let pieces = prop::sample::select(vec!["0", "5", ";x", "\r\n", "hello", "x"]);
    let loose = prop::collection::vec(pieces, 0..8).prop_map(|pieces| pieces.concat());
    let chunks = prop::sample::select(vec!["5\r\nhello\r\n", "1;a=b\r\n0\r\n", "00a\r\n0123456789\r\n"]);
    let last = prop::sample::select(vec!["0\r\n\r\n", "0\r\nX: y\r\n\r\n", "0;a\r\n\r\nGET / HTTP/1.1\r\n"]);
    let whole = (prop::collection::vec(chunks, 0..4), last).prop_map(|(chunks, last)| chunks.concat() + last);
    prop_oneof![loose, whole].prop_map(String::into_bytes)
}

/// The differences between the readings of what we accept, in words.
fn difference(bytes: &[u8]) -> Option<String> {
    let ours = ours(bytes)?;
    let hypers = hypers(bytes);
    let alike = hypers.as_ref().is_some_and(|hypers| {
        let heads =
            (&ours.method, &ours.target, &ours.fields) == (&hypers.method, &hypers.target, &hypers.fields);
        heads && (ours.body.is_none() || ours.body == hypers.body)
    });
    (!alike).then(|| format!("{}\n    ours  {ours:?}\n    hyper {hypers:?}", bytes.escape_ascii()))
}

#[test]
fn every_accepted_vector_is_read_alike_by_hyper() {
    let differences: Vec<String> = vectors("requests").iter().filter_map(|v| difference(&v.bytes)).collect();
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

#[test]
fn every_chunked_body_of_the_vectors_is_read_alike_by_hyper() {
    let head = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    for vector in vectors("chunks.txt") {
        let bytes = [&head[..], &vector.bytes].concat();
        assert_eq!(difference(&bytes), None, "{}", vector.place);
    }
}

#[test]
fn a_strange_target_is_read_by_httparse_as_by_us() {
    for vector in vectors("requests") {
        let Some(ours) = ours(&vector.bytes) else { continue };
        let mut storage = [httparse::EMPTY_HEADER; 128];
        let mut parsed = httparse::Request::new(&mut storage);
        assert!(parsed.parse(&vector.bytes).unwrap().is_complete(), "{}", vector.place);
        assert_eq!(parsed.method, Some(&*ours.method), "{}", vector.place);
        assert_eq!(parsed.headers.len(), ours.fields.len(), "{}", vector.place);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn what_we_accept_hyper_reads_alike(head in prop_oneof![heads(), tidy_heads()], body in bodies()) {
        let bytes = [&head[..], &body].concat();
        prop_assert_eq!(difference(&bytes), None);
    }
}
