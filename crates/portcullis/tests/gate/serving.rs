//! The main job: sites, names, redirects, and refusing whatever is not served.

use crate::running::{Gate, Setup};
use std::process::Command;
use testkit::{Answer, Recording};

#[test]
fn a_site_is_served_over_https_and_redirected_from_http() {
    let app = Recording::start();
    let gate = Gate::up(&format!("[site]\n\"a.test\" = \"{}\"\n", app.address()));
    let response = gate.tls().connect(gate.https, "a.test").get("a.test", "/p?q=1");
    assert_eq!((response.status, response.text().as_str()), (200, "ok"));
    let redirect = gate.get("a.test", "/p?q=1");
    let https = format!("https://a.test:{}/p?q=1", gate.https.port());
    assert_eq!((redirect.status, redirect.value("location")), (308, Some(https)));
    let requests = app.requests();
    assert_eq!((requests.len(), requests[0].target.as_str()), (1, "/p?q=1"));
    assert_eq!(requests[0].value("x-forwarded-proto").as_deref(), Some("https"));
    assert_eq!(app.problems(), [""; 0]);
}

#[test]
fn curl_trusts_what_cert_trust_prints() {
    let app = Recording::start();
    let gate = Gate::up(&format!("[site]\n\"a.test\" = \"{}\"\n", app.address()));
    let authority = gate.folder.write("authority.pem", gate.ask(&["cert", "trust"]).stdout);
    let port = gate.https.port();
    let output = Command::new("curl")
        .args(["--silent", "--show-error", "--fail", "--max-time", "10", "--cacert"])
        .arg(authority)
        .args(["--resolve", &format!("a.test:{port}:127.0.0.1"), &format!("https://a.test:{port}/")])
        .output()
        .expect("this test needs curl");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "ok", "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn names_lead_to_their_site_and_no_other() {
    let (one, wild) = (Recording::start(), Recording::start());
    let gate = Gate::up(&format!(
        "[site.\"http://a.test\"]\nservice = \"{}\"\naliases = [\"www.a.test\", \"Ä.test\"]\n\
         [site]\n\"http://*.b.test\" = \"{}\"\n\"http://special.b.test\" = \"{}\"\n",
        one.address(),
        wild.address(),
        one.address(),
    ));
    for (host, status, of_one, of_wild) in [
        ("a.test", 200, 1, 0),
        ("A.TEST", 200, 1, 0),
        ("a.test.", 200, 1, 0),
        ("a.test:80", 200, 1, 0),
        ("a.test:65535", 200, 1, 0),
        ("x.b.test", 200, 0, 1),
        ("X.B.test.", 200, 0, 1),
        ("special.b.test", 200, 1, 0),
        ("b.test", 421, 0, 0),
        ("x.y.b.test", 421, 0, 0),
        ("xa.test", 421, 0, 0),
        ("unknown.test", 421, 0, 0),
        ("127.0.0.1", 421, 0, 0),
        ("[::1]", 421, 0, 0),
        ("www.a.test", 308, 0, 0),
        ("xn--4ca.test", 308, 0, 0),
    ] {
        let before = (one.requests().len(), wild.requests().len());
        assert_eq!(gate.get(host, "/").status, status, "{host}");
        let after = (one.requests().len(), wild.requests().len());
        assert_eq!((after.0 - before.0, after.1 - before.1), (of_one, of_wild), "{host}");
    }
    let seen: Vec<_> = one.requests().iter().filter_map(|request| request.value("host")).collect();
    assert_eq!(seen, ["a.test", "a.test", "a.test", "a.test:80", "a.test:65535", "special.b.test"]);
    let alias = gate.get("www.a.test", "/x?y").value("location");
    assert_eq!(alias, Some(format!("http://a.test:{}/x?y", gate.http.port())));
}

