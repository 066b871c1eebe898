//! FastCGI: an application that follows a script, for what no decent one does.

use crate::running::{Gate, responses};
use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use testkit::backend::fastcgi::{END, FastCgi, Reply, STDERR, STDOUT, end, record};
use testkit::strict::Response;
use testkit::{Folder, eventually};

/// Two scripts and some files.
fn scripts() -> Folder {
    let folder = Folder::new();
    for name in ["root/index.php", "root/a.php", "root/style.css", "outside.php"] {
        folder.write(name, name);
    }
    folder
}

/// A gate before an application, with its scripts in `folder`.
fn before(app: &FastCgi, folder: &Folder, service: &str) -> Gate {
    before_address(app.address(), folder, service)
}

fn before_address(app: SocketAddr, folder: &Folder, service: &str) -> Gate {
    let root = folder.join("root").display().to_string();
    Gate::up(&format!(
        "[site.\":{{http}}\"]\nservice = \"app\"\nbody = \"1MiB\"\n\
         [service.app]\ninstances = [\"fastcgi://{app}\"]\nfastcgi = {{ root = \"{root}\" }}\n{service}"
    ))
}

fn get(gate: &Gate) -> Response {
    gate.get("a.test", "/a.php")
}

const HELLO: &str = "Content-Type: text/plain\r\n\r\nhello";

#[test]
fn an_answer_means_the_same_however_its_records_are_cut() {
    let folder = scripts();
    let split: Vec<u8> = HELLO.bytes().flat_map(|byte| record(STDOUT, [byte])).chain(end(0)).collect();
    let mixed = [
        record(STDERR, "a warning"),
        record(STDOUT, &HELLO[..30]),
        // About the application itself: skipped.
        vec![1, 11, 0, 0, 0, 8, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0],
        record(STDOUT, &HELLO[30..]),
        record(STDOUT, ""),
        record(STDERR, ""),
        end(0),
    ];
    for bytes in [Reply::answering(HELLO).bytes, split, mixed.concat()] {
        for piece in [1, 7, usize::MAX] {
            let app = FastCgi::start(vec![Reply { piece, ..Reply::new(bytes.clone()) }]);
            let response = get(&before(&app, &folder, ""));
            assert_eq!((response.status, response.text().as_str()), (200, "hello"));
            assert_eq!(response.value("content-type").as_deref(), Some("text/plain"));
        }
    }
}

#[test]
fn an_application_that_fails_is_said_to() {
    let folder = scripts();
    let cases: [(Vec<u8>, u16, &str); 14] = [
        (end(2), 503, "the application says that it is overloaded"),
        (end(3), 502, "the application says that it is no responder"),
        (end(1), 502, "the application says that it serves another request here"),
        (end(0), 502, "the application ended without an answer (status 0)"),
        (end(9), 502, "the request ended with the unknown status 9"),
        (vec![], 502, "the application closed the connection before its answer"),
        (record(STDOUT, "A: b\r\n"), 502, "closed the connection in the head of its answer"),
        (
            b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec(),
            502,
            "a record begins with 0x48, which is not FastCGI 1.0",
        ),
        (vec![1, STDOUT, 0, 2, 0, 0, 0, 0], 502, "a record belongs to the request 2, and 1 was sent"),
        (record(4, "x"), 502, "a record has the type 4, which no application sends"),
        (vec![1, END, 0, 1, 0, 0, 0, 0], 502, "the end of the request has 0 bytes in place of 8"),
        (record(STDOUT, "no head\n\n"), 502, "a field name is not a token followed by a colon"),
        (
            record(STDOUT, "Status: 101\n\n"),
            502,
            "Status of a FastCGI answer is not one number from 200 to 599",
        ),
        (record(STDOUT, vec![b'x'; 60_000]).repeat(3), 502, "the head of the answer is longer than is kept"),
    ];
    for (bytes, status, reason) in cases {
        let app = FastCgi::start(vec![Reply::new(bytes)]);
        let gate = before(&app, &folder, "");
        assert_eq!(get(&gate).status, status, "{reason}");
        let error = gate.log(1)[0]["error"].as_str().unwrap_or_default().to_owned();
        assert!(error.contains(reason), "{error:?} is not {reason:?}");
    }
}

