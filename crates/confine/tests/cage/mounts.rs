//! What is shown, how, and how that changes while the captive runs.

use crate::captive::{Captive, cage};
use crate::tests::{file, folder, open_up};
use confine::{Cage, LayerName, Outside, Unreadable};
use rustix::mount::{MountFlags, UnmountFlags};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

pub(crate) const ALL: &[(&str, fn())] = &[
    ("what_cannot_be_shown_is_missing_with_its_reason", what_cannot_be_shown_is_missing_with_its_reason),
    (
        "links_single_files_and_parents_are_shown_at_their_paths",
        links_single_files_and_parents_are_shown_at_their_paths,
    ),
    ("a_group_opens_what_others_may_not_read", a_group_opens_what_others_may_not_read),
    ("what_is_mounted_beneath_is_shown_and_read_only", what_is_mounted_beneath_is_shown_and_read_only),
    ("a_folder_shown_later_is_read_only_and_readable", a_folder_shown_later_is_read_only_and_readable),
    ("nothing_is_writable_whatever_is_shown_or_hidden", nothing_is_writable_whatever_is_shown_or_hidden),
    ("a_switched_link_is_followed_without_a_gap", a_switched_link_is_followed_without_a_gap),
    (
        "a_folder_held_open_is_usable_after_it_was_replaced",
        a_folder_held_open_is_usable_after_it_was_replaced,
    ),
    ("what_changed_before_the_first_look_is_followed", what_changed_before_the_first_look_is_followed),
    ("a_folder_built_anew_is_followed", a_folder_built_anew_is_followed),
    ("what_is_hidden_is_gone_and_nothing_else", what_is_hidden_is_gone_and_nothing_else),
    (
        "links_of_others_do_not_lead_where_the_account_may_not_go",
        links_of_others_do_not_lead_where_the_account_may_not_go,
    ),
    ("a_process_in_our_own_namespace_needs_no_showing", a_process_in_our_own_namespace_needs_no_showing),
    ("the_obstacle_to_reading_is_named", the_obstacle_to_reading_is_named),
    ("more_folders_than_descriptors_are_shown", more_folders_than_descriptors_are_shown),
];

fn caged(shown: &[&Path]) -> Cage {
    cage(&LayerName::ALL, &shown.iter().map(|path| path.to_path_buf()).collect::<Vec<_>>())
}

fn outside(captive: &Captive, cage: &Cage) -> Outside {
    Outside::of(captive.process(), cage).expect("its namespace").expect("another namespace")
}

fn make(path: &Path) -> PathBuf {
    std::fs::create_dir_all(path).expect("a folder");
    open_up(path, 0o755);
    path.to_owned()
}

fn text(captive: &mut Captive, path: &Path) -> String {
    captive.try_to(&format!("text {}", path.display()))
}

fn what_cannot_be_shown_is_missing_with_its_reason() {
    let top = folder("shown");
    let closed = top.path().join("closed");
    let beneath = make(&closed.join("beneath"));
    open_up(&closed, 0o700);
    let socket = top.path().join("socket");
    let _socket = std::os::unix::net::UnixListener::bind(&socket).expect("a socket");
    symlink("circle", top.path().join("circle")).expect("a link");
    let cases: [(PathBuf, &str); 7] = [
        (top.path().join("circle"), "has too many links on its way"),
        ("/".into(), "the whole file system cannot be shown"),
        (top.path().join("absent"), "does not exist"),
        (beneath, "its user may not go there"),
        (socket, "is neither a folder nor a file"),
        (top.path().join("../x"), "must be absolute and without `..`"),
        ("relative".into(), "must be absolute and without `..`"),
    ];
    let captive = Captive::new(&caged(&cases.each_ref().map(|(path, _)| path.as_path())));
    for (path, expected) in cases {
        let missing = captive.report.missing.iter().find(|missing| missing.path == path);
        assert_eq!(missing.map(|missing| missing.reason.as_str()), Some(expected), "{}", path.display());
    }
}

fn links_single_files_and_parents_are_shown_at_their_paths() {
    let top = folder("shown");
    let root = top.path();
    file(&make(&root.join("app/releases/42")).join("index"), "42");
    symlink("releases/42", root.join("app/current")).expect("a link");
    file(&make(&root.join("elsewhere/7")).join("index"), "7");
    let around = make(&root.join("around"));
    symlink(root.join("elsewhere/7"), around.join("current")).expect("a link");
    file(&root.join("single"), "alone");
    file(&root.join("other"), "not shown");
    let (current, within, single) = (root.join("app/current"), around.join("current"), root.join("single"));
    let mut captive = Captive::new(&caged(&[&current, &around, &within, &single]));
    assert_eq!(captive.report.missing, []);
    assert_eq!(text(&mut captive, &current.join("index")), "42");
    assert_eq!(text(&mut captive, &within.join("index")), "7");
    assert_eq!(text(&mut captive, &single), "alone");
    assert_eq!(captive.try_to(&format!("list {}", root.display())), "app around elsewhere single");
    assert_eq!(captive.try_to(&format!("list {}", root.join("app").display())), "current");
}

