//! Instances that misbehave: the client sees an honest failure, the pool stays clean, and the log says who failed how.

use crate::running::{Gate, Setup, free_address, request};
use std::io::Write;
use std::net::TcpListener;
use testkit::strict::Broken;
use testkit::{Recording, Scripted, Step, eventually};

/// What a client saw.
#[derive(Debug, PartialEq, Eq)]
enum Saw {
    /// A whole response of this status.
    Whole(u16),
    /// A response that visibly did not come to its end.
    BrokenOff,
}

fn saw(gate: &Gate, head: &str) -> Saw {
    let mut client = gate.raw();
    match client.send(head).try_response("GET") {
        Ok(response) => Saw::Whole(response.status),
        Err(Broken::Connection(_)) => Saw::BrokenOff,
        Err(broken) => panic!("{head}: {broken}"),
    }
}

/// Sites `0.test`, `1.test` and so on, one before each instance.
fn sites<'a>(apps: impl Iterator<Item = &'a Scripted>) -> String {
    let lines =
        apps.enumerate().map(|(number, app)| format!("\"http://{number}.test\" = \"{}\"\n", app.address()));
    "[site]\n".to_owned() + &lines.collect::<String>()
}

fn head(fields: &str) -> String {
    format!("HTTP/1.1 200 OK\r\n{fields}\r\n")
}

#[test]
fn responses_with_two_readings_become_502() {
    let many: String = (0..101).map(|number| format!("X-{number}: 1\r\n")).collect();
    let long = format!("X: {}\r\n", "a".repeat(17 << 10));
    let cases = [
        ("both lengths", head("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n") + "0\r\n\r\n"),
        ("two lengths", head("Content-Length: 5\r\nContent-Length: 6\r\n") + "hello!"),
        ("the same length twice", head("Content-Length: 5\r\nContent-Length: 5\r\n") + "hello"),
        ("a list of lengths", head("Content-Length: 5, 5\r\n") + "hello"),
        ("a length with sign", head("Content-Length: +5\r\n") + "hello"),
        ("a length beyond bounds", head("Content-Length: 18446744073709551621\r\n") + "hello"),
        ("an unknown coding", head("Transfer-Encoding: gzip, chunked\r\n") + "0\r\n\r\n"),
        ("chunked twice", head("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n") + "0\r\n\r\n"),
        ("a folded field", head("X: a\r\n b\r\nContent-Length: 0\r\n")),
        ("a space before the colon", head("Content-Length : 0\r\n")),
        ("a bare line feed", "HTTP/1.1 200 OK\nContent-Length: 0\n\n".to_owned()),
        ("a bare carriage return", head("X: a\rb\r\nContent-Length: 0\r\n")),
        ("a zero byte", head("X: a\0b\r\nContent-Length: 0\r\n")),
        ("a field without colon", head("X\r\nContent-Length: 0\r\n")),
        ("another version", "HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n".to_owned()),
        ("no status", "HTTP/1.1 OK\r\nContent-Length: 0\r\n\r\n".to_owned()),
        ("status 99", "HTTP/1.1 99 X\r\nContent-Length: 0\r\n\r\n".to_owned()),
        ("status 1000", "HTTP/1.1 1000 X\r\nContent-Length: 0\r\n\r\n".to_owned()),
        ("no HTTP", "SSH-2.0-OpenSSH_9.9\r\n\r\n".to_owned()),
        (
            "101 that nobody asked for",
            "HTTP/1.1 101 X\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n".to_owned(),
        ),
        (
            "a flood of interim responses",
            "HTTP/1.1 103 Early Hints\r\n\r\n".repeat(100) + &head("Content-Length: 0\r\n"),
        ),
        ("too many fields", head(&many)),
        ("a head that is too large", head(&long)),
        ("an endless head", "HTTP/1.1 200 ".to_owned() + &"a".repeat(1 << 20)),
        ("half a head", "HTTP/1.1 200 OK\r\nContent-Le".to_owned()),
        ("nothing", String::new()),
    ];
    let apps = cases.map(|(what, answer)| (what, Scripted::answering(answer)));
    let gate = Gate::up(&sites(apps.iter().map(|(_, app)| app)));
    for (number, (what, _)) in apps.iter().enumerate() {
        let mut client = gate.raw();
        client.send(format!("GET /{number} HTTP/1.1\r\nHost: {number}.test\r\n\r\n"));
        let response = loop {
            let response = client.response("GET");
            if response.status >= 200 {
                break response;
            }
        };
        assert_eq!(
            (response.status, response.value("connection").as_deref()),
            (502, Some("close")),
            "{what}"
        );
        assert!(response.text().contains(&response.value("x-request-id").unwrap()), "{what}");
    }
    let lines = gate.log(apps.len());
    for (number, (what, app)) in apps.iter().enumerate() {
        let path = format!("/{number}");
        let line =
            lines.iter().find(|line| line["path"] == path).unwrap_or_else(|| panic!("{what} is logged"));
        assert_eq!(
            (line["instance"].as_str(), line["status"].as_u64()),
            (Some(app.address().to_string().as_str()), Some(502)),
            "{what}"
        );
        assert!(line["error"].as_str().is_some_and(|error| error.contains(':')), "{what}: {line}");
        assert_eq!(line["id"].as_str().map(str::len), Some(16), "{what}");
    }
}

