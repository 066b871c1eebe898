//! Who a request is from: what clients claim about it is theirs alone, what we say stands once.

use crate::running::{Gate, Setup, request};
use testkit::Recording;
use testkit::strict::Request;

/// Fields in which proxies tell applications where a request came from.
const NAMES: &[&str] = &[
    "X-Forwarded-For",
    "X-Forwarded-Proto",
    "X-Forwarded-Host",
    "X-Forwarded-Port",
    "X-Forwarded-Server",
    "X-Forwarded-Prefix",
    "X-Forwarded-Uri",
    "X-Forwarded-Method",
    "X-Forwarded-User",
    "X-Forwarded-Email",
    "X-Forwarded-Groups",
    "X-Forwarded-Ssl",
    "X-Forwarded-Scheme",
    "X-Forwarded-Tls-Client-Cert",
    "X-Forwarded-Client-Cert",
    "Forwarded",
    "X-Real-IP",
    "X-Request-Id",
];

const CLAIM: &str = "for=6.6.6.6;evil.test";

/// Every way in which a client may write a field.
fn forms(name: &str) -> Vec<String> {
    let underscored = name.replacen('-', "_", 1);
    vec![
        format!("{name}: {CLAIM}\r\n"),
        format!("{name}: {CLAIM}\r\n{name}: {CLAIM}\r\n"),
        format!("{}: {CLAIM}\r\n", name.to_ascii_lowercase()),
        format!("{}:{CLAIM}\r\n", name.to_ascii_uppercase()),
        format!("{name}:\t {CLAIM} \t\r\n"),
        format!("Connection: {name}\r\n{name}: {CLAIM}\r\n"),
        format!("Connection: close, {}\r\n", name.to_ascii_lowercase()),
        format!("{underscored}: {CLAIM}\r\n"),
        format!("{name}:\r\n{name}: {CLAIM}\r\n"),
        format!("{name}: {}\r\n", ["6.6.6.6"; 500].join(",")),
    ]
}

fn ours(seen: &Request, what: &str) {
    assert_eq!(seen.values("x-forwarded-for"), ["127.0.0.1"], "{what}");
    assert_eq!(seen.values("x-forwarded-proto"), ["http"], "{what}");
    assert_eq!(seen.values("x-forwarded-host"), ["a.test"], "{what}");
    assert_eq!(seen.values("forwarded"), ["for=127.0.0.1;proto=http;host=\"a.test\""], "{what}");
    assert_eq!(seen.values("x-request-id").len(), 1, "{what}");
    let raw = String::from_utf8_lossy(&seen.raw).into_owned();
    assert!(!raw.contains("6.6.6.6") && !raw.contains("evil"), "{what}: {raw}");
}

#[test]
fn an_instance_sees_only_our_word_on_where_a_request_came_from() {
    let app = Recording::start();
    let gate = Gate::before(app.address());
    for name in NAMES {
        for form in forms(name) {
            let before = app.requests().len();
            let mut client = gate.raw();
            let status = client.send(request("GET", "/", &form)).response("GET").status;
            match app.requests().get(before) {
                Some(seen) => ours(seen, &form),
                None => assert_eq!((status, form.contains('_')), (400, true), "{form}"),
            }
        }
    }
    assert_eq!(app.problems(), [""; 0]);
}

#[test]
fn our_word_stands_on_requests_to_upgrade_as_well() {
    let app = Recording::start();
    let gate = Gate::before(app.address());
    let fields = "Connection: Upgrade, X-Forwarded-For, Forwarded\r\nUpgrade: websocket\r\nX-Forwarded-For: 6.6.6.6\r\n";
    assert_eq!(gate.raw().send(request("GET", "/", fields)).response("GET").status, 200);
    ours(&app.requests()[0], fields);
}

