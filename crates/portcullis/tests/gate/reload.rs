//! Changing a running gate, and ending it: no request that is in flight is lost.

use crate::running::{Gate, Hello, Setup, free_address, request};
use crate::tunnel::Open;
use rustix::process::Signal;
use std::fs;
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use testkit::{Raw, eventually};

fn fixed(text: &str) -> String {
    format!("[site.\"http://a.test\".routes]\n\"/\" = {{ respond = \"{text}\" }}\n")
}

#[test]
fn a_new_route_takes_effect_on_open_connections() {
    let gate = Gate::up(&fixed("one"));
    let mut clients: Vec<Raw> = (0..8).map(|_| gate.raw()).collect();
    for client in &mut clients {
        assert_eq!(client.get("a.test", "/").text(), "one");
    }
    gate.reload(&fixed("two"));
    for client in &mut clients {
        eventually("the new text", || (client.get("a.test", "/").text() == "two").then_some(()));
    }
}

#[test]
fn a_bad_file_keeps_the_old_configuration_and_says_why() {
    let gate = Gate::up(&fixed("old"));
    for (bad, reason) in [
        ("[sit]\n", "sit"),
        ("[site]\n\"http://a.test\" = \"nowhere\"\n", "nowhere"),
        ("[site.\"http://a.test\".routes]\n\"/\" = { respond = \"x\", redirect = \"/\" }\n", "redirect"),
        ("not TOML", "TOML"),
        (
            "[site.\"http://a.test\"]\nservice = \"localhost:1\"\nmaintenance = \"missing.html\"\n",
            "missing.html",
        ),
    ] {
        gate.write(bad);
        let done = gate.ask(&["reload"]);
        let said = done.stdout.clone() + &done.stderr;
        assert_eq!(done.code(), 1, "{bad}: {said}");
        assert!(said.contains(reason) || reason == "TOML", "{bad}: {said}");
        assert_eq!(gate.get("a.test", "/").text(), "old", "{bad}");
    }
    fs::remove_file(gate.folder.join("portcullis.toml")).unwrap();
    assert_ne!(gate.ask(&["reload"]).code(), 0);
    assert_eq!(gate.get("a.test", "/").text(), "old");
    gate.reload(&fixed("new"));
    eventually("the new text", || (gate.get("a.test", "/").text() == "new").then_some(()));
}

/// Every kind of thing that a file names and this machine lacks.
const LACKING: &str = "[site.\"http://a.test\"]\nfiles = \".\"\nfallback = \"gone.html\"\nmaintenance = \"down.html\"\n\
    [site.\"b.test\"]\nservice = \"localhost:1\"\ncertificate = { certificate = \"gone.pem\", key = \"gone.key\" }\n\
    [site.\"c.test\"]\nfiles = \"portcullis.toml\"\ncertificate = { certificate = \"no.pem\", key = \"no.pem\" }\n";

#[test]
fn a_reload_refuses_what_check_refuses_and_names_all_of_it() {
    let gate = Gate::up(&fixed("old"));
    gate.folder.write("no.pem", "no certificate");
    gate.write(LACKING);
    let errors = |text: &str| -> Vec<String> {
        text.lines().filter(|line| line.starts_with("error: ")).map(str::to_owned).collect()
    };
    let check = gate.ask(&["check"]);
    let found = errors(&check.stdout);
    assert_eq!((check.code(), found.len()), (1, 5), "{}", check.stdout);
    let reload = gate.ask(&["reload"]);
    let mut told = errors(&reload.stderr);
    let reason = told.pop();
    assert_eq!((reload.code(), told), (1, found), "{}{}", reload.stdout, reload.stderr);
    assert!(reason.is_some_and(|reason| reason.ends_with("cannot be used as it is")), "{}", reload.stderr);
    assert_eq!(gate.get("a.test", "/").text(), "old");
}

#[test]
fn sighup_refuses_what_check_refuses() {
    let gate = Gate::up(&fixed("old"));
    gate.write(LACKING);
    gate.signal(Signal::HUP);
    // Reloads are done one after the other, so this one's answer comes after that of the signal.
    assert_eq!(gate.ask(&["reload"]).code(), 1);
    assert_eq!(gate.get("a.test", "/").text(), "old");
    gate.signal(Signal::TERM);
    let (finished, _) = gate.finish();
    let refused = "cannot be used as it is; the old configuration stays";
    assert!(finished.stderr.contains(refused), "{}", finished.stderr);
    assert!(finished.stderr.contains("gone.html"), "{}", finished.stderr);
}

