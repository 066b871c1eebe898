//! Bodies through an encoder and back, with sources in memory.
#![expect(clippy::unwrap_used, reason = "tests")]

use super::*;
use proptest::prelude::*;
use std::collections::VecDeque;
use std::io::Read;
use std::task::Waker;

/// What an instance does next.
#[derive(Clone, Debug)]
enum Step {
    Sends(Vec<u8>),
    Waits,
    Fails,
}

/// An instance in memory; after its last step its connection ends.
struct Steps {
    steps: VecDeque<Step>,
    buffer: Vec<u8>,
    most: usize,
}

impl Steps {
    fn new(steps: impl IntoIterator<Item = Step>) -> Self {
        Self { steps: steps.into_iter().collect(), buffer: Vec::new(), most: 0 }
    }
}

impl Source for Steps {
    fn received(&self) -> &[u8] {
        &self.buffer
    }

    fn consume(&mut self, count: usize) {
        self.buffer.drain(..count);
    }

    fn poll_fill(&mut self, _: &mut Context<'_>, _: bool) -> Poll<io::Result<usize>> {
        match self.steps.pop_front() {
            None => Poll::Ready(Ok(0)),
            Some(Step::Waits) => Poll::Pending,
            Some(Step::Fails) => Poll::Ready(Err(io::ErrorKind::ConnectionReset.into())),
            Some(Step::Sends(bytes)) => {
                self.buffer.extend_from_slice(&bytes);
                self.most = self.most.max(self.buffer.len());
                Poll::Ready(Ok(bytes.len()))
            }
        }
    }
}

const CODINGS: [Coding; 3] = Coding::ALL;

fn fill(
    compressor: &mut Compressor,
    reader: &mut BodyReader,
    source: &mut Steps,
) -> Poll<io::Result<Vec<u8>>> {
    let mut context = Context::from_waker(Waker::noop());
    let mut compressed = compressor.over(reader, source);
    let filled = ready!(compressed.poll_fill(&mut context, true))?;
    let made = compressed.received().to_vec();
    assert_eq!(made.len(), filled);
    compressed.consume(made.len());
    Poll::Ready(Ok(made))
}

/// Reads a body to its end.
fn encode(
    coding: Coding,
    length: Option<u64>,
    mut reader: BodyReader,
    source: &mut Steps,
) -> io::Result<Vec<u8>> {
    let mut compressor = Compressor::new(coding, length).unwrap();
    let mut encoded = Vec::new();
    loop {
        match fill(&mut compressor, &mut reader, source) {
            Poll::Pending => {}
            Poll::Ready(Ok(made)) if made.is_empty() => return Ok(encoded),
            Poll::Ready(made) => encoded.extend(made?),
        }
        assert!(compressor.output.is_none(), "a buffer is held for nothing");
    }
}

fn decode(coding: Coding, mut encoded: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::new();
    match coding {
        Coding::Brotli => brotli::Decompressor::new(encoded, 4096).read_to_end(&mut decoded).unwrap(),
        Coding::Gzip => flate2::read::GzDecoder::new(encoded).read_to_end(&mut decoded).unwrap(),
        Coding::Zstandard => {
            zstd::stream::copy_decode(&mut encoded, &mut decoded).unwrap();
            0
        }
    };
    decoded
}

/// What can be decoded of a body that has not ended.
fn decode_so_far(coding: Coding, encoded: &[u8]) -> Vec<u8> {
    let mut reader: Box<dyn Read + '_> = match coding {
        Coding::Brotli => Box::new(brotli::Decompressor::new(encoded, 1)),
        Coding::Gzip => Box::new(flate2::bufread::GzDecoder::new(encoded)),
        Coding::Zstandard => Box::new(zstd::Decoder::with_buffer(encoded).unwrap()),
    };
    let (mut decoded, mut byte) = (Vec::new(), [0]);
    while let Ok(1) = reader.read(&mut byte) {
        decoded.push(byte[0]);
    }
    decoded
}

fn chunk(data: &[u8]) -> Vec<u8> {
    [format!("{:x}\r\n", data.len()).as_bytes(), data, b"\r\n"].concat()
}

/// Text that repeats itself somewhat.
fn text(length: usize) -> Vec<u8> {
    let words = ["gate", "route", "service", "instance", "site", "\n"];
    let mut number = 1_u32;
    let mut text = Vec::new();
    while text.len() < length {
        number = number.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        text.extend_from_slice(words[(number >> 16) as usize % words.len()].as_bytes());
        text.extend_from_slice(&number.to_be_bytes()[..1]);
    }
    text.truncate(length);
    text
}

#[test]
fn a_long_body_comes_out_as_it_went_in_and_smaller() {
    let body = text(3 << 20);
    for coding in CODINGS {
        let mut source = Steps::new(body.chunks(50_000).map(|piece| Step::Sends(piece.to_vec())));
        let encoded = encode(coding, Some(3 << 20), BodyReader::Exact(3 << 20), &mut source).unwrap();
        assert!(encoded.len() < body.len() * 2 / 3, "{coding:?}: {}", encoded.len());
        assert!(decode(coding, &encoded) == body, "{coding:?}");
        assert_eq!(source.most, 50_000, "more is received only once the former is encoded");
    }
}