#[test]
fn a_response_that_breaks_off_never_looks_complete() {
    let cases = [
        ("a short body", head("Content-Length: 10\r\n") + "hello"),
        ("no body at all", head("Content-Length: 10\r\n")),
        ("chunks without an end", head("Transfer-Encoding: chunked\r\n") + "5\r\nhello\r\n"),
        ("half a chunk", head("Transfer-Encoding: chunked\r\n") + "5\r\nhel"),
        ("half a last chunk", head("Transfer-Encoding: chunked\r\n") + "5\r\nhello\r\n0\r\n"),
        (
            "a chunk size with sign",
            head("Transfer-Encoding: chunked\r\n") + "5\r\nhello\r\n+5\r\nhello\r\n0\r\n\r\n",
        ),
        (
            "a chunk that is longer than it says",
            head("Transfer-Encoding: chunked\r\n") + "5\r\nhelloxx\r\n0\r\n\r\n",
        ),
        (
            "a chunk size beyond bounds",
            head("Transfer-Encoding: chunked\r\n") + "5\r\nhello\r\nfffffffffffffffff\r\n",
        ),
        (
            "a trailer that frames",
            head("Transfer-Encoding: chunked\r\n") + "5\r\nhello\r\n0\r\nContent-Length: 5\r\n\r\n",
        ),
    ];
    let apps = cases.map(|(what, answer)| (what, Scripted::answering(answer)));
    let gate = Gate::up(&sites(apps.iter().map(|(_, app)| app)));
    for (number, (what, _)) in apps.iter().enumerate() {
        for version in ["HTTP/1.1", "HTTP/1.0"] {
            let asked = format!("GET / {version}\r\nHost: {number}.test\r\n\r\n");
            assert!(matches!(saw(&gate, &asked), Saw::BrokenOff | Saw::Whole(502)), "{what}, {version}");
        }
    }
    for line in gate.log(apps.len() * 2) {
        assert!(line["error"].is_string(), "{line}");
    }
}

#[test]
fn a_reset_in_the_middle_of_a_body_is_passed_on_as_a_break() {
    for fields in ["Content-Length: 100000\r\n", "Transfer-Encoding: chunked\r\n", ""] {
        let body = if fields.starts_with('T') { "5\r\nhello\r\n" } else { "hello" };
        let app = Scripted::start(vec![
            Step::ReadHead,
            Step::Send((head(fields) + body).into_bytes()),
            Step::Reset,
        ]);
        let gate = Gate::before(app.address());
        for version in ["HTTP/1.1", "HTTP/1.0"] {
            let asked = format!("GET / {version}\r\nHost: a.test\r\n\r\n");
            assert!(matches!(saw(&gate, &asked), Saw::BrokenOff | Saw::Whole(502)), "{fields:?} {version}");
        }
    }
}

#[test]
fn bytes_beyond_a_response_are_never_the_answer_to_the_next_request() {
    let evil = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nEVIL";
    let next = (head("Content-Length: 4\r\n") + "next").into_bytes();
    for (what, first) in [
        ("with a length", head("Content-Length: 2\r\n") + "ok"),
        ("in chunks", head("Transfer-Encoding: chunked\r\n") + "2\r\nok\r\n0\r\n\r\n"),
        ("without body", "HTTP/1.1 204 No Content\r\n\r\n".to_owned()),
        ("not modified", "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n".to_owned()),
    ] {
        let script = vec![Step::ReadHead, Step::Send((first + evil).into_bytes()), Step::ReadAll];
        let app =
            Scripted::start_each(vec![script, vec![Step::ReadHead, Step::Send(next.clone()), Step::ReadAll]]);
        let gate = Setup { threads: 1, ..Setup::default() }
            .up(&format!("[site]\n\"http://a.test\" = \"{}\"\n", app.address()));
        let mut client = gate.raw();
        assert!(client.get("a.test", "/").status < 400, "{what}");
        assert_eq!(client.get("a.test", "/").text(), "next", "{what}");
    }
}

