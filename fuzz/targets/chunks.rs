//! Chunked bodies: wherever the bytes are split, data, trailers, end and refusal are the same; and what was decoded,
//! encoded again by our own writer, decodes to itself.

#![no_main]

use http1::{ChunkDecoder, Refusal, write};
use libfuzzer_sys::fuzz_target;

/// What became of a body.
#[derive(Debug, PartialEq)]
struct Outcome {
    data: Vec<u8>,
    trailers: Vec<u8>,
    consumed: usize,
    done: bool,
}

fuzz_target!(|data: &[u8]| {
    let Some((&split, bytes)) = data.split_first() else { return };
    let whole = decode(bytes, bytes.len().max(1));
    assert_eq!(decode(bytes, usize::from(split) + 1), whole);
    let Ok(whole) = whole else { return };
    if whole.done {
        encode_again(&whole);
    }
});

fn decode(bytes: &[u8], step: usize) -> Result<Outcome, Refusal> {
    let mut decoder = ChunkDecoder::default();
    let mut data = Vec::new();
    let mut consumed = 0;
    for piece in bytes.chunks(step) {
        let mut rest = piece;
        while !rest.is_empty() && !decoder.is_done() {
            let decoded = decoder.decode(rest)?;
            assert!(decoded.start <= decoded.end && decoded.end <= decoded.consumed);
            assert!(decoded.consumed > 0 && decoded.consumed <= rest.len(), "no progress");
            data.extend_from_slice(&rest[decoded.start..decoded.end]);
            rest = &rest[decoded.consumed..];
            consumed += decoded.consumed;
        }
    }
    let (trailers, done) = (decoder.trailers().to_vec(), decoder.is_done());
    Ok(Outcome { data, trailers, consumed, done })
}

fn encode_again(first: &Outcome) {
    let mut out = Vec::new();
    if !first.data.is_empty() {
        write::chunk_start(&mut out, first.data.len());
        out.extend_from_slice(&first.data);
        write::end(&mut out);
    }
    write::last_chunk(&mut out, &first.trailers);
    let second = decode(&out, out.len()).expect("what we write can be read");
    assert_eq!((&second.data, &second.trailers), (&first.data, &first.trailers));
    assert!(second.done && second.consumed == out.len());
}
