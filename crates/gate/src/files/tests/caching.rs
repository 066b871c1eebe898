//! What the cache may and may not hide.

use super::{FileCache, Site};
use std::os::unix::fs::symlink;
use std::time::Duration;

#[test]
fn within_a_second_the_disk_is_not_looked_at_and_after_it_is() {
    let mut site = Site::new(|_| {});
    site.write("file", "one");
    assert_eq!(site.get("/file").text(), "one");
    site.write("file", "other");
    site.now += Duration::from_millis(999);
    assert_eq!(site.get("/file").text(), "one");
    site.now += Duration::from_millis(1);
    assert_eq!(site.get("/file").text(), "other");
    std::fs::remove_file(site.path("file")).unwrap();
    assert_eq!(site.get("/file").text(), "other");
    site.wait();
    assert_eq!(site.get("/file").status, 404);
}

#[test]
fn a_file_that_did_not_change_stays() {
    let mut site = Site::new(|_| {});
    site.write("file", "one");
    let first = site.get("/file");
    for _ in 0..3 {
        site.wait();
        assert_eq!(site.get("/file"), first);
    }
}

#[test]
fn a_new_sibling_is_found_after_a_second() {
    let mut site = Site::new(|handler| handler.precompressed = true);
    site.write("file", "original");
    assert_eq!(site.get_encoded("/file", "br").text(), "original");
    site.write("file.br", "brotli");
    site.wait();
    assert_eq!(site.get_encoded("/file", "br").text(), "brotli");
}

#[test]
fn a_large_file_with_a_small_sibling_is_opened_for_each_answer() {
    let mut site = Site::new(|handler| handler.precompressed = true);
    site.write("file", vec![b'x'; 100_000]).write("file.br", "brotli");
    for accept in ["br", "identity", "identity", "br"] {
        let length = if accept == "br" { 6 } else { 100_000 };
        assert_eq!(site.get_encoded("/file", accept).body.len(), length);
    }
    // Within the second, but the open file tells that it is another one.
    site.write("file", vec![b'y'; 70_000]).touch("file", 1000);
    assert_eq!(site.get_encoded("/file", "identity").body, vec![b'y'; 70_000]);
    site.wait();
    assert_eq!(site.get_encoded("/file", "identity").body.len(), 70_000);
}

#[test]
fn a_release_that_is_switched_by_a_link_is_served_after_a_second() {
    let mut site = Site::new(|handler| handler.root.set_file_name("current"));
    let folder = site.folder.path().to_owned();
    for release in ["one", "two"] {
        std::fs::create_dir(folder.join(release)).unwrap();
        std::fs::write(folder.join(release).join("file"), release).unwrap();
    }
    assert_eq!((site.get("/file").status, site.get("/file").rule), (404, "files-root"));
    symlink("one", folder.join("current")).unwrap();
    assert_eq!(site.get("/file").text(), "one");
    symlink("two", folder.join("next")).unwrap();
    std::fs::rename(folder.join("next"), folder.join("current")).unwrap();
    site.wait();
    assert_eq!(site.get("/file").text(), "two");
    std::fs::remove_file(folder.join("current")).unwrap();
    site.wait();
    assert_eq!(site.get("/file").status, 404);
    std::fs::write(folder.join("current"), "no folder").unwrap();
    site.wait();
    assert_eq!((site.get("/file").status, site.get("/file").rule), (500, "files-root"));
}

#[test]
fn memory_is_bounded_and_what_is_used_stays() {
    let mut site = Site::new(|_| {});
    site.cache = FileCache::new(50_000);
    for number in 0..200 {
        site.write(&number.to_string(), vec![b'x'; 1000]);
    }
    assert_eq!(site.get("/0").status, 200);
    for number in 1..200 {
        assert_eq!(site.get(&format!("/{number}")).status, 200);
        assert_eq!(site.get("/0").status, 200);
        assert!(site.cache.used() <= 50_000);
    }
    assert!(site.cache.used() > 40_000, "the budget is used");
    std::fs::remove_file(site.path("0")).unwrap();
    std::fs::remove_file(site.path("1")).unwrap();
    assert_eq!((site.get("/0").status, site.get("/1").status), (200, 404), "only the used one stayed");
}

#[test]
fn paths_that_lead_to_the_fallback_take_no_memory() {
    let site = Site::new(|handler| handler.fallback = Some("app".into()));
    site.write("app", "app");
    site.get("/x");
    let used = site.cache.used();
    assert!(used > 0);
    for number in 0..100 {
        assert_eq!(site.get(&format!("/x{number}")).text(), "app");
    }
    assert_eq!(site.cache.used(), used);
}

#[test]
fn without_a_budget_everything_is_read_anew() {
    let mut site = Site::new(|_| {});
    site.cache = FileCache::new(0);
    for text in ["one", "other"] {
        site.write("file", text);
        assert_eq!(site.get("/file").text(), text);
    }
    assert_eq!(site.cache.used(), 0);
}
