//! The story of the gate's own user: instances are closed to everybody else, to root as well.

use crate::pair::Pair;
use crate::proxy::{NOBODY, around, file, hello, site};
use std::process::Command;
use testkit::Program;
use testkit::lab::Reach;

/// The number that the user `portcullis` has here.
pub(crate) const GATE: u32 = 990;

/// The keeper on a machine that has the user, who lies in a file of its own.
fn up(pair: &Pair) -> Program {
    up_with(pair, &[])
}

/// The same, where further files of the machine say this.
pub(crate) fn up_with(pair: &Pair, files: &[(&str, &str)]) -> Program {
    let server = &pair.server;
    let users = format!("root:x:0:0::/root:/bin/sh\nportcullis:x:{GATE}:{GATE}::/:/bin/false\n");
    let mut script = String::new();
    for (number, (path, text)) in [("/etc/passwd", users.as_str())].iter().chain(files).enumerate() {
        let file = server.folder.write(format!("bound-{number}"), text);
        script += &format!("mount --bind {} {path} && ", file.display());
    }
    script += "exec \"$@\"";
    let mut command = Command::new("unshare");
    command.current_dir(server.folder.path()).env_clear();
    command.args(["--mount", "--propagation", "private", "sh", "-c", &script, "sh"]);
    command.args([env!("CARGO_BIN_EXE_portcullis"), "up", "--threads", "1", "--state", "state"]);
    let mut keeper = server.host.start(&mut command);
    keeper.wait_for_socket(&server.folder.join("state/admin/socket"));
    keeper
}

/// The users of a process: real, effective, saved, of the file system.
fn users_of(process: u64) -> String {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).expect("it runs");
    let users = status.lines().find_map(|line| line.strip_prefix("Uid:\t"));
    users.expect("a line of users").to_owned()
}

#[test]
fn an_instance_answers_the_gates_user_and_neither_root_nor_others() {
    let pair = Pair::new(&file("127.0.0.1:8000"));
    let _api = hello(&pair, "127.0.0.1");
    let keeper = up(&pair);
    let gate = pair.server.json(&["status", "--json"])["gate_process"].as_u64().expect("a gate");
    assert_eq!(users_of(gate), format!("{GATE}\t{GATE}\t{GATE}\t{GATE}"));

    let applied = pair.server.done(&["apply", "--yes", "--no-trial", "--console"]);
    assert!(applied.contains(&format!("only for uid {GATE}")), "{applied}");
    assert_eq!(around(&pair, GATE), Reach::Open);
    assert_eq!(around(&pair, NOBODY), Reach::Refused);
    assert_eq!(around(&pair, 0), Reach::Refused, "root is not the gate");
    assert!(site(&pair).contains("api"), "{}", keeper.stderr());
}
