//! A gate in which an attacker's code runs: what it is, what it sees, and what it can no longer do.

mod attempts;
mod impostor;
mod intruder;

use crate::running::{Gate, Setup};
use attempts::{Attempt, Targets};
use intruder::{Intruder, Outcome};
use serde_json::json;
use std::fs::{self, Permissions};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::path::{Path, PathBuf};
use testkit::{Folder, eventually};

/// Deaths that are answered at once leave one to spare.
const DEATHS: usize = 4;

const SITE: &str = "[site.\":{http}\".routes]\n\"/\" = { files = \"www\" }\n";

/// Where there is no user `portcullis`, in a view of the file system of its own.
const WITHOUT_USER: &str = "exec unshare -m sh -ec 'mount --bind nobody /etc/passwd; exec \"$@\"' sh";
/// Where there is one.
const WITH_USER: &str =
    "chmod 755 .; exec unshare -m sh -ec 'mount --bind somebody /etc/passwd; exec \"$@\"' sh";
/// As somebody who is not root, from where that user may start it.
const WITHOUT_ROOT: &str = "cp \"$1\" program; shift; set -- ./program \"$@\"; chown -R 65534:65534 .; \
    exec setpriv --reuid=65534 --regid=65534 --clear-groups";

fn started_by(shell: &'static str) -> Gate {
    serving(SITE, shell)
}

fn serving(configuration: &str, shell: &'static str) -> Gate {
    let files = &[
        ("www/index.html", "shown"),
        ("nobody", ""),
        ("somebody", "portcullis:x:4242:4243::/:/bin/false\n"),
    ];
    Setup { files, shell: Some(shell), ..Setup::default() }.up(configuration)
}

#[test]
fn code_in_the_gate_reaches_nothing() {
    for shell in [WITHOUT_USER, WITH_USER] {
        let gate = started_by(shell);
        let before = gate.gate_process().unwrap();
        assert_eq!(wrong(&gate, |_| true), Vec::<String>::new(), "{shell}");
        assert_eq!(gate.get("a.test", "/").text(), "shown");
        assert_eq!(gate.gate_process(), Some(before), "it lives on");
    }
}

#[test]
fn without_root_what_needs_no_mounts_holds_all_the_same() {
    let gate = started_by(WITHOUT_ROOT);
    assert_eq!(wrong(&gate, |attempt| attempt.layer != attempts::MOUNTS), Vec::<String>::new());
}

#[test]
fn code_in_the_gate_that_wants_more_ends_with_it() {
    let first = started_by(WITH_USER);
    let count = attempts::fatal(&targets(&first)).len();
    let mut gates = vec![first];
    gates.resize_with(count.div_ceil(DEATHS), || started_by(WITH_USER));
    std::thread::scope(|scope| {
        for (gate, number) in gates.iter().zip(0..) {
            scope.spawn(move || {
                let fatal = attempts::fatal(&targets(gate));
                fatal.chunks(DEATHS).nth(number).unwrap().iter().for_each(|attempt| dies_of(attempt, gate));
            });
        }
    });
}

fn targets(gate: &Gate) -> Targets<'_> {
    Targets { folder: gate.folder.path(), keeper: gate.keeper(), abstract_name: "" }
}

/// Another gate serves at once, and the operator is told what happened.
fn dies_of(attempt: &Attempt, gate: &Gate) {
    let before = gate.gate_process().unwrap();
    assert_eq!(judge(attempt, &mut Intruder::enter(before)), None);
    eventually("another gate", || gate.gate_process().filter(|&process| process != before));
    assert_eq!(gate.get("a.test", "/").text(), "shown", "after: {}", attempt.what);
    let told = format!("the gate (process {before}) died: the {} stopped it (SIGSYS)", attempt.layer);
    assert!(gate.stderr().contains(&told), "{told:?} in {}", gate.stderr());
}

/// What is wrong with what came of those attempts that a gate survives.
fn wrong(gate: &Gate, is_meant: impl Fn(&Attempt) -> bool) -> Vec<String> {
    let name = format!("portcullis-test-{}", gate.http.port());
    let _listener = UnixListener::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
    // Nothing is refused because of its mode.
    fs::set_permissions(gate.folder.join("www"), Permissions::from_mode(0o777)).unwrap();
    fs::set_permissions(gate.folder.join("www/index.html"), Permissions::from_mode(0o666)).unwrap();
    let targets = Targets { abstract_name: &name, ..targets(gate) };
    let mut intruder = Intruder::enter(gate.gate_process().unwrap());
    let attempts = attempts::refused(&targets).into_iter().filter(is_meant);
    attempts.filter_map(|attempt| judge(&attempt, &mut intruder)).collect()
}

/// What is wrong with what came of an attempt.
fn judge(attempt: &Attempt, intruder: &mut Intruder) -> Option<String> {
    let mut arguments = attempt.arguments.clone();
    if let Some((family, kind)) = attempt.socket {
        let socket = intruder.call(nix::libc::SYS_socket, &[family.into(), kind.into(), 0.into()]);
        let Outcome::Returned(socket) = socket else { return Some(format!("{}: {socket:?}", attempt.what)) };
        arguments.insert(0, socket.into());
    }
    let result = match intruder.call(attempt.call, &arguments) {
        Outcome::Returned(_) => "done".to_owned(),
        Outcome::Refused(error) => format!("{error:?}"),
        Outcome::Ended(signal) => format!("{signal:?}"),
    };
    (result != attempt.result)
        .then(|| format!("{}: {result} and not {} by the {}", attempt.what, attempt.result, attempt.layer))
}

