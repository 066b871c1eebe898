//! gRPC through the gate: calls of every shape over every way, and refusals that its clients understand.

use super::client::{H2, Stream, Whole, piece, send, whole};
use super::requests::gate;
use crate::running::{Gate, Hello};
use bytes::Bytes;
use http::Request;
use std::time::{Duration, Instant};

fn call(path: &str) -> http::request::Builder {
    Request::post(format!("http://a.localhost{path}"))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
}

/// A message with its prefix.
pub(super) fn framed(message: &[u8]) -> Vec<u8> {
    [&[0][..], &(message.len() as u32).to_be_bytes(), message].concat()
}

/// The messages of a body.
pub(super) fn messages(mut body: &[u8]) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    while let Some((prefix, rest)) = body.split_first_chunk::<5>() {
        let length = u32::from_be_bytes(prefix[1..].try_into().unwrap()) as usize;
        assert_eq!(prefix[0], 0);
        found.push(rest[..length].to_vec());
        body = &rest[length..];
    }
    assert!(body.is_empty(), "half a message");
    found
}

/// What a call ended with: in the trailers, or in the head where there is nothing else.
fn status(answer: &Whole) -> &str {
    let fields = answer.trailers.as_ref().unwrap_or(&answer.headers);
    fields.get("grpc-status").map_or("", |status| status.to_str().unwrap())
}

/// Sends whole messages while the answer is read.
fn exchange(client: &H2, path: &str, said: &[u8]) -> Whole {
    let Stream { answer, mut body } = client.start(call(path).body(()).unwrap(), false);
    client.wait(async {
        let sending = async {
            send(&mut body, said).await;
            // The answer may have come before the end.
            let _ = body.send_data(Bytes::new(), true);
        };
        tokio::join!(sending, whole(answer)).1.unwrap()
    })
}

/// The instance and the gates before it.
struct Way {
    name: &'static str,
    client: H2,
    gates: Vec<Gate>,
    _hello: Hello,
}

/// Every combination of what is spoken to a client and to an instance.
fn ways() -> Vec<Way> {
    let plain = || {
        let hello = Hello::start("app");
        let gate = gate(&format!("service = \"h2c://{}\"\n", hello.address));
        Way { name: "h2c to h2c", client: H2::of(&gate), gates: vec![gate], _hello: hello }
    };
    let ended = || {
        let hello = Hello::start("app");
        let gate = Gate::up(&format!("[site]\n\"a.localhost\" = \"h2c://{}\"\n", hello.address));
        let client = H2::over_tls(&gate, "a.localhost");
        Way { name: "TLS to h2c", client, gates: vec![gate], _hello: hello }
    };
    let through = || {
        let Way { mut gates, _hello, .. } = ended();
        let behind = &gates[0];
        let trust = behind.folder.write("trust.pem", behind.ask(&["cert", "trust"]).stdout);
        let gate = Gate::up(&format!(
            "[site]\n\"a.localhost\" = \"app\"\n[service.app]\ninstances = [\"https://localhost:{}\"]\nhttp = \"2\"\n\
             tls = {{ authorities = {:?}, server_name = \"a.localhost\" }}\n",
            behind.https.port(),
            trust
        ));
        let client = H2::over_tls(&gate, "a.localhost");
        gates.insert(0, gate);
        Way { name: "TLS to TLS", client, gates, _hello }
    };
    vec![plain(), ended(), through()]
}

#[test]
fn calls_of_every_shape_pass_over_every_way() {
    for Way { name, client, gates, .. } in &ways() {
        let large = vec![b'x'; 1_000_000];
        let said = exchange(client, "/hello.Echo/Say", &framed(&large));
        assert_eq!((status(&said), messages(&said.body)), ("0", vec![large]), "{name}");
        let empty = exchange(client, "/hello.Echo/Say", &framed(b""));
        assert_eq!((status(&empty), messages(&empty.body)), ("0", vec![vec![]]), "{name}");
        let repeated = exchange(client, "/hello.Echo/Repeat", &framed(b"10000"));
        let numbers: Vec<_> = (1..=10_000).map(|number: u32| number.to_string().into_bytes()).collect();
        assert_eq!((status(&repeated), messages(&repeated.body)), ("0", numbers), "{name}");
        let collected = exchange(client, "/hello.Echo/Collect", &framed(b"12345").repeat(10_000));
        assert_eq!(messages(&collected.body), [b"10000 50000"], "{name}");
        let failed = exchange(client, "/hello.Echo/Fail", &framed(b""));
        assert_eq!((failed.status.as_u16(), status(&failed)), (200, "9"), "{name}");
        assert_eq!(failed.trailers.unwrap()["grpc-message"], "as it was asked");
        let secure = gates[0].log(5).iter().all(|line| line["version"] == "HTTP/2" && line["status"] == 200);
        assert!(secure, "{name}");
    }
}