#[test]
fn an_application_whose_process_dies_is_said_to() {
    let folder = scripts();
    let begun = record(STDOUT, "Content-Length: 10\r\n\r\nhello");
    for (bytes, said) in [
        (vec![], "request: the application closed the connection before its answer"),
        (
            record(STDOUT, "A: b\r\n"),
            "request: the application closed the connection in the head of its answer",
        ),
        (begun, "response body: the application closed the connection amid its answer"),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let app = listener.local_addr().unwrap();
        let dies = std::thread::spawn(move || {
            let (mut socket, _) = listener.accept().unwrap();
            // What was sent and not read makes the kernel reset the connection.
            socket.read_exact(&mut [0]).unwrap();
            socket.write_all(&bytes).unwrap();
        });
        let gate = before_address(app, &folder, "");
        let _ = gate.raw().send("GET /a.php HTTP/1.1\r\nHost: a\r\n\r\n").try_response("GET");
        dies.join().unwrap();
        let error = gate.log(1)[0]["error"].as_str().unwrap_or_default().to_owned();
        assert!(error.starts_with(said), "{error:?} is not {said:?}");
    }
}

#[test]
fn an_answer_that_is_cut_off_never_looks_complete() {
    let folder = scripts();
    let length = "Content-Length: 10\r\n\r\nhello";
    for bytes in [
        record(STDOUT, HELLO),
        [record(STDOUT, HELLO), end(0)[..9].to_vec()].concat(),
        [record(STDOUT, HELLO), vec![9]].concat(),
        [record(STDOUT, length), end(0)].concat(),
        record(STDOUT, length),
    ] {
        let app = FastCgi::start(vec![Reply::new(bytes.clone())]);
        let gate = before(&app, &folder, "");
        let mut raw = gate.raw();
        raw.send("GET /a.php HTTP/1.1\r\nHost: a\r\n\r\n");
        assert!(raw.try_response("GET").is_err(), "{}", bytes.escape_ascii());
    }
}

#[test]
fn an_instance_without_room_is_passed_over() {
    let folder = scripts();
    let (full, free) =
        (FastCgi::start(vec![Reply::new(end(2))]), FastCgi::start(vec![Reply::answering(HELLO)]));
    let root = folder.join("root").display().to_string();
    let gate = Gate::up(&format!(
        "[site.\":{{http}}\"]\nservice = \"app\"\n[service.app]\n\
         instances = [\"fastcgi://{}\", \"fastcgi://{}\"]\nfastcgi = {{ root = \"{root}\" }}\n",
        full.address(),
        free.address()
    ));
    for _ in 0..4 {
        assert_eq!(get(&gate).text(), "hello");
        // What was gathered is sent again.
        let mut raw = gate.raw();
        raw.send("POST /a.php HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nwhole");
        assert_eq!(raw.response("POST").text(), "hello");
    }
    assert!(!full.told().is_empty() && free.told().len() == 8);
    assert!(free.told().iter().all(|told| told.body.is_empty() || told.body == b"whole"));
}