#[test]
fn bytes_on_an_idle_connection_are_never_the_answer_to_the_next_request() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let gate = Setup { threads: 1, ..Setup::default() }
        .up(&format!("[site]\n\"http://a.test\" = \"{}\"\n", listener.local_addr().unwrap()));
    let mut client = gate.raw();
    client.send(request("GET", "/", ""));
    let (mut first, _) = listener.accept().unwrap();
    first.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").unwrap();
    assert_eq!(client.response("GET").status, 204);
    // On the loopback, what is written is received before the write returns.
    first.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nEVIL").unwrap();
    client.send(request("GET", "/", ""));
    let (mut second, _) = listener.accept().unwrap();
    second.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nnext").unwrap();
    assert_eq!(client.response("GET").text(), "next");
}

#[test]
fn a_body_on_an_answer_to_head_is_never_the_answer_to_the_next_request() {
    let first = head("Content-Length: 43\r\n") + "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nEVIL";
    let next = (head("Content-Length: 4\r\n") + "next").into_bytes();
    let app = Scripted::start_each(vec![
        vec![Step::ReadHead, Step::Send(first.into_bytes()), Step::ReadAll],
        vec![Step::ReadHead, Step::Send(next), Step::ReadAll],
    ]);
    let gate = Setup { threads: 1, ..Setup::default() }
        .up(&format!("[site]\n\"http://a.test\" = \"{}\"\n", app.address()));
    let mut client = gate.raw();
    assert_eq!(client.send(request("HEAD", "/", "")).response("HEAD").status, 200);
    assert_eq!(client.get("a.test", "/").text(), "next");
}

#[test]
fn an_instance_that_is_silent_is_given_up_in_time() {
    let dead = free_address();
    let app = Scripted::start(vec![Step::ReadHead, Step::Hang]);
    let slow = crate::running::Hello::start("slow");
    let gate = Gate::up(&format!(
        "[service.silent]\ninstances = [\"{}\"]\nresponse_timeout = \"200ms\"\n\
         [service.slow]\ninstances = [\"{}\"]\nresponse_timeout = \"200ms\"\n\
         [service.dead]\ninstances = [\"{dead}\"]\n\
         [site]\n\"http://silent.test\" = \"silent\"\n\"http://slow.test\" = \"slow\"\n\"http://dead.test\" = \"dead\"\n",
        app.address(),
        slow.address
    ));
    for (host, target, status, error) in [
        ("silent.test", "/", 504, "response head: no answer in time"),
        ("slow.test", "/slow-headers", 504, "response head: no answer in time"),
        ("slow.test", "/hang", 504, "response head: no answer in time"),
        ("slow.test", "/close", 502, "request: "),
        ("dead.test", "/", 502, "connect: "),
    ] {
        let response = gate.get(host, target);
        let id = response.value("x-request-id").unwrap();
        assert_eq!(response.status, status, "{host}{target}");
        let line = eventually("its line", || {
            gate.log_text().lines().find(|line| line.contains(&id)).map(str::to_owned)
        });
        let line: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert!(line["error"].as_str().unwrap().starts_with(error), "{line}");
        assert!(line["instance"].as_str().unwrap().starts_with("127.0.0.1:"), "{line}");
        assert_eq!(line["service"], host.trim_end_matches(".test"), "{line}");
    }
}

fn beside(first: &Scripted, second: &Recording) -> Gate {
    let setup = Setup { threads: 1, ..Setup::default() };
    setup.up(&format!(
        "[service.app]\ninstances = [\"{}\", \"{}\"]\n[site]\n\"http://a.test\" = \"app\"\n",
        first.address(),
        second.address()
    ))
}

#[test]
fn what_can_be_asked_twice_is_asked_again_elsewhere() {
    for steps in [
        vec![Step::ReadHead, Step::Reset],
        vec![Step::ReadHead],
        vec![Step::ReadHead, Step::Send(b"HTTP/1.1 200 OK\r\nContent-".to_vec()), Step::Reset],
    ] {
        for (method, fields) in
            [("GET", ""), ("HEAD", ""), ("DELETE", ""), ("PUT", "Content-Length: 0\r\n"), ("OPTIONS", "")]
        {
            let broken = Scripted::start(steps.clone());
            let app = Recording::answering(|_| testkit::Answer::raw("HTTP/1.1 204 No Content\r\n\r\n"));
            let gate = beside(&broken, &app);
            for _ in 0..2 {
                assert_eq!(
                    gate.raw().send(request(method, "/", fields)).response(method).status,
                    204,
                    "{method}"
                );
            }
            assert_eq!((app.requests().len(), app.problems()), (2, Vec::new()), "{method}");
        }
    }
}

