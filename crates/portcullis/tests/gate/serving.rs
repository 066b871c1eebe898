//! The main job: sites, names, redirects, and refusing whatever is not served.

use crate::running::{Gate, Setup};
use std::process::Command;
use testkit::Recording;

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
        "", "a b", "a,b", "a@b", "u:p@a.test", "a/b", "a?b", "a#b", "a\\b", "a:", "a:x", "a:99999", "a:-1", "a:080", "a:0",
        ":80", "[::1", "::1", "[::1]x", "[fe80::1%25eth0]", "[fe80::1%eth0]", "a..b", ".a", "a..", "-a", "a%2eb", "%61",
        "a\"b", "<a>", "a_b!", "a;b", "a'b", "a*b", "{host}", "${HOME}", "0x7f.1", "127.1", "017700000001", "\u{e9}",
    ] {
        let mut client = gate.raw();
        client.send(format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"));
        let found = crate::running::responses(&client.rest());
        let statuses: Vec<u16> = found.iter().map(|response| response.status).collect();
        assert_eq!(statuses, [400], "{host:?}");
    }
    assert_eq!((app.requests().len(), app.problems()), (0, Vec::new()));
}

#[test]
fn a_connection_opened_for_one_name_does_not_serve_another_certificate() {
    let (a, b) = (Recording::start(), Recording::start());
    let gate = Gate::up(&format!("[site]\n\"a.test\" = \"{}\"\n\"b.test\" = \"{}\"\n", a.address(), b.address()));
    let tls = gate.tls();
    for (name, host, status) in [
        ("a.test", "a.test", 200),
        ("a.test", "A.test.:443", 200),
        ("a.test", "b.test", 421),
        ("b.test", "a.test", 421),
        ("b.test", "b.test", 200),
        ("a.test", "c.test", 421),
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
    let refused = gate.raw().send(crate::running::request("POST", "/only/a", "Content-Length: 0\r\n")).response("POST");
    assert_eq!(refused.value("allow").as_deref(), Some("GET, HEAD, PUT"));
    assert_eq!(app.problems(), [""; 0]);
}
