//! Records cut anywhere, hostile ones, and requests read back as PHP reads them.

use super::*;
use proptest::prelude::*;

/// A record as an application writes it.
#[derive(Clone, Debug)]
struct Written {
    kind: u8,
    id: u16,
    content: Vec<u8>,
    padding: u8,
}

impl Written {
    fn new(kind: u8, content: &[u8]) -> Self {
        Self { kind, id: REQUEST, content: content.to_vec(), padding: 0 }
    }

    fn end(status: u8) -> Self {
        Self::new(kind::END, &[0, 0, 0, 7, status, 0, 0, 0])
    }

    fn bytes(&self) -> Vec<u8> {
        let (id, length) = (self.id.to_be_bytes(), (self.content.len() as u16).to_be_bytes());
        let head = [VERSION, self.kind, id[0], id[1], length[0], length[1], self.padding, 0xff];
        [&head[..], &self.content, &vec![b'p'; self.padding.into()]].concat()
    }
}

/// What a reader made of bytes that came in pieces.
#[derive(Debug, Default, PartialEq, Eq)]
struct Heard {
    stdout: Vec<u8>,
    stderr: Vec<u8>,
    end: Option<End>,
    refused: Option<RecordError>,
    unread: usize,
}

fn hear(bytes: &[u8], cuts: &[usize]) -> Heard {
    let mut heard = Heard::default();
    let mut reader = RecordReader::default();
    let mut ends: Vec<usize> = cuts.iter().map(|cut| cut % (bytes.len() + 1)).collect();
    ends.push(bytes.len());
    ends.sort_unstable();
    let mut at = 0;
    for end in ends {
        loop {
            let record = match reader.read(&bytes[at..end]) {
                Ok(record) => record,
                Err(error) => return Heard { refused: Some(error), ..heard },
            };
            let content = &bytes[at + record.start..at + record.consumed];
            at += record.consumed;
            match record.found {
                Found::Stdout => heard.stdout.extend_from_slice(content),
                Found::Stderr => heard.stderr.extend_from_slice(content),
                Found::Nothing => assert_eq!(at, end, "everything is consumed"),
                Found::End(end) => heard.end = Some(end),
            }
            if matches!(record.found, Found::Nothing | Found::End(_)) {
                break;
            }
            assert!(!content.is_empty());
        }
    }
    heard.unread = bytes.len() - at;
    assert!(!reader.is_over() || heard.end.is_some());
    heard
}

fn hear_each(records: &[Written]) -> Heard {
    hear(&records.iter().flat_map(Written::bytes).collect::<Vec<_>>(), &[])
}

const OVER: End = End { application: 7, protocol: ProtocolStatus::Complete };

#[test]
fn an_answer_is_read() {
    let heard = hear_each(&[
        Written::new(kind::STDERR, b"careful"),
        Written::new(kind::STDOUT, b"Status: 200\r\n\r\n"),
        Written { padding: 7, ..Written::new(kind::STDOUT, b"body") },
        // About the application: of any type.
        Written { id: 0, ..Written::new(11, b"\x09\0\0\0\0\0\0\0") },
        Written::new(kind::STDOUT, b""),
        Written::new(kind::STDERR, b"!"),
        Written { padding: 3, ..Written::end(0) },
        Written::new(kind::STDOUT, b"the next"),
    ]);
    assert_eq!(
        (heard.stdout.as_slice(), heard.stderr.as_slice()),
        (&b"Status: 200\r\n\r\nbody"[..], &b"careful!"[..])
    );
    assert_eq!((heard.end, heard.unread, heard.refused), (Some(OVER), 16, None));
}

#[test]
fn every_status_of_an_end_is_known() {
    let said = [0, 1, 2, 3].map(|status| hear_each(&[Written::end(status)]).end.map(|end| end.protocol));
    let expected = [
        ProtocolStatus::Complete,
        ProtocolStatus::CannotMultiplex,
        ProtocolStatus::Overloaded,
        ProtocolStatus::UnknownRole,
    ];
    assert_eq!(said, expected.map(Some));
}

#[test]
fn what_no_application_sends_is_refused() {
    let stdout = || Written::new(kind::STDOUT, b"x");
    let refused = [
        (b"HTTP/1.1 400 Bad Request\r\n".to_vec(), RecordError::Version(b'H')),
        (vec![0], RecordError::Version(0)),
        (Written { id: 2, ..stdout() }.bytes(), RecordError::Request(2)),
        (Written { id: 0x0100, ..stdout() }.bytes(), RecordError::Request(256)),
        (Written::new(kind::STDIN, b"x").bytes(), RecordError::Kind(kind::STDIN)),
        (Written::new(0, b"").bytes(), RecordError::Kind(0)),
        (Written::new(200, &[0; LONGEST]).bytes(), RecordError::Kind(200)),
        (Written::new(kind::END, &[0; 7]).bytes(), RecordError::EndLength(7)),
        (Written::new(kind::END, &[0; LONGEST]).bytes(), RecordError::EndLength(u16::MAX)),
        (Written::end(4).bytes(), RecordError::EndStatus(4)),
        ([Written::new(kind::STDOUT, b"").bytes(), stdout().bytes()].concat(), RecordError::BehindEnd),
    ];
    for (bytes, error) in refused {
        assert_eq!(hear(&bytes, &[]).refused, Some(error), "{bytes:?}");
        let each: Vec<usize> = (0..bytes.len().min(64)).collect();
        assert_eq!(hear(&bytes, &each).refused, Some(error), "{error}, byte by byte");
    }
}