#[test]
fn the_gate_is_nobody_has_nothing_and_says_what_does_not_hold() {
    // Its user and group, its other groups, what it may get back, and what `status` says of the layers that lack something.
    for (shell, ids, groups, bounding, lacking) in [
        (
            WITHOUT_USER,
            [0, 0],
            "",
            0,
            json!({"user and capabilities": "partly: runs as root, without capabilities"}),
        ),
        (WITH_USER, [4242, 4243], "4243", 0, json!({})),
        (
            WITHOUT_ROOT,
            [65534, 65534],
            "",
            u64::MAX,
            json!({
                "mount namespace": "not enforced: not root: sees every file that its user may read",
                "user and capabilities": "partly: runs as the caller, user 65534",
            }),
        ),
    ] {
        let gate = started_by(shell);
        assert_eq!(gate.get("a.test", "/").text(), "shown", "{shell}");
        let mut expected = json!({
            "mount namespace": "enforced",
            "user and capabilities": "enforced",
            "landlock": "enforced",
            "system call filter": "enforced",
        });
        expected.as_object_mut().unwrap().extend(lacking.as_object().unwrap().clone());
        assert_eq!(gate.status()["confinement"], expected, "{shell}");

        let process = gate.gate_process().unwrap();
        let [user, group] = ids.map(|id| format!("{id}\t{id}\t{id}\t{id}"));
        for (name, value) in [("Uid", &*user), ("Gid", &group), ("Groups", groups)] {
            assert_eq!(fact(process, name), value, "{name} {shell}");
        }
        for name in ["CapInh", "CapPrm", "CapEff", "CapAmb"] {
            assert_eq!(fact(process, name), "0".repeat(16), "{name} {shell}");
        }
        assert_eq!(u64::from_str_radix(&fact(process, "CapBnd"), 16).unwrap() & !bounding, 0, "{shell}");
        assert_eq!((fact(process, "NoNewPrivs"), fact(process, "Seccomp")), ("1".into(), "2".into()));
        assert_eq!(strange_descriptors(process, &gate), Vec::<PathBuf>::new(), "{shell}");
        if lacking.get("mount namespace").is_none() {
            let root = PathBuf::from(format!("/proc/{process}/root"));
            assert_eq!(files(&root, &root), [gate.folder.join("www/index.html")], "{shell}");
        }
    }
}

#[test]
fn a_socket_of_another_user_is_refused_with_what_helps() {
    let folder = Folder::new();
    let _listener = UnixListener::bind(folder.join("app.sock")).unwrap();
    let target = format!("unix:{}", folder.join("app.sock").display());
    let gate = serving(&format!("[site.\":{{http}}\"]\nservice = \"{target}\"\n"), WITH_USER);
    assert_eq!(gate.get("a.test", "/").status, 502);
    let told =
        "Permission denied (os error 13); let the gate's user (portcullis, where root starts it) write to";
    eventually(told, || gate.stderr().contains(told).then_some(()));
}

#[test]
fn a_folder_that_goes_while_it_is_served_is_told_in_the_log() {
    let gate = started_by(WITHOUT_USER);
    let folder = gate.folder.join("www");
    let told = format!("the gate does not see {}: does not exist", folder.display());
    for times in 1..3 {
        fs::remove_dir_all(&folder).unwrap();
        eventually("a line of the log", || (gate.stderr().matches(&told).count() == times).then_some(()));
        fs::create_dir(&folder).unwrap();
        gate.folder.write("www/index.html", "back");
        eventually("an answer", || (gate.get("a.test", "/").text() == "back").then_some(()));
    }
}

/// A line of proc_pid_status(5).
fn fact(process: u32, name: &str) -> String {
    let text = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(":\t"));
    line.unwrap_or_default().trim_end().to_owned()
}

/// What is open and is neither a socket, a pipe, part of the event loop, the log nor the folder that is shown.
fn strange_descriptors(process: u32, gate: &Gate) -> Vec<PathBuf> {
    let open = fs::read_dir(format!("/proc/{process}/fd")).unwrap();
    let open = open.filter_map(|entry| fs::read_link(entry.unwrap().path()).ok());
    let known = ["access.log", "www"].map(|name| gate.folder.join(name));
    let is_usual = |path: &PathBuf| {
        let text = path.to_string_lossy();
        known.contains(path)
            || ["socket:", "pipe:", "anon_inode:[event"].iter().any(|start| text.starts_with(start))
    };
    open.filter(|path| !is_usual(path)).collect()
}

/// All files beneath a folder, as seen from `root`.
fn files(folder: &Path, root: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let seen = |path: &Path| Path::new("/").join(path.strip_prefix(root).unwrap());
    entries.flat_map(|path| if path.is_dir() { files(&path, root) } else { vec![seen(&path)] }).collect()
}