#[test]
fn a_field_becomes_the_variable_of_no_other() {
    let folder = scripts();
    let app = FastCgi::start(vec![Reply::answering(HELLO)]);
    let gate = before(&app, &folder, "");
    let mut raw = gate.raw();
    raw.send(
        "GET /a.php/in/fo?q=1 HTTP/1.1\r\nHost: a.test:81\r\nProxy: evil\r\nX.Forwarded.For: 1.2.3.4\r\n\
         X-Many: 1\r\nCookie: a=1\r\nx-many: 2\r\nCookie: b=2\r\nContent-Type: text/x\r\nAccept: */*\r\n\r\n",
    );
    assert_eq!(raw.response("GET").status, 200);
    let told = eventually("the request", || app.told().pop());
    let root = folder.join("root").display().to_string();
    let port = gate.http.port().to_string();
    let script = format!("{root}/a.php");
    let translated = format!("{root}/in/fo");
    for (name, value) in [
        ("GATEWAY_INTERFACE", Some("CGI/1.1")),
        ("SERVER_SOFTWARE", Some("portcullis")),
        ("SERVER_PROTOCOL", Some("HTTP/1.1")),
        ("SERVER_NAME", Some("a.test")),
        ("SERVER_ADDR", Some("127.0.0.1")),
        ("SERVER_PORT", Some(port.as_str())),
        ("REMOTE_ADDR", Some("127.0.0.1")),
        ("REQUEST_METHOD", Some("GET")),
        ("REQUEST_SCHEME", Some("http")),
        ("HTTPS", None),
        ("REQUEST_URI", Some("/a.php/in/fo?q=1")),
        ("DOCUMENT_URI", Some("/a.php/in/fo")),
        ("QUERY_STRING", Some("q=1")),
        ("SCRIPT_NAME", Some("/a.php")),
        ("SCRIPT_FILENAME", Some(script.as_str())),
        ("DOCUMENT_ROOT", Some(root.as_str())),
        ("PATH_INFO", Some("/in/fo")),
        ("PATH_TRANSLATED", Some(translated.as_str())),
        ("REDIRECT_STATUS", Some("200")),
        ("CONTENT_TYPE", Some("text/x")),
        ("CONTENT_LENGTH", None),
        ("HTTP_CONTENT_TYPE", None),
        ("HTTP_HOST", Some("a.test:81")),
        ("HTTP_PROXY", None),
        ("HTTP_X_FORWARDED_FOR", Some("127.0.0.1")),
        ("HTTP_X.FORWARDED.FOR", None),
        ("HTTP_X_MANY", Some("1, 2")),
        ("HTTP_COOKIE", Some("a=1; b=2")),
    ] {
        assert_eq!(told.variables.get(name).map(String::as_str), value, "{name}");
    }
    assert!(!told.keep, "a kept connection would hold a process");
}

#[test]
fn a_client_of_tls_is_one_of_https() {
    let folder = scripts();
    let app = FastCgi::start(vec![Reply::answering(HELLO)]);
    let root = folder.join("root").display().to_string();
    let gate = Gate::up(&format!(
        "[site.\"a.test\"]\nservice = \"app\"\n[service.app]\ninstances = [\"fastcgi://{}\"]\n\
         fastcgi = {{ root = \"{root}\" }}\n",
        app.address()
    ));
    let mut client = gate.tls().connect(gate.https, "a.test");
    assert_eq!(client.get("a.test", "/a.php").status, 200);
    let told = eventually("the request", || app.told().pop());
    assert_eq!(told.variables["HTTPS"], "on");
    assert_eq!(told.variables["REQUEST_SCHEME"], "https");
}

#[test]
fn a_body_arrives_as_it_was_sent() {
    let folder = scripts();
    let app = FastCgi::start(vec![Reply::answering(HELLO)]);
    let gate = before(&app, &folder, "");
    let large: Vec<u8> = (0..300_000_u32).flat_map(u32::to_be_bytes).take(1_000_000).collect();
    for body in [&b"x=1"[..], &large] {
        let mut raw = gate.raw();
        raw.send(format!("POST /a.php HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n", body.len()));
        raw.send(body);
        assert_eq!(raw.response("POST").status, 200);
        let told = app.told().pop().unwrap();
        assert!(told.body == body, "{} of {} bytes", told.body.len(), body.len());
        assert_eq!(told.variables["CONTENT_LENGTH"], body.len().to_string());
    }
}