#[test]
fn what_was_sent_is_not_held_back_while_the_instance_waits() {
    for coding in CODINGS {
        let (mut compressor, mut reader) = (Compressor::new(coding, None).unwrap(), BodyReader::UntilClose);
        let mut encoded = Vec::new();
        let mut sent = Vec::new();
        for piece in [&b"one, "[..], b"two, ", b"three"] {
            sent.extend_from_slice(piece);
            let mut source = Steps::new([Step::Sends(piece.to_vec()), Step::Waits, Step::Waits, Step::Waits]);
            let Poll::Ready(made) = fill(&mut compressor, &mut reader, &mut source) else {
                unreachable!("{coding:?} holds back")
            };
            encoded.extend(made.unwrap());
            assert_eq!(decode_so_far(coding, &encoded), sent, "{coding:?}");
            assert!(fill(&mut compressor, &mut reader, &mut source).is_pending(), "{coding:?} flushes once");
            assert!(compressor.output.is_none(), "a buffer is held for nothing");
        }
    }
}

#[test]
fn a_body_that_breaks_off_never_ends_well() {
    let chunked = || BodyReader::new(http1::BodyLength::Chunked);
    let whole = [chunk(b"abc"), chunk(&text(1000))].concat();
    for coding in CODINGS {
        for end in 0..whole.len() {
            let mut source = Steps::new([Step::Sends(whole[..end].to_vec())]);
            let error = encode(coding, None, chunked(), &mut source).unwrap_err();
            assert_eq!(error.downcast::<Refusal>().unwrap(), Refusal::Truncated);
        }
        let mut source = Steps::new([Step::Sends(text(999))]);
        let error = encode(coding, Some(1000), BodyReader::Exact(1000), &mut source).unwrap_err();
        assert_eq!(error.downcast::<Refusal>().unwrap(), Refusal::Truncated);
        let mut source = Steps::new([Step::Sends(text(1000)), Step::Waits, Step::Fails]);
        let error = encode(coding, None, BodyReader::UntilClose, &mut source).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
    }
}

#[test]
fn malformed_chunks_are_refused() {
    for coding in CODINGS {
        let mut source = Steps::new([Step::Sends(b"3\r\nabcd\r\n".to_vec())]);
        let reader = BodyReader::new(http1::BodyLength::Chunked);
        let error = encode(coding, None, reader, &mut source).unwrap_err();
        assert_eq!(error.downcast::<Refusal>().unwrap(), Refusal::ChunkMalformed);
    }
}

#[test]
fn what_follows_a_body_is_left_to_the_source() {
    for coding in CODINGS {
        let sent = [&chunk(b"abc")[..], b"0\r\nA: trailer\r\n\r\nmore"].concat();
        let mut source = Steps::new([Step::Sends(sent)]);
        let reader = BodyReader::new(http1::BodyLength::Chunked);
        let encoded = encode(coding, None, reader, &mut source).unwrap();
        assert_eq!(decode(coding, &encoded), b"abc");
        assert_eq!(source.received(), b"more");
    }
}

#[test]
fn an_empty_body_of_unknown_length_is_a_valid_one() {
    for coding in CODINGS {
        let encoded = encode(coding, None, BodyReader::UntilClose, &mut Steps::new([])).unwrap();
        assert!(!encoded.is_empty());
        assert_eq!(decode(coding, &encoded), b"");
    }
}

#[test]
fn a_task_that_encodes_gives_others_their_turn() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    for coding in CODINGS {
        let mut compressor = Compressor::new(coding, None).unwrap();
        let mut source = Steps::new((0..64).map(|_| Step::Sends(vec![0; 64 << 10])));
        let mut reader = BodyReader::UntilClose;
        let mut polls = 0;
        let body = std::future::poll_fn(|context| {
            polls += 1;
            loop {
                let mut compressed = compressor.over(&mut reader, &mut source);
                let made = ready!(compressed.poll_fill(context, true))?;
                if made == 0 {
                    return Poll::Ready(io::Result::Ok(()));
                }
                compressed.consume(made);
            }
        });
        // The budget is that of a task; what the runtime blocks on is one.
        runtime.block_on(body).unwrap();
        assert!(polls >= 8, "{coding:?}: {polls}");
    }
}

fn steps(body: &[u8], cuts: &[u16], waits: &[bool]) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut rest = body;
    for (cut, wait) in cuts.iter().zip(waits.iter().cycle()) {
        let (piece, after) = rest.split_at(usize::from(*cut).min(rest.len()));
        rest = after;
        if !piece.is_empty() {
            steps.push(Step::Sends(piece.to_vec()));
        }
        if *wait {
            steps.push(Step::Waits);
        }
    }
    if !rest.is_empty() {
        steps.push(Step::Sends(rest.to_vec()));
    }
    steps
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_body_in_any_pieces_comes_out_as_it_went_in(
        noise in proptest::collection::vec(any::<u8>(), 0..3000),
        repeats in 0_usize..40,
        cuts in proptest::collection::vec(0_u16..5000, 0..30),
        waits in proptest::collection::vec(any::<bool>(), 1..8),
        is_chunked in any::<bool>(),
    ) {
        let body = [noise.repeat(repeats), text(noise.len())].concat();
        for coding in CODINGS {
            let (sent, reader, length) = if is_chunked {
                let chunks = body.chunks(700).flat_map(chunk).chain(b"0\r\n\r\n".iter().copied()).collect();
                (chunks, BodyReader::new(http1::BodyLength::Chunked), None)
            } else {
                let length = body.len() as u64;
                (body.clone(), BodyReader::new(http1::BodyLength::Exact(length)), Some(length))
            };
            let mut source = Steps::new(steps(&sent, &cuts, &waits));
            let encoded = encode(coding, length, reader, &mut source).unwrap();
            prop_assert!(decode(coding, &encoded) == body);
        }
    }
}
