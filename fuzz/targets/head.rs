//! Heads of requests and responses: however the bytes arrive, the verdict is the same; and what was accepted, written
//! out and read again, means the same. Nothing here looks at bodies.

#![no_main]

use http1::{Fields, HeadLimits, HeadScanner, Request, Response, write};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((&split, bytes)) = data.split_first() else { return };
    let limits = HeadLimits { bytes: 8 << 10, ..HeadLimits::default() };
    let whole = HeadScanner::default().scan(bytes, &limits);
    assert_eq!(in_pieces(bytes, usize::from(split) + 1, &limits).is_ok(), whole.is_ok());
    let Ok(Some(end)) = whole else { return };
    request(&bytes[..end], &limits);
    response(&bytes[..end], false, &limits);
    response(&bytes[..end], true, &limits);
});

fn in_pieces(bytes: &[u8], step: usize, limits: &HeadLimits) -> Result<Option<usize>, http1::Refusal> {
    let mut scanner = HeadScanner::default();
    let mut arrived = 0;
    while arrived < bytes.len() {
        arrived = bytes.len().min(arrived + step);
        if let Some(end) = scanner.scan(&bytes[..arrived], limits)? {
            return Ok(Some(end));
        }
    }
    Ok(None)
}

/// The written head may be longer than the read one, where spaces were left out or a target was absolute.
fn roomy(limits: &HeadLimits) -> HeadLimits {
    HeadLimits { bytes: 64 << 10, first_line: 64 << 10, ..*limits }
}

fn request(head: &[u8], limits: &HeadLimits) {
    let mut first = Request::default();
    if first.parse(head, limits).is_err() {
        return;
    }
    let mut out = Vec::new();
    let target = if first.target.asterisk { &b"*"[..] } else { first.target.path_and_query.of(head) };
    let target: &[&[u8]] =
        if target.starts_with(b"?") || target.is_empty() { &[b"/", target] } else { &[target] };
    write::request_line(&mut out, first.method.of(head), target);
    fields(&mut out, &first.fields, head);
    let mut second = Request::default();
    let verdict = second.parse(&out, &roomy(limits));
    // A request of version 1.0 may become wrong when it says that it is 1.1: it needs no Host.
    if first.version == http1::Version::Http10 {
        return;
    }
    verdict.expect("an accepted head is accepted again");
    assert_eq!(second.method.of(&out), first.method.of(head));
    assert_eq!(second.body, first.body);
    assert_eq!(second.keep_alive, first.keep_alive);
    assert_eq!(second.host.of(&out), first.host.of(head));
    same(&second.fields, &out, &first.fields, head);
}

fn response(head: &[u8], to_head: bool, limits: &HeadLimits) {
    let mut first = Response::default();
    if first.parse(head, to_head, limits).is_err() {
        return;
    }
    assert!((100..600).contains(&first.status));
    let mut out = Vec::new();
    write::status_line(&mut out, first.version, first.status, first.reason.of(head));
    fields(&mut out, &first.fields, head);
    let mut second = Response::default();
    second.parse(&out, to_head, &roomy(limits)).expect("an accepted head is accepted again");
    assert_eq!((second.status, second.body), (first.status, first.body));
    assert_eq!((second.content_length, second.keep_alive), (first.content_length, first.keep_alive));
    same(&second.fields, &out, &first.fields, head);
}

fn fields(out: &mut Vec<u8>, fields: &Fields, head: &[u8]) {
    for field in fields.iter() {
        let (name, value) = (field.name.of(head), field.value.of(head));
        assert!(!name.is_empty() && name.iter().all(u8::is_ascii_graphic) && !name.contains(&b':'));
        assert!(write::is_value(value));
        write::field(out, name, value);
    }
    write::end(out);
}

fn same(second: &Fields, out: &[u8], first: &Fields, head: &[u8]) {
    assert_eq!(second.len(), first.len());
    for (a, b) in second.iter().zip(first.iter()) {
        assert_eq!(a.name.of(out), b.name.of(head));
        assert_eq!(a.value.of(out), b.value.of(head));
        assert_eq!((a.known, a.hop), (b.known, b.hop));
    }
}
