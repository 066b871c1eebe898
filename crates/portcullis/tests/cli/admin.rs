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
    assert_eq!(ask_as(&socket, &["--reuid=65534", "--regid=65534", "--clear-groups"]), REFUSED);
}

/// What somebody is told who may not ask.
const REFUSED: &str =
    "only root, the keeper's own user and the group portcullis-admin may ask, and the gate never\n403";

/// Asks for the status as somebody else; answers the text and the status, or what curl says of no connection.
fn ask_as(socket: &std::path::Path, who: &[&str]) -> String {
    let mut curl = std::process::Command::new("setpriv");
    curl.args(who).args(["curl", "-s", "--max-time", "20", "-w", "%{http_code}", "--unix-socket"]);
    let output = curl.arg(socket).arg("http://gate/status").output().expect("setpriv and curl");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// A gate on a machine that has the operators' group and the gate's user, as the package makes them.
fn up_with_accounts(folder: &Folder) -> Program {
    let (http, https) = (testkit::free_port(), testkit::free_port());
    let listen = format!("[listen]\nhttp = {http}\nhttps = {https}\naddresses = [\"127.0.0.1\"]\n");
    folder.write("portcullis.toml", listen + "[state]\nfolder = \"state\"\n");
    folder.write("passwd", "root:x:0:0::/root:/bin/sh\nportcullis:x:64123:64123::/:/bin/false\n");
    folder.write("group", "root:x:0:\nportcullis-admin:x:64124:\n");
    let script = "mount --bind passwd /etc/passwd && mount --bind group /etc/group && exec \"$0\" up";
    let mut command = std::process::Command::new("unshare");
    command.args(["--mount", "--propagation", "private", "sh", "-c", script]);
    command.arg(env!("CARGO_BIN_EXE_portcullis")).current_dir(folder.path());
    let mut gate = Program::spawn(&mut command);
    gate.wait_for_socket(&folder.join("state/admin/socket"));
    gate
}

#[test]
fn the_operators_group_may_ask_and_the_gate_may_not_although_it_is_in_it() {
    let folder = Folder::new();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).expect("this test needs root");
    let _gate = up_with_accounts(&folder);
    let socket = folder.join("state/admin/socket");
    let facts = |name: &str| {
        use std::os::unix::fs::MetadataExt;
        let facts = fs::metadata(folder.join(name)).expect("it is there");
        (facts.mode() & 0o777, facts.uid(), facts.gid())
    };
    assert_eq!(facts("state/admin/socket"), (0o660, 0, 64124));
    assert_eq!(facts("state/admin"), (0o710, 0, 64124));
    assert_eq!(facts("state/admin/lock").0, 0o600);
    let group = "--groups=64124";
    for (who, expected) in [
        (["--reuid=65534", "--regid=65534", group], "200"),
        (["--reuid=65534", "--regid=64124", "--clear-groups"], "200"),
        (["--reuid=65534", "--regid=65534", "--clear-groups"], "000"),
        (["--reuid=64123", "--regid=64123", group], REFUSED),
        (["--reuid=64123", "--regid=64124", "--clear-groups"], REFUSED),
    ] {
        let answer = ask_as(&socket, &who);
        assert!(answer.ends_with(expected), "{who:?}: {answer}");
    }
    // Even when the modes are wide open, the gate asks the kernel who it is.
    for (name, mode) in [("state/admin", 0o755), ("state/admin/socket", 0o666)] {
        fs::set_permissions(folder.join(name), fs::Permissions::from_mode(mode)).expect("our folder");
    }
    assert_eq!(ask_as(&socket, &["--reuid=65534", "--regid=65534", "--clear-groups"]), REFUSED);
}

/// A member of the operators' group without a gate of their own, in a folder without a file.
const AS_MEMBER: &str = r#"
mount --bind passwd /etc/passwd && mount --bind group /etc/group && mount --bind lib /var/lib
cp "$0" portcullis
./portcullis up portcullis.toml & keeper=$!
until [ -S /var/lib/portcullis/admin/socket ]; do kill -0 "$keeper"; sleep 0.02; done
chmod 755 /var/lib/portcullis
program=$PWD/portcullis
member() { setpriv --reuid=65534 --regid=65534 --groups=64124 env -i HOME=/nonexistent "$program" "$@"; }
cd /
member status
member upgrade
member upgrade /bin/true && exit 9
member stop
wait "$keeper"
"#;

#[test]
fn a_member_of_the_operators_group_reaches_roots_gate_with_every_command() {
    let folder = Folder::new();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).expect("this test needs root");
    let (http, https) = (testkit::free_port(), testkit::free_port());
    let listen = format!("[listen]\nhttp = {http}\nhttps = {https}\naddresses = [\"127.0.0.1\"]\n");
    folder.write("portcullis.toml", listen);
    folder.write("passwd", "root:x:0:0::/root:/bin/sh\n");
    folder.write("group", "root:x:0:\nportcullis-admin:x:64124:\n");
    fs::create_dir(folder.join("lib")).expect("our folder");
    let mut command = std::process::Command::new("unshare");
    command.args(["--mount", "--propagation", "private", "sh", "-ec", AS_MEMBER]);
    command.arg(env!("CARGO_BIN_EXE_portcullis")).current_dir(folder.path());
    let finished = Program::spawn(&mut command).finish();
    assert_eq!(finished.code(), 0, "{}{}", finished.stdout, finished.stderr);
    assert!(finished.stdout.contains("gate  running\n"), "{}", finished.stdout);
    assert!(!finished.stdout.contains("run this as root"), "{}", finished.stdout);
    assert!(finished.stderr.contains("it serves; the former gate ends"), "{}", finished.stderr);
    assert!(finished.stderr.contains("only root names another program"), "{}", finished.stderr);
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
