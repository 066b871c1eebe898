//! Answers of FastCGI: what is read does not depend on how the bytes came, and a head that is written is one.

#![no_main]

use http1::{BodyLength, HeadLimits, MAX_FIELDS, Response, cgi};
use libfuzzer_sys::fuzz_target;
use wire::fastcgi::{End, Found, RecordError, RecordReader};

const LIMITS: HeadLimits =
    HeadLimits { bytes: 1 << 20, fields: MAX_FIELDS, first_line: 1 << 20, underscores: true };

#[derive(Debug, Default, PartialEq)]
struct Heard {
    stdout: Vec<u8>,
    stderr: Vec<u8>,
    end: Option<End>,
    refused: Option<RecordError>,
}

fn hear(bytes: &[u8], piece: usize) -> Heard {
    let (mut heard, mut reader) = (Heard::default(), RecordReader::default());
    for piece in bytes.chunks(piece) {
        let mut at = 0;
        loop {
            let record = match reader.read(&piece[at..]) {
                Ok(record) => record,
                Err(error) => return Heard { refused: Some(error), ..heard },
            };
            let content = &piece[at + record.start..at + record.consumed];
            at += record.consumed;
            match record.found {
                Found::Stdout => heard.stdout.extend_from_slice(content),
                Found::Stderr => heard.stderr.extend_from_slice(content),
                Found::Nothing => break assert_eq!(at, piece.len()),
                Found::End(end) => break heard.end = Some(end),
            }
            assert!(!content.is_empty());
        }
    }
    heard
}

fuzz_target!(|bytes: &[u8]| {
    let heard = hear(bytes, bytes.len().max(1));
    for piece in [1, 3, 8, 1000] {
        assert_eq!(hear(bytes, piece), heard);
    }
    for output in [bytes, &heard.stdout] {
        let Some(length) = cgi::head_length(output, 0) else { continue };
        for to_head in [false, true] {
            let mut head = Vec::new();
            let Ok(chunked) = cgi::write_response(&mut head, &output[..length], to_head) else { continue };
            let mut response = Response::default();
            let judged = response.parse(&head, to_head, &LIMITS);
            if judged.is_ok() {
                assert_eq!(response.body == BodyLength::Chunked, chunked);
                assert!(response.status >= 200 && response.body != BodyLength::UntilClose);
            }
        }
    }
});
