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

#[test]
fn the_units_start_the_program_where_the_manual_installs_it() {
    let read = |path: &str| std::fs::read_to_string(format!("{}/../../{path}", env!("CARGO_MANIFEST_DIR")));
    let manual = read("docs/operations.md").expect("the manual");
    let install =
        manual.lines().find_map(|line| line.strip_prefix("install -m 0755 target/release/portcullis "));
    let installed = install.expect("where it is installed");
    let unit = read("packaging/systemd/portcullis-firewall.service").expect("the unit");
    let lines = manual.lines().chain(unit.lines());
    let starts = lines.filter_map(|line| line.strip_prefix("Exec")?.split_once('=')?.1.split(' ').next());
    assert_eq!(starts.collect::<Vec<_>>(), [installed; 3]);
}
