//! Nothing outside of the folder is served, nor what is no file in it, however it is asked for.

use super::{FileRequest, SECRET, Shown, Site};
use rustix::fs::{CWD, FileType, RenameFlags, renameat_with};
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// A folder with everything that ever led somebody astray.
fn site() -> Site {
    let site = Site::new(|_| {});
    site.write("index.html", "front")
        .write("folder/file", "file")
        .write(".hidden", SECRET)
        .write("a/b/c", "c");
    site.write("new\nline", "newline")
        .write("back\\slash", "backslash")
        .write("..dots", SECRET)
        .write("dots..", "dots");
    site.write("semi;colon", "semicolon").write("percent%2e%2e", "percent").write("...", SECRET);
    let outside = site.folder.path().join("outside");
    std::fs::create_dir(&outside).unwrap();
    std::fs::write(outside.join("file"), SECRET).unwrap();
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
    symlink(site.folder.path().join("secret"), site.path("link-absolute")).unwrap();
    rustix::fs::mknodat(CWD, site.path("fifo"), FileType::Fifo, 0o666.into(), 0).unwrap();
    drop(UnixListener::bind(site.path("socket")).unwrap());
    site
}

/// Lines of `path as sent => what happens`; `refused` is what the path's canonical form refuses.
#[test]
fn no_spelling_leads_out() {
    let site = site();
    let mut wrong = Vec::new();
    let cases = include_str!("../cases/spellings.txt").lines().filter(|line| !line.starts_with('#'));
    let mut count = 0;
    for line in cases {
        let (path, expected) = line.rsplit_once(" => ").expect("a case");
        let shown = site.ask(path, |_| {}).map(Shown::of);
        let happened = match &shown {
            None => "refused".to_owned(),
            Some(shown) if shown.status == 200 => format!("200 {}", shown.text()),
            Some(shown) if shown.status == 308 => format!("308 {}", shown.field("Location")),
            Some(shown) => format!("{} {}", shown.status, shown.rule),
        };
        assert!(!happened.contains(SECRET), "{path} leaks");
        // A path that is not canonical never comes here; were it given by mistake, it would not lead out either.
        let request = FileRequest { method: b"GET", path: path.as_bytes(), ..FileRequest::default() };
        let shown = Shown::of(site.route.answer(&request, &site.cache, site.now));
        assert!(!shown.text().contains(SECRET), "{path} leaks when it is not canonical");
        if happened != expected {
            wrong.push(format!("{path} => {happened}"));
        }
        count += 1;
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(count >= 200, "{count} spellings");
}

#[test]
fn a_link_that_stays_inside_is_followed() {
    let site = site();
    assert_eq!((site.get("/link").text(), site.get("/folder-link/file").text()), ("file", "file"));
}

/// A second thread exchanges a folder with a link to one outside, as fast as it can, while the file in it is asked for.
fn race(size: usize) -> (u64, u64, u64) {
    let mut site = Site::new(|_| {});
    let pad = |text: &str| text.as_bytes().iter().copied().cycle().take(size).collect::<Vec<u8>>();
    site.write("swap/file", pad("public "));
    let outside = site.folder.path().join("outside");
    std::fs::create_dir(&outside).unwrap();
    std::fs::write(outside.join("file"), pad(SECRET)).unwrap();
    symlink(&outside, site.path("link")).unwrap();
    let (one, two) = (site.path("swap"), site.path("link"));
    let (stop, swaps) = (AtomicBool::new(false), AtomicU64::new(0));
    let (mut found, mut refused) = (0, 0);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                renameat_with(CWD, &one, CWD, &two, RenameFlags::EXCHANGE).unwrap();
                swaps.fetch_add(1, Ordering::Relaxed);
            }
        });
        let deadline = Instant::now() + Duration::from_secs(20);
        while (swaps.load(Ordering::Relaxed) < 50_000 || found == 0 || refused == 0)
            && Instant::now() < deadline
        {
            site.wait();
            let shown = site.get("/swap/file");
            match shown.status {
                200 => assert!(shown.body.starts_with(b"public "), "a leak"),
                404 | 503 => refused += 1,
                status => unreachable!("{status} {}", shown.rule),
            }
            found += u64::from(shown.status == 200);
        }
        stop.store(true, Ordering::Relaxed);
    });
    (swaps.load(Ordering::Relaxed), found, refused)
}

#[test]
fn swapping_a_folder_with_a_link_never_leaks_a_file() {
    // In memory, and as an open file.
    for size in [100, 70_000] {
        let (swaps, found, refused) = race(size);
        assert!(
            swaps >= 10_000 && found > 0 && refused > 0,
            "{swaps} swaps, {found} found, {refused} refused"
        );
    }
}
