//! The admin socket from end to end, with a control that records what it was asked.

use super::message::{self, Asked};
use super::server::{self, decide};
use super::*;
use crate::keeper::{Caller, Request};
use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::{Arc, Mutex};

#[derive(Default)]
struct Recorder {
    asked: Mutex<Vec<String>>,
}

impl Recorder {
    fn note(&self, what: impl Into<String>) {
        self.asked.lock().expect("no test panics with the lock").push(what.into());
    }
}

impl Control for Recorder {
    fn status(&self) -> serde_json::Value {
        self.note("status");
        serde_json::json!({ "process": 7 })
    }

    fn reload(&self, request: &ReloadRequest) -> Result<Message, ReloadRefused> {
        let empty = if request.allow_empty { " empty" } else { "" };
        self.note(format!("reload {:?}{empty}", request.file));
        match &request.file {
            None => Ok(Message::new("2 sites changed")),
            Some(_) => Err(ReloadRefused {
                reason: "the old configuration stays".to_owned(),
                problems: "error: bad\n".to_owned(),
                hint: Some("repair it".to_owned()),
                by_machine: false,
            }),
        }
    }

    fn upgrade(&self, program: Option<&Path>) -> Result<Message, ReloadRefused> {
        if program.is_none() {
            // Longer than a client is left without a sign.
            std::thread::sleep(std::time::Duration::from_millis(2500));
        }
        Ok(Message::new(format!("{program:?} takes over")))
    }

    fn stop(&self) {
        self.note("stop");
    }

    fn metrics(&self) -> String {
        "# EOF\n".to_owned()
    }

    fn is_gate(&self, process: u32) -> bool {
        process == u32::MAX
    }

    fn firewall(&self, asked: &crate::keeper::Asked) -> Result<serde_json::Value, Refused> {
        self.note(format!("firewall {:?}", asked.request));
        match asked.request {
            Request::Bans => Ok(serde_json::json!([])),
            _ => Err(Refused::no("it is not so").with_hint("make it so")),
        }
    }
}

fn asked(method: &str, path: &str, body: &[u8]) -> Asked {
    Asked { method: method.to_owned(), path: path.to_owned(), body: body.to_vec() }
}