#[test]
fn a_body_in_chunks_is_gathered_while_it_is_small() {
    let folder = scripts();
    let app = FastCgi::start(vec![Reply::answering(HELLO)]);
    let gate = before(&app, &folder, "");
    let post = |chunk: usize, count: usize| {
        let mut raw = gate.raw();
        raw.send(
            "POST /a.php HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n",
        );
        assert_eq!(raw.exactly(25), b"HTTP/1.1 100 Continue\r\n\r\n");
        let chunk = format!("{chunk:x}\r\n{}\r\n", "c".repeat(chunk));
        let _ = raw.try_send(chunk.repeat(count) + "0\r\n\r\n");
        raw.response("POST").status
    };
    assert_eq!(post(1, 10), 200);
    assert_eq!(post(1024, 64), 200);
    let told = app.told();
    assert_eq!((told[0].body.len(), told[0].variables["CONTENT_LENGTH"].as_str()), (10, "10"));
    assert_eq!((told[1].body.len(), told[1].variables["CONTENT_LENGTH"].as_str()), (65_536, "65536"));
    assert_eq!(post(1024, 65), 411);
    assert_eq!(app.told().len(), 2, "what is refused was not begun");
    assert!(gate.log(3).iter().any(|line| line["rule"] == "fastcgi-length-required"));
}

#[test]
fn a_slow_client_with_a_small_body_holds_no_application() {
    let folder = scripts();
    let app = FastCgi::start(vec![Reply::answering(HELLO)]);
    let gate = before(&app, &folder, "");
    let body = vec![b'x'; 64 << 10];
    let chunked = [format!("{:x}\r\n", body.len()).as_bytes(), &body, b"\r\n0\r\n\r\n"].concat();
    for (number, (head, sent)) in
        [("Content-Length: 65536", &body), ("Transfer-Encoding: chunked", &chunked)].into_iter().enumerate()
    {
        let before = 3 * number;
        let mut slow = gate.raw();
        slow.send(format!("POST /a.php HTTP/1.1\r\nHost: a\r\n{head}\r\n\r\n")).send(&sent[..60_000]);
        assert_eq!(get(&gate).text(), "hello");
        assert_eq!(app.connections(), before + 1, "{head}: that of the other request");
        assert_eq!(slow.send(&sent[60_000..]).response("POST").text(), "hello");
        assert_eq!(app.told()[before + 1].body, body, "{head}");
        assert_eq!(slow.get("a", "/a.php").status, 200, "{head}: the connection goes on");
        assert_eq!(app.connections(), before + 3);
    }
}

#[test]
fn a_client_that_breaks_off_a_small_body_runs_no_script() {
    let folder = scripts();
    let app = FastCgi::start(vec![Reply::answering(HELLO)]);
    let gate = before(&app, &folder, "");
    for head in ["Content-Length: 10", "Transfer-Encoding: chunked"] {
        let mut client = gate.raw();
        client.send(format!("POST /a.php HTTP/1.1\r\nHost: a\r\n{head}\r\n\r\n5\r\nhe")).end_sending();
        assert_eq!(client.rest(), b"", "{head}");
    }
    let log = gate.log(2);
    assert!(log.iter().all(|line| line["status"] == 499), "{log:?}");
    assert_eq!(app.connections(), 0);
}

#[test]
fn an_answer_before_the_body_is_passed_on() {
    let folder = scripts();
    let output = "Status: 413 Content Too Large\r\n\r\nno";
    let app = FastCgi::start(vec![Reply { reads_body: false, ..Reply::answering(output) }]);
    let gate = before(&app, &folder, "");
    let mut raw = gate.raw();
    raw.send("POST /a.php HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n").send(vec![b'x'; 10_000]);
    assert_eq!(raw.response("POST").status, 413);
}

#[test]
fn an_application_that_says_nothing_is_not_waited_for() {
    let folder = scripts();
    let silent = Reply { stays: true, ..Reply::new(record(STDERR, "thinking")) };
    let app = FastCgi::start(vec![silent]);
    let gate = before(&app, &folder, "response_timeout = \"200ms\"\n");
    assert_eq!(get(&gate).status, 504);
    eventually("what it said", || gate.stderr().contains("thinking").then_some(()));
}