#[test]
fn hosts_with_two_readings_are_refused_and_the_connection_ends() {
    let app = Recording::start();
    let gate = Gate::before(app.address());
    for host in [
        "",
        "a b",
        "a,b",
        "a@b",
        "u:p@a.test",
        "a/b",
        "a?b",
        "a#b",
        "a\\b",
        "a:",
        "a:x",
        "a:99999",
        "a:-1",
        "a:080",
        "a:0",
        ":80",
        "[::1",
        "::1",
        "[::1]x",
        "[fe80::1%25eth0]",
        "[fe80::1%eth0]",
        "a..b",
        ".a",
        "a..",
        "-a",
        "a%2eb",
        "%61",
        "a\"b",
        "<a>",
        "a_b!",
        "a;b",
        "a'b",
        "a*b",
        "{host}",
        "${HOME}",
        "0x7f.1",
        "127.1",
        "017700000001",
        "\u{e9}",
    ] {
        let mut client = gate.raw();
        client
            .send(format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"));
        let found = crate::running::responses(&client.rest());
        let statuses: Vec<u16> = found.iter().map(|response| response.status).collect();
        assert_eq!(statuses, [400], "{host:?}");
    }
    assert_eq!((app.requests().len(), app.problems()), (0, Vec::new()));
}

#[test]
fn a_connection_opened_for_one_name_does_not_serve_another_certificate() {
    let (a, b) = (Recording::start(), Recording::start());
    let gate = Gate::up(&format!(
        "[site]\n\"a.test\" = \"{0}\"\n\"b.test\" = \"{1}\"\n\"*.w.test\" = \"{1}\"\n",
        a.address(),
        b.address()
    ));
    let tls = gate.tls();
    for (name, host, status) in [
        ("a.test", "a.test", 200),
        ("a.test", "A.test.:443", 200),
        ("a.test", "b.test", 421),
        ("b.test", "a.test", 421),
        ("b.test", "b.test", 200),
        ("a.test", "c.test", 421),
        ("x.w.test", "x.w.test", 200),
        ("x.w.test", "y.w.test", 200),
        ("x.w.test", "a.test", 421),
    ] {
        assert_eq!(tls.connect(gate.https, name).get(host, "/").status, status, "{name} {host}");
    }
    let mut client = tls.connect(gate.https, "a.test");
    let statuses = ["a.test", "b.test", "a.test"].map(|host| client.get(host, "/").status);
    assert_eq!(statuses, [200, 421, 200], "a misdirected request leaves its connection as it is");
    assert!(tls.try_connect(gate.https, "c.test").is_err(), "an unknown name gets no certificate that fits");
}

#[test]
fn a_gate_without_sites_says_how_to_go_on() {
    let gate = Gate::up("");
    let response = gate.get("whatever.test", "/");
    assert_eq!(response.status, 200);
    assert!(response.text().contains("no site is configured yet"), "{}", response.text());
}

#[test]
fn handlers_answer_as_the_documentation_says() {
    let app = Recording::start();
    let gate = Setup { threads: 1, ..Setup::default() }.up(&format!(
        "[site.\":{{http}}\".routes]\n\
         \"/x\" = \"{0}\"\n\
         \"/api/\" = {{ service = \"{0}\", strip_prefix = true }}\n\
         \"/old/{{product}}\" = {{ redirect = \"/products/{{param.product}}\", status = 301 }}\n\
         \"/health\" = {{ respond = \"ok {{method}} {{path}}\" }}\n\
         \"/only/\" = {{ service = \"{0}\", method = [\"GET\", \"PUT\"] }}\n",
        app.address()
    ));
    for (method, target, status, seen) in [
        ("GET", "/x", 200, Some("/x")),
        ("GET", "/api/v1?q", 200, Some("/v1?q")),
        ("GET", "/api/", 200, Some("/")),
        ("GET", "/api", 308, None),
        ("GET", "/old/a%20b", 301, None),
        ("GET", "/health", 200, None),
        ("HEAD", "/only/a", 200, Some("/only/a")),
        ("PUT", "/only/a", 200, Some("/only/a")),
        ("POST", "/only/a", 405, None),
        ("OPTIONS", "/x", 200, Some("/x")),
    ] {
        let before = app.requests().len();
        let fields = if method == "PUT" { "Content-Length: 0\r\n" } else { "" };
        let mut client = gate.raw();
        client.send(crate::running::request(method, target, fields));
        // A recorder knows no HEAD, so its body would follow: the head alone says the status.
        assert_eq!(client.response(method).status, status, "{method} {target}");
        let requests = app.requests();
        assert_eq!(requests.get(before).map(|request| request.target.as_str()), seen, "{method} {target}");
    }
    assert_eq!(gate.get("a", "/old/a%20b").value("location").as_deref(), Some("/products/a%20b"));
    assert_eq!(gate.get("a", "/api?x").value("location").as_deref(), Some("/api/?x"));
    assert_eq!(gate.get("a", "/health").text(), "ok GET /health");
    let refused =
        gate.raw().send(crate::running::request("POST", "/only/a", "Content-Length: 0\r\n")).response("POST");
    assert_eq!(refused.value("allow").as_deref(), Some("GET, HEAD, PUT"));
    assert_eq!(app.problems(), [""; 0]);
}

#[test]
fn fields_of_one_connection_stay_on_it() {
    let app = Recording::answering(|_| {
        Answer::raw(
            "HTTP/1.1 200 OK\r\nConnection: close, X-Hop\r\nX-Hop: 1\r\nKeep-Alive: timeout=5\r\nProxy-Connection: close\r\n\
             Upgrade: h2c\r\nTrailer: X-T\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nServer: app\r\nX-Kept: 3\r\nContent-Length: 2\r\n\r\nok",
        )
        .then_close()
    });
    let gate = Setup { threads: 1, ..Setup::default() }.up(&format!(
        "[site.\":{{http}}\"]\nservice = \"{}\"\nresponse_headers = {{ set = {{ X-Added = \"{{host}}\" }}, remove = [\"Server\"] }}\n",
        app.address()
    ));
    let mut client = gate.raw();
    for _ in 0..3 {
        let response = client.get("a.test", "/");
        for gone in [
            "connection",
            "x-hop",
            "keep-alive",
            "proxy-connection",
            "upgrade",
            "server",
            "transfer-encoding",
        ] {
            assert!(response.values(gone).is_empty(), "{gone}: {:?}", response.values(gone));
        }
        assert_eq!(response.values("set-cookie"), ["a=1", "b=2"]);
        assert_eq!(response.values("x-added"), ["a.test"]);
        assert_eq!((response.values("x-kept").len(), response.values("date").len()), (1, 1));
    }
    assert_eq!(app.connections(), 3, "each was ended by the instance, and the client's lives on");
}

#[test]
fn pages_and_hsts_are_as_documented() {
    let setup = Setup {
        files: &[
            ("404.html", "<h1>lost</h1>"),
            ("sorry.html", "<h1>sorry</h1>"),
            ("down.html", "<h1>down</h1>"),
        ],
        ..Setup::default()
    };
    let gate = setup.up("[site.\"a.test\"]\nhsts = { max_age = \"1y\", include_subdomains = true }\n\
         error_pages = { \"404\" = \"404.html\", \"5xx\" = \"sorry.html\" }\n\
         routes = { \"/fixed\" = { respond = \"fixed\" }, \"/dead\" = \"127.0.0.1:1\" }\n\
         [site.\"http://m.test\"]\nservice = \"127.0.0.1:1\"\nmaintenance = \"down.html\"\n");
    let tls = gate.tls();
    for (target, status, text) in
        [("/fixed", 200, "fixed"), ("/none", 404, "<h1>lost</h1>"), ("/dead", 502, "<h1>sorry</h1>")]
    {
        let response = tls.connect(gate.https, "a.test").get("a.test", target);
        assert_eq!((response.status, response.text().as_str()), (status, text));
        let hsts = response.value("strict-transport-security");
        assert_eq!(hsts.as_deref(), Some("max-age=31536000; includeSubDomains"), "{target}");
    }
    assert_eq!(gate.get("a.test", "/fixed").value("strict-transport-security"), None, "not over plain HTTP");
    let down = gate.get("m.test", "/whatever");
    assert_eq!((down.status, down.text().as_str()), (503, "<h1>down</h1>"));
    assert!(down.value("retry-after").is_some());
}

#[test]
fn answers_of_our_own_to_head_have_no_body_and_the_connection_goes_on() {
    let gate = Gate::up(
        "[site.\"http://a.test\".routes]\n\"/fixed\" = { respond = \"fixed\" }\n\"/go\" = { redirect = \"/\" }\n",
    );
    let mut client = gate.raw();
    for (target, status) in [("/fixed", 200), ("/none", 404), ("/go", 308), ("/fixed", 200)] {
        let response = client.send(crate::running::request("HEAD", target, "")).response("HEAD");
        assert_eq!(response.status, status, "{target}");
        assert_ne!(response.value("content-length").as_deref(), Some("0"), "{target}");
        assert_eq!(client.get("a.test", "/fixed").text(), "fixed");
    }
}

#[test]
fn the_wrong_protocol_on_a_port_is_refused_at_once() {
    let gate = Gate::up("[site.\"a.test\".routes]\n\"/\" = { respond = \"a\" }\n");
    for bytes in [
        &b"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n"[..],
        b"\x16\x03\x01\x00\x05hello",
        b"\x16\x03\x01\x00\x04\x01\x00\x00\x00",
        b"\x17\x03\x03\x00\x05hello",
        b"\x15\x03\x03\x00\x02\x02\x28",
        b"\x80\x2e\x01\x03\x01",
        b"\x16\x03\x01\xff\xff",
    ] {
        let mut client = testkit::Raw::connect(gate.https);
        let told = client.send(bytes).end_sending().rest();
        // Nothing, or an alert and nothing else.
        assert!(
            told.is_empty() || (told[0] == 0x15 && told.len() == 7),
            "{}: {}",
            bytes.escape_ascii(),
            told.escape_ascii()
        );
    }
    assert!(gate.tls().try_connect(gate.http, "a.test").is_err());
    let failed = gate.metric(&["failed_handshakes"]);
    assert!((failed - 7.0).abs() < f64::EPSILON, "{failed}");
    assert_eq!(gate.tls().connect(gate.https, "a.test").get("a.test", "/").text(), "a");
}
