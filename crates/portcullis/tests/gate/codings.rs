//! What is compressed on its way is, decoded by others, what the instance sent.

use crate::running::{Gate, request};
use std::io::Read;
use testkit::{Answer, Recording};

fn decoded(coding: &str, mut body: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    match coding {
        "gzip" => flate2::read::GzDecoder::new(body).read_to_end(&mut out).unwrap(),
        "br" => brotli::Decompressor::new(body, 4096).read_to_end(&mut out).unwrap(),
        "zstd" => {
            zstd::stream::copy_decode(&mut body, &mut out).unwrap();
            out.len()
        }
        other => panic!("nobody asked for {other}"),
    };
    out
}

/// Text that repeats itself, but not too soon.
fn text(length: usize) -> Vec<u8> {
    (0_u64..).flat_map(|number| (number * number).to_string().into_bytes()).take(length).collect()
}

#[test]
fn every_coding_gives_back_what_the_instance_sent() {
    let app = Recording::answering(|request| {
        let length = request.target.trim_matches('/').parse().unwrap();
        let head = format!("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {length}\r\n\r\n");
        Answer::raw([head.into_bytes(), text(length)].concat())
    });
    let gate = Gate::up(&format!(
        "[site.\":{{http}}\".routes]\n\"/\" = {{ service = \"{0}\", compress = true }}\n\
         [site.\"b.test\".routes]\n\"/\" = {{ service = \"{0}\", compress = true }}\n",
        app.address()
    ));
    let tls = gate.tls();
    for coding in ["gzip", "br", "zstd"] {
        for (mut client, host) in [(gate.raw(), "a.test"), (tls.connect(gate.https, "b.test"), "b.test")] {
            for length in [1_000, 16_384, 100_000, 3_000_000] {
                let fields = format!("Accept-Encoding: {coding}\r\n");
                client.send(request("GET", &format!("/{length}"), &fields).replace("a.test", host));
                let response = client.response("GET");
                assert_eq!(response.value("content-encoding").as_deref(), Some(coding), "{length}");
                assert!(response.body.len() < length, "{coding} {length}: {}", response.body.len());
                assert!(decoded(coding, &response.body) == text(length), "{coding} {length}");
            }
        }
    }
    assert_eq!(app.problems(), [""; 0]);
}