#[test]
fn what_may_not_be_asked_twice_is_delivered_at_most_once() {
    for (fields, body) in [
        ("", ""),
        ("Content-Length: 0\r\n", ""),
        ("Content-Length: 3\r\n", "abc"),
        ("Transfer-Encoding: chunked\r\n", "3\r\nabc\r\n0\r\n\r\n"),
    ] {
        let broken = Scripted::start(vec![Step::ReadHead, Step::Reset]);
        let app = Recording::start();
        let gate = beside(&broken, &app);
        let statuses: Vec<u16> = (0..4)
            .map(|_| gate.raw().send(request("POST", "/", fields) + body).response("POST").status)
            .collect();
        let lost = statuses.iter().filter(|status| **status == 502).count();
        assert_eq!(
            lost,
            broken.connections(),
            "each one that was delivered to the broken one is lost: {statuses:?}"
        );
        assert!(lost >= 1, "{statuses:?}");
        assert_eq!((app.requests().len(), app.problems()), (4 - lost, Vec::new()), "{fields}");
    }
}

#[test]
fn a_request_that_is_sent_again_is_sent_whole() {
    let broken = Scripted::start(vec![Step::ReadHead, Step::Read(5), Step::Reset]);
    let app = Recording::start();
    let gate = beside(&broken, &app);
    for _ in 0..2 {
        let reached = broken.connections();
        let mut client = gate.raw();
        client.send(request("PUT", "/", "Transfer-Encoding: chunked\r\n"));
        // The head is sent before the end of the body is known.
        eventually("the head at an instance", || {
            (broken.connections() > reached || app.connections() > 0).then_some(())
        });
        client.send("0\r\n\r\n");
        assert!(matches!(client.response("PUT").status, 200 | 502));
    }
    assert_eq!((app.problems(), app.cut()), (Vec::new(), Vec::new()));
}

#[test]
fn an_idle_connection_that_ends_just_now_loses_no_request() {
    let ok = (head("Content-Length: 2\r\n") + "ok").into_bytes();
    let app = Scripted::start(vec![Step::ReadHead, Step::Send(ok), Step::ReadHead, Step::Reset]);
    let gate = Setup { threads: 1, ..Setup::default() }
        .up(&format!("[site]\n\"http://a.test\" = \"{}\"\n", app.address()));
    let mut client = gate.raw();
    for number in 0..10 {
        assert_eq!(client.get("a.test", "/").status, 200, "request {number}");
    }
}

#[test]
fn the_second_instance_is_asked_under_its_own_name() {
    let broken = Scripted::start(vec![Step::ReadHead, Step::Reset]);
    let app = Recording::start();
    let gate = Setup { threads: 1, ..Setup::default() }.up(&format!(
        "[service.app]\ninstances = [\"{}\", \"{}\"]\nhost = \"instance\"\n[site]\n\"http://a.test\" = \"app\"\n",
        broken.address(),
        app.address()
    ));
    for _ in 0..2 {
        assert_eq!(gate.get("a.test", "/").status, 200);
    }
    for seen in app.requests() {
        assert_eq!(seen.value("host"), Some(app.address().to_string()));
    }
}

#[test]
fn an_answer_that_comes_before_the_request_is_the_answer_to_one_request_at_most() {
    let early = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nearly".to_vec();
    let app = Scripted::start(vec![Step::Send([early.clone(), early].concat()), Step::ReadAll]);
    let gate = Setup { threads: 1, ..Setup::default() }
        .up(&format!("[site]\n\"http://a.test\" = \"{}\"\n", app.address()));
    let mut client = gate.raw();
    for number in 1..=3 {
        assert_eq!(client.get("a.test", "/").text(), "early");
        assert_eq!(app.connections(), number, "a connection that said too much is not used again");
    }
}

#[test]
fn many_clients_at_once_each_get_their_own_answer() {
    let app = Recording::answering(|request| testkit::Answer::text(&request.target));
    let gate = Gate::before(app.address());
    std::thread::scope(|scope| {
        for worker in 0..32 {
            let gate = &gate;
            scope.spawn(move || {
                let mut client = gate.raw();
                for number in 0..40 {
                    let target = format!("/{worker}/{number}");
                    assert_eq!(client.get("a.test", &target).text(), target);
                }
            });
        }
    });
    assert_eq!((app.requests().len(), app.problems()), (32 * 40, Vec::new()));
}
