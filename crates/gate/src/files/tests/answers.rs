//! Which file answers, and with which head.

use super::{Conditions, FileRequest, Shown, Site};

#[test]
fn a_file_has_a_complete_head() {
    let site = Site::new(|handler| handler.cache_control = Some("max-age=60".into()));
    site.write("a/style.css", "body {}").touch("a/style.css", 784_111_777);
    let shown = site.get("/a/style.css");
    assert_eq!((shown.status, shown.text()), (200, "body {}"));
    assert!(shown.field("ETag").starts_with('"'));
    assert_eq!(
        shown.lines[1..],
        [
            "Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT",
            "Cache-Control: max-age=60",
            "Accept-Ranges: bytes",
            "X-Content-Type-Options: nosniff",
            "Content-Type: text/css; charset=utf-8",
            "Content-Length: 7",
        ]
    );
}

#[test]
fn head_says_what_get_would_and_sends_nothing() {
    let site = Site::new(|_| {});
    for (name, size) in [("small", 7), ("large", 100_000)] {
        site.write(name, vec![b'x'; size]);
        let path = format!("/{name}");
        let get = site.get(&path);
        let head = Shown::of(site.ask(&path, |request| request.method = b"HEAD").unwrap());
        assert_eq!((head.status, &head.lines), (200, &get.lines));
        assert_eq!((get.body.len(), head.body.len()), (size, 0));
    }
    assert_eq!(Shown::of(site.ask("/absent", |request| request.method = b"HEAD").unwrap()).status, 404);
}

#[test]
fn other_methods_are_refused() {
    let site = Site::new(|_| {});
    site.write("file", "x");
    for method in [&b"POST"[..], b"PUT", b"DELETE", b"OPTIONS", b"get", b""] {
        let request = FileRequest { method, path: b"/file", ..FileRequest::default() };
        let shown = Shown::of(site.route.answer(&request, &site.cache, site.now));
        assert_eq!((shown.status, shown.field("Allow")), (405, "GET, HEAD"));
    }
}

#[test]
fn a_folder_has_its_index_and_its_slash() {
    let site = Site::new(|_| {});
    site.write("index.html", "front").write("a b/index.html", "page").write("empty/x", "x");
    assert_eq!(site.get("/").text(), "front");
    assert_eq!(site.get("/a%20b/").text(), "page");
    let redirect = site.get("/a%20b");
    assert_eq!((redirect.status, redirect.field("Location")), (308, "/a%20b/"));
    let redirect = Shown::of(site.ask("/empty", |request| request.query = b"?q=1").unwrap());
    assert_eq!(redirect.field("Location"), "/empty/?q=1");
    assert_eq!((site.get("/empty/").status, site.get("/index.html/").status), (404, 404));
}

#[test]
fn a_redirect_never_names_another_host() {
    let site = Site::new(|handler| handler.skip_segments = 0);
    site.write("example.com/x", "x");
    for path in ["//example.com", "//example.com/..", "/\\example.com", "/%5cexample.com", "/.//example.com"]
    {
        // The canonical form merges slashes; a path that is not in it, given by mistake, must not do harm either.
        let request = FileRequest { method: b"GET", path: path.as_bytes(), ..FileRequest::default() };
        for answer in [site.ask(path, |_| {}), Some(site.route.answer(&request, &site.cache, site.now))] {
            let location = answer.map(Shown::of).and_then(|shown| shown.find("Location").map(str::to_owned));
            assert!(location.is_none_or(|location| location == "/example.com/"), "{path}");
        }
    }
}

#[test]
fn the_segments_of_the_route_are_not_looked_up() {
    let site = Site::new(|handler| handler.skip_segments = 2);
    site.write("file", "x").write("index.html", "front").write("docs/index.html", "docs");
    assert_eq!(site.get("/static/v1/file").text(), "x");
    assert_eq!(site.get("/static/v1/").text(), "front");
    assert_eq!(site.get("/static/v1/docs").field("Location"), "/static/v1/docs/");
    assert_eq!(site.get("/static/v1").field("Location"), "/static/v1/");
}

#[test]
fn hidden_names_are_not_there_but_the_well_known() {
    let fill = |site: &Site| {
        site.write(".env", "x")
            .write(".git/config", "x")
            .write("a/.b/c", "x")
            .write(".well-known/security.txt", "x");
    };
    let site = Site::new(|handler| handler.fallback = Some("index.html".into()));
    fill(site.write("index.html", "app"));
    for path in
        ["/.env", "/.git/config", "/.git/", "/.git", "/a/.b/c", "/%2eenv", "/.absent", "/.well-known/.x"]
    {
        assert_eq!((site.get(path).status, site.get(path).rule), (404, "file-hidden"), "{path}");
    }
    assert_eq!(site.get("/.well-known/security.txt").status, 200);
    let site = Site::new(|handler| handler.hidden = true);
    fill(&site);
    assert_eq!((site.get("/.env").status, site.get("/a/.b/c").status), (200, 200));
}

