//! Spellings of a protected path: none may reach an instance behind the routes of another path.

use crate::running::{Gate, Setup, request};
use testkit::Recording;

/// Spellings of `/admin/secret` that some server or other takes for it.
const SPELLINGS: &[&str] = &[
    "/admin/secret",
    "/admin//secret",
    "//admin/secret",
    "///admin/secret",
    "/./admin/secret",
    "/admin/./secret",
    "/x/../admin/secret",
    "/x/y/../../admin/secret",
    "/../admin/secret",
    "/x/../../admin/secret",
    "/%61dmin/secret",
    "/%61%64%6d%69%6e/secret",
    "/%61%64%6D%69%6E/secret",
    "/admin%2fsecret",
    "/admin%2Fsecret",
    "/admin%252fsecret",
    "/admin%5csecret",
    "/admin\\secret",
    "/admin%255csecret",
    "\\admin\\secret",
    "/%2fadmin/secret",
    "/x%2f../admin/secret",
    "/x/..%2fadmin/secret",
    "/x/%2e%2e/admin/secret",
    "/x/.%2e/admin/secret",
    "/x/%2e./admin/secret",
    "/%2e/admin/secret",
    "/x/%252e%252e/admin/secret",
    "/x/..;/admin/secret",
    "/x/..;a=b/admin/secret",
    "/.;/admin/secret",
    "/;/admin/secret",
    "/;a/admin/secret",
    "/admin;/secret",
    "/admin;a=b/secret",
    "/admin;%2fsecret",
    "/x/;/../admin/secret",
    "/x//../admin/secret",
    "/admin%00/secret",
    "/admin%0a/secret",
    "/admin%20/secret",
    "/admin%09/secret",
    "/admin./secret",
    "/admin%2e/secret",
    "/%c0%aeadmin/secret",
    "/x/%c0%ae%c0%ae/admin/secret",
    "/admin%c0%afsecret",
    "/%e0%80%afadmin/secret",
    "/%ef%bc%8fadmin/secret",
    "/x/%uff0e%uff0e/admin/secret",
    "/admin%u002fsecret",
    "/admin%/secret",
    "/admin%2/secret",
    "/admin%zz/secret",
    "/admin/secret/..;/../secret",
    "/admin/x/../secret",
    "/admin/secret/",
    "/admin/secret/.",
    "/admin/secret?x",
    "/admin?/secret",
    "/admin/secret%3fx",
    "/admin/secret#x",
    "/admin/secret%23x",
    "http://a.test/admin/secret",
    "http://a.test//admin/secret",
    "http://a.test/x/../admin/secret",
    "/x/..%5cadmin/secret",
    "/x\\..\\admin\\secret",
    "/x%2f%2e%2e%2fadmin%2fsecret",
    "/.%2fadmin/secret",
    "/%2e%2fadmin/secret",
    "/x/%2e%2e%2fadmin/secret",
    "/admin/%73ecret",
];

/// How a forgiving server may read a target: decoded twice, backslashes as slashes, parameters cut, dots resolved.
fn generous(target: &str) -> String {
    let path = target.split('?').next().unwrap();
    let twice = decode(&decode(path.as_bytes()));
    let text = String::from_utf8_lossy(&twice).replace('\\', "/");
    let mut segments: Vec<&str> = Vec::new();
    for segment in text.split('/') {
        match segment.split(';').next().unwrap() {
            "" | "." => {}
            ".." => drop(segments.pop()),
            name => segments.push(name),
        }
    }
    format!("/{}", segments.join("/"))
}

fn decode(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = text;
    while let Some((&byte, tail)) = rest.split_first() {
        let escaped =
            tail.get(..2).and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok());
        match (byte, escaped) {
            (b'%', Some(value)) => {
                out.push(value);
                rest = &tail[2..];
            }
            _ => {
                out.push(byte);
                rest = tail;
            }
        }
    }
    out
}

