//! `portcullis cert` with the own authority.

use crate::run;
use testkit::Folder;

const FILE: &str = "[site]\n\"a.test\" = \"localhost:3000\"\n[state]\nfolder = \"state\"\n";

#[test]
fn a_question_makes_no_authority() {
    let folder = Folder::new();
    folder.write("portcullis.toml", FILE);
    let finished = run(&folder, &["cert", "list"]);
    assert_eq!((finished.code(), finished.stdout.as_str()), (0, ""));
    insta::assert_snapshot!(finished.stderr);
    assert!(!folder.join("state").exists());
}

#[test]
fn the_own_authority_is_printed_for_people_to_install() {
    let folder = Folder::new();
    folder.write("portcullis.toml", FILE);
    let first = run(&folder, &["cert", "trust"]);
    assert_eq!(first.code(), 0, "{}", first.stderr);
    assert!(first.stdout.starts_with("-----BEGIN CERTIFICATE-----\n"), "{}", first.stdout);
    assert!(!first.stdout.contains("PRIVATE"));
    assert_eq!(run(&folder, &["cert", "trust"]).stdout, first.stdout, "it stays the same");
}

#[test]
fn certificates_are_listed_and_shown() {
    let folder = Folder::new();
    folder.write("portcullis.toml", FILE);
    assert_eq!(run(&folder, &["cert", "trust"]).code(), 0);
    let list = run(&folder, &["cert", "list"]);
    let lines: Vec<&str> = list.stdout.lines().collect();
    assert_eq!(lines.len(), 2, "{}{}", list.stdout, list.stderr);
    assert!(lines[0].starts_with("names   from           until"), "{}", lines[0]);
    assert!(lines[1].starts_with("a.test  own authority  2"), "{}", lines[1]);

    let json = run(&folder, &["cert", "list", "--json"]).stdout;
    let json: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(json[0]["names"], serde_json::json!(["a.test"]));

    let show = run(&folder, &["cert", "show", "A.test."]);
    assert_eq!(show.code(), 0);
    assert!(show.stdout.contains("sha-256"), "{}", show.stdout);
    let none = run(&folder, &["cert", "show", "b.test"]);
    assert_eq!(none.code(), 1);
    assert!(none.stderr.starts_with("error: there is no certificate for b.test\nhint: "), "{}", none.stderr);
}

#[test]
fn files_without_a_certificate_are_listed_with_their_sites() {
    let folder = Folder::new();
    let site = |host: &str, file: &str| {
        format!(
            "[site.\"{host}\"]\nservice = \"localhost:1\"\ncertificate = {{ certificate = \"{file}\", key = \"a.key\" }}\n"
        )
    };
    folder.write("no.pem", "no certificate");
    folder.write("portcullis.toml", site("a.test", "gone.pem") + &site("b.test", "no.pem"));
    let list = run(&folder, &["cert", "list", "--state", "state"]);
    assert_eq!((list.code(), list.stderr.as_str()), (0, ""));
    insta::assert_snapshot!(list.stdout);
    let json = run(&folder, &["cert", "list", "--json", "--state", "state"]).stdout;
    let json: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!((&json[1]["used_for"][0], &json[1]["certificate"]), (&"b.test".into(), &"no.pem".into()));
    let show = run(&folder, &["cert", "show", "a.test", "--state", "state"]);
    assert_eq!(show.code(), 1);
    assert!(
        show.stderr.contains("there is no certificate for a.test: ") && show.stderr.contains("gone.pem"),
        "{}",
        show.stderr
    );
}