#[test]
fn five_requests_are_answered_and_no_other() {
    for (method, path, body, status, call) in [
        ("GET", "/status", "", 200, Some("status")),
        ("GET", "/metrics", "", 200, None),
        ("POST", "/reload", "", 200, Some("reload None")),
        ("POST", "/reload", "{}", 200, Some("reload None")),
        ("POST", "/reload", r#"{"allow_empty":true}"#, 200, Some("reload None empty")),
        ("POST", "/reload", r#"{"file":"/a.toml"}"#, 422, Some("reload Some(\"/a.toml\")")),
        ("POST", "/reload", r#"{"path":"/a.toml"}"#, 400, None),
        ("POST", "/reload", "x", 400, None),
        ("POST", "/stop", "", 202, Some("stop")),
        (
            "POST",
            "/firewall",
            r#"{"caller":{"who":{"user":0,"from":null},"sessions":[],"console":false},"request":"bans"}"#,
            200,
            Some("firewall Bans"),
        ),
        (
            "POST",
            "/firewall",
            r#"{"caller":{"who":{"user":0,"from":null},"sessions":[],"console":false},"request":"off"}"#,
            422,
            Some("firewall Off"),
        ),
        ("POST", "/firewall", r#"{"request":"fly"}"#, 400, None),
        ("GET", "/stop", "", 405, None),
        ("POST", "/status", "", 405, None),
        ("GET", "/", "", 404, None),
        ("GET", "/status?x", "", 404, None),
    ] {
        let recorder = Recorder::default();
        let answer = decide(&asked(method, path, body.as_bytes()), &recorder);
        assert_eq!(answer.status, status, "{method} {path} {body}");
        let calls = recorder.asked.into_inner().expect("no test panics with the lock");
        assert_eq!(calls, Vec::from_iter(call), "{method} {path} {body}");
    }
}

fn start(socket: &Path, control: Arc<dyn Control>) -> Result<Server, server::ServerError> {
    let own = rustix::process::geteuid().as_raw();
    let operators = Operators { own, gate: None, group: None };
    Server::start(socket, Path::new("/nonexistent"), operators, control)
}

fn read(bytes: &[u8]) -> Result<Asked, u16> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let mut source = bytes;
    match runtime.block_on(message::read(&mut source)) {
        Ok(Ok(asked)) => Ok(asked),
        Ok(Err(refused)) => Err(refused.status),
        Err(_) => Err(0),
    }
}

#[test]
fn requests_are_strict_and_bounded() {
    assert_eq!(
        read(b"POST /reload HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}"),
        Ok(asked("POST", "/reload", b"{}"))
    );
    assert_eq!(read(b"GET /status HTTP/1.1\r\nHost: a\r\n\r\n"), Ok(asked("GET", "/status", b"")));
    assert_eq!(read(b"GET /status HTTP/1.1\n\n"), Err(400), "a bare line feed");
    assert_eq!(read(b"GET /status HTTP/1.1\r\n\r\n"), Err(400), "no host");
    assert_eq!(read(b"POST /reload HTTP/1.1\r\nHost: a\r\nContent-Length: 1048577\r\n\r\n"), Err(413));
    assert_eq!(read(b"POST /reload HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"), Err(411));
    assert_eq!(read(b"POST /reload HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{"), Err(0), "cut short");
    assert_eq!(read(&[b'a'; 9000]), Err(414));
}

#[test]
fn a_client_gets_what_the_control_says() {
    let folder = testkit::Folder::new();
    let socket = folder.join("admin/socket");
    let recorder = Arc::new(Recorder::default());
    let server = start(&socket, recorder.clone()).expect("a server");
    let client = Client::new(&socket);
    assert_eq!(client.status().expect("a status"), serde_json::json!({ "process": 7 }));
    assert_eq!(client.metrics().expect("metrics"), b"# EOF\n");
    assert_eq!(client.reload(&ReloadRequest::default()).expect("a reload").message, "2 sites changed");
    match client.reload(&ReloadRequest { file: Some("/bad.toml".into()), ..ReloadRequest::default() }) {
        Err(AskError::ReloadRefused(refused)) => assert_eq!(refused.problems, "error: bad\n"),
        other => assert!(other.is_err(), "a refused reload: {other:?}"),
    }
    let asked = |request| crate::keeper::Asked { caller: Caller::default(), request };
    assert_eq!(client.firewall(&asked(Request::Bans)).expect("bans"), serde_json::json!([]));
    match client.firewall(&asked(Request::Off)) {
        Err(AskError::FirewallRefused(refused)) => assert_eq!(refused.reason, "it is not so"),
        other => assert!(other.is_err(), "a refusal: {other:?}"),
    }
    client.stop().expect("a stop");
    drop(server);
    assert!(!socket.exists());
    assert!(matches!(client.status(), Err(AskError::NotRunning(_))));
    assert_eq!(recorder.asked.lock().expect("no test panics with the lock").len(), 6);
}

#[test]
fn who_may_not_ask_is_told_why() {
    let folder = testkit::Folder::new();
    let socket = folder.join("socket");
    let listener = UnixListener::bind(&socket).expect("a socket");
    let answering = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a client");
        let mut head = [0; 1024];
        let read = stream.read(&mut head).expect("a request");
        assert!(read < head.len(), "nothing of the request is left");
        let answer = message::Answer::text(403, "only root names another program");
        stream.write_all(&answer.to_bytes()).expect("room for it");
    });
    let refused = Client::new(&socket).upgrade(Some(Path::new("/other"))).expect_err("refused");
    answering.join().expect("no panic");
    let expected = format!("the gate at {} refuses: only root names another program", socket.display());
    assert_eq!(refused.to_string(), expected);
}

#[test]
fn the_socket_is_for_its_owner_alone() {
    let folder = testkit::Folder::new();
    let socket = folder.join("admin/socket");
    let _server = start(&socket, Arc::new(Recorder::default())).expect("a server");
    let mode = |path: &Path| fs::metadata(path).expect("it is there").permissions().mode() & 0o777;
    assert_eq!(mode(&socket), 0o600);
    assert_eq!(mode(&folder.join("admin")), 0o700);
}

#[test]
fn a_folder_that_others_can_write_is_refused() {
    let folder = testkit::Folder::new();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).expect("our folder");
    let error = start(&folder.join("socket"), Arc::new(Recorder::default())).expect_err("refused");
    assert!(error.to_string().contains("others can put files into"), "{error}");
}

