//! The help of every command.

use crate::run;
use testkit::Folder;

#[test]
fn every_command_explains_itself() {
    let folder = Folder::new();
    for command in [
        "",
        "up",
        "check",
        "plan",
        "apply",
        "confirm",
        "rollback",
        "history",
        "reload",
        "status",
        "doctor",
        "logs",
        "stop",
        "allow",
        "revoke",
        "ban",
        "unban",
        "bans",
        "grant",
        "firewall",
        "firewall adopt",
        "firewall restore",
        "firewall off",
        "firewall show",
        "cert",
        "cert list",
        "cert show",
        "cert trust",
        "hello",
        "install-service",
        "schema",
        "completions",
        "man",
    ] {
        let arguments: Vec<&str> = command.split_whitespace().chain(["--help"]).collect();
        let finished = run(&folder, &arguments);
        assert_eq!((finished.code(), finished.stderr.as_str()), (0, ""), "{command}");
        let name = format!("help {command}").trim().replace(' ', "-");
        insta::assert_snapshot!(name, finished.stdout);
    }
}
