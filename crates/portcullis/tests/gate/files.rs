//! Static files over the wire: whole, in part, on condition, compressed, and never from outside of their folder.

use crate::running::{Gate, of_crate, request, responses};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use testkit::strict::Response;
use testkit::{Raw, eventually};

/// What no answer may contain.
const SECRET: &str = "SECRET-SECRET-SECRET";

/// More than any buffer of the gate.
const LARGE: usize = 5_000_000;

fn large() -> Vec<u8> {
    (b'!'..=b'y').cycle().take(LARGE).collect()
}

struct Site {
    gate: Gate,
}

impl Site {
    /// A gate that serves the folder `root` over plain HTTP for any host and over HTTPS as `b.test`.
    fn new(route: &str) -> Self {
        let gate = Gate::up(&format!(
            "[site.\":{{http}}\".routes]\n\"/\" = {{ files = \"root\", {route} }}\n\
             [site.\"b.test\".routes]\n\"/\" = {{ files = \"root\", {route} }}\n"
        ));
        gate.folder.write("root/first", "");
        // What is made anew at the place of a root is shown to the gate within a second.
        eventually("the folder", || (gate.get("a.test", "/first").status == 200).then_some(()));
        fs::remove_file(gate.folder.join("root/first")).unwrap();
        Self { gate }
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) -> &Self {
        self.gate.folder.write(format!("root/{name}"), content);
        self
    }

    fn path(&self, name: &str) -> PathBuf {
        self.gate.folder.join("root").join(name)
    }

    fn ask(&self, method: &str, target: &str, fields: &str) -> Response {
        self.gate.raw().send(request(method, target, fields)).response(method)
    }

    fn get(&self, target: &str) -> Response {
        self.ask("GET", target, "")
    }

