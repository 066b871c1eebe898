//! Root obeys only files that root alone can write. These tests need root, and fail without.

use crate::run;
use std::fs::Permissions;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use testkit::Folder;

const NOBODY: u32 = 65534;
const GOOD: &str = "[site]\n\"http://a.test\" = \"localhost:3000\"\n";

#[test]
fn a_file_of_another_user_is_refused_with_a_hint() {
    let folder = Folder::new();
    let file = folder.write("portcullis.toml", GOOD);
    chown(&file, Some(NOBODY), None).expect("this test needs root");
    let finished = run(&folder, &["check"]);
    assert_eq!(finished.code(), 3);
    insta::assert_snapshot!(finished.stderr);
}

#[test]
fn a_file_that_others_can_write_is_refused() {
    let folder = Folder::new();
    let file = folder.write("portcullis.toml", GOOD);
    chown(&file, Some(0), Some(0)).expect("this test needs root");
    std::fs::set_permissions(&file, Permissions::from_mode(0o664)).expect("our file");
    let finished = run(&folder, &["check"]);
    assert_eq!(finished.code(), 3);
    assert!(finished.stderr.contains("(mode 0664)"), "{}", finished.stderr);
    std::fs::set_permissions(&file, Permissions::from_mode(0o644)).expect("our file");
    assert_eq!(run(&folder, &["check"]).code(), 0);
}

#[test]
fn an_included_file_of_another_user_is_a_problem() {
    let folder = Folder::new();
    folder.write("portcullis.toml", format!("include = [\"sites/*.toml\"]\n{GOOD}"));
    let included = folder.write("sites/b.toml", "[site]\n\"http://b.test\" = \"localhost:3001\"\n");
    assert_eq!(run(&folder, &["check"]).code(), 0);
    chown(&included, Some(NOBODY), None).expect("this test needs root");
    let finished = run(&folder, &["check"]);
    assert_eq!(finished.code(), 1);
    assert!(finished.stdout.contains("root does not obey"), "{}", finished.stdout);
}

#[test]
fn who_cannot_write_the_file_is_told_who_can_and_leaves_nothing_behind() {
    let folder = Folder::new();
    let text = "[firewall]\ninbound = [\"ssh\"]\n";
    folder.write("portcullis.toml", text);
    std::fs::set_permissions(folder.path(), Permissions::from_mode(0o777)).expect("our folder");
    let command = std::process::Command::new(env!("CARGO_BIN_EXE_portcullis"))
        .args(["allow", "80/tcp"])
        .current_dir(folder.path())
        .uid(NOBODY)
        .gid(NOBODY)
        .output()
        .expect("this test needs root");
    let said = String::from_utf8_lossy(&command.stderr);
    assert!(said.contains("hint: run it as root, or as the file's owner"), "{said}");
    assert_eq!(std::fs::read_to_string(folder.join("portcullis.toml")).expect("our file"), text);
    assert_eq!(std::fs::read_dir(folder.path()).expect("our folder").count(), 1, "{said}");
}