#[test]
fn the_fallback_answers_where_nothing_is_found() {
    let site = Site::new(|handler| {
        handler.fallback = Some("app.html".into());
        handler.cache_control = Some("immutable".into());
    });
    site.write("app.html", "app").write("real", "file").write("folder/x", "x");
    for path in ["/cart", "/cart/1", "/folder/", "/real/x", "/absent/"] {
        let shown = site.get(path);
        assert_eq!((shown.status, shown.text(), shown.find("Cache-Control")), (200, "app", None), "{path}");
        assert_eq!(shown.field("Content-Type"), "text/html; charset=utf-8");
    }
    assert_eq!(site.get("/real").field("Cache-Control"), "immutable");
    let tag = site.get("/cart").field("ETag").to_owned();
    let conditions = Conditions { if_none_match: Some(tag.as_bytes()), ..Conditions::default() };
    assert_eq!(site.get_with("/other", conditions).status, 304);
    std::fs::remove_file(site.path("app.html")).unwrap();
    let mut site = site;
    site.wait();
    assert_eq!((site.get("/cart").status, site.get("/cart").rule), (404, "file-fallback-absent"));
}

#[test]
fn a_name_of_any_bytes_is_found() {
    let site = Site::new(|_| {});
    site.write("new\nline", "one")
        .write("percent%41", "two")
        .write("plus+and space", "three")
        .write("ü", "four");
    for (path, text) in [
        ("/new%0Aline", "one"),
        ("/percent%2541", "two"),
        ("/plus+and%20space", "three"),
        ("/%C3%BC", "four"),
    ] {
        let found = site.ask(path, |_| {}).map(|answer| Shown::of(answer).body);
        assert!(found.as_deref().is_none_or(|body| body == text.as_bytes()), "{path}");
    }
    assert_eq!(site.get("/%C3%BC").text(), "four");
}

#[test]
fn conditions_are_judged_against_the_file() {
    let site = Site::new(|_| {});
    site.write("file", "x").touch("file", 784_111_777);
    let tag = site.get("/file").field("ETag").to_owned();
    let none = Conditions::default();
    let shown = site.get_with("/file", Conditions { if_none_match: Some(tag.as_bytes()), ..none });
    assert_eq!((shown.status, shown.body.len(), shown.field("ETag")), (304, 0, tag.as_str()));
    assert_eq!(shown.find("Content-Length"), None);
    let shown = site.get_with("/file", Conditions { if_match: Some(b"\"other\""), ..none });
    assert_eq!((shown.status, shown.rule), (412, "file-precondition"));
    let date = Some(&b"Sun, 06 Nov 1994 08:49:37 GMT"[..]);
    assert_eq!(site.get_with("/file", Conditions { if_modified_since: date, ..none }).status, 304);
    assert_eq!(site.get_with("/absent", Conditions { if_match: Some(b"*"), ..none }).status, 404);
}

#[test]
fn compressed_siblings_go_to_those_who_accept_them() {
    let site = Site::new(|handler| handler.precompressed = true);
    site.write("app.js", "var original;").write("app.js.br", "brotli").write("app.js.gz", "gzip");
    let shown = site.get_encoded("/app.js", "gzip, br");
    assert_eq!((shown.text(), shown.field("Content-Encoding")), ("brotli", "br"));
    assert_eq!(shown.field("Content-Type"), "text/javascript; charset=utf-8");
    assert_eq!(shown.field("Vary"), "Accept-Encoding");
    let gzip = site.get_encoded("/app.js", "gzip, zstd");
    assert_eq!((gzip.text(), gzip.field("Content-Encoding")), ("gzip", "gzip"));
    let plain = site.get_encoded("/app.js", "identity");
    assert_eq!((plain.text(), plain.find("Content-Encoding")), ("var original;", None));
    assert_eq!(plain.field("Vary"), "Accept-Encoding");
    let tags = [&shown, &gzip, &plain].map(|shown| shown.field("ETag"));
    assert!(tags[0] != tags[1] && tags[1] != tags[2] && tags[0] != tags[2]);
    let off = Site::new(|_| {});
    off.write("app.js", "original").write("app.js.br", "br");
    let shown = off.get_encoded("/app.js", "br");
    assert_eq!((shown.text(), shown.find("Vary")), ("original", None));
}

#[test]
fn a_sibling_that_is_older_or_no_file_is_not_served() {
    let mut site = Site::new(|handler| handler.precompressed = true);
    site.write("a", "original").write("a.br", "old").write("a.gz", "new");
    site.touch("a", 1000).touch("a.br", 999).touch("a.gz", 1000);
    std::os::unix::fs::symlink("../secret", site.path("a.zst")).unwrap();
    assert_eq!(site.get_encoded("/a", "br, zstd, gzip").text(), "new");
    site.write("a", "changed!");
    site.wait();
    assert_eq!(site.get_encoded("/a", "br, zstd, gzip").text(), "changed!");
}
