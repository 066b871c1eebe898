//! The units and the packages: what systemd itself says of them, and whether they name one and the same program.

use crate::run;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use testkit::Folder;

const UNITS: [&str; 2] = ["portcullis.service", "portcullis-firewall.service"];
/// Where packages put the program.
const PROGRAM: &str = "/usr/bin/portcullis";

fn packaging() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../packaging")
}

fn unit(name: &str) -> String {
    fs::read_to_string(packaging().join("systemd").join(name)).expect("the unit")
}

fn systemd_analyze(arguments: &[&str]) -> Output {
    Command::new("systemd-analyze")
        .args(arguments)
        .output()
        .expect("this test needs systemd-analyze (apt-get install systemd)")
}

#[test]
fn systemd_finds_nothing_wrong_with_the_units() {
    /// What systemd before 254 does not know, and ignores.
    const LATER: [&str; 2] = ["RestartSteps", "RestartMaxDelaySec"];
    let folder = Folder::new();
    for name in UNITS {
        let started = unit(name).replace(PROGRAM, env!("CARGO_BIN_EXE_portcullis"));
        let path = folder.write(name, started);
        let output = systemd_analyze(&["verify", "--man=no", path.to_str().expect("text")]);
        let said = String::from_utf8_lossy(&output.stderr);
        let wrong: Vec<_> =
            said.lines().filter(|line| !LATER.iter().any(|later| line.contains(later))).collect();
        assert!(output.status.success() && wrong.is_empty(), "{name}: {said}");
    }
}

#[test]
fn the_units_are_no_more_exposed_than_the_manual_says() {
    let manual = packaging().join("../docs/operations.md");
    let manual = fs::read_to_string(manual).expect("the manual");
    for name in UNITS {
        let line = format!("| `{name}` | ");
        let claims = manual.lines().filter_map(|found| found.strip_prefix(&line)?.split(' ').next());
        let claim: f64 = claims.filter_map(|claim| claim.parse().ok()).next().expect("a line of the table");
        let threshold = format!("--threshold={:.0}", claim * 10.0);
        let path = packaging().join("systemd").join(name);
        let arguments =
            ["security", "--offline=true", "--no-pager", &threshold, path.to_str().expect("text")];
        let output = systemd_analyze(&arguments);
        assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stdout));
    }
}

#[test]
fn units_and_scripts_start_the_program_where_packages_put_it() {
    for name in UNITS {
        let unit = unit(name);
        let starts =
            unit.lines().filter_map(|line| line.strip_prefix("Exec")?.split_once('=')?.1.split(' ').next());
        let starts: Vec<_> = starts.collect();
        assert!(!starts.is_empty() && starts.iter().all(|start| *start == PROGRAM), "{name}: {starts:?}");
    }
    let manifest = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml")).expect("it");
    for folder in [r#""usr/bin/", "755""#, r#""/usr/bin/", mode = "755""#] {
        assert!(manifest.contains(folder), "{folder}");
    }
}

#[test]
fn the_packaged_file_serves_a_page_and_leaves_packets_alone() {
    let folder = Folder::new();
    let packaged = fs::read_to_string(packaging().join("portcullis.toml")).expect("the file");
    let log = folder.join("access.log");
    folder.write(
        "portcullis.toml",
        packaged.replace("/var/log/portcullis/access.log", log.to_str().expect("text")),
    );
    let finished = run(&folder, &["check", "--json"]);
    assert_eq!(finished.code(), 0, "{}", finished.stdout);
    assert!(!packaged.lines().any(|line| line.starts_with("[firewall]")));
}

#[test]
fn a_service_is_not_installed_where_systemd_does_not_run() {
    let folder = Folder::new();
    let finished = run(&folder, &["install-service", "--dry-run"]);
    if Path::new("/run/systemd/system").exists() {
        // The program of a test lies where others may write.
        assert_eq!(finished.code(), 3, "{}", finished.stderr);
    } else {
        assert_eq!(
            finished.stderr,
            "error: systemd does not run this machine\nhint: `portcullis up` runs under any supervisor; \
             docs/operations.md has the files for others\n"
        );
    }
}