fn what_is_mounted_beneath_is_shown_and_read_only() {
    let top = folder("shown");
    let beneath = make(&top.path().join("a b/disk"));
    rustix::mount::mount("tmpfs", &beneath, "tmpfs", MountFlags::empty(), None).expect("needs root: a mount");
    file(&beneath.join("file"), "on disk");
    open_up(&beneath, 0o777);
    let layers = [LayerName::Mounts];
    let mut captive = Captive::new(&cage(&layers, &[top.path().to_owned()]));
    assert_eq!(text(&mut captive, &beneath.join("file")), "on disk");
    assert_eq!(captive.try_to(&format!("create {}/new", beneath.display())), "EROFS");
    rustix::mount::unmount(&beneath, UnmountFlags::DETACH).expect("taken off");
    assert_eq!(text(&mut captive, &beneath.join("file")), "on disk");
}

fn a_folder_shown_later_is_read_only_and_readable() {
    let (first, later) = (folder("first"), folder("later"));
    file(&later.path().join("file"), "later");
    std::fs::copy("/bin/echo", later.path().join("program")).expect("a program");
    for layers in [&LayerName::ALL[..], &[LayerName::Mounts]] {
        let cage = cage(layers, &[first.path().to_owned()]);
        let mut captive = Captive::new(&cage);
        let path = later.path().join("file");
        assert_eq!(text(&mut captive, &path), "ENOENT");
        let mut outside = outside(&captive, &cage);
        assert_eq!(outside.show([later.path().to_owned()]).expect("shown"), []);
        assert_eq!(text(&mut captive, &path), "later");
        assert_eq!(captive.try_to(&format!("open-beneath {}", path.display())), "later");
        assert_eq!(captive.try_to(&format!("overwrite {}", path.display())), "EROFS");
        let executed = captive.try_to(&format!("execute {}/program", later.path().display()));
        assert_eq!(executed, if layers.len() > 1 { "SIGSYS" } else { "EACCES" });
    }
}

fn nothing_is_writable_whatever_is_shown_or_hidden() {
    let (first, later) = (folder("first"), folder("later"));
    let (site, page) = (make(&later.path().join("site")), later.path().join("page"));
    file(&page, "alone");
    let cage = cage(&[LayerName::Mounts], &[first.path().to_owned()]);
    let mut captive = Captive::new(&cage);
    let mut outside = outside(&captive, &cage);
    let mut judge = |when: &str| {
        let path = format!("/proc/{}/mountinfo", captive.process());
        let mounts = std::fs::read_to_string(path).expect("its mounts");
        let is_sealed =
            |line: &&str| line.split(' ').nth(5).is_some_and(|options| options.starts_with("ro,"));
        assert_eq!(mounts.lines().find(|line| !is_sealed(line)), None, "{when}: {mounts}");
        assert_eq!(captive.try_to("create /new"), "EROFS", "{when}");
    };
    judge("at first");
    assert_eq!(outside.show([site.clone(), page.clone()]).expect("shown"), []);
    judge("with more");
    std::fs::remove_dir(&site).expect("removed");
    make(&site);
    outside.refresh(Instant::now()).expect("looked");
    judge("with another one in its place");
    outside.hide([site, page]).expect("hidden");
    judge("with less");
    outside.refresh(Instant::now() + Duration::from_secs(11)).expect("taken off");
    judge("with nothing left over");
    assert_eq!(captive.try_to(&format!("list {}", later.path().display())), "ENOENT");
}

