//! Exit codes, streams, and the commands that print what they know.

use crate::{portcullis, run};
use std::io::Read;
use std::process::Stdio;
use testkit::Folder;

#[test]
fn wrong_usage_ends_with_2_and_says_so_on_standard_error() {
    let folder = Folder::new();
    for arguments in [
        &[][..],
        &["unknown"],
        &["check", "--unknown"],
        &["check", "a.toml", "--config", "b.toml"],
        &["up", "a.toml", "b.test=localhost:1"],
        &["hello", "--port", "65536"],
        &["hello", "--threads", "0"],
        &["hello", "--name", "two words"],
        &["hello", "--port", "1", "--unix", "x"],
        &["status", "--json", "--metrics"],
        &["apply", "--confirm", "0s"],
        &["apply", "--confirm", "2h"],
        &["apply", "--confirm", "60s", "--no-trial"],
        &["allow", "80/tcp", "--console"],
        &["revoke", "80/tcp", "--yes"],
        &["ban"],
        &["ban", "example.com"],
        &["ban", "192.0.2.1", "--for", "0s"],
        &["unban"],
        &["grant", "22x"],
        &["grant", "--from", "192.0.2.1"],
        &["check"],
    ] {
        let finished = run(&folder, arguments);
        assert_eq!(
            (finished.code(), finished.stdout.as_str()),
            (2, ""),
            "{arguments:?}: {}",
            finished.stderr
        );
        assert!(!finished.stderr.is_empty(), "{arguments:?}");
    }
}

#[test]
fn without_a_configuration_the_hint_says_how_to_go_on() {
    insta::assert_snapshot!(run(&Folder::new(), &["check"]).stderr);
}

#[test]
fn a_file_that_is_not_there_is_refused_with_3() {
    let finished = run(&Folder::new(), &["check", "missing.toml"]);
    assert_eq!(finished.code(), 3);
    assert_eq!(
        finished.stderr,
        "error: cannot read missing.toml: No such file or directory (os error 2)\nhint: write it, or name another one\n"
    );
}

#[test]
fn a_host_in_place_of_a_file_is_told_its_target() {
    let finished = run(&Folder::new(), &["up", "example.test"]);
    assert_eq!(finished.code(), 3);
    assert_eq!(
        finished.stderr,
        "error: there is no file example.test\nhint: `portcullis up example.test=localhost:3000` serves a site without \
         a file\n"
    );
}

#[test]
fn a_reload_of_a_file_that_is_not_there_says_just_that() {
    let finished = run(&Folder::new(), &["reload", "missing.toml"]);
    assert_eq!(finished.code(), 3);
    assert!(!finished.stderr.contains("--state"), "{}", finished.stderr);
}

#[test]
fn a_port_in_use_is_refused_with_3_and_a_hint() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = taken.local_addr().expect("bound").port().to_string();
    let finished = run(&Folder::new(), &["hello", "--port", &port]);
    assert_eq!(finished.code(), 3);
    assert!(finished.stderr.contains("hint: --port 0 takes a free one"), "{}", finished.stderr);
}

#[test]
fn the_version_is_data() {
    let finished = run(&Folder::new(), &["--version"]);
    assert_eq!(
        (finished.code(), finished.stdout),
        (0, format!("portcullis {}\n", env!("CARGO_PKG_VERSION")))
    );
}

#[test]
fn the_schema_is_json() {
    let finished = run(&Folder::new(), &["schema"]);
    assert_eq!(finished.code(), 0);
    let schema: serde_json::Value = serde_json::from_str(&finished.stdout).expect("JSON");
    assert!(schema.is_object());
}

#[test]
fn completions_exist_for_the_usual_shells() {
    for shell in ["bash", "zsh", "fish"] {
        let finished = run(&Folder::new(), &["completions", shell]);
        assert_eq!(finished.code(), 0);
        assert!(finished.stdout.contains("portcullis"), "{shell}");
    }
}

#[test]
fn manual_pages_are_printed_or_written() {
    let folder = Folder::new();
    let finished = run(&folder, &["man"]);
    assert!(finished.stdout.contains(".TH portcullis 1"), "{}", finished.stdout);
    assert_eq!(run(&folder, &["man", "pages"]).code(), 0);
    for page in ["portcullis.1", "portcullis-check.1", "portcullis-cert-list.1"] {
        assert!(folder.join("pages").join(page).exists(), "{page}");
    }
}

#[test]
fn a_reader_who_leaves_is_no_error() {
    let folder = Folder::new();
    let mut child = portcullis(&folder)
        .args(["completions", "bash"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    drop(child.stdout.take());
    let mut stderr = String::new();
    child.stderr.take().expect("piped").read_to_string(&mut stderr).expect("text");
    assert_eq!((child.wait().expect("it ends").code(), stderr.as_str()), (Some(0), ""));
}

#[test]
fn a_full_disk_is_an_error() {
    let folder = Folder::new();
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").expect("/dev/full");
    let output = portcullis(&folder).args(["completions", "bash"]).stdout(full).output().expect("it runs");
    assert_eq!(output.status.code(), Some(3));
}

#[test]
fn colour_is_for_terminals() {
    let finished = run(&Folder::new(), &["check"]);
    assert!(!finished.stderr.contains('\x1b'), "{}", finished.stderr);
}