#[test]
fn a_reload_lists_warnings_and_serves() {
    let gate = Gate::up(&fixed("old"));
    gate.write("[site.\"http://a.test\"]\nfiles = \"later\"\n");
    let done = gate.ask(&["reload"]);
    assert_eq!(done.code(), 0, "{}", done.stderr);
    assert!(done.stderr.contains("warning: there is no folder "), "{}", done.stderr);
    eventually("the new file", || (gate.get("a.test", "/x").status == 404).then_some(()));
    gate.folder.write("later/x", "here");
    eventually("the folder that came later", || (gate.get("a.test", "/x").text() == "here").then_some(()));
}

#[test]
fn an_emptied_file_ends_no_site_unless_that_is_said() {
    let gate = Gate::up(&fixed("old"));
    gate.write("");
    let check = gate.ask(&["check"]);
    assert_eq!(check.code(), 0, "{}", check.stdout);
    assert!(check.stdout.contains("warning: no site is configured"), "{}", check.stdout);
    let refused = gate.ask(&["reload"]);
    assert_eq!(refused.code(), 1, "{}", refused.stderr);
    let reason = "has no site and no stream, and 1 would end\nhint: `portcullis reload --allow-empty`";
    assert!(refused.stderr.contains(reason), "{}", refused.stderr);
    assert_eq!(gate.get("a.test", "/").text(), "old");
    let done = gate.ask(&["reload", "--allow-empty"]);
    assert_eq!(done.code(), 0, "{}", done.stderr);
    eventually("the end of the site", || (gate.get("a.test", "/").text() != "old").then_some(()));
}

#[test]
fn a_refused_reload_leaves_certificates_and_ports_alone() {
    let gate = Gate::up("[site.\"a.test\".routes]\n\"/\" = { respond = \"old\" }\n");
    let port = free_address();
    gate.write(&format!(
        "[service.app]\ninstances = [\"https://127.0.0.1:1\"]\ntls = {{ authorities = \"/nowhere/root.pem\" }}\n\
         [site]\n\"b.test\" = \"app\"\n\"http://c.test:{}\" = \"127.0.0.1:1\"\n",
        port.port()
    ));
    let done = gate.ask(&["reload"]);
    assert_eq!(done.code(), 1, "{}{}", done.stdout, done.stderr);
    assert_eq!(gate.tls().connect(gate.https, "a.test").get("a.test", "/").text(), "old");
    assert!(TcpStream::connect(port).is_err(), "nobody would serve what is accepted there");
}

#[test]
fn sighup_reloads_as_well() {
    let gate = Gate::up(&fixed("one"));
    gate.write(&fixed("two"));
    gate.signal(Signal::HUP);
    eventually("the new text", || (gate.get("a.test", "/").text() == "two").then_some(()));
}

#[test]
fn listeners_come_and_go_with_the_file() {
    let gate = Gate::up(&fixed("old"));
    let further = free_address();
    let port = further.port();
    gate.reload(
        &(fixed("old")
            + &format!("[site.\"http://b.test:{port}\".routes]\n\"/\" = {{ respond = \"further\" }}\n")),
    );
    eventually("the further port", || TcpStream::connect(further).ok());
    let mut client = Raw::connect(further);
    assert_eq!(client.get("b.test", "/").text(), "further");
    assert_eq!(client.get("a.test", "/").status, 421, "a site of another port");
    gate.reload(&fixed("old"));
    eventually("the end of the further port", || TcpStream::connect(further).is_err().then_some(()));
    assert_eq!(client.get("b.test", "/").status, 421, "an open connection sees the new sites");
    assert_eq!(gate.get("a.test", "/").text(), "old");
}

#[test]
fn a_port_that_is_taken_refuses_the_reload() {
    let gate = Gate::up(&fixed("old"));
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    gate.write(&format!("[site.\"http://b.test:{port}\".routes]\n\"/\" = {{ respond = \"new\" }}\n"));
    let done = gate.ask(&["reload"]);
    assert_eq!(done.code(), 1, "{}{}", done.stdout, done.stderr);
    assert!(done.stderr.contains(&format!("cannot listen on 127.0.0.1:{port}")), "{}", done.stderr);
    assert_eq!(gate.get("a.test", "/").text(), "old");
}