fn a_switched_link_is_followed_without_a_gap() {
    let top = folder("shown");
    let release = |number: u32| {
        let folder = make(&top.path().join(format!("releases/{number}")));
        file(&folder.join("index"), &number.to_string());
        _ = std::fs::remove_file(top.path().join("next"));
        symlink(&folder, top.path().join("next")).expect("a link");
        std::fs::rename(top.path().join("next"), top.path().join("current")).expect("switched");
    };
    release(0);
    let current = top.path().join("current");
    let index = current.join("index");
    let cage = caged(&[&current]);
    let mut captive = Captive::new(&cage);
    let mut outside = outside(&captive, &cage);
    assert_eq!(outside.refresh(Instant::now()).expect("looked"), Vec::<PathBuf>::new());
    captive.try_to(&format!("read-on-and-on {}", index.display()));
    for number in 1..50 {
        release(number);
        assert_eq!(outside.refresh(Instant::now()).expect("looked"), std::slice::from_ref(&current));
        assert_eq!(text(&mut captive, &index), number.to_string());
    }
    assert_eq!(captive.try_to("stop-reading"), "some read, 0 failed");
    assert_eq!(mounts_of(&captive), 51, "all that somebody may hold open");
    let later = Instant::now() + Duration::from_secs(11);
    assert_eq!(outside.refresh(later).expect("looked"), Vec::<PathBuf>::new());
    assert_eq!(mounts_of(&captive), 2, "the root and one more");
}

/// The gate looks for the folder of a route once a second, and keeps it open meanwhile.
fn a_folder_held_open_is_usable_after_it_was_replaced() {
    let top = folder("shown");
    let old = make(&top.path().join("old"));
    file(&old.join("file"), "old");
    let new = make(&top.path().join("new"));
    file(&new.join("file"), "new");
    let link = top.path().join("link");
    symlink(&old, &link).expect("a link");
    let cage = caged(&[&link]);
    let mut captive = Captive::new(&cage);
    let mut outside = outside(&captive, &cage);
    assert_eq!(captive.try_to(&format!("hold {}", link.display())), "done");
    std::fs::remove_file(&link).expect("removed");
    symlink(&new, &link).expect("a link");
    assert_eq!(outside.refresh(Instant::now()).expect("looked"), std::slice::from_ref(&link));
    assert_eq!(text(&mut captive, &link.join("file")), "new");
    assert_eq!(captive.try_to("open-in-held file"), "old");
    outside.hide([link]).expect("hidden");
    assert_eq!(captive.try_to("open-in-held file"), "old");
    outside.refresh(Instant::now() + Duration::from_secs(11)).expect("taken off");
    assert_eq!(captive.try_to("open-in-held file"), "EACCES");
}

fn mounts_of(captive: &Captive) -> usize {
    let path = format!("/proc/{}/mountinfo", captive.process());
    std::fs::read_to_string(path).expect("its mounts").lines().count()
}

fn what_changed_before_the_first_look_is_followed() {
    let top = folder("shown");
    let site = make(&top.path().join("site"));
    file(&site.join("index"), "old");
    let absent = top.path().join("absent");
    let cage = caged(&[&site, &absent]);
    let mut captive = Captive::new(&cage);
    std::fs::rename(&site, top.path().join("former")).expect("moved");
    make(&site);
    file(&site.join("index"), "new");
    assert_eq!(text(&mut captive, &site.join("index")), "old");
    let mut outside = outside(&captive, &cage);
    make(&absent);
    assert_eq!(outside.refresh(Instant::now()).expect("looked"), [absent.clone(), site.clone()]);
    assert_eq!(text(&mut captive, &site.join("index")), "new");
    assert_eq!(captive.try_to(&format!("list {}", absent.display())), "");
}

fn a_folder_built_anew_is_followed() {
    let top = folder("shown");
    let site = make(&top.path().join("dist"));
    file(&site.join("index"), "old");
    let cage = caged(&[&site]);
    let mut captive = Captive::new(&cage);
    let mut outside = outside(&captive, &cage);
    std::fs::remove_dir_all(&site).expect("removed");
    outside.refresh(Instant::now()).expect("looked");
    assert_eq!(text(&mut captive, &site.join("index")), "ENOENT");
    make(&site);
    file(&site.join("index"), "new");
    assert_eq!(outside.refresh(Instant::now()).expect("looked"), std::slice::from_ref(&site));
    assert_eq!(text(&mut captive, &site.join("index")), "new");
}

fn what_is_hidden_is_gone_and_nothing_else() {
    let top = folder("shown");
    let outer = make(&top.path().join("outer"));
    let inner = make(&outer.join("inner"));
    let target = make(&top.path().join("target"));
    let link = outer.join("link");
    symlink(&target, &link).expect("a link");
    for one in [&outer, &inner, &target] {
        file(&one.join("file"), "here");
    }
    let cage = caged(&[&inner, &link, &outer]);
    let mut captive = Captive::new(&cage);
    let mut outside = outside(&captive, &cage);
    assert_eq!(text(&mut captive, &link.join("file")), "here");
    outside.hide([outer.clone()]).expect("hidden");
    for (path, expected) in [(&outer, "ENOENT"), (&inner, "here"), (&link, "here")] {
        assert_eq!(text(&mut captive, &path.join("file")), expected, "{}", path.display());
    }
    outside.hide([link, inner]).expect("hidden");
    assert_eq!(captive.try_to("list /"), ".former");
    assert_eq!(captive.try_to("list /.former"), "EACCES");
    assert_eq!(outside.shown().count(), 0);
    outside.refresh(Instant::now() + Duration::from_secs(11)).expect("taken off");
    assert_eq!(mounts_of(&captive), 1);
}