    /// A connection of plain HTTP and one of TLS, each with the host that it is for.
    fn both(&self) -> [(Raw, &'static str); 2] {
        [(self.gate.raw(), "a.test"), (self.gate.tls().connect(self.gate.https, "b.test"), "b.test")]
    }
}

#[test]
fn a_folder_that_is_missing_is_told_at_the_start_and_once() {
    let gate = Gate::up(
        "[site.\":{http}\".routes]\n\"/\" = { files = \"gone\" }\n\"/php/\" = \"php\"\n\
         [service.php]\ninstances = [\"fastcgi+unix:/run/fpm.sock\"]\nfastcgi = { root = \"lost\" }\n",
    );
    let told = gate.stderr();
    for (folder, warning) in
        [("gone", "there is no folder "), ("lost", "cannot look for scripts of the service php in ")]
    {
        let lines: Vec<&str> = told.lines().filter(|line| line.contains(folder)).collect();
        assert!(
            matches!(lines[..], [line] if line.contains(&format!("warning: {warning}{folder}: "))),
            "{told}"
        );
    }
}

#[test]
fn files_of_every_size_arrive_whole_and_the_connection_goes_on() {
    let site = Site::new("");
    let sizes = [0, 1, 100, 16_383, 16_384, 65_536, 262_144, 262_145, LARGE];
    for size in sizes {
        site.write(&size.to_string(), &large()[..size]);
    }
    for (mut client, host) in site.both() {
        for _ in 0..2 {
            for size in sizes {
                let response = client.get(host, &format!("/{size}"));
                assert_eq!(response.status, 200);
                assert!(response.body == large()[..size], "{size}: {}", response.body.len());
                client.send(format!("HEAD /{size} HTTP/1.1\r\nHost: {host}\r\n\r\n"));
                let head = client.response("HEAD");
                assert_eq!((head.status, head.value("content-length")), (200, Some(size.to_string())));
                assert_eq!(head.value("etag"), response.value("etag"));
            }
        }
        // Many at once, the large one among them.
        let together = [1, LARGE, 100, LARGE, 0];
        let all: String =
            together.iter().map(|size| format!("GET /{size} HTTP/1.1\r\nHost: {host}\r\n\r\n")).collect();
        client.send(all);
        for size in together {
            assert!(client.response("GET").body == large()[..size], "{size}");
        }
    }
}

#[test]
fn a_client_of_http_1_0_gets_a_file() {
    let site = Site::new("");
    site.write("large", large());
    let mut client = site.gate.raw();
    client.send("GET /large HTTP/1.0\r\nHost: a\r\n\r\n");
    assert!(client.response("GET").body == large());
    assert_eq!(client.rest(), b"");
}

#[test]
fn parts_of_a_file_are_what_was_asked_for() {
    let site = Site::new("");
    site.write("small", "0123456789").write("large", large());
    for (name, content) in [("small", b"0123456789".to_vec()), ("large", large())] {
        let size = content.len();
        for (mut client, host) in site.both() {
            for (range, first, last) in [
                ("bytes=0-0".to_owned(), 0, 0),
                ("bytes=2-5".to_owned(), 2, 5),
                ("bytes=-3".to_owned(), size - 3, size - 1),
                (format!("bytes={}-", size - 4), size - 4, size - 1),
                (format!("bytes=1-{}", size * 2), 1, size - 1),
            ] {
                client.send(format!("GET /{name} HTTP/1.1\r\nHost: {host}\r\nRange: {range}\r\n\r\n"));
                let response = client.response("GET");
                assert_eq!(response.status, 206, "{name} {range}");
                assert_eq!(response.value("content-range"), Some(format!("bytes {first}-{last}/{size}")));
                assert!(response.body == content[first..=last], "{name} {range}");
            }
            client.send(format!("GET /{name} HTTP/1.1\r\nHost: {host}\r\nRange: bytes={size}-\r\n\r\n"));
            let beyond = client.response("GET");
            assert_eq!(
                (beyond.status, beyond.value("content-range")),
                (416, Some(format!("bytes */{size}")))
            );
            if size < LARGE {
                // The whole of a small file is less than two parts of it with their heads.
                continue;
            }
            client.send(format!("GET /{name} HTTP/1.1\r\nHost: {host}\r\nRange: bytes=0-1,4-5\r\n\r\n"));
            let parts = client.response("GET");
            assert_eq!(parts.status, 206);
            let kind = parts.value("content-type").unwrap();
            let boundary =
                kind.strip_prefix("multipart/byteranges; boundary=").unwrap().trim_matches('"').to_owned();
            let text = parts.text();
            let of = |first: usize, last: usize| {
                let part = String::from_utf8_lossy(&content[first..=last]).into_owned();
                text.contains(&format!("bytes {first}-{last}/{size}\r\n\r\n{part}\r\n"))
                    || text.contains(&format!("bytes {first}-{last}/{size}\r\n")) && text.contains(&part)
            };
            assert!(of(0, 1) && of(4, 5) && text.contains(&format!("--{boundary}--")), "{text}");
        }
    }
}

#[test]
fn what_a_client_has_already_is_not_sent_again() {
    let site = Site::new("cache_control = \"max-age=60\"");
    site.write("a.css", "body {}");
    let first = site.get("/a.css");
    let (tag, date) = (first.value("etag").unwrap(), first.value("last-modified").unwrap());
    assert_eq!(first.value("cache-control").as_deref(), Some("max-age=60"));
    assert_eq!(first.value("content-type").as_deref(), Some("text/css; charset=utf-8"));
    for (fields, status) in [
        (format!("If-None-Match: {tag}\r\n"), 304),
        (format!("If-None-Match: W/{tag}\r\n"), 304),
        ("If-None-Match: *\r\n".to_owned(), 304),
        ("If-None-Match: \"x\"\r\n".to_owned(), 200),
        (format!("If-Modified-Since: {date}\r\n"), 304),
        ("If-Modified-Since: Thu, 01 Jan 1970 00:00:00 GMT\r\n".to_owned(), 200),
        (format!("If-Match: {tag}\r\n"), 200),
        ("If-Match: \"x\"\r\n".to_owned(), 412),
        (format!("Range: bytes=0-1\r\nIf-Range: {tag}\r\n"), 206),
        ("Range: bytes=0-1\r\nIf-Range: \"x\"\r\n".to_owned(), 200),
    ] {
        let mut client = site.gate.raw();
        client.send(request("GET", "/a.css", &fields) + &request("GET", "/a.css", "Connection: close\r\n"));
        let response = client.response("GET");
        assert_eq!(response.status, status, "{fields}");
        if status == 304 {
            assert_eq!((response.value("etag").as_ref(), response.body.len()), (Some(&tag), 0), "{fields}");
        }
        assert_eq!(client.response("GET").text(), "body {}", "the connection goes on after {fields}");
    }
}

#[test]
fn a_file_that_changes_is_served_as_it_is() {
    let site = Site::new("");
    site.write("page.html", "old");
    assert_eq!(site.get("/page.html").text(), "old");
    site.write("new.html", "new!");
    fs::rename(site.path("new.html"), site.path("page.html")).unwrap();
    eventually("the new content", || (site.get("/page.html").text() == "new!").then_some(()));
    fs::remove_file(site.path("page.html")).unwrap();
    eventually("its end", || (site.get("/page.html").status == 404).then_some(()));
}

#[test]
fn a_file_that_shrinks_while_it_is_sent_never_looks_complete() {
    let site = Site::new("");
    for (mut client, host) in site.both() {
        site.write("shrinking", vec![b'x'; 200 << 20]);
        client.send(format!("GET /shrinking HTTP/1.1\r\nHost: {host}\r\n\r\n"));
        assert!(!client.is_silent_for(testkit::PATIENCE), "it begins");
        fs::File::options().write(true).open(site.path("shrinking")).unwrap().set_len(1000).unwrap();
        let broken = client.try_response("GET").expect_err("what is missing is not made up");
        assert!(matches!(broken, testkit::strict::Broken::Connection(_)), "{broken}");
    }
}

#[test]
fn compressed_siblings_are_served_to_those_who_accept_them() {
    let site = Site::new("");
    site.write("app.js", "let original = 1;")
        .write("app.js.gz", "gzip")
        .write("app.js.br", "brotli")
        .write("app.js.zst", "zstd");
    for (accepted, coding, body) in [
        ("gzip", Some("gzip"), "gzip"),
        ("br", Some("br"), "brotli"),
        ("zstd", Some("zstd"), "zstd"),
        ("gzip;q=0", None, "let original = 1;"),
        ("identity", None, "let original = 1;"),
        ("", None, "let original = 1;"),
        ("*;q=0", None, "let original = 1;"),
    ] {
        let response = site.ask("GET", "/app.js", &format!("Accept-Encoding: {accepted}\r\n"));
        assert_eq!(
            (response.value("content-encoding").as_deref(), response.text().as_str()),
            (coding, body),
            "{accepted}"
        );
        assert_eq!(response.value("vary").as_deref(), Some("Accept-Encoding"), "{accepted}");
        assert!(response.value("content-type").is_some_and(|kind| kind.contains("javascript")), "{accepted}");
    }
    assert_eq!(site.ask("GET", "/app.js", "").value("content-encoding"), None);
    let tags: Vec<_> = ["gzip", "br", "identity"]
        .iter()
        .map(|coding| site.ask("GET", "/app.js", &format!("Accept-Encoding: {coding}\r\n")).value("etag"))
        .collect();
    assert!(tags[0] != tags[1] && tags[1] != tags[2], "each has a tag of its own: {tags:?}");
}

#[test]
fn index_fallback_and_hidden_names_are_as_documented() {
    let site = Site::new("fallback = \"index.html\"");
    site.write("index.html", "front").write("folder/index.html", "folder").write(".env", SECRET);
    site.write(".git/config", SECRET).write(".well-known/a", "well known");
    for (target, status, text) in [
        ("/", 200, "front"),
        ("/folder/", 200, "folder"),
        ("/spa/route", 200, "front"),
        ("/.well-known/a", 200, "well known"),
        ("/.env", 404, ""),
        ("/%2eenv", 404, ""),
        ("/.git/config", 404, ""),
        ("/folder/../.env", 404, ""),
        ("//.env", 404, ""),
    ] {
        let response = site.get(target);
        assert_eq!(response.status, status, "{target}");
        assert!(text.is_empty() || response.text() == text, "{target}: {}", response.text());
        assert!(!response.text().contains(SECRET), "{target}");
    }
    assert_eq!(site.get("/folder?q=1").value("location").as_deref(), Some("/folder/?q=1"));
}

#[test]
fn a_listing_is_text_whatever_files_are_called() {
    let site = Site::new("listing = true");
    site.write("<script>alert(1)</script>", "x")
        .write("\"onmouseover=x", "x")
        .write("javascript:alert(1)", "x");
    site.write(".hidden", SECRET).write("folder/file", "x");
    let response = site.get("/");
    let text = response.text();
    assert_eq!(response.status, 200);
    assert_eq!(response.value("content-security-policy").as_deref(), Some("default-src 'none'"));
    assert!(
        !text.contains("<script") && !text.contains("\"onmouseover") && !text.contains("href=\"javascript:"),
        "{text}"
    );
    assert!(!text.contains(".hidden") && text.contains("folder/"), "{text}");
    assert_eq!(site.get("/folder/").status, 200);
    assert_eq!(site.get("/none/").status, 404);
}

#[test]
fn other_methods_are_refused_and_their_bodies_are_no_requests() {
    let site = Site::new("");
    site.write("file", "file").write("smuggled", SECRET);
    let smuggled = "GET /smuggled HTTP/1.1\r\nHost: a.test\r\n\r\n";
    for (method, status) in
        [("POST", 405), ("PUT", 405), ("DELETE", 405), ("OPTIONS", 405), ("GET", 200), ("HEAD", 200)]
    {
        for target in ["/file", "/none"] {
            let mut client = site.gate.raw();
            let fields = format!("Content-Length: {}\r\n", smuggled.len());
            client.send(
                request(method, target, &fields)
                    + smuggled
                    + &request("GET", "/file", "Connection: close\r\n"),
            );
            let first = client.response(method);
            assert!(
                first.status == status || (target == "/none" && first.status == 404),
                "{method} {target}: {}",
                first.status
            );
            let rest = responses(&client.rest());
            assert!(rest.len() <= 1 && rest.iter().all(|one| one.text() == "file"), "{method} {target}");
        }
    }
    assert_eq!(
        site.ask("POST", "/file", "Content-Length: 0\r\n").value("allow").as_deref(),
        Some("GET, HEAD")
    );
}

#[test]
fn no_spelling_of_a_path_leads_out_of_the_folder() {
    let site = Site::new("");
    let folder = &site.gate.folder;
    folder.write("secret", SECRET);
    folder.write("outside/file", SECRET);
    site.write("index.html", "front")
        .write("folder/file", "file")
        .write(".hidden", SECRET)
        .write("a/b/c", "c");
    site.write("new\nline", "newline")
        .write("back\\slash", "backslash")
        .write("..dots", SECRET)
        .write("dots..", "dots");
    site.write("semi;colon", "semicolon").write("percent%2e%2e", "percent").write("...", SECRET);
    for (target, link) in [
        ("../secret", "link-up"),
        ("../outside", "folder-link-up"),
        ("folder/../../secret", "link-in-and-up"),
        ("/proc/self/root", "link-root"),
        ("/proc/self/environ", "link-environ"),
        ("/dev/null", "link-device"),
        ("loop", "loop"),
        ("absent", "dangling"),
        ("folder", "folder-link"),
        ("folder/file", "link"),
        ("../root/folder/file", "link-out-and-in"),
    ] {
        symlink(target, site.path(link)).unwrap();
    }
    symlink(folder.join("secret"), site.path("link-absolute")).unwrap();
    let cases = fs::read_to_string(of_crate("gate/src/files/cases/spellings.txt")).unwrap();
    for line in cases.lines().filter(|line| !line.starts_with('#')) {
        let (path, expected) = line.rsplit_once(" => ").unwrap();
        if path.starts_with("/fifo") || path.starts_with("/socket") {
            continue;
        }
        let mut client = site.gate.raw();
        client.send(request("GET", path, ""));
        let response = client.response("GET");
        let raw = String::from_utf8_lossy(&response.raw);
        assert!(!raw.contains(SECRET) && !raw.contains("root:"), "{path} leaks");
        // A query and a fragment are no part of a path, which the table does not know.
        if path.contains(['?', '#']) {
            continue;
        }
        let right = match expected.split_once(' ').unwrap_or((expected, "")) {
            ("200", text) => response.status == 200 && response.text() == text,
            ("308", location) => {
                response.status == 308 && response.value("location").as_deref() == Some(location)
            }
            // A slash that is written as an escape is refused before anybody looks for a file.
            ("404", _) if path.to_ascii_lowercase().replace("%25", "%").contains("%2f") => {
                response.status == 400
            }
            ("404", _) => response.status == 404,
            _ => response.status == 400,
        };
        assert!(right, "{path} => {expected}: {} {}", response.status, response.text());
    }
}

#[test]
fn readers_that_take_nothing_cost_no_memory() {
    use std::io::Write;
    let site = Site::new("");
    site.write("huge", "");
    fs::File::options().write(true).open(site.path("huge")).unwrap().set_len(4 << 30).unwrap();
    assert_eq!(site.ask("HEAD", "/huge", "").status, 200);
    let before = site.gate.memory();
    let clients: Vec<_> = (0..20)
        .map(|_| {
            let mut client = std::net::TcpStream::connect(site.gate.http).unwrap();
            client.write_all(request("GET", "/huge", "").as_bytes()).unwrap();
            client
        })
        .collect();
    for _ in 0..100 {
        assert_eq!(site.ask("HEAD", "/huge", "").status, 200);
    }
    let grown = site.gate.memory().saturating_sub(before);
    assert!(grown < 16 << 20, "{} KiB more for {} readers", grown >> 10, clients.len());
}
