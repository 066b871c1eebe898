//! Random exchanges, from HTTP/2 over gates that speak either version to an instance of HTTP/1.1 and back: what arrives
//! at each end is strict and means what was said at the other.

use super::client::{H2, send, whole};
use super::requests::gate;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use std::cell::Cell;
use std::sync::{Arc, Mutex};
use testkit::{Answer, Recording};

type Fields = Vec<(String, Vec<u8>)>;

/// One side of an exchange.
#[derive(Clone, Debug)]
struct Message {
    fields: Fields,
    /// The pieces in which the body is sent; none is no body.
    body: Option<Vec<Vec<u8>>>,
    /// Whether its length is announced. Only where it is not can trailers follow.
    announced: bool,
    trailers: Fields,
}

#[derive(Clone, Debug)]
struct Case {
    method: String,
    target: String,
    cookies: Vec<String>,
    request: Message,
    status: u16,
    response: Message,
}

fn fields(names: &'static str) -> impl Strategy<Value = Fields> {
    let value = prop_oneof![
        "[!-~]([ -~]{0,30}[!-~])?".prop_map(String::into_bytes),
        Just(Vec::new()),
        prop::collection::vec(0x80..=0xff_u8, 1..8),
    ];
    prop::collection::vec((names, value), 0..6)
}

fn message(names: &'static str, trailers: &'static str) -> impl Strategy<Value = Message> {
    let piece = prop_oneof![
        4 => prop::collection::vec(any::<u8>(), 0..60),
        1 => (0..40_000_usize).prop_map(|length| vec![b'x'; length]),
    ];
    let body = prop::option::of(prop::collection::vec(piece, 0..4));
    (fields(names), body, any::<bool>(), fields(trailers)).prop_map(|(fields, body, announced, trailers)| {
        let trailers = if announced || body.is_none() { Vec::new() } else { trailers };
        Message { fields, body, announced, trailers }
    })
}

fn case() -> impl Strategy<Value = Case> {
    let method = prop_oneof!["GET|POST|PUT|PATCH|DELETE|OPTIONS|PROPFIND", "[A-Z][A-Z0-9-]{2,9}"];
    let method = method.prop_filter("tunnels and traces are refused", |method| {
        !["CONNECT", "TRACE", "HEAD", "PRI"].contains(&method.as_str())
    });
    let target = r"(/[a-zA-Z0-9_~!$&'()*+,=:@-]{1,8}|/%E2%82%AC){0,4}/(\?[a-z0-9=&?/.%20-]{0,12})?";
    // An escape has to be one.
    let target = target.prop_map(|target: String| {
        target.replace("%20", "+").replace('%', "-").replace("-E2-82-AC", "%E2%82%AC")
    });
    let cookies = prop::collection::vec("[a-z]{1,4}=[!#-+.-~--]{0,9}", 0..4);
    let status = prop::sample::select(vec![200, 201, 204, 206, 304, 400, 404, 418, 500, 599]);
    let (request, response) =
        (message("z-[a-z0-9]{1,6}", "zt-[a-z]{1,4}"), message("y-[a-z0-9]{1,6}", "yt-[a-z]{1,4}"));
    (method, target, cookies, request, status, response).prop_map(
        |(method, target, cookies, request, status, response)| Case {
            method,
            target,
            cookies,
            request,
            status,
            response,
        },
    )
}

/// The answer as an instance writes it.
fn written(status: u16, message: &Message) -> Vec<u8> {
    let mut out = format!("HTTP/1.1 {status} Words\r\n").into_bytes();
    let line = |out: &mut Vec<u8>, (name, value): &(String, Vec<u8>)| {
        out.extend([name.as_bytes(), b": ", value, b"\r\n"].concat());
    };
    message.fields.iter().for_each(|field| line(&mut out, field));
    let pieces = message.body.clone().unwrap_or_default();
    if matches!(status, 204 | 304) {
        out.extend(b"\r\n");
        return out;
    }
    if message.announced || message.body.is_none() {
        let body = pieces.concat();
        out.extend(format!("Content-Length: {}\r\n\r\n", body.len()).into_bytes());
        out.extend(body);
        return out;
    }
    out.extend(b"Transfer-Encoding: chunked\r\n\r\n");
    for piece in pieces.iter().filter(|piece| !piece.is_empty()) {
        out.extend(format!("{:x}\r\n", piece.len()).into_bytes());
        out.extend([piece, &b"\r\n"[..]].concat());
    }
    out.extend(b"0\r\n");
    message.trailers.iter().for_each(|field| line(&mut out, field));
    out.extend(b"\r\n");
    out
}

