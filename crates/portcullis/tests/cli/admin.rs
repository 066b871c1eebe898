//! A running gate and the commands that ask it.

use crate::{portcullis, run};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use testkit::{Folder, Program};

fn up(folder: &Folder) -> Program {
    let (http, https) = (testkit::free_port(), testkit::free_port());
    let listen = format!("[listen]\nhttp = {http}\nhttps = {https}\naddresses = [\"127.0.0.1\"]\n");
    let rest = "[site]\n\"http://a.test\" = \"localhost:3000\"\n[state]\nfolder = \"state\"\n";
    folder.write("portcullis.toml", listen + rest);
    let mut gate = Program::spawn(portcullis(folder).arg("up"));
    gate.wait_for_socket(&folder.join("state/admin/socket"));
    gate
}

#[test]
fn a_gate_that_does_not_run_is_said_to_be_so() {
    let folder = Folder::new();
    for command in ["status", "stop", "reload"] {
        let finished = run(&folder, &[command, "--state", "state"]);
        assert_eq!(finished.code(), 1);
        assert!(
            finished.stderr.starts_with("error: no gate answers at state/admin/socket\nhint: "),
            "{}",
            finished.stderr
        );
    }
}

#[test]
fn status_and_stop_reach_the_running_gate() {
    let folder = Folder::new();
    let gate = up(&folder);
    let status = run(&folder, &["status", "--json"]);
    assert_eq!(status.code(), 0, "{}", status.stderr);
    let status: serde_json::Value = serde_json::from_str(&status.stdout).expect("JSON");
    assert!(status.is_object());
    assert_eq!(run(&folder, &["status"]).code(), 0);
    assert!(run(&folder, &["status", "--metrics"]).stdout.ends_with("# EOF\n"));
    let stop = run(&folder, &["stop"]);
    assert_eq!((stop.code(), stop.stderr.as_str()), (0, ""));
    assert_eq!(gate.finish().code(), 0);
    assert!(!folder.join("state/admin/socket").exists());
}

#[test]
fn the_admin_socket_is_for_its_owner_alone() {
    let folder = Folder::new();
    let _gate = up(&folder);
    let mode =
        |name: &str| fs::metadata(folder.join(name)).expect("it is there").permissions().mode() & 0o777;
    assert_eq!(mode("state/admin/socket"), 0o600);
    assert_eq!(mode("state/admin"), 0o700);
}

#[test]
fn a_second_gate_on_the_same_state_is_refused_with_the_process_of_the_first() {
    let folder = Folder::new();
    let gate = up(&folder);
    let second = run(&folder, &["up"]);
    assert_eq!(second.code(), 3);
    assert!(
        second.stderr.contains(&format!("a gate already runs on state (process {})", gate.id())),
        "{}",
        second.stderr
    );
}

#[test]
fn another_user_is_refused_by_the_kernel_and_by_the_gate() {
    let folder = Folder::new();
    let _gate = up(&folder);
    // Even when the modes are wide open, the gate asks the kernel who it is.
    for (name, mode) in [("", 0o755), ("state/admin", 0o755), ("state/admin/socket", 0o666)] {
        fs::set_permissions(folder.join(name), fs::Permissions::from_mode(mode))
            .expect("this test needs root");
    }
    let socket = folder.join("state/admin/socket");
    let output = std::process::Command::new("setpriv")
        .args([
            "--reuid=65534",
            "--clear-groups",
            "curl",
            "-s",
            "--max-time",
            "20",
            "-w",
            "%{http_code}",
            "--unix-socket",
        ])
        .arg(&socket)
        .arg("http://gate/status")
        .output()
        .expect("setpriv and curl");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "only root and the user of the gate may ask\n403");
}

#[test]
fn a_bad_file_keeps_the_old_configuration_and_says_why() {
    let folder = Folder::new();
    let _gate = up(&folder);
    let good = fs::read_to_string(folder.join("portcullis.toml")).expect("our file");
    folder.write("portcullis.toml", format!("{good}[sight]\n"));
    // Seen by the command already, or by the gate.
    for arguments in [&["reload"][..], &["reload", "--state", "state"]] {
        let refused = run(&folder, arguments);
        assert_eq!((refused.code(), refused.stdout.as_str()), (1, ""), "{}", refused.stderr);
        assert!(refused.stderr.contains("unknown key `sight`"), "{}", refused.stderr);
        assert!(refused.stderr.contains("\nerror: "), "{}", refused.stderr);
    }
    assert_eq!(run(&folder, &["status", "--state", "state"]).code(), 0);
    folder.write("portcullis.toml", good);
    let done = run(&folder, &["reload"]);
    assert_eq!((done.code(), done.stdout.as_str()), (0, ""), "{}", done.stderr);
    assert_eq!(run(&folder, &["status"]).code(), 0);
}
