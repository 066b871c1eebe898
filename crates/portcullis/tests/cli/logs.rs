//! `portcullis logs`, from the file of the access log.

use crate::{portcullis, run};
use std::fs::File;
use std::io::Write;
use testkit::{Folder, Program};

const LINES: [&str; 3] = [
    r#"{"time":"2026-11-20T11:24:05.120Z","site":"a.test","status":200}"#,
    r#"{"time":"2026-11-20T11:24:06.120Z","site":"a.test","status":404,"rule":"no-route"}"#,
    r#"{"time":"2026-11-20T11:24:07.120Z","site":"b.test","status":503}"#,
];

fn folder(format: &str) -> Folder {
    let folder = Folder::new();
    folder.write(
        "portcullis.toml",
        format!(
            "[log]\naccess = \"./access.log\"\nformat = \"{format}\"\n[site]\n\":80\" = \"localhost:1\"\n"
        ),
    );
    folder.write("access.log", LINES.join("\n") + "\n");
    folder
}

#[test]
fn requests_are_chosen_by_what_they_were_about() {
    let folder = folder("json");
    for (arguments, expected) in [
        (&[][..], &LINES[..]),
        (&["-n", "1"], &LINES[2..]),
        (&["--site", "a.test"], &LINES[..2]),
        (&["--status", "4xx"], &LINES[1..2]),
        (&["--status", "503"], &LINES[2..]),
        (&["--rule", "no-route", "--site", "a.test"], &LINES[1..2]),
    ] {
        let finished = run(&folder, &[&["logs"], arguments].concat());
        assert_eq!((finished.code(), finished.stderr.as_str()), (0, ""), "{arguments:?}");
        assert_eq!(finished.stdout.lines().collect::<Vec<_>>(), expected, "{arguments:?}");
    }
}

#[test]
fn it_is_said_where_there_is_nothing_to_show() {
    let folder = folder("json");
    let finished = run(&folder, &["logs", "--site", "c.test"]);
    assert_eq!((finished.code(), finished.stdout.as_str()), (0, ""));
    assert!(finished.stderr.ends_with("access.log has no line of that kind\n"), "{}", finished.stderr);
    folder.write("access.log", "");
    let finished = run(&folder, &["logs"]);
    assert_eq!((finished.code(), finished.stdout.as_str()), (0, ""));
    assert!(finished.stderr.ends_with("access.log is empty\n"), "{}", finished.stderr);
}

#[test]
fn errors_elsewhere_in_the_file_keep_nobody_from_the_log() {
    let folder = folder("json");
    folder.write("portcullis.toml", "[site]\n\":80\" = \"helo\"\n[log]\naccess = \"./access.log\"\n");
    let finished = run(&folder, &["logs"]);
    assert_eq!((finished.code(), finished.stderr.as_str()), (0, ""));
    assert_eq!(finished.stdout.lines().collect::<Vec<_>>(), LINES);
    folder.write("portcullis.toml", "[log]\nacess = \"./access.log\"\n");
    let finished = run(&folder, &["logs"]);
    assert_eq!((finished.code(), finished.stdout.as_str()), (1, ""));
    assert!(finished.stderr.contains("did you mean `access`?"), "{}", finished.stderr);
}

#[test]
fn a_log_is_followed_also_after_it_was_moved_away() {
    let folder = folder("json");
    let mut logs = Program::spawn(portcullis(&folder).args(["logs", "-f", "-n", "1"]));
    let shown = |text: &'static str| move |logs: &Program| logs.stdout().contains(text).then_some(());
    logs.wait_until("the last line", shown("b.test"));
    let mut log = File::options().append(true).open(folder.join("access.log")).expect("there");
    writeln!(log, r#"{{"site":"later.test"}}"#).expect("written");
    logs.wait_until("a line that came later", shown("later.test"));
    std::fs::rename(folder.join("access.log"), folder.join("access.log.1")).expect("moved");
    folder.write("access.log", "{\"site\":\"anew.test\"}\n");
    logs.wait_until("a line of the new file", shown("anew.test"));
    assert!(!logs.stdout().contains("a.test\",\"status\":200"), "{}", logs.stdout());
}

#[test]
fn who_waits_for_lines_that_there_are_none_of_is_told() {
    let folder = folder("json");
    let mut logs = Program::spawn(portcullis(&folder).args(["logs", "-f", "--site", "c.test"]));
    logs.wait_for_stderr("access.log has no line of that kind so far");
}

#[test]
fn what_cannot_be_shown_is_said_with_what_to_do() {
    let combined = folder("combined");
    let finished = run(&combined, &["logs", "--site", "a.test"]);
    assert_eq!(finished.code(), 1);
    insta::assert_snapshot!("logs-combined", finished.stderr);
    let missing = folder("json");
    std::fs::remove_file(missing.join("access.log")).expect("it was there");
    let finished = run(&missing, &["logs"]);
    assert_eq!(finished.code(), 3);
    assert!(finished.stderr.contains("hint: it is made when the gate starts"), "{}", finished.stderr);
    let off = Folder::new();
    off.write("portcullis.toml", "[log]\naccess = \"off\"\n[site]\n\":80\" = \"localhost:1\"\n");
    let finished = run(&off, &["logs"]);
    assert_eq!(finished.code(), 1);
    assert!(finished.stderr.contains("--messages shows what the gate itself says"), "{}", finished.stderr);
}
