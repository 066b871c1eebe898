//! `portcullis allow` and `revoke`: the file and nothing else.

use crate::run;
use std::fs;
use testkit::Folder;

const FILE: &str = "\
# who may reach this machine
[firewall]
inbound = [
  { allow = \"ssh\", from = \"198.51.100.0/24\" },   # the office
]
";

fn folder() -> Folder {
    let folder = Folder::new();
    folder.write("portcullis.toml", FILE);
    folder
}

fn text(folder: &Folder) -> String {
    fs::read_to_string(folder.join("portcullis.toml")).expect("our file")
}

#[test]
fn a_rule_is_written_and_taken_out_again() {
    let folder = folder();
    let allowed = run(&folder, &["allow", "80/tcp", "--note", "the shop"]);
    assert_eq!((allowed.code(), allowed.stdout.as_str()), (0, ""), "{}", allowed.stderr);
    assert!(allowed.stderr.contains("80/tcp from anywhere is allowed"), "{}", allowed.stderr);
    assert!(allowed.stderr.contains("`portcullis apply` puts it in force"), "{}", allowed.stderr);
    assert!(
        text(&folder).contains("the shop") && text(&folder).contains("# the office"),
        "{}",
        text(&folder)
    );
    let revoked = run(&folder, &["revoke", "http"]);
    assert_eq!(revoked.code(), 0, "{}", revoked.stderr);
    assert_eq!(text(&folder), FILE);
}

#[test]
fn a_rule_with_a_problem_leaves_the_file_as_it_was() {
    let folder = folder();
    for arguments in [&["allow", "sshh"][..], &["allow", "ssh", "--from", "nowhere"], &["revoke", "443/tcp"]]
    {
        let refused = run(&folder, arguments);
        assert_eq!((refused.code(), refused.stdout.as_str()), (1, ""), "{}", refused.stderr);
        assert!(refused.stderr.contains("error: "), "{}", refused.stderr);
        assert_eq!(text(&folder), FILE);
    }
}

const HOSTS: &str = "\
[firewall]
confirm = \"60s\"

[group.frontend] # the public door
inbound = [\"http\"]

[group.payments]
inbound = [
  { allow = \"8080/tcp\", from = \"frontend\" }, # the gate
]

[group.admin]
inbound = [\"ssh\"]

[host.web-1]
addresses = [\"192.0.2.44\"]
groups    = [\"frontend\", \"admin\"]

[host.pay-1]
addresses = [\"192.0.2.36\"]
groups    = [\"payments\"]
";

/// What `allow 5432/tcp --from frontend` with further arguments ends with: the exit code, and a part of what is said.
const WHOSE: &[(&[&str], i32, &str)] = &[
    (
        &["--group", "payments"],
        0,
        "5432/tcp from frontend is allowed in group payments, which pay-1 carries\nrule postgresql-",
    ),
    (&["--host", "pay-1"], 0, "in group payments, which pay-1 carries"),
    (&["--every-host"], 0, "on every host of the file"),
    (
        &[],
        1,
        "hint: `portcullis allow 5432/tcp --from frontend --group frontend`, or with `--group payments`",
    ),
    (&["--host", "web-1"], 1, "the host web-1 carries the groups frontend, admin: whose rule is it?"),
    (&["--group", "payment"], 1, "hint: did you mean `payments`?"),
    (&["--group", "nobody"], 1, "hint: its groups are frontend, payments, admin"),
    (&["--group", "payments", "--every-host"], 2, "cannot be used with"),
];

#[test]
fn where_the_file_names_hosts_it_is_clear_whose_rule_it_is() {
    for (arguments, code, said) in WHOSE {
        let folder = Folder::new();
        folder.write("portcullis.toml", HOSTS);
        let allowed = run(&folder, &[&["allow", "5432/tcp", "--from", "frontend"][..], arguments].concat());
        assert_eq!(allowed.code(), *code, "{arguments:?}: {}", allowed.stderr);
        assert!(allowed.stderr.contains(said), "{arguments:?}: {}", allowed.stderr);
        assert_eq!(text(&folder) == HOSTS, *code != 0, "{arguments:?}");
    }
}

#[test]
fn a_rule_of_a_group_is_taken_back_by_its_identity_and_by_its_words() {
    let folder = Folder::new();
    folder.write("portcullis.toml", HOSTS);
    let words = ["5432/tcp", "--from", "frontend", "--note", "the db", "--group", "payments"];
    let allow = || run(&folder, &[&["allow"][..], &words].concat());
    let allowed = allow();
    let (_, rest) = allowed.stderr.split_once("portcullis revoke ").expect("the way back");
    let id = rest.lines().next();
    assert!(text(&folder).contains("  { allow = \"5432/tcp\", from = \"frontend\", note = \"the db\" },\n]"));
    let again = allow();
    assert!(again.code() == 0 && again.stderr.contains("is allowed already"), "{}", again.stderr);
    for revoke in [&["revoke", id.unwrap_or_default()][..], &[&["revoke"][..], &words].concat()] {
        let revoked = run(&folder, revoke);
        assert_eq!(revoked.code(), 0, "{}", revoked.stderr);
        assert!(revoked.stderr.contains("is gone from [group.payments]"), "{}", revoked.stderr);
        assert_eq!(text(&folder), HOSTS);
        allow();
    }
}

#[test]
fn a_rule_that_is_not_clear_is_not_taken_back() {
    let folder = Folder::new();
    folder.write("portcullis.toml", HOSTS.replace("[\"http\"]", "[\"http\", \"ssh\"]"));
    let before = text(&folder);
    for (arguments, code, said) in [
        (
            &["revoke", "ssh"][..],
            1,
            "error: 2 rules say that: name one by its identity\nhint: there are ssh-",
        ),
        (&["revoke", "443"], 1, "error: no inbound rule says `443`\nhint: there are http-"),
        (&["revoke", "ssh", "--group", "nobody"], 1, "declares no group `nobody`"),
        (&["revoke", "--number", "1", "ssh"], 2, "cannot be used with"),
        (&["revoke", "--number", "1", "--group", "admin"], 2, "cannot be used with"),
        (&["revoke"], 2, "required"),
    ] {
        let refused = run(&folder, arguments);
        assert_eq!(refused.code(), code, "{arguments:?}: {}", refused.stderr);
        assert!(refused.stderr.contains(said), "{arguments:?}: {}", refused.stderr);
        assert_eq!(text(&folder), before);
    }
}

#[test]
fn a_rule_stands_in_the_file_that_declares_its_group() {
    let folder = Folder::new();
    folder.write("portcullis.toml", "include = [\"groups.toml\"]\n[firewall]\n");
    folder.write("groups.toml", HOSTS.replace("[firewall]\nconfirm = \"60s\"\n", ""));
    let included = || fs::read_to_string(folder.join("groups.toml")).expect("our file");
    let before = included();
    let allowed = run(&folder, &["allow", "5432/tcp", "--group", "admin"]);
    assert_eq!(allowed.code(), 0, "{}", allowed.stderr);
    assert!(included().contains("inbound = [\"ssh\", \"5432/tcp\"]"), "{}", included());
    let revoked = run(&folder, &["revoke", "5432/tcp"]);
    assert_eq!(revoked.code(), 0, "{}", revoked.stderr);
    assert_eq!(included(), before);
}

#[test]
fn what_is_doubtful_about_a_new_rule_is_said() {
    let folder = folder();
    let allowed = run(&folder, &["allow", "80/tcp", "--from", "10.0.0.9/8"]);
    assert_eq!(allowed.code(), 0, "{}", allowed.stderr);
    assert!(allowed.stderr.contains("warning: `10.0.0.9/8` has address bits"), "{}", allowed.stderr);
    let other = run(&folder, &["allow", "81/tcp"]);
    assert!(!other.stderr.contains("warning"), "{}", other.stderr);
}

#[test]
fn a_rule_that_stands_there_twice_goes_twice() {
    let folder = Folder::new();
    let one = "inbound = [\n  { allow = \"5432/tcp\", from = \"198.51.100.0/24\" },\n";
    let again = "# the office\n  { allow = \"5432/tcp\", from = [\"198.51.100.0/24\"], note = \"again\" },\n";
    folder.write("portcullis.toml", FILE.replace("inbound = [\n", one).replace("# the office\n", again));
    let revoked = run(&folder, &["revoke", "5432/tcp"]);
    assert_eq!(revoked.code(), 0, "{}", revoked.stderr);
    let lines = ["line 6 is gone", "line 4 is gone"].map(|line| revoked.stderr.contains(line));
    assert_eq!(lines, [true; 2], "{}", revoked.stderr);
    assert_eq!(text(&folder), FILE);
}

#[test]
fn a_rule_that_would_be_over_is_not_written_and_the_end_of_another_is_said() {
    let folder = folder();
    let over = run(&folder, &["allow", "80/tcp", "--until", "2020-01-01T00:00:00Z"]);
    assert_eq!(over.code(), 1, "{}", over.stderr);
    assert!(over.stderr.contains("such a rule was over at 2020-01-01 00:00 UTC"), "{}", over.stderr);
    assert_eq!(text(&folder), FILE);
    let ends = run(&folder, &["allow", "80/tcp", "--until", "2999-01-01T00:00:00Z"]);
    assert!(
        ends.stderr.contains("80/tcp from anywhere until 2999-01-01T00:00:00Z is allowed"),
        "{}",
        ends.stderr
    );
}

#[test]
fn an_interface_that_is_not_there_is_warned_of() {
    for (interface, warned) in [("wg7", true), ("lo", false)] {
        let allowed = run(&folder(), &["allow", "80/tcp", "--on", interface]);
        assert_eq!(allowed.code(), 0, "{}", allowed.stderr);
        let warning = "warning: there is no interface wg7 on this machine at present";
        assert_eq!(allowed.stderr.contains(warning), warned, "{}", allowed.stderr);
    }
}

#[test]
fn a_wrong_word_is_said_without_what_else_is_doubtful_and_without_a_line_that_is_not_there() {
    let folder = Folder::new();
    folder.write("portcullis.toml", format!("{FILE}[group.nobody]\ninbound = [\"http\"]\n"));
    let refused = run(&folder, &["allow", "sssh"]);
    assert_eq!(refused.code(), 1, "{}", refused.stderr);
    assert!(refused.stderr.contains("did you mean `ssh`?"), "{}", refused.stderr);
    assert!(!refused.stderr.contains("warning") && !refused.stderr.contains("-->"), "{}", refused.stderr);
}

#[test]
fn a_rule_that_was_taken_out_is_put_back_by_the_command_that_is_said() {
    let folder = folder();
    let revoked = run(&folder, &["revoke", "ssh"]);
    assert!(
        revoked.stderr.contains("put it back: portcullis allow ssh --from 198.51.100.0/24\n"),
        "{}",
        revoked.stderr
    );
}

#[test]
fn what_the_file_does_not_say_as_a_rule_is_not_taken_out_of_it() {
    let folder = Folder::new();
    let stream = "[stream.db]\nlisten = \"5432\"\ninstances = [\"127.0.0.1:5433\"]\n";
    folder.write("portcullis.toml", format!("{FILE}{stream}"));
    for id in ["site-80", "stream-db", "sshd-22"] {
        let refused = run(&folder, &["revoke", id]);
        assert_eq!(refused.code(), 1, "{}", refused.stderr);
        assert!(refused.stderr.contains("it follows from a site, a stream or sshd"), "{}", refused.stderr);
    }
    let group = run(&folder, &["revoke", "ssh", "--group", "frontend"]);
    assert!(group.stderr.contains("declares no group `frontend`"), "{}", group.stderr);
    assert!(!group.stderr.contains("hint"), "{}", group.stderr);
}
