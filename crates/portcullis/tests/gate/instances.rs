//! Choosing and reaching instances: turns, sockets, TLS, and instances that die.

use crate::running::{Gate, Hello, Setup, free_address, request};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use testkit::{Answer, Folder, Recording};

fn one_thread(configuration: &str) -> Gate {
    Setup { threads: 1, ..Setup::default() }.up(configuration)
}

#[test]
fn instances_take_turns() {
    let (one, two) = (Recording::start(), Recording::start());
    let gate = one_thread(&format!(
        "[service.app]\ninstances = [\"{}\", \"{}\"]\n[site]\n\"http://a.test\" = \"app\"\n",
        one.address(),
        two.address()
    ));
    for _ in 0..10 {
        assert_eq!(gate.get("a.test", "/").status, 200);
    }
    assert_eq!((one.requests().len(), two.requests().len()), (5, 5));
}

#[test]
fn the_less_busy_instance_gets_the_next_request() {
    let (slow, fast) = (Hello::start("slow"), Hello::start("fast"));
    let gate = one_thread(&format!(
        "[service.app]\ninstances = [\"{}\", \"{}\"]\nbalance = \"least-requests\"\n[site]\n\"http://a.test\" = \"app\"\n",
        slow.address, fast.address
    ));
    let mut hanging: Vec<_> = (0..6).map(|_| gate.raw()).collect();
    for client in &mut hanging {
        client.send(request("GET", "/hang", ""));
        assert!(client.is_silent_for(Duration::from_millis(30)));
    }
    let mut counts = BTreeMap::<String, usize>::new();
    for _ in 0..40 {
        let seen: serde_json::Value = serde_json::from_slice(&gate.get("a.test", "/?json").body).unwrap();
        *counts.entry(seen["instance"].as_str().unwrap().to_owned()).or_default() += 1;
    }
    assert_eq!(counts.len(), 2, "{counts:?}");
}

#[test]
fn an_instance_may_listen_on_a_unix_socket() {
    let folder = Folder::new();
    let path = folder.join("app.sock");
    let app = Recording::unix(&path, |_| Answer::text("unix"));
    let gate = Gate::before_target(&format!("unix:{}", path.display()));
    let mut client = gate.raw();
    for _ in 0..3 {
        assert_eq!(client.get("a.test", "/").text(), "unix");
    }
    assert_eq!((app.connections(), app.problems()), (1, Vec::new()));
    drop(app);
    std::fs::remove_file(&path).unwrap();
    assert_eq!(gate.get("a.test", "/").status, 502);
}

#[test]
fn tls_to_an_instance_is_verified_unless_that_is_switched_off() {
    let app = Recording::start();
    // Another gate is the instance: it has an authority and a name of its own.
    let inner = Gate::up(&format!("[site]\n\"inner.test\" = \"{}\"\n", app.address()));
    let authority =
        inner.folder.write("authority.pem", inner.ask(&["cert", "trust"]).stdout).display().to_string();
    let target = format!("https://{}", inner.https);
    for (tls, status) in [
        (format!("authorities = \"{authority}\", server_name = \"inner.test\""), 200),
        (format!("authorities = \"{authority}\", server_name = \"other.test\""), 502),
        (format!("authorities = \"{authority}\""), 502),
        ("server_name = \"inner.test\"".to_owned(), 502),
        ("verify = false, server_name = \"inner.test\"".to_owned(), 200),
    ] {
        let gate = one_thread(&format!(
            "[service.app]\ninstances = [\"{target}\"]\nhost = \"inner.test\"\ntls = {{ {tls} }}\n[site]\n\"http://a.test\" = \"app\"\n"
        ));
        let before = app.requests().len();
        let mut client = gate.raw();
        let response = client.send(request("POST", "/x", "Content-Length: 3\r\n") + "abc").response("POST");
        assert_eq!(response.status, status, "{tls}");
        let seen = app.requests().split_off(before);
        if status == 200 {
            assert_eq!(
                (seen[0].body.as_slice(), seen[0].value("host").as_deref()),
                (&b"abc"[..], Some("inner.test"))
            );
            assert_eq!(client.get("a.test", "/").status, 200);
        } else {
            assert_eq!(seen.len(), 0, "{tls}");
            let line = &gate.log(1)[0];
            assert!(
                line["error"].as_str().is_some_and(|error| error.starts_with("TLS handshake: ")),
                "{line}"
            );
        }
    }
    assert_eq!(app.problems(), [""; 0]);
}