fn map(fields: &Fields) -> HeaderMap {
    let mut map = HeaderMap::new();
    for (name, value) in fields {
        map.append(HeaderName::try_from(name).unwrap(), HeaderValue::from_bytes(value).unwrap());
    }
    map
}

/// The fields whose names begin like this. Their order among different names means nothing.
fn of<'a>(all: impl Iterator<Item = (&'a str, &'a [u8])>, start: &str) -> Fields {
    let mut found: Fields = all
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_vec()))
        .filter(|(name, _)| name.starts_with(start))
        .collect();
    found.sort_by(|one, other| one.0.cmp(&other.0));
    found
}

fn of_map(map: &HeaderMap, start: &str) -> Fields {
    of(map.iter().map(|(name, value)| (name.as_str(), value.as_bytes())), start)
}

fn of_list(list: &Fields, start: &str) -> Fields {
    of(list.iter().map(|(name, value)| (name.as_str(), value.as_slice())), start)
}

fn of_strict(list: &[testkit::strict::Field], start: &str) -> Fields {
    of(list.iter().map(|field| (field.name.as_str(), field.value.as_slice())), start)
}

fn exchange(client: &H2, case: &Case) -> super::client::Whole {
    let mut request =
        Request::builder().method(case.method.as_str()).uri(format!("http://a.test{}", case.target));
    for cookie in &case.cookies {
        request = request.header("cookie", cookie);
    }
    let message = &case.request;
    let pieces = message.body.clone().unwrap_or_default();
    if message.announced && message.body.is_some() {
        request = request.header("content-length", pieces.concat().len());
    }
    let mut request = request.body(()).unwrap();
    request.headers_mut().extend(map(&message.fields));
    let mut stream = client.start(request, message.body.is_none());
    client.wait(async {
        for piece in &pieces {
            send(&mut stream.body, piece).await;
        }
        if message.body.is_some() {
            let _ = match message.trailers.as_slice() {
                [] => stream.body.send_data(Bytes::new(), true),
                _ => stream.body.send_trailers(map(&message.trailers)),
            };
        }
        whole(stream.answer).await.unwrap()
    })
}

#[test]
fn what_arrives_means_what_was_said() {
    let answer = Arc::new(Mutex::new(Vec::new()));
    let current = Arc::clone(&answer);
    let instance = Recording::answering(move |_| Answer::raw(current.lock().unwrap().clone()));
    let last = gate(&format!("service = \"{}\"\n", instance.address()));
    let plain = gate(&format!("service = \"{}\"\n", last.http));
    let multiplexed = gate(&format!("service = \"h2c://{}\"\n", last.http));
    let clients = [&last, &plain, &multiplexed].map(H2::of);
    let count = Cell::new(0);
    let mut runner = TestRunner::new(Config { cases: 100, failure_persistence: None, ..Config::default() });
    let done = runner.run(&case(), |case| {
        *answer.lock().unwrap() = written(case.status, &case.response);
        for client in &clients {
            let back = exchange(client, &case);
            count.set(count.get() + 1);
            let requests = instance.wait_for_requests(count.get());
            let request = &requests[count.get() - 1];
            prop_assert_eq!(&request.method, &case.method);
            prop_assert_eq!(&request.target, &case.target);
            prop_assert_eq!(of_strict(&request.fields, "z-"), of_list(&case.request.fields, "z-"));
            let cookies = Some(case.cookies.join("; ")).filter(|cookies| !cookies.is_empty());
            prop_assert_eq!(request.value("cookie"), cookies);
            prop_assert_eq!(request.values("host"), ["a.test"]);
            prop_assert_eq!(&request.body, &case.request.body.clone().unwrap_or_default().concat());
            prop_assert_eq!(of_strict(&request.trailers, ""), of_list(&case.request.trailers, ""));
            let empty = matches!(case.status, 204 | 304);
            let body = case.response.body.clone().filter(|_| !empty).unwrap_or_default().concat();
            prop_assert_eq!(back.status.as_u16(), case.status);
            prop_assert_eq!(of_map(&back.headers, "y-"), of_list(&case.response.fields, "y-"));
            prop_assert!(back.body == body, "{} bytes, not {}", back.body.len(), body.len());
            let trailers = if empty { Fields::new() } else { of_list(&case.response.trailers, "") };
            prop_assert_eq!(of_map(&back.trailers.unwrap_or_default(), ""), trailers);
            prop_assert_eq!(instance.problems(), [""; 0]);
        }
        Ok(())
    });
    if let Err(error) = done {
        panic!("{error}");
    }
}
