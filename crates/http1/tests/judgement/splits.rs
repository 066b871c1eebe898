//! However bytes are split on their way, the result is the same; and decoding is what a naive reader makes of the
//! whole.

use super::judge::{self, Chunked};
use http1::Refusal;
use proptest::prelude::*;

/// Splits bytes at places that are given as shares of 256.
fn split<'a>(bytes: &'a [u8], places: &[u8]) -> Vec<&'a [u8]> {
    let mut cuts: Vec<usize> = places.iter().map(|&place| bytes.len() * usize::from(place) / 256).collect();
    cuts.sort_unstable();
    let mut pieces = Vec::new();
    let mut start = 0;
    for cut in cuts.into_iter().chain([bytes.len()]) {
        pieces.push(&bytes[start..cut]);
        start = cut;
    }
    pieces
}

/// Text of which heads are made, good and bad.
pub(crate) const TOKENS: [&str; 44] = [
    "\r\n",
    "\r\n",
    "\r\n",
    "\r\n",
    "\r\n\r\n",
    "\n",
    "\r",
    " ",
    "\t",
    ":",
    ": ",
    ",",
    ";",
    "\0",
    "\x7f",
    "a",
    "0",
    "5",
    "-1",
    "GET ",
    "POST ",
    "HEAD ",
    "/",
    "/a?b",
    "*",
    "http://a/",
    " HTTP/1.1",
    " HTTP/1.0",
    "Host: a\r\n",
    "Host: b\r\n",
    "Content-Length: ",
    "Content-Length: 5\r\n",
    "Transfer-Encoding: ",
    "Transfer-Encoding: chunked\r\n",
    "chunked",
    "Connection: ",
    "Connection: close\r\n",
    "keep-alive",
    "upgrade",
    "Upgrade: websocket\r\n",
    "Expect: 100-continue\r\n",
    "X: y\r\n",
    "X_Y: z\r\n",
    "TE: trailers\r\n",
];

pub(crate) fn heads() -> impl Strategy<Value = Vec<u8>> {
    let start = prop::sample::select(vec![
        "",
        "GET / HTTP/1.1\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\n",
        "POST /a HTTP/1.1\r\nHost: a\r\n",
    ]);
    let tokens = prop::collection::vec(prop::sample::select(&TOKENS[..]), 0..10);
    let end = prop::sample::select(vec!["", "\r\n", "\r\n\r\n"]);
    (start, tokens, end)
        .prop_map(|(start, tokens, end)| format!("{start}{}{end}", tokens.concat()).into_bytes())
}

fn chunked_bytes() -> impl Strategy<Value = Vec<u8>> {
    let pieces = vec![
        "5\r\nhello\r\n",
        "1\r\nx\r\n",
        "a\r\n0123456789\r\n",
        "2;a=b\r\nyz\r\n",
        "0\r\n\r\n",
        "0\r\n",
        "\r\n",
        "\r",
        "\n",
        "0",
        "5",
        "F",
        ";",
        "x",
        "X: y\r\n",
        "Host: a\r\n",
        " ",
        "00",
        "GET /",
    ];
    prop::collection::vec(prop::sample::select(pieces), 0..12).prop_map(|pieces| pieces.concat().into_bytes())
}

/// The body as the grammar of RFC 9112 7.1 has it, read from the whole at once; `None` is anything else.
fn naive(bytes: &[u8]) -> Option<(Vec<u8>, Vec<u8>, Vec<u8>)> {
    let mut data = Vec::new();
    let mut rest = bytes;
    loop {
        let (line, tail) = cut_line(rest)?;
        let size = line.split(|&b| b == b';').next()?;
        let is_hex = !size.is_empty() && size.len() <= 15 && size.iter().all(u8::is_ascii_hexdigit);
        let size = usize::from_str_radix(std::str::from_utf8(size).ok().filter(|_| is_hex)?, 16).ok()?;
        if size == 0 {
            let mut trailers = Vec::new();
            let mut rest = tail;
            loop {
                let (line, tail) = cut_line(rest)?;
                if line.is_empty() {
                    return Some((data, trailers, tail.to_vec()));
                }
                let (name, _) = line.split_at(line.iter().position(|&b| b == b':')?);
                let is_name =
                    !name.is_empty() && name.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'-');
                (is_name && !name.eq_ignore_ascii_case(b"host")).then_some(())?;
                trailers.extend_from_slice(line);
                trailers.extend_from_slice(b"\r\n");
                rest = tail;
            }
        }
        data.extend_from_slice(tail.get(..size)?);
        rest = tail[size..].strip_prefix(b"\r\n")?;
    }
}