#[test]
fn a_kept_connection_carries_one_request_after_the_other() {
    let folder = scripts();
    let kept = |output: &str| Reply { stays: true, ..Reply::answering(output) };
    let bodiless = "Content-Length: 0\r\n\r\n";
    let app = FastCgi::start(vec![kept(HELLO), kept("Status: 304\r\n\r\n"), kept(bodiless), kept(HELLO)]);
    let gate = before(&app, &folder, "keep_alive = 4\n");
    let mut raw = gate.raw();
    let statuses: Vec<u16> = (0..4).map(|_| raw.get("a", "/a.php").status).collect();
    assert_eq!(statuses, [200, 304, 200, 200]);
    assert_eq!(app.connections(), 1);
    assert!(app.told().iter().all(|told| told.keep));
}

#[test]
fn what_follows_an_answer_is_never_taken_for_the_next() {
    let folder = scripts();
    let forged = [Reply::answering(HELLO).bytes, Reply::answering("\r\nforged").bytes].concat();
    for bytes in [forged, [record(STDOUT, "Content-Length: 1\r\n\r\nhello"), end(0)].concat()] {
        let app =
            FastCgi::start(vec![Reply { stays: true, ..Reply::new(bytes) }, Reply::answering("\r\nreal")]);
        let gate = before(&app, &folder, "keep_alive = 4\n");
        let mut raw = gate.raw();
        assert_eq!(raw.get("a", "/a.php").status, 200);
        assert_eq!(raw.get("a", "/a.php").text(), "real");
        assert_eq!(app.connections(), 2);
    }
}

#[test]
fn what_an_application_says_to_its_operator_is_one_bounded_line() {
    let folder = scripts();
    let said = format!("first\nportcullis: forged\x1b[31m {}", "long ".repeat(2000));
    let bytes = [record(STDERR, said), record(STDOUT, HELLO), end(0)].concat();
    let app = FastCgi::start(vec![Reply::new(bytes)]);
    let gate = before(&app, &folder, "");
    assert_eq!(get(&gate).text(), "hello");
    let line = eventually("the line", || {
        gate.stderr().lines().find(|line| line.contains("service app says")).map(str::to_owned)
    });
    assert!(line.contains("for a.test/a.php (request "), "{line}");
    assert!(line.contains("first\\nportcullis: forged\\u{1b}[31m"), "{line}");
    assert!(line.contains("bytes more)") && line.len() < 5000, "{line}");
}

#[test]
fn what_an_application_says_behind_its_answer_is_heard() {
    let folder = scripts();
    let answer = record(STDOUT, "Content-Length: 5\r\n\r\nhello");
    let late = |said: &str| [answer.clone(), record(STDERR, said), end(0)].concat();
    for (piece, keep, connections) in [(usize::MAX, 0, 2), (1, 0, 2), (usize::MAX, 4, 1), (1, 4, 1)] {
        let reply = |said: &str| Reply { piece, stays: keep > 0, ..Reply::new(late(said)) };
        let app = FastCgi::start(vec![reply("the first"), reply("the second")]);
        let gate = before(&app, &folder, &format!("keep_alive = {keep}\n"));
        let mut raw = gate.raw();
        for said in ["the first", "the second"] {
            let response = raw.get("a.test", "/a.php");
            assert_eq!((response.status, response.text().as_str()), (200, "hello"));
            let line = eventually("the line", || {
                gate.stderr().lines().find(|line| line.ends_with(said)).map(str::to_owned)
            });
            assert!(line.contains("service app says for a.test/a.php (request "), "{line}");
        }
        assert_eq!(app.connections(), connections, "{piece} {keep}");
    }
}

#[test]
fn an_answer_to_head_has_no_body() {
    let folder = scripts();
    let app = FastCgi::start(vec![Reply::answering("Content-Length: 5\r\n\r\nhello")]);
    let gate = before(&app, &folder, "");
    let mut raw = gate.raw();
    for _ in 0..2 {
        raw.send("HEAD /a.php HTTP/1.1\r\nHost: a\r\n\r\n");
        let response = raw.response("HEAD");
        assert_eq!((response.status, response.value("content-length").as_deref()), (200, Some("5")));
    }
}

