//! The tests, by name.

use crate::captive::{Captive, SOMEBODY, cage};
use confine::{Cage, LayerName, State};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

type Test = (&'static str, fn());

pub(crate) const ALL: &[Test] = &[
    (
        "every_attempt_is_stopped_by_the_layers_that_should",
        every_attempt_is_stopped_by_the_layers_that_should,
    ),
    ("what_a_gate_does_works_in_the_cage", what_a_gate_does_works_in_the_cage),
    ("all_layers_hold_here", all_layers_hold_here),
];

fn folder(name: &str) -> TempDir {
    let folder = tempfile::Builder::new().prefix(name).tempdir_in("/var/tmp").expect("a folder");
    open_up(folder.path(), 0o777);
    folder
}

fn open_up(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("rights");
}

fn file(path: &Path, text: &str) {
    std::fs::write(path, text).expect("a file");
    open_up(path, 0o666);
}

/// A process that ends with the test.
struct Victim(Child);

impl Victim {
    fn of(user: u32) -> Self {
        use std::os::unix::process::CommandExt;
        let mut sleep = Command::new("/bin/sleep");
        Self(sleep.arg("1000").uid(user).gid(user).stdin(Stdio::null()).spawn().expect("sleep"))
    }
}

impl Drop for Victim {
    fn drop(&mut self) {
        _ = self.0.kill();
        _ = self.0.wait();
    }
}

fn every_attempt_is_stopped_by_the_layers_that_should() {
    let (shown, outside) = (folder("shown"), folder("outside"));
    std::fs::copy("/bin/echo", shown.path().join("program")).expect("a program");
    file(&outside.path().join("file"), "other");
    let _socket = UnixListener::bind(outside.path().join("socket")).expect("a socket");
    open_up(&outside.path().join("socket"), 0o777);
    let name = format!("confine-{}", std::process::id());
    let address = SocketAddr::from_abstract_name(&name).expect("a name");
    let _abstract = UnixListener::bind_addr(&address).expect("an abstract socket");
    let (roots, own) = (Victim::of(0), Victim::of(SOMEBODY));

    use LayerName::{Calls, Landlock, Mounts, Rights};
    let columns: [&[LayerName]; 6] = [&[], &[Mounts], &[Rights], &[Landlock], &[Calls], &LayerName::ALL];
    let mut wrong = Vec::new();
    for line in include_str!("attempts.txt").lines().filter(|line| !line.starts_with('#')) {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let attempt = cells[0]
            .replace("FOLDER", &shown.path().display().to_string())
            .replace("OUTSIDE", &outside.path().display().to_string())
            .replace("ROOTS", &roots.0.id().to_string())
            .replace("OWN", &own.0.id().to_string())
            .replace("ABSTRACT", &name);
        for (layers, expected) in columns.iter().zip(&cells[1..]) {
            file(&shown.path().join("file"), "inside");
            file(&shown.path().join("spare"), "");
            for made in ["/made".into(), shown.path().join("made"), shown.path().join("new")] {
                _ = std::fs::remove_dir(&made);
                _ = std::fs::remove_file(&made);
            }
            let mut captive = Captive::new(&cage(layers, &[shown.path().to_owned()]));
            let outcome = captive.try_to(&attempt);
            if *expected != "*" && outcome != *expected {
                wrong.push(format!("{} with {layers:?}: {outcome}, not {expected}", cells[0]));
            }
        }
    }
    _ = std::fs::remove_dir("/made");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn everything(shown: &[PathBuf]) -> Cage {
    cage(&LayerName::ALL, shown)
}

fn what_a_gate_does_works_in_the_cage() {
    let shown = folder("shown");
    file(&shown.path().join("file"), "inside");
    file(&shown.path().join("large"), &"x".repeat(20 << 20));
    let _socket = UnixListener::bind(shown.path().join("socket")).expect("a socket");
    open_up(&shown.path().join("socket"), 0o777);
    let mut captive = Captive::new(&everything(&[shown.path().to_owned()]));
    for (attempt, expected) in [
        ("list FOLDER", "file large socket"),
        ("connect FOLDER/socket", "done"),
        ("connect-tcp", "done"),
        ("bind-udp", "done"),
        ("thread", "done"),
        ("serve-on-threads", "done"),
        ("read-on-a-blocking-thread FOLDER/large", "20971520 bytes"),
        ("tls", "TLSv1_3"),
        ("open-beneath FOLDER/file", "inside"),
        ("sendfile FOLDER/file", "inside"),
        ("splice", "spliced"),
        ("panic", "caught"),
        ("abort", "SIGABRT"),
    ] {
        let attempt = attempt.replace("FOLDER", &shown.path().display().to_string());
        assert_eq!(captive.try_to(&attempt), expected, "{attempt}");
    }
}

fn all_layers_hold_here() {
    let captive = Captive::new(&everything(&[]));
    for layer in &captive.report.layers {
        assert_eq!(layer.state, State::Enforced, "{layer}");
    }
    assert!(captive.report.missing.is_empty());
}