/// The line before the first CRLF, which has no other line ends in it.
fn cut_line(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = bytes.windows(2).position(|pair| pair == b"\r\n")?;
    let line = &bytes[..end];
    (!line.iter().any(|b| b"\r\n".contains(b))).then_some((line, &bytes[end + 2..]))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    #[test]
    fn a_request_is_judged_alike_however_it_is_split(bytes in heads(), places in prop::collection::vec(any::<u8>(), 0..6)) {
        prop_assert_eq!(judge::request(&split(&bytes, &places)), judge::request(&[&bytes]));
    }

    #[test]
    fn any_bytes_are_judged_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..64), places in prop::collection::vec(any::<u8>(), 0..6)) {
        prop_assert_eq!(judge::request(&split(&bytes, &places)), judge::request(&[&bytes]));
        prop_assert_eq!(judge::response(false, &split(&bytes, &places)), judge::response(false, &[&bytes]));
        prop_assert_eq!(judge::chunked(&split(&bytes, &places)), judge::chunked(&[&bytes]));
    }

    #[test]
    fn a_chunked_body_is_what_the_grammar_says(bytes in chunked_bytes(), places in prop::collection::vec(any::<u8>(), 0..6)) {
        let whole = judge::chunked(&[&bytes]);
        prop_assert_eq!(&judge::chunked(&split(&bytes, &places)), &whole);
        match (naive(&bytes), whole) {
            (Some((data, trailers, rest)), Chunked::Done { data: d, trailers: t, rest: r }) => {
                prop_assert_eq!((data, trailers, rest), (d, t, r));
            }
            (Some(_), other) => prop_assert!(false, "the grammar has it, but: {other:?}"),
            (None, Chunked::Done { .. }) => prop_assert!(false, "the grammar does not have it"),
            (None, Chunked::More { .. } | Chunked::Refused(_)) => {}
        }
    }

    /// A body of any chunks is read back, whatever the data is.
    #[test]
    fn chunks_are_read_back(
        chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..40), 0..6),
        places in prop::collection::vec(any::<u8>(), 0..6),
    ) {
        let mut bytes = Vec::new();
        for chunk in &chunks {
            http1::write::chunk_start(&mut bytes, chunk.len());
            bytes.extend_from_slice(chunk);
            http1::write::end(&mut bytes);
        }
        http1::write::last_chunk(&mut bytes, b"");
        bytes.extend_from_slice(b"next");
        let expected = Chunked::Done { data: chunks.concat(), trailers: Vec::new(), rest: b"next".to_vec() };
        prop_assert_eq!(judge::chunked(&split(&bytes, &places)), expected);
    }
}

#[test]
fn a_body_that_ends_early_is_truncated() {
    use http1::{BodyLength, BodyReader};
    for length in [BodyLength::Exact(2), BodyLength::Chunked] {
        let mut reader = BodyReader::new(length);
        assert_eq!(reader.end(), Err(Refusal::Truncated), "{length:?}");
    }
    for length in [BodyLength::None, BodyLength::Exact(0), BodyLength::UntilClose] {
        let mut reader = BodyReader::new(length);
        assert_eq!(reader.end(), Ok(()), "{length:?}");
        assert!(reader.is_done(), "{length:?}");
    }
}