#[test]
fn a_variable_that_fits_into_no_record_is_refused() {
    let folder = scripts();
    let app = FastCgi::start(vec![Reply::answering(HELLO)]);
    let limits = "[limits]\nheader_bytes = \"64KiB\"\nrequest_line = \"64KiB\"\n";
    let gate = before(&app, &folder, limits);
    // The path behind the script is also told with the root in front of it.
    for (length, status) in [(60_000, 200), (65_495, 431)] {
        let mut raw = gate.raw();
        raw.send(format!("GET /a.php/{} HTTP/1.1\r\nHost: a\r\n\r\n", "x".repeat(length)));
        assert_eq!(raw.response("GET").status, status);
    }
    assert_eq!(app.told().len(), 1);
}

/// What a path leads to: a script with its path info, a file, a redirect, or no answer of the application.
#[test]
fn no_path_leads_to_anything_but_a_script() {
    let folder = scripts();
    let root = folder.join("root");
    for name in [
        "uploads/evil.jpg",
        "dir.php/inner.php",
        "admin/index.php",
        ".git/x.php",
        "b.PHP",
        "c.php5",
        "d.php.bak",
        "shut.php",
    ] {
        folder.write(root.join(name), name);
    }
    std::fs::create_dir(root.join("empty")).unwrap();
    for (link, target) in
        [("out.php", "../outside.php"), ("abs.php", "/etc/passwd"), ("in.php", "a.php"), ("up", "..")]
    {
        std::os::unix::fs::symlink(target, root.join(link)).unwrap();
    }
    rustix::fs::mknodat(rustix::fs::CWD, root.join("fifo.php"), rustix::fs::FileType::Fifo, 0o600.into(), 0)
        .unwrap();
    let app = FastCgi::start(vec![Reply::answering(HELLO)]);
    let gate = Gate::up(&format!(
        "[site.\":{{http}}\".routes]\n\"/\" = \"app\"\n\
         \"/files/\" = {{ files = \"{root}\", otherwise = \"app\" }}\n\
         \"/bare/\" = {{ service = \"bare\", strip_prefix = true }}\n\
         \"/slash/\" = {{ service = \"bare\", strip_prefix = true, encoded_slashes = true }}\n\
         \"/shut.php/\" = {{ respond = \"no\", status = 403 }}\n\
         \"/far/\" = {{ service = \"far\", strip_prefix = true }}\n\
         [service.app]\ninstances = [\"fastcgi://{app}\"]\nfastcgi = {{ root = \"{root}\" }}\n\
         [service.bare]\ninstances = [\"fastcgi://{app}\"]\nfastcgi = {{ root = \"{root}\", fallback = \"off\" }}\n\
         [service.far]\ninstances = [\"fastcgi://{app}\"]\nfastcgi = {{ root = \"/far\", check = false }}\n",
        root = root.display(),
        app = app.address(),
    ));
    let mut found = String::new();
    for path in include_str!("fastcgi_paths.txt").lines().filter_map(|line| line.split(" -> ").next()) {
        let before = app.told().len();
        let mut raw = gate.raw();
        raw.send(format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"));
        let response = responses(&raw.rest()).pop().unwrap();
        let told = app.told().get(before).cloned();
        let _ = match told {
            Some(told) => {
                let of = |name: &str| told.variables.get(name).cloned().unwrap_or_default();
                let file = of("SCRIPT_FILENAME").replace(&root.display().to_string(), "");
                assert!(of("SCRIPT_NAME").ends_with(&file.replace("/far", "")), "{path}");
                writeln!(found, "{path} -> {file} + {:?}", of("PATH_INFO"))
            }
            None if response.status == 308 => {
                writeln!(found, "{path} -> 308 {}", response.value("location").unwrap_or_default())
            }
            None if response.status == 200 => writeln!(found, "{path} -> file {:?}", response.text()),
            None => writeln!(found, "{path} -> {}", response.status),
        };
    }
    if std::env::var_os("BLESS").is_some() {
        let golden = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/gate/fastcgi_paths.txt");
        std::fs::File::create(golden).unwrap().write_all(found.as_bytes()).unwrap();
    } else {
        assert_eq!(found, include_str!("fastcgi_paths.txt"));
    }
}
