//! Responses: what we accept, hyper's client accepts and reads alike: status, fields and body.

use super::requests::bodies;
use crate::judge;
use crate::table::vectors;
use http_body_util::{BodyExt, Empty};
use http1::{BodyLength, HeadLimits, Response};
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use proptest::prelude::*;
use tokio::io::AsyncWriteExt;

/// A response as one reader reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Read {
    status: u16,
    fields: Vec<(String, Vec<u8>)>,
    body: Option<Vec<u8>>,
}

/// Our reading, where the head is complete and accepted; the body where it is complete at the end of the connection.
fn ours(to_head: bool, bytes: &[u8]) -> Option<Read> {
    let length = judge::scan([bytes]).ok()??;
    let (head, rest) = bytes.split_at(length);
    let mut response = Response::default();
    response.parse(head, to_head, &HeadLimits::default()).ok()?;
    let body = match response.body {
        BodyLength::None => Some(Vec::new()),
        BodyLength::Exact(length) => rest.get(..usize::try_from(length).ok()?).map(<[u8]>::to_vec),
        BodyLength::UntilClose => Some(rest.to_vec()),
        BodyLength::Chunked => match judge::chunked(&[rest]) {
            judge::Chunked::Done { data, .. } => Some(data),
            _ => None,
        },
    };
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).to_lowercase();
    let mut fields: Vec<_> = response
        .fields
        .iter()
        .map(|field| (text(field.name.of(head)), field.value.of(head).to_vec()))
        .collect();
    fields.sort();
    Some(Read { status: response.status, fields, body })
}

/// The reading of hyper's client.
fn hypers(to_head: bool, bytes: &[u8]) -> Option<Read> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let (client, mut server) = tokio::io::duplex(64 << 10);
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(client)).await.unwrap();
        let method = if to_head { "HEAD" } else { "GET" };
        let request =
            hyper::Request::builder().method(method).uri("/").header("host", "a").body(Empty::<Bytes>::new());
        let respond = async {
            // The client refuses bytes that come before its request.
            let mut seen = [0; 4];
            tokio::io::AsyncReadExt::read_exact(&mut server, &mut seen).await.unwrap();
            server.write_all(bytes).await.unwrap();
            server.shutdown().await.unwrap();
        };
        let exchange = async {
            let (parts, body) = sender.send_request(request.unwrap()).await.ok()?.into_parts();
            let mut fields: Vec<_> = parts
                .headers
                .iter()
                .map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec()))
                .collect();
            fields.sort();
            let body = body.collect().await.ok().map(|body| body.to_bytes().to_vec());
            Some(Read { status: parts.status.as_u16(), fields, body })
        };
        let (read, _, ()) = tokio::join!(exchange, connection, respond);
        read
    })
}

/// The differences between the readings of what we accept, in words. Interim responses are left out: hyper reads the
/// final one that should follow.
fn difference(to_head: bool, bytes: &[u8]) -> Option<String> {
    let ours = ours(to_head, bytes).filter(|ours| ours.status >= 200)?;
    let hypers = hypers(to_head, bytes);
    let alike = hypers.as_ref().is_some_and(|hypers| {
        let heads = (ours.status, &ours.fields) == (hypers.status, &hypers.fields);
        heads && (ours.body.is_none() || ours.body == hypers.body)
    });
    (!alike).then(|| format!("{}\n    ours  {ours:?}\n    hyper {hypers:?}", bytes.escape_ascii()))
}

#[test]
fn every_accepted_response_of_the_vectors_is_read_alike_by_hyper() {
    let vectors = vectors("responses");
    let differences: Vec<String> = vectors
        .iter()
        .filter_map(|vector| {
            let (method, head) = vector.bytes.split_at(vector.bytes.iter().position(|&b| b == b' ').unwrap());
            difference(method == b"HEAD", &[&head[1..], b"5\r\nhello\r\n0\r\n\r\n"].concat())
        })
        .collect();
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

fn heads() -> impl Strategy<Value = Vec<u8>> {
    let line = vec![
        "1.1 200 OK",
        "1.1 200 ",
        "1.0 200 OK",
        "1.1 204 No Content",
        "1.1 304 x",
        "1.1 404 Not \u{e9}",
        "1.1 599 x",
    ];
    let fields = vec![
        "Content-Length: 5",
        "Content-Length: 0",
        "Transfer-Encoding: chunked",
        "Connection: close",
        "Connection: keep-alive",
        "X: \t y ",
        "x:",
        "Set-Cookie: a=b",
        "X_Y: z",
        "X: \u{e9}",
        "Content-Length: 7 ",
        "Transfer-Encoding: gzip",
        "X : y",
    ];
    let fields = prop::collection::vec(prop::sample::select(fields), 0..5);
    (prop::sample::select(line), fields).prop_map(|(line, fields)| {
        let lines: String = fields.iter().map(|field| format!("{field}\r\n")).collect();
        format!("HTTP/{line}\r\n{lines}\r\n").into_bytes()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn the_responses_that_we_accept_hyper_reads_alike(to_head: bool, head in heads(), body in bodies()) {
        let bytes = [&head[..], &body].concat();
        prop_assert_eq!(difference(to_head, &bytes), None);
    }
}
