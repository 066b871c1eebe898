//! `portcullis doctor`, and a port that somebody else has.

use crate::{portcullis, run};
use std::net::TcpListener;
use std::process::Command;
use testkit::{Folder, Program};

#[test]
fn a_taken_port_names_its_holder_and_the_command_that_frees_it() {
    let folder = Folder::new();
    let held = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = held.local_addr().expect("its address").port();
    folder.write(
        "portcullis.toml",
        format!("[listen]\naddresses = [\"127.0.0.1\"]\n[site]\n\":{port}\" = \"localhost:3000\"\n"),
    );
    let me = std::process::id();
    let up = run(&folder, &["up", "--state", "state"]);
    assert_eq!(up.code(), 3, "{}", up.stderr);
    let refused = format!("cannot listen on 127.0.0.1:{port}: ");
    assert!(
        up.stderr.contains(&refused) && up.stderr.contains(&format!("(process {me} of ")),
        "{}",
        up.stderr
    );
    let doctor = run(&folder, &["doctor", "--json", "--state", "state"]);
    assert_eq!(doctor.code(), 1, "{}", doctor.stdout);
    let told: serde_json::Value = serde_json::from_str(&doctor.stdout).expect("JSON");
    let findings = told["findings"].as_array().expect("a list");
    let of_port = findings.iter().find(|finding| finding["part"] == "ports").expect("a finding");
    let found = of_port["found"].as_str().expect("text");
    assert!(found.starts_with(&format!("{port}/tcp is taken: ")), "{found}");
    assert!(of_port["remedy"].is_string(), "{of_port}");
}

#[test]
fn each_part_of_the_machine_is_told_of() {
    let folder = Folder::new();
    folder.write(
        "portcullis.toml",
        "[listen]\naddresses = [\"127.0.0.1\"]\n[site]\n\"http://a.test\" = \"localhost:3000\"\n",
    );
    let doctor = run(&folder, &["doctor", "--state", "state"]);
    for part in ["file", "rights", "kernel", "ports", "clock", "disk", "descriptors", "others"] {
        assert!(
            doctor.stdout.lines().any(|line| line.split_whitespace().nth(1) == Some(part)),
            "{part}: {}",
            doctor.stdout
        );
    }
    assert_eq!(doctor.stderr, "");
}

#[test]
fn a_state_folder_that_its_user_cannot_write_is_a_problem() {
    let folder = Folder::new();
    // Its own, and still closed: the user of the test may be root, who may write everywhere.
    std::fs::create_dir(folder.join("closed")).expect("a folder");
    let mut command = Command::new("setpriv");
    command.args(["--reuid=65534", "--regid=65534", "--clear-groups", env!("CARGO_BIN_EXE_portcullis")]);
    command.args(["doctor", "--json", "--state", folder.join("closed/state").to_str().expect("text")]);
    command.current_dir("/").env_clear();
    let doctor = Program::spawn(&mut command).finish();
    assert_eq!(doctor.code(), 1, "needs root: {}{}", doctor.stdout, doctor.stderr);
    assert!(doctor.stdout.contains("closed/state cannot be written by this user"), "{}", doctor.stdout);
}

#[test]
fn messages_are_json_where_that_is_asked_for() {
    let folder = Folder::new();
    let listen = format!("127.0.0.1:{}", testkit::free_port());
    folder.write(
        "portcullis.toml",
        format!("[stream.a]\nlisten = \"{listen}\"\ninstances = [\"localhost:1\"]\n"),
    );
    let mut gate = Program::spawn(portcullis(&folder).args(["up", "--json", "--state", "state"]));
    gate.wait_for_stderr("listening on");
    for line in gate.stderr().lines() {
        let message: serde_json::Value = serde_json::from_str(line).expect("one object a line");
        assert!(message["message"].is_string() && message["level"].is_string(), "{line}");
    }
}