#[test]
fn no_spelling_of_a_protected_path_reaches_the_instance_of_another() {
    let (public, admin) = (Recording::start(), Recording::start());
    for encoded_slashes in [false, true] {
        let gate = Gate::up(&format!(
            "[site.\"http://a.test\".routes]\n\
             \"/\" = {{ service = \"{}\", encoded_slashes = {encoded_slashes} }}\n\"/admin/\" = \"{}\"\n",
            public.address(),
            admin.address()
        ));
        for spelling in SPELLINGS {
            let (before, admin_before) = (public.requests().len(), admin.requests().len());
            let mut client = gate.raw();
            client.send(request("GET", spelling, ""));
            let status = client.response("GET").status;
            let public_seen = public.requests().split_off(before);
            let admin_seen = admin.requests().split_off(admin_before);
            for seen in &public_seen {
                let read = generous(&seen.target);
                assert!(
                    !read.starts_with("/admin/secret"),
                    "{spelling} reached the public one as {}",
                    seen.target
                );
            }
            for seen in &admin_seen {
                assert!(
                    generous(&seen.target).starts_with("/admin"),
                    "{spelling} reached the other as {}",
                    seen.target
                );
            }
            assert_eq!(status == 200, public_seen.len() + admin_seen.len() == 1, "{spelling}: {status}");
            assert!(matches!(status, 200 | 308 | 400), "{spelling}: {status}");
        }
    }
    assert_eq!((public.problems(), admin.problems()), (Vec::new(), Vec::new()));
}

#[test]
fn a_prefix_is_stripped_from_the_path_that_was_matched() {
    let app = Recording::start();
    let gate = Setup::default().up(&format!(
        "[site.\"http://a.test\".routes]\n\"/api/\" = {{ service = \"{}\", strip_prefix = true }}\n",
        app.address()
    ));
    for (spelling, seen) in [
        ("/api/a", Some("/a")),
        ("/api/", Some("/")),
        ("/api//a", Some("/a")),
        ("/%61pi/a", Some("/a")),
        ("/x/../api/a", Some("/a")),
        ("/api/../a", None),
        ("/api/..%2fa", None),
        ("/api/%2e%2e/a", None),
        ("/api;x/a", Some("/a")),
        ("/api//example.com/a", Some("/example.com/a")),
        ("/api/?//x/../y", Some("/?//x/../y")),
    ] {
        let before = app.requests().len();
        let mut client = gate.raw();
        client.send(request("GET", spelling, "")).response("GET");
        assert_eq!(app.requests().get(before).map(|one| one.target.as_str()), seen, "{spelling}");
    }
    assert_eq!(app.problems(), [""; 0]);
}

#[test]
fn what_a_client_sends_is_never_expanded() {
    let app = Recording::start();
    let setup = Setup { threads: 1, ..Setup::default() };
    let gate = setup.up(&format!(
        "[site.\"http://a.test\".routes]\n\
         \"/echo/{{name}}\" = {{ respond = \"{{param.name}}|{{query}}|{{uri}}\" }}\n\
         \"/go/{{name}}\" = {{ redirect = \"/to/{{param.name}}{{query}}\" }}\n\
         \"/set/\" = {{ service = \"{}\", request_headers = {{ set = {{ X-Seen = \"{{uri}}\", X-Query = \"{{query}}\" }} }} }}\n",
        app.address()
    ));
    for name in ["%7Bhost%7D", "%7Bparam.name%7D", "%7B%7Bhost%7D%7D", "$%7BHOME%7D"] {
        for query in ["?{host}", "?${HOME}", "?{env.HOME}{{host}}", "?%7Bhost%7D"] {
            let echo = gate.get("a.test", &format!("/echo/{name}{query}"));
            if echo.status == 200 {
                assert_eq!(echo.text(), format!("{name}|{query}|/echo/{name}{query}"));
            }
            let location = gate.get("a.test", &format!("/go/{name}{query}")).value("location");
            assert!(location.is_none_or(|location| location == format!("/to/{name}{query}")));
            let before = app.requests().len();
            if gate.get("a.test", &format!("/set/{name}{query}")).status == 200 {
                let seen = &app.requests()[before];
                assert_eq!(seen.value("x-seen"), Some(format!("/set/{name}{query}")));
                assert_eq!(seen.value("x-query").as_deref(), Some(query));
            }
        }
    }
    assert!(app.requests().len() >= 4, "some of them are paths");
    for target in ["/go/%0d%0aSet-Cookie:x", "/go/a%0aLocation:x", "/echo/%0d%0a"] {
        let response = gate.get("a.test", target);
        assert_eq!((response.status, response.values("set-cookie").len()), (400, 0), "{target}");
    }
}
