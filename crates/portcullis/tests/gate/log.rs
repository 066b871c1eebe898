//! The access log and the metrics: one request is one line, whatever the client wrote.

use crate::running::{Gate, Setup, request};
use testkit::Recording;

#[test]
fn one_request_is_one_line_of_json_whatever_it_says() {
    let app = Recording::start();
    let gate = Setup { threads: 1, ..Setup::default() }
        .up(&format!("[site]\n\":{{http}}\" = \"{}\"\n", app.address()));
    let high: Vec<u8> = (0x80..=0xff).collect();
    let values: Vec<Vec<u8>> = vec![
        b"plain".to_vec(),
        b"quote\" backslash\\ end\\".to_vec(),
        b"\\u0022,\"status\":999,\"x\":\"\\".to_vec(),
        high,
        "ä\u{2028}\u{202e}😀".as_bytes().to_vec(),
        b"tab\there".to_vec(),
        b"${HOME} {host} %s%n {{".to_vec(),
        vec![b'a'; 8000],
    ];
    let mut client = gate.raw();
    for value in &values {
        client.send(
            [
                b"GET /x?q HTTP/1.1\r\nHost: a.test\r\nUser-Agent: ",
                &value[..],
                b"\r\nReferer: ",
                value,
                b"\r\n\r\n",
            ]
            .concat(),
        );
        assert_eq!(client.response("GET").status, 200);
    }
    let lines = gate.log(values.len());
    assert_eq!(lines.len(), values.len());
    for (line, value) in lines.iter().zip(&values) {
        for field in ["user_agent", "referer"] {
            let logged: Vec<u8> =
                line[field].as_str().unwrap().chars().map(|char| char as u32 as u8).collect();
            assert!(value.starts_with(&logged) && logged.len() >= value.len().min(256), "{field}: {line}");
        }
        assert_eq!(
            (line["status"].as_u64(), line["path"].as_str(), line["host"].as_str()),
            (Some(200), Some("/x?q"), Some("a.test"))
        );
        for field in [
            "time",
            "id",
            "client",
            "method",
            "version",
            "scheme",
            "bytes_in",
            "bytes_out",
            "ms",
            "site",
            "service",
            "instance",
        ] {
            assert!(!line[field].is_null(), "{field}: {line}");
        }
    }
}

#[test]
fn what_is_refused_is_logged_with_its_rule_and_in_one_line() {
    let gate = Gate::up("[site.\"http://a.test\".routes]\n\"/x\" = { respond = \"x\" }\n");
    let cases = [
        (&b"GET / HTTP/1.1\r\nHost: unknown.test\r\n\r\n"[..], 421, "unknown-host"),
        (b"GET /none HTTP/1.1\r\nHost: a.test\r\n\r\n", 404, "no-route"),
        (b"GET /%2e%2e/ HTTP/1.1\r\nHost: a.test\r\n\r\n", 400, ""),
        (b"GET / HTTP/1.1\r\nHost: a\"b\r\n\r\n", 400, ""),
        (b"GET /\"}\n{\"status\":200} HTTP/1.1\r\nHost: a.test\r\n\r\n", 400, ""),
        (b"GET /\xff\xfe\x1b[31m HTTP/1.1\r\nHost: a.test\r\n\r\n", 400, ""),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400, ""),
        (b"GET /x HTTP/1.1\r\nHost: a.test\r\nX_Y: z\r\n\r\n", 400, "field-underscore"),
    ];
    for (bytes, status, _) in cases {
        let answer = gate.raw().send(bytes).response("GET").status;
        assert_eq!(answer, status, "{}", bytes.escape_ascii());
    }
    let lines = gate.log(cases.len());
    assert_eq!(lines.len(), cases.len());
    for (_, status, rule) in cases {
        let found =
            lines.iter().any(|line| line["status"] == status && (rule.is_empty() || line["rule"] == rule));
        assert!(found, "{status} {rule}: {lines:?}");
    }
    assert!(lines.iter().all(|line| line["rule"].as_str().is_some_and(|rule| !rule.is_empty())), "{lines:?}");
    let text = gate.log_text();
    assert!(text.bytes().all(|byte| matches!(byte, b'\n' | b' '..=b'~')), "{text}");
}

#[test]
fn a_line_of_the_combined_format_cannot_be_forged() {
    let app = Recording::start();
    let setup = Setup { log: "format = \"combined\"", threads: 1, ..Setup::default() };
    let gate = setup.up(&format!("[site]\n\":{{http}}\" = \"{}\"\n", app.address()));
    let values: Vec<Vec<u8>> = vec![
        b"\" 200 1 \"-\" \"forged".to_vec(),
        b"\\".to_vec(),
        b"\\\" \\\\\" x".to_vec(),
        (0x80..=0xff).collect(),
        b"a\tb".to_vec(),
    ];
    let mut client = gate.raw();
    for value in &values {
        client.send(
            [
                b"GET /x?%22\" HTTP/1.1\r\nHost: a.test\r\nUser-Agent: ",
                &value[..],
                b"\r\nReferer: ",
                value,
                b"\r\n\r\n",
            ]
            .concat(),
        );
        client.response("GET");
    }
    testkit::eventually("the lines", || (gate.log_text().lines().count() >= values.len()).then_some(()));
    let text = gate.log_text();
    assert_eq!(text.lines().count(), values.len(), "{text}");
    for line in text.lines() {
        assert!(line.bytes().all(|byte| matches!(byte, b' '..=b'~')), "{line}");
        let mut quotes = 0;
        let mut escaped = false;
        for byte in line.bytes() {
            quotes += usize::from(byte == b'"' && !escaped);
            escaped = byte == b'\\' && !escaped;
        }
        assert_eq!(quotes, 6, "{line}");
        assert!(line.starts_with("127.0.0.1 - - ["), "{line}");
    }
}

#[test]
fn metrics_count_by_site_and_service() {
    let app = Recording::start();
    let gate = Gate::up(&format!(
        "[service.app]\ninstances = [\"{}\"]\n[site]\n\"http://a.test\" = \"app\"\n[site.\"http://b.test\".routes]\n\"/\" = {{ respond = \"b\" }}\n",
        app.address()
    ));
    for _ in 0..3 {
        gate.get("a.test", "/");
    }
    gate.get("b.test", "/");
    gate.raw().send(request("GET", "/", "X_Y: 1\r\n")).response("GET");
    for (words, expected) in [
        (&["requests_total", "a.test", "2xx"][..], 3.0),
        (&["requests_total", "b.test", "2xx"], 1.0),
        (&["service", "requests_total", "\"app\"", "2xx"], 3.0),
    ] {
        assert!((gate.metric(words) - expected).abs() < f64::EPSILON, "{words:?}");
    }
    let status: serde_json::Value = serde_json::from_str(&gate.ask(&["status", "--json"]).stdout).unwrap();
    assert_eq!(status["requests"], 5);
}

#[test]
fn a_client_that_goes_away_is_logged_as_such() {
    let app = Recording::start();
    let gate = Gate::before(app.address());
    let mut client = gate.raw();
    client.send(request("POST", "/", "Content-Length: 10\r\n") + "abc").end_sending();
    assert_eq!(client.rest(), b"");
    let line = &gate.log(1)[0];
    assert_eq!(line["status"], 499, "{line}");
    assert_eq!((app.requests().len(), app.problems()), (0, Vec::new()));
}