#[test]
fn a_message_comes_back_before_the_next_is_sent() {
    for Way { name, client, .. } in &ways() {
        let Stream { answer, mut body } = client.start(call("/hello.Echo/Chat").body(()).unwrap(), false);
        client.wait(async {
            let mut receiving = answer.await.unwrap().into_body();
            for number in 0..1000_u32 {
                let message = framed(&number.to_be_bytes());
                send(&mut body, &message).await;
                let mut back = Vec::new();
                while back.len() < message.len() {
                    back.extend(piece(&mut receiving).await.unwrap().unwrap());
                }
                assert_eq!(back, message, "{name}");
            }
            body.send_data(Bytes::new(), true).unwrap();
            while piece(&mut receiving).await.is_some() {}
            assert_eq!(receiving.trailers().await.unwrap().unwrap()["grpc-status"], "0", "{name}");
        });
    }
}

#[test]
fn a_call_that_is_given_up_is_given_up_at_the_instance() {
    for Way { name, client, gates, .. } in &ways() {
        let mut stream = client.start(call("/hello.Echo/Hang").body(()).unwrap(), true);
        client.wait(async { is_silent(&mut stream).await });
        stream.body.send_reset(h2::Reason::CANCEL);
        for gate in gates {
            let log = gate.log(1);
            assert_eq!(log[0]["status"], 499, "{name}");
        }
    }
}

/// Nothing comes for a while, in which the call reaches the instance.
async fn is_silent(stream: &mut Stream) {
    let early = tokio::time::timeout(Duration::from_millis(300), &mut stream.answer).await;
    assert!(early.is_err(), "nothing answers it");
}

#[test]
fn a_deadline_is_passed_on_and_kept() {
    for Way { name, client, .. } in &ways() {
        let with = |path: &str, timeout: &str| call(path).header("grpc-timeout", timeout).body(()).unwrap();
        let answer = client.exchange(with("/hello.Echo/Say", "20S"), Some(&framed(b"hi"))).unwrap();
        assert_eq!((answer.value("x-grpc-timeout"), status(&answer)), (Some("20S"), "0"), "{name}");
        let started = Instant::now();
        let answer = client.exchange(with("/hello.Echo/Hang", "200m"), Some(&framed(b"hi"))).unwrap();
        assert_eq!((answer.status.as_u16(), status(&answer)), (200, "4"), "{name}: {:?}", answer.headers);
        // The gate's clock ticks every tenth of a second.
        assert!(started.elapsed() >= Duration::from_millis(100), "{name}");
        // A request without an end is no reason to wait longer.
        let open = client.start(with("/hello.Echo/Hang", "200m"), false);
        assert_eq!(status(&client.wait(whole(open.answer)).unwrap()), "4", "{name}");
    }
}

#[test]
fn an_instance_that_never_answers_has_its_response_timeout() {
    let hello = Hello::start("app");
    let gate = gate(&format!(
        "service = \"app\"\n[service.app]\ninstances = [\"h2c://{}\"]\nresponse_timeout = \"1s\"\n",
        hello.address
    ));
    let client = H2::of(&gate);
    let answer = client.exchange(call("/hello.Echo/Hang").body(()).unwrap(), Some(&framed(b""))).unwrap();
    assert_eq!(status(&answer), "4");
    assert_eq!(gate.log(1)[0]["status"], 504);
}

