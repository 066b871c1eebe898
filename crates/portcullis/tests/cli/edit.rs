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