#[test]
fn an_open_connection_never_goes_back_to_an_older_configuration() {
    let gate = Gate::up(&fixed("0"));
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let (mut client, mut newest) = (gate.raw(), 0);
                while !stop.load(Ordering::Relaxed) {
                    let version: usize = client.get("a.test", "/").text().parse().unwrap();
                    assert!(version >= newest, "version {version} after {newest}");
                    newest = version;
                }
            });
        }
        for number in 1..=30 {
            gate.reload_quickly(&fixed(&number.to_string()));
        }
        stop.store(true, Ordering::Relaxed);
    });
    eventually("the last version", || (gate.get("a.test", "/").text() == "30").then_some(()));
}

#[test]
fn the_end_waits_for_requests_in_flight_and_for_nothing_else() {
    let hello = Hello::start("app");
    let gate = Setup { threads: 2, ..Setup::default() }
        .up(&format!("[site]\n\"http://a.test\" = \"{}\"\n", hello.address));
    let (mut idle, mut busy, mut fresh) = (gate.raw(), gate.raw(), gate.raw());
    assert_eq!(idle.get("a.test", "/").status, 200);
    busy.send(request("GET", "/delay/2000", ""));
    assert!(busy.is_silent_for(Duration::from_millis(200)), "it is in flight");
    let started = Instant::now();
    gate.signal(Signal::TERM);
    assert_eq!(idle.rest(), b"", "an idle connection ends at once");
    assert_eq!(fresh.rest(), b"", "and so does one that has not said anything");
    assert!(started.elapsed() < Duration::from_millis(1500), "{:?}", started.elapsed());
    let response = busy.response("GET");
    assert_eq!((response.status, response.value("connection").as_deref()), (200, Some("close")));
    assert!(TcpStream::connect(gate.http).is_err(), "nobody new is taken");
    let (finished, log) = gate.finish();
    assert_eq!(finished.code(), 0, "{}", finished.stderr);
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
    assert_eq!(log.lines().count(), 2, "the log is complete: {log}");
}

#[test]
fn the_end_has_a_deadline() {
    let hello = Hello::start("app");
    let gate = Gate::up(&format!(
        "[site]\n\"http://a.test\" = \"{}\"\n[limits]\ndrain_timeout = \"500ms\"\n",
        hello.address
    ));
    let mut busy = gate.raw();
    busy.send(request("GET", "/hang", ""));
    assert!(busy.is_silent_for(Duration::from_millis(200)), "it is in flight");
    let started = Instant::now();
    gate.signal(Signal::TERM);
    let (finished, _) = gate.finish();
    assert_eq!(finished.code(), 0, "{}", finished.stderr);
    let took = started.elapsed();
    assert!((Duration::from_millis(400)..Duration::from_secs(10)).contains(&took), "{took:?}");
    assert!(
        finished.stderr.contains("1 connections were cut") || finished.stderr.contains("cut"),
        "{}",
        finished.stderr
    );
}

#[test]
fn a_websocket_is_cut_at_the_deadline_of_the_end() {
    let hello = Hello::start("app");
    let gate = Gate::up(&format!(
        "[site]\n\"http://a.test\" = \"{}\"\n[limits]\ndrain_timeout = \"700ms\"\n",
        hello.address
    ));
    let mut socket = Open::new(&gate, "a.test");
    gate.signal(Signal::TERM);
    eventually("the end of the listener", || TcpStream::connect(gate.http).is_err().then_some(()));
    socket.echoes(b"still here");
    let (finished, _) = gate.finish();
    assert_eq!(finished.code(), 0, "{}", finished.stderr);
}

#[test]
fn sigusr1_opens_the_log_anew() {
    let gate = Gate::up(&fixed("text"));
    gate.get("a.test", "/first");
    assert_eq!(gate.log(1)[0]["path"], "/first");
    fs::rename(gate.folder.join("access.log"), gate.folder.join("old.log")).unwrap();
    gate.signal(Signal::USR1);
    eventually("the new file", || gate.folder.join("access.log").exists().then_some(()));
    gate.get("a.test", "/second");
    assert_eq!(gate.log(1)[0]["path"], "/second");
    assert_eq!(fs::read_to_string(gate.folder.join("old.log")).unwrap().lines().count(), 1);
}
