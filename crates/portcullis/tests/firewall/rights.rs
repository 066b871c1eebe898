//! A state that cannot be used: the refusal names the cause, and the hint is about it.

use crate::pair::Pair;
use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::Path;

const FILE: &str = "[firewall]\ninbound = [\"22/tcp\"]\n";
const USER: u32 = 1000;

/// What is done to the state folder, who asks then, why that is refused, and what helps.
type Case = (&'static str, fn(&Path), u32, &'static str, &'static str);

const CASES: [Case; 5] = [
    (
        "of root",
        |_| (),
        USER,
        "firewall/lock: Permission denied",
        "/firewall belongs to root: run this as root",
    ),
    (
        "of another user",
        |state| own(state, USER),
        0,
        "state belongs to the user with id 1000",
        "`sudo -u '#1000'`",
    ),
    ("of everybody", |state| open(state), 0, "others can put files into", "`chmod go-w "),
    ("no folder", replace, 0, "state is no folder", "--state names another folder"),
    ("locked", |state| open_lock(state), USER, "firewall/lock: Permission denied", "belongs to root"),
];

fn own(state: &Path, user: u32) {
    chown(state, Some(user), None).expect("this test needs root");
}

fn open(state: &Path) {
    fs::set_permissions(state, fs::Permissions::from_mode(0o777)).unwrap();
}

fn open_lock(state: &Path) {
    fs::set_permissions(state.join("firewall"), fs::Permissions::from_mode(0o755)).unwrap();
}

fn replace(state: &Path) {
    fs::remove_dir_all(state).unwrap();
    fs::write(state, "").unwrap();
}

#[test]
fn the_refusal_names_the_cause_and_the_hint_the_remedy() {
    let pair = Pair::new(FILE);
    for (name, change, user, reason, hint) in CASES {
        let folder = testkit::Folder::new();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        folder.write("portcullis.toml", FILE);
        let run = |arguments: &[&str], user: u32| {
            let mut command = pair.server.command(arguments);
            pair.server.host.finish(command.current_dir(folder.path()).uid(user).gid(user))
        };
        assert_eq!(run(&["history"], 0).code(), 0, "{name}");
        change(&folder.join("state"));
        for arguments in [&["confirm", "--console"][..], &["ban", "203.0.113.1"], &["rollback"]] {
            let refused = run(arguments, user);
            assert_eq!(refused.code(), 3, "{name}, {arguments:?}: {refused:?}");
            assert!(refused.stderr.contains(reason), "{name}, {arguments:?}: {refused:?}");
            assert!(refused.stderr.contains(hint), "{name}, {arguments:?}: {refused:?}");
        }
    }
}

/// Runs a program with a `/var/lib` of its own: as root, or as a user with a home who names no state folder.
fn with_var_lib(pair: &Pair, folder: &Path, user: u32, arguments: &[&str]) -> testkit::Finished {
    pair.server.host.finish(&mut in_var_lib(folder, user, arguments))
}

fn in_var_lib(folder: &Path, user: u32, arguments: &[&str]) -> std::process::Command {
    let script =
        "mount --bind lib /var/lib && exec setpriv --reuid \"$0\" --regid \"$0\" --clear-groups \"$@\"";
    let mut command = std::process::Command::new("unshare");
    command.args(["--mount", "--propagation", "private", "sh", "-c", script, &user.to_string()]);
    command.arg(env!("CARGO_BIN_EXE_portcullis")).args(arguments).current_dir(folder);
    command.env_clear().env("PATH", "/usr/bin:/usr/sbin:/bin:/sbin").env("HOME", folder.join("home"));
    command
}

#[test]
fn a_user_is_told_that_root_knows_and_not_that_nothing_is_there() {
    let (pair, folder) = (Pair::new(FILE), testkit::Folder::new());
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    folder.write("portcullis.toml", FILE);
    for name in ["lib", "home"] {
        fs::create_dir(folder.join(name)).unwrap();
    }
    own(&folder.join("home"), USER);
    let run = |user, arguments: &[&str]| with_var_lib(&pair, folder.path(), user, arguments);
    assert!(run(USER, &["history"]).stdout.contains("nothing was applied"), "nobody has a firewall yet");
    let applied = run(0, &["apply", "--yes", "--no-trial", "--console"]);
    assert_eq!(applied.code(), 0, "{applied:?}");
    for arguments in
        [&["plan"][..], &["history"], &["bans"], &["grant"], &["status"], &["ban", "203.0.113.1"]]
    {
        let refused = run(USER, arguments);
        assert_eq!((refused.code(), refused.stdout.as_str()), (3, ""), "{arguments:?}: {refused:?}");
        let reason = "it cannot be told what is in force: /var/lib/portcullis belongs to root\n";
        assert!(refused.stderr.contains(reason), "{arguments:?}: {refused:?}");
        assert!(refused.stderr.contains("hint: run this as root"), "{arguments:?}: {refused:?}");
    }
}

#[test]
fn a_folder_that_is_mistyped_is_not_made_and_the_right_one_is_named() {
    let (pair, folder) = (Pair::new(FILE), testkit::Folder::new());
    folder.write("portcullis.toml", FILE);
    fs::create_dir(folder.join("lib")).unwrap();
    let run = |arguments: &[&str]| with_var_lib(&pair, folder.path(), 0, arguments);
    assert_eq!(run(&["apply", "--yes", "--no-trial", "--console"]).code(), 0);
    let mut gate = pair.server.host.start(&mut in_var_lib(folder.path(), 0, &["up", "--threads", "1"]));
    gate.wait_for_socket(&folder.join("lib/portcullis/admin/socket"));
    for arguments in
        [&["apply", "--yes", "--console"][..], &["history"], &["ban", "203.0.113.1"], &["status"]]
    {
        let refused = run(&[arguments, &["--state", "typo/x"]].concat());
        assert_eq!(refused.code(), 1, "{arguments:?}: {refused:?}");
        let reason = "the gate with state folder /var/lib/portcullis owns the table";
        assert!(refused.stderr.contains(reason), "{arguments:?}: {refused:?}");
        assert!(refused.stderr.contains("hint: leave --state out"), "{arguments:?}: {refused:?}");
    }
    assert!(!folder.join("typo").exists());
    fs::create_dir_all(folder.join("typo/x/firewall")).unwrap();
    let refused = run(&["apply", "--yes", "--no-trial", "--console", "--state", "typo/x"]);
    assert!(refused.stderr.contains("hint: leave --state out"), "{refused:?}");
    assert!(run(&["history", "--state", "typo/x"]).stdout.contains("not applied: "));
}