#[test]
fn a_stale_socket_is_replaced_and_a_living_one_is_not() {
    let folder = testkit::Folder::new();
    let stale = folder.join("stale");
    drop(UnixListener::bind(&stale).expect("a socket"));
    drop(start(&stale, Arc::new(Recorder::default())).expect("the stale socket is replaced"));

    let living = folder.join("living");
    let _listener = UnixListener::bind(&living).expect("a socket");
    let error = start(&living, Arc::new(Recorder::default())).expect_err("refused");
    assert!(error.to_string().ends_with(&format!("process {} answers there", std::process::id())), "{error}");

    let file = folder.write("file", "precious");
    start(&file, Arc::new(Recorder::default())).expect_err("no socket");
    assert_eq!(fs::read(file).expect("still there"), b"precious");
}

#[test]
fn a_slow_client_does_not_keep_others_from_asking() {
    let folder = testkit::Folder::new();
    let socket = folder.join("socket");
    let _server = start(&socket, Arc::new(Recorder::default())).expect("a server");
    let mut slow = UnixStream::connect(&socket).expect("a connection");
    slow.write_all(b"GET /sta").expect("room for it");
    Client::new(&socket).status().expect("an answer for the other");
    slow.write_all(b"tus HTTP/1.1\r\nHost: a\r\n\r\n").expect("room for it");
    let mut answer = String::new();
    slow.read_to_string(&mut answer).expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
}

#[test]
fn what_takes_long_shows_signs_of_life() {
    let folder = testkit::Folder::new();
    let socket = folder.join("socket");
    let _server = start(&socket, Arc::new(Recorder::default())).expect("a server");
    let mut client = UnixStream::connect(&socket).expect("a connection");
    let asked = "POST /upgrade HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n";
    client.write_all(asked.as_bytes()).expect("room for it");
    let mut answer = String::new();
    client.read_to_string(&mut answer).expect("an answer");
    let (sign, answer) = answer.split_once("\r\n\r\n").expect("a sign and an answer");
    assert_eq!(sign, "HTTP/1.1 102 Processing");
    assert!(answer.starts_with("HTTP/1.1 202 Accepted\r\n"), "{answer}");
    assert_eq!(Client::new(&socket).upgrade(None).expect("an answer"), "None takes over");
}

#[test]
fn an_order_whose_client_has_gone_before_it_is_begun_is_dropped() {
    let folder = testkit::Folder::new();
    let socket = folder.join("socket");
    let recorder = Arc::new(Recorder::default());
    let server = start(&socket, recorder.clone()).expect("a server");
    // All places are taken, so that the order is read only once its client has given up.
    let busy: Vec<UnixStream> =
        (0..16).map(|_| UnixStream::connect(&socket).expect("a connection")).collect();
    let mut gone = UnixStream::connect(&socket).expect("room in the queue");
    gone.write_all(b"POST /stop HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n").expect("room for it");
    drop((gone, busy));
    Client::new(&socket).status().expect("an answer after it");
    drop(server);
    assert_eq!(*recorder.asked.lock().expect("no test panics with the lock"), ["status"]);
}

#[test]
fn one_state_folder_has_one_gate() {
    let folder = testkit::Folder::new();
    assert!(!GateLock::is_taken(folder.path()));
    let lock = GateLock::take(folder.path()).expect("the first");
    assert!(GateLock::is_taken(folder.path()));
    let error = GateLock::take(folder.path()).expect_err("the second");
    assert!(error.to_string().ends_with(&format!("(process {})", std::process::id())), "{error}");
    drop(lock);
    GateLock::take(folder.path()).expect("the first has gone");
}