fn links_of_others_do_not_lead_where_the_account_may_not_go() {
    let top = folder("shown");
    let secret = top.path().join("secret");
    file(&make(&secret.join("open")).join("file"), "secret");
    open_up(&secret, 0o700);
    let site = make(&top.path().join("site"));
    let cage = caged(&[&site]);
    let mut captive = Captive::new(&cage);
    let mut outside = outside(&captive, &cage);
    std::fs::remove_dir(&site).expect("removed");
    symlink(secret.join("open"), &site).expect("a link");
    outside.refresh(Instant::now()).expect("looked");
    assert_eq!(text(&mut captive, &site.join("file")), "ENOENT");
    let missing = outside.show([site]).expect("tried");
    assert_eq!(missing.first().map(|missing| missing.reason.as_str()), Some("its user may not go there"));
}

fn a_process_in_our_own_namespace_needs_no_showing() {
    let cage = cage(&[LayerName::Rights], &[]);
    let captive = Captive::new(&cage);
    assert!(Outside::of(captive.process(), &cage).expect("its namespace").is_none());
    assert!(Outside::of(u32::MAX, &cage).is_err());
}

fn the_obstacle_to_reading_is_named() {
    let top = folder("shown");
    let home = top.path().join("home");
    let site = make(&home.join("site"));
    open_up(&home, 0o750);
    symlink(&site, top.path().join("link")).expect("a link");
    let secret = top.path().join("secret");
    file(&secret, "");
    open_up(&secret, 0o600);
    let account = caged(&[]).account.expect("an account");
    let says = |path: &Path| confine::can_read(&account, path).map_err(|error| error.to_string());
    let through = Err(format!("may not go through {}", home.display()));
    assert_eq!(says(top.path()), Ok(()));
    assert_eq!(says(&site), through);
    assert_eq!(says(&top.path().join("link")), through);
    assert_eq!(says(&secret), Err("may not be read".to_owned()));
    let absent = confine::can_read(&account, &top.path().join("absent"));
    assert!(matches!(absent, Err(Unreadable::Absent(_))), "{absent:?}");
    open_up(&site, 0o744);
    open_up(&home, 0o755);
    assert_eq!(says(&site), Err(format!("may not go through {}", site.display())));
}

fn a_group_opens_what_others_may_not_read() {
    const WEB: u32 = 4242;
    let top = folder("shown");
    let site = make(&top.path().join("site"));
    let page = site.join("page");
    file(&page, "inside");
    for (path, mode) in [(&page, 0o640), (&site, 0o750)] {
        std::os::unix::fs::chown(path, None, Some(WEB)).expect("needs root");
        open_up(path, mode);
    }
    let mut cage = caged(&[top.path()]);
    let read = format!("read {}", page.display());
    assert_eq!(Captive::new(&cage).try_to(&read), "EACCES");
    cage.account = cage.account.map(|account| account.with_groups([0, WEB]));
    let account = cage.account.as_ref().expect("an account");
    assert_eq!(confine::can_read(account, &site).map_err(|error| error.to_string()), Ok(()));
    assert_eq!(Captive::new(&cage).try_to(&read), "6 bytes");
}

fn more_folders_than_descriptors_are_shown() {
    let top = folder("shown");
    let paths: Vec<PathBuf> = (0..3_000).map(|number| make(&top.path().join(number.to_string()))).collect();
    file(&paths[2_999].join("index"), "last");
    let cage = cage(&LayerName::ALL, &paths);
    let file = top.path().join("cage.json");
    std::fs::write(&file, serde_json::to_string(&cage).expect("a cage")).expect("a file");
    let mut command = std::process::Command::new(std::env::current_exe().expect("own path"));
    command.env(crate::captive::CAGE, format!("@{}", file.display()));
    let mut captive = Captive::start(command);
    assert_eq!(captive.report.missing, []);
    assert_eq!(text(&mut captive, &paths[2_999].join("index")), "last");
    println!("entered with 3,000 folders in {}", captive.try_to("time"));
    let mut outside = outside(&captive, &cage);
    let start = Instant::now();
    assert_eq!(outside.refresh(Instant::now()).expect("looked"), Vec::<PathBuf>::new());
    println!("looked at 3,000 folders in {:?}", start.elapsed());
}
