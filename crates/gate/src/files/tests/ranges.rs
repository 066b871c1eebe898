//! Partial answers: what is sent, and that it is never more than the file.

use super::{Conditions, Shown, Site};
use proptest::prelude::*;

/// A small file, which is in memory, and a large one, which is not.
fn site() -> Site {
    let site = Site::new(|_| {});
    site.write("small.txt", content(2000)).write("large.txt", content(100_000));
    site
}

fn content(size: usize) -> Vec<u8> {
    (0..size).map(|index| b'a' + (index % 26) as u8).collect()
}

fn ranged(site: &Site, path: &str, range: &str) -> Shown {
    site.get_with(path, Conditions { range: Some(range.as_bytes()), ..Conditions::default() })
}

#[test]
fn one_range_is_sent_as_it_is() {
    let site = site();
    for (path, size) in [("/small.txt", 2000), ("/large.txt", 100_000)] {
        let shown = ranged(&site, path, "bytes=10-19");
        assert_eq!((shown.status, shown.body.as_slice()), (206, &content(size)[10..20]));
        assert_eq!(shown.field("Content-Range"), format!("bytes 10-19/{size}"));
        assert_eq!(
            (shown.field("Content-Length"), shown.field("Content-Type")),
            ("10", "text/plain; charset=utf-8")
        );
        assert_eq!(shown.field("ETag"), site.get(path).field("ETag"));
    }
}

#[test]
fn several_ranges_are_parts_of_one_body() {
    let site = site();
    for (path, size) in [("/small.txt", 2000), ("/large.txt", 100_000)] {
        let shown = ranged(&site, path, "bytes=100-104,0-2");
        assert_eq!(shown.status, 206);
        assert_eq!(shown.field("Content-Length"), shown.body.len().to_string());
        let boundary = shown.field("Content-Type").strip_prefix("multipart/byteranges; boundary=").unwrap();
        assert!(boundary.len() == 32 && boundary.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let expected = format!(
            "--{boundary}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Range: bytes 100-104/{size}\r\n\r\nwxyza\
             \r\n--{boundary}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Range: bytes 0-2/{size}\r\n\r\nabc\
             \r\n--{boundary}--\r\n"
        );
        assert_eq!(shown.text(), expected);
        assert_eq!(shown.find("Content-Range"), None);
    }
}

#[test]
fn a_range_outside_of_the_file_is_416() {
    let site = site();
    let shown = ranged(&site, "/small.txt", "bytes=2000-");
    assert_eq!((shown.status, shown.field("Content-Range"), shown.rule), (416, "bytes */2000", "file-range"));
}

#[test]
fn what_would_be_more_than_the_file_is_the_file() {
    let site = site();
    let shown = ranged(&site, "/small.txt", "bytes=0-900,902-1999");
    assert_eq!((shown.status, shown.body), (200, content(2000)));
}

#[test]
fn a_range_is_for_get_and_for_the_file_that_was_meant() {
    let site = site();
    let head = site.ask("/small.txt", |request| {
        request.method = b"HEAD";
        request.conditions.range = Some(b"bytes=0-1");
    });
    assert_eq!(Shown::of(head.unwrap()).status, 200);
    let tag = site.get("/small.txt").field("ETag").to_owned();
    let range = Some(&b"bytes=0-1"[..]);
    let meant = Conditions { range, if_range: Some(tag.as_bytes()), ..Conditions::default() };
    let other = Conditions { range, if_range: Some(b"\"other\""), ..Conditions::default() };
    assert_eq!(site.get_with("/small.txt", meant).status, 206);
    assert_eq!(site.get_with("/small.txt", other).status, 200);
}

#[test]
fn ranges_of_a_compressed_sibling_are_ranges_of_its_bytes() {
    let site = Site::new(|handler| handler.precompressed = true);
    site.write("a", "the original").write("a.gz", "0123456789");
    let shown = site.ask("/a", |request| {
        request.accept_encoding = Some(b"gzip");
        request.conditions.range = Some(b"bytes=2-3");
    });
    let shown = Shown::of(shown.unwrap());
    assert_eq!((shown.status, shown.text(), shown.field("Content-Encoding")), (206, "23", "gzip"));
    assert_eq!(shown.field("Content-Range"), "bytes 2-3/10");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_answer_is_longer_than_its_file(range in "bytes=([0-9]{0,4}-[0-9]{0,4},? ?){0,10}", size in 0usize..3000) {
        thread_local! {
            static SITE: Site = Site::new(|_| {});
        }
        SITE.with(|site| {
            let name = size.to_string();
            if !site.path(&name).exists() {
                site.write(&name, content(size));
            }
            let shown = ranged(site, &format!("/{name}"), &range);
            prop_assert!(shown.body.len() <= size);
            prop_assert!(matches!(shown.status, 200 | 206 | 416));
            Ok(())
        })?;
    }
}