#[test]
fn an_answer_that_is_cut_off_has_no_end() {
    let whole = [Written::new(kind::STDOUT, b"x").bytes(), Written::end(0).bytes()].concat();
    for length in 0..whole.len() {
        assert_eq!(hear(&whole[..length], &[]).end, None, "{length}");
    }
    assert_eq!(hear(&whole, &[]).end, Some(OVER));
}

type Pairs = Vec<(Vec<u8>, Vec<u8>)>;

/// Reads the records of a request as an application does which reads each record of variables on its own.
fn received(mut bytes: &[u8]) -> (u8, Pairs, Vec<u8>) {
    let (mut flags, mut pairs, mut body, mut params_ended) = (0, Vec::new(), Vec::new(), false);
    while let [VERSION, kind, 0, 1, high, low, 0, 0, rest @ ..] = bytes {
        let (content, behind) = rest.split_at(u16::from_be_bytes([*high, *low]).into());
        match (*kind, params_ended) {
            (kind::BEGIN, false) => {
                assert_eq!((content.len(), &content[..2]), (8, &[0, 1][..]));
                flags = content[2];
            }
            (kind::PARAMS, false) if content.is_empty() => params_ended = true,
            (kind::PARAMS, false) => read_pairs(content, &mut pairs),
            (kind::STDIN, true) => body.extend_from_slice(content),
            other => unreachable!("{other:?}"),
        }
        bytes = behind;
    }
    assert!(bytes.is_empty() && params_ended);
    (flags, pairs, body)
}

fn read_pairs(mut content: &[u8], pairs: &mut Pairs) {
    let length = |content: &mut &[u8]| match *content {
        [short @ 0..128, rest @ ..] => {
            *content = rest;
            usize::from(*short)
        }
        [first, second, third, fourth, rest @ ..] => {
            *content = rest;
            u32::from_be_bytes([first & 0x7f, *second, *third, *fourth]) as usize
        }
        _ => unreachable!("a length that is cut"),
    };
    while !content.is_empty() {
        let (name, value) = (length(&mut content), length(&mut content));
        let (pair, rest) = content.split_at(name + value);
        pairs.push((pair[..name].to_vec(), pair[name..].to_vec()));
        content = rest;
    }
}

#[test]
fn a_request_without_variables_has_one_end_of_them() {
    let keep = 1;
    assert_eq!(received(&Params::begin(true).finish()), (keep, vec![], vec![]));
}

#[test]
fn a_variable_longer_than_a_record_is_refused() {
    let mut params = Params::begin(false);
    let value = vec![b'x'; LONGEST - 5 - 1];
    assert_eq!(params.pair(b"N", &[&value, b"x"]), Err(LongPair));
    assert_eq!(params.pair(b"A", &[b"b"]), Ok(()));
    assert_eq!(params.pair(b"N", &[&value]), Ok(()));
    let pairs = vec![(b"A".to_vec(), b"b".to_vec()), (b"N".to_vec(), value)];
    assert_eq!(received(&params.finish()), (0, pairs, vec![]));
}

fn written() -> impl Strategy<Value = Written> {
    let kinds = prop_oneof![Just(kind::STDOUT), Just(kind::STDERR)];
    let content = prop_oneof![prop::collection::vec(any::<u8>(), 1..40), Just(vec![b'l'; LONGEST])];
    (kinds, content, any::<u8>()).prop_map(|(kind, content, padding)| Written {
        kind,
        id: REQUEST,
        content,
        padding,
    })
}

proptest! {
    #[test]
    fn how_records_are_cut_changes_nothing(
        records in prop::collection::vec(written(), 0..6),
        cuts in prop::collection::vec(any::<usize>(), 0..40),
        padding: u8,
        behind in prop::collection::vec(any::<u8>(), 0..20),
    ) {
        let of = |wanted: u8| -> Vec<u8> {
            records.iter().filter(|record| record.kind == wanted).flat_map(|record| record.content.clone()).collect()
        };
        let end = Written { padding, ..Written::end(0) };
        let mut bytes: Vec<u8> = records.iter().chain([&end]).flat_map(Written::bytes).collect();
        bytes.extend_from_slice(&behind);
        let expected = Heard {
            stdout: of(kind::STDOUT),
            stderr: of(kind::STDERR),
            end: Some(OVER),
            refused: None,
            unread: behind.len(),
        };
        prop_assert_eq!(hear(&bytes, &cuts), expected);
    }

    #[test]
    fn any_bytes_are_read_alike_however_they_are_cut(
        bytes in prop::collection::vec(prop_oneof![Just(0), Just(1), 2..9_u8, any::<u8>()], 0..200),
        cuts in prop::collection::vec(any::<usize>(), 0..20),
    ) {
        prop_assert_eq!(hear(&bytes, &cuts), hear(&bytes, &[]));
    }

    #[test]
    fn variables_arrive_as_they_were_written(
        pairs in prop::collection::vec((prop::collection::vec(any::<u8>(), 0..200), 0..40_000_usize), 0..8),
    ) {
        let pairs: Pairs =
            pairs.into_iter().map(|(name, length)| (name, vec![b'v'; length])).collect();
        let mut params = Params::begin(false);
        for (name, value) in &pairs {
            let (front, back) = value.split_at(value.len() / 2);
            prop_assert!(params.pair(name, &[front, back]).is_ok());
        }
        let mut request = params.finish();
        stdin(&mut request, 4);
        request.extend_from_slice(b"body");
        end_stdin(&mut request);
        prop_assert_eq!(received(&request), (0, pairs, b"body".to_vec()));
    }
}