/// An instance that speaks TLS and sends a response which nobody asked for behind the first one of a connection.
fn talks_too_much(certificate: &Folder) -> SocketAddr {
    let folder = certificate.join("state/certificates/inner.test");
    let chain = CertificateDer::pem_file_iter(folder.join("certificate.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_file(folder.join("key.pem")).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = config.with_no_client_auth().with_single_cert(chain.map(Result::unwrap).collect(), key);
    let config = Arc::new(config.unwrap());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for socket in listener.incoming() {
            let session = ServerConnection::new(Arc::clone(&config)).unwrap();
            let mut stream = StreamOwned::new(session, socket.unwrap());
            thread::spawn(move || {
                // As long as what the gate receives at once, so that the rest stays behind in its TLS session.
                let head = "HTTP/1.1 200 OK\r\nContent-Length: 20438\r\n\r\n";
                let wanted = format!("{head}{}", "g".repeat(20_438));
                let unasked = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison";
                let mut received = [0; 4096];
                for answer in [wanted.clone() + unasked, wanted] {
                    if !matches!(stream.read(&mut received), Ok(1..))
                        || stream.write_all(answer.as_bytes()).is_err()
                    {
                        return;
                    }
                }
            });
        }
    });
    address
}

#[test]
fn what_an_instance_says_unasked_inside_tls_is_nobodys_answer() {
    let inner = Gate::up("[site.\"inner.test\".routes]\n\"/\" = { respond = \"x\" }\n");
    let address = talks_too_much(&inner.folder);
    let gate = one_thread(&format!(
        "[service.app]\ninstances = [\"https://{address}\"]\ntls = {{ verify = false }}\n[site]\n\"http://a.test\" = \"app\"\n"
    ));
    for _ in 0..4 {
        assert_eq!(gate.get("a.test", "/").body.len(), 20_438);
    }
}

#[test]
fn the_host_that_an_instance_sees_is_the_services_choice() {
    let app = Recording::start();
    for (choice, seen) in
        [("", "a.test"), ("host = \"instance\"\n", "*"), ("host = \"fixed.test:81\"\n", "fixed.test:81")]
    {
        let gate = one_thread(&format!(
            "[service.app]\ninstances = [\"{}\"]\n{choice}[site]\n\"http://a.test\" = \"app\"\n",
            app.address()
        ));
        assert_eq!(gate.get("A.Test", "/").status, 200);
        let address = app.address().to_string();
        let expected = if seen == "*" { address.as_str() } else { seen };
        assert_eq!(app.requests().pop().unwrap().value("host").as_deref(), Some(expected));
    }
}

#[test]
fn a_dead_instance_costs_one_attempt_now_and_then_and_no_request() {
    let app = Recording::start();
    let dead = free_address();
    let gate = one_thread(&format!(
        "[service.app]\ninstances = [\"{dead}\", \"{}\"]\nejection = \"1m\"\n[site]\n\"http://a.test\" = \"app\"\n",
        app.address()
    ));
    for method in ["GET", "POST"] {
        for _ in 0..20 {
            let fields = if method == "POST" { "Content-Length: 0\r\n" } else { "" };
            assert_eq!(gate.raw().send(request(method, "/", fields)).response(method).status, 200);
        }
    }
    assert_eq!(app.requests().len(), 40);
    let metrics = gate.ask(&["status", "--metrics"]).stdout;
    let failures =
        metrics.lines().find(|line| line.contains("connect_failures") && line.contains("app")).unwrap();
    assert!(failures.ends_with(" 1"), "{failures}");
}

#[test]
fn an_instance_that_comes_back_is_used_again() {
    let (app, address) = (Recording::start(), free_address());
    let gate = one_thread(&format!(
        "[service.app]\ninstances = [\"{address}\", \"{}\"]\nejection = \"200ms\"\n[site]\n\"http://a.test\" = \"app\"\n",
        app.address()
    ));
    for _ in 0..4 {
        assert_eq!(gate.get("a.test", "/").status, 200);
    }
    let listener = TcpListener::bind(address).unwrap();
    listener.set_nonblocking(true).unwrap();
    testkit::eventually("a connection to the one that came back", || {
        let mut client = gate.raw();
        client.send(request("GET", "/", ""));
        listener.accept().ok()
    });
}

#[test]
fn killing_one_of_two_instances_under_load_loses_no_get() {
    let (one, two) = (Hello::start("one"), Hello::start("two"));
    let gate = Gate::up(&format!(
        "[service.app]\ninstances = [\"{}\", \"{}\"]\n[site]\n\"http://a.test\" = \"app\"\n",
        one.address, two.address
    ));
    let (answered, killed) = (AtomicUsize::new(0), AtomicBool::new(false));
    thread::scope(|scope| {
        let load: Vec<_> = (0..4)
            .map(|_| {
                let (gate, answered, killed) = (&gate, &answered, &killed);
                scope.spawn(move || {
                    let mut client = gate.raw();
                    let mut after = 0;
                    while after < 200 {
                        let response = client.get("a.test", "/static256");
                        assert_eq!(response.status, 200, "{}", response.text());
                        answered.fetch_add(1, Ordering::Relaxed);
                        after += usize::from(killed.load(Ordering::Relaxed));
                    }
                    after
                })
            })
            .collect();
        testkit::eventually("load on both instances", || {
            (answered.load(Ordering::Relaxed) >= 200).then_some(())
        });
        let started = Instant::now();
        one.program.signal(rustix::process::Signal::KILL);
        killed.store(true, Ordering::Relaxed);
        for load in load {
            assert!(load.join().unwrap_or_else(|_| panic!("a GET failed")) >= 200);
        }
        assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
    });
}
