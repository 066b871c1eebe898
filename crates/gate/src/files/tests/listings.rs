//! Listings: what is in them, and that names are text.

use super::{Shown, Site};

fn site() -> Site {
    Site::new(|handler| handler.listing = true)
}

#[test]
fn a_folder_without_index_is_listed() {
    let site = site();
    site.write("files/b.txt", "12345")
        .touch("files/b.txt", 784_111_777)
        .write("files/a/x", "x")
        .write("files/.x", "");
    let shown = site.get("/files/");
    assert_eq!(shown.status, 200);
    assert_eq!(shown.field("Content-Type"), "text/html; charset=utf-8");
    assert_eq!(shown.field("Content-Security-Policy"), "default-src 'none'");
    assert_eq!(shown.field("X-Content-Type-Options"), "nosniff");
    let rows: Vec<_> = shown.text().lines().filter(|line| line.starts_with("<tr><td>")).collect();
    assert_eq!(
        rows,
        [
            "<tr><td><a href=\"../\">../</a><td><td>",
            "<tr><td><a href=\"./a/\">a/</a><td><td>",
            "<tr><td><a href=\"./b.txt\">b.txt</a><td align=\"right\">5<td>1994-11-06 08:49",
        ]
    );
    assert!(shown.text().contains("<h1>/files/</h1>"));
    assert_eq!(site.get("/").status, 200);
    let head = Shown::of(site.ask("/files/", |request| request.method = b"HEAD").unwrap());
    assert_eq!((head.lines, head.body.len()), (shown.lines, 0));
}

#[test]
fn an_index_comes_before_a_listing_and_what_is_absent_is_not_listed() {
    let site = site();
    site.write("a/index.html", "index").write("file", "x");
    assert_eq!(site.get("/a/").text(), "index");
    assert_eq!((site.get("/absent/").status, site.get("/file/").status), (404, 404));
    let off = Site::new(|_| {});
    off.write("a/x", "x");
    assert_eq!(off.get("/a/").status, 404);
}

#[test]
fn names_are_text_and_never_markup() {
    let site = site();
    for name in
        ["<script>alert(1)<", "\"onclick=x ", "javascript:alert(1)", "new\nline", "\u{202e}txt.exe", "a&b'c"]
    {
        site.write(name, "x");
    }
    let shown = site.get("/");
    let page = shown.text();
    assert!(!page.contains("<script"));
    assert!(page.contains("<a href=\"./%3Cscript%3Ealert%281%29%3C\">&lt;script&gt;alert(1)&lt;</a>"));
    assert!(page.contains("<a href=\"./%22onclick%3Dx%20\">&quot;onclick=x </a>"));
    assert!(page.contains("<a href=\"./javascript%3Aalert%281%29\">"));
    assert!(page.contains("<a href=\"./new%0Aline\">new\u{fffd}line</a>"));
    assert!(page.contains(">\u{fffd}txt.exe</a>"));
    assert!(page.contains("a&amp;b&#39;c"));
}

#[test]
fn a_listing_is_bounded_and_says_so() {
    let site = site();
    for number in 0..1005 {
        site.write(&format!("{number}"), "");
    }
    let shown = site.get("/");
    assert_eq!(shown.text().lines().filter(|line| line.contains("href=\"./")).count(), 1000);
    assert!(shown.text().contains("Only 1000 entries are shown."));
}