#[test]
fn connection_takes_off_fields_of_the_client_and_none_of_ours() {
    let app = Recording::start();
    let gate = Gate::any_host(&format!(
        "service = \"{}\"\nrequest_headers = {{ set = {{ X-Ours = \"{{client_ip}}\" }} }}\n",
        app.address()
    ));
    let fields = "Connection: X-Ours, X-Theirs, cookie\r\nX-Ours: 6.6.6.6\r\nX-Theirs: 1\r\nCookie: a=b\r\nX-Other: 2\r\n";
    assert_eq!(gate.raw().send(request("GET", "/", fields)).response("GET").status, 200);
    let seen = &app.requests()[0];
    assert_eq!(seen.values("x-ours"), ["127.0.0.1"]);
    assert_eq!((seen.values("x-theirs").len(), seen.values("cookie").len()), (0, 0));
    assert_eq!(seen.values("x-other"), ["2"]);
    for framing in ["host", "Content-Length", "transfer-encoding"] {
        let response =
            gate.raw().send(request("GET", "/", &format!("Connection: {framing}\r\n"))).response("GET");
        assert_eq!(
            (response.status, response.value("connection").as_deref()),
            (400, Some("close")),
            "{framing}"
        );
    }
    assert_eq!((app.requests().len(), app.problems()), (1, Vec::new()));
}

#[test]
fn only_a_trusted_proxy_says_who_the_client_is() {
    let app = Recording::start();
    let site = format!(
        "service = \"{}\"\nrequest_headers = {{ set = {{ X-Client = \"{{client_ip}} {{peer_ip}}\" }} }}\n",
        app.address()
    );
    for (trusted, sent, client, list) in [
        ("[\"127.0.0.0/8\"]", "192.0.2.7", "192.0.2.7 127.0.0.1", "192.0.2.7, 127.0.0.1"),
        (
            "[\"127.0.0.0/8\"]",
            "1.1.1.1, 192.0.2.7, 127.0.0.9",
            "192.0.2.7 127.0.0.1",
            "1.1.1.1, 192.0.2.7, 127.0.0.9, 127.0.0.1",
        ),
        ("[\"127.0.0.0/8\"]", "::ffff:192.0.2.7", "192.0.2.7 127.0.0.1", "::ffff:192.0.2.7, 127.0.0.1"),
        ("[\"127.0.0.0/8\"]", "nobody", "127.0.0.1 127.0.0.1", "nobody, 127.0.0.1"),
        ("[\"10.0.0.0/8\"]", "192.0.2.7", "127.0.0.1 127.0.0.1", "127.0.0.1"),
    ] {
        let listen: &'static str = Box::leak(format!("trusted_proxies = {trusted}").into_boxed_str());
        let gate = Setup { listen, ..Setup::default() }.up(&format!("[site.\":{{http}}\"]\n{site}"));
        let before = app.requests().len();
        let fields =
            format!("X-Forwarded-For: {sent}\r\nX-Forwarded-Proto: https\r\nX-Request-Id: theirs\r\n");
        gate.raw().send(request("GET", "/", &fields)).response("GET");
        let seen = &app.requests()[before];
        assert_eq!(seen.value("x-client").as_deref(), Some(client), "{trusted} {sent}");
        assert_eq!(seen.value("x-forwarded-for").as_deref(), Some(list), "{trusted} {sent}");
        let believed = trusted.contains("127");
        assert_eq!(seen.value("x-forwarded-proto").as_deref(), Some(if believed { "https" } else { "http" }));
        assert_ne!(seen.value("x-request-id").as_deref(), Some("theirs"), "the id is the one in our log");
        let nodes = seen.value("forwarded").unwrap();
        let client_ip = client.split(' ').next().unwrap();
        assert_eq!(
            nodes.starts_with(&format!("for={client_ip}, for=127.0.0.1;")),
            client_ip != "127.0.0.1",
            "{nodes}"
        );
        let logged = &gate.log(1)[0]["client"];
        assert_eq!(logged, client.split(' ').next().unwrap(), "{trusted} {sent}");
    }
    assert_eq!(app.problems(), [""; 0]);
}