#[test]
fn refusals_are_answers_that_grpc_understands() {
    let gate = gate("routes.\"/there\" = { service = \"h2c://127.0.0.1:1\" }\n");
    let client = H2::of(&gate);
    for (path, code) in [("/nowhere/Call", "12"), ("/there", "14")] {
        let answer = client.exchange(call(path).body(()).unwrap(), Some(b"\0\0\0\0\0")).unwrap();
        assert_eq!(answer.status, 200, "{path}");
        assert_eq!(answer.value("grpc-status"), Some(code), "{path}");
        assert_eq!(answer.value("content-type"), Some("application/grpc"));
        assert!(answer.value("grpc-message").is_some_and(|text| !text.is_empty()));
        assert!(answer.body.is_empty());
    }
}

#[test]
fn a_call_for_an_instance_without_http2_is_refused_and_not_forwarded() {
    let plain = testkit::Recording::start();
    let speaking = Hello::start("app");
    let gate = gate(&format!(
        "routes.\"/\" = {{ service = \"{plain}\" }}\n\
         routes.\"/hello.Echo/\" = {{ service = \"both\" }}\n\
         [service.both]\ninstances = [\"{plain}\", \"h2c://{}\"]\n",
        speaking.address,
        plain = plain.address(),
    ));
    let client = H2::of(&gate);
    for (path, media) in [("/a.B/C", "application/grpc"), ("/a.B/C", "application/grpc+proto")] {
        let request = Request::post(format!("http://a.localhost{path}")).header("content-type", media);
        let answer = client.exchange(request.body(()).unwrap(), Some(&framed(b"hi"))).unwrap();
        assert_eq!((answer.status.as_u16(), status(&answer)), (200, "12"), "{path} {media}");
        let line = gate.log(1).pop().unwrap();
        assert_eq!((&line["status"], &line["grpc_status"]), (&501.into(), &12.into()), "{line}");
        assert_eq!(line["rule"], "grpc-needs-http2", "{line}");
    }
    assert!(plain.requests().is_empty(), "nothing was forwarded");
    // Of a service with both kinds of instances, those that can answer do.
    for _ in 0..4 {
        assert_eq!(status(&exchange(&client, "/hello.Echo/Say", &framed(b"hi"))), "0");
    }
    // gRPC-Web that is not translated needs no HTTP/2.
    let web = Request::post("http://a.localhost/a.B/C").header("content-type", "application/grpc-web");
    client.exchange(web.body(()).unwrap(), Some(&framed(b"hi"))).unwrap();
    assert_eq!(plain.requests().len(), 1);
}

#[test]
fn the_log_has_what_a_call_ended_with() {
    let hello = Hello::start("app");
    let gate = gate(&format!(
        "routes.\"/\" = {{ service = \"h2c://{}\" }}\nroutes.\"/there/\" = {{ service = \"h2c://127.0.0.1:1\" }}\n",
        hello.address
    ));
    let client = H2::of(&gate);
    for (number, (path, code)) in [
        ("/hello.Echo/Say", 0),
        ("/hello.Echo/Fail", 9),
        // In the head, for there is nothing else.
        ("/hello.Echo/Unknown", 12),
        ("/there/Call", 14),
    ]
    .into_iter()
    .enumerate()
    {
        let answer = client.exchange(call(path).body(()).unwrap(), Some(&framed(b""))).unwrap();
        assert_eq!(status(&answer), code.to_string(), "{path}");
        let line = gate.log(number + 1).pop().unwrap();
        assert_eq!((&line["path"], &line["grpc_status"]), (&path.into(), &code.into()), "{line}");
    }
    client.get("/");
    assert_eq!(gate.log(5).pop().unwrap().get("grpc_status"), None, "a request is no call");
}

#[test]
fn small_messages_pass_however_slowly_they_are_taken() {
    const COUNT: u32 = 10_000;
    for Way { name, client, .. } in &ways() {
        let Stream { answer, mut body } = client.start(call("/hello.Echo/Chat").body(()).unwrap(), false);
        client.wait(async {
            // Each in a frame of its own, as clients send them, and none of the answers is read before all are sent.
            for number in 0..COUNT {
                send(&mut body, &framed(&number.to_be_bytes())).await;
            }
            body.send_data(Bytes::new(), true).unwrap();
        });
        let answer = client.wait(whole(answer)).unwrap();
        let back = messages(&answer.body);
        assert_eq!((back.len(), status(&answer)), (COUNT as usize, "0"), "{name}");
        assert!(
            back.iter().zip(0..COUNT).all(|(message, number)| *message == number.to_be_bytes()),
            "{name}"
        );
    }
}
