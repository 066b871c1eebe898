//! The tests, by name.

use crate::captive::{Captive, SOMEBODY, cage};
use confine::{Cage, LayerName, State};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

pub(crate) const ALL: &[(&str, fn())] = &[
    (
        "every_attempt_is_stopped_by_the_layers_that_should",
        every_attempt_is_stopped_by_the_layers_that_should,
    ),
    ("a_hostile_call_ends_the_process", a_hostile_call_ends_the_process),
    ("options_of_sockets_are_judged_by_their_name", options_of_sockets_are_judged_by_their_name),
    ("what_a_gate_does_works_in_the_cage", what_a_gate_does_works_in_the_cage),
    ("without_unix_sockets_none_can_be_connected_to", without_unix_sockets_none_can_be_connected_to),
    ("what_ends_with_its_parent_does_so", what_ends_with_its_parent_does_so),
    ("all_layers_hold_here", all_layers_hold_here),
    ("this_machine_has_what_the_layers_need", this_machine_has_what_the_layers_need),
    ("nothing_of_root_is_left", nothing_of_root_is_left),
    ("a_second_thread_is_refused", a_second_thread_is_refused),
    ("without_root_what_does_not_hold_is_said", without_root_what_does_not_hold_is_said),
];

pub(crate) fn folder(name: &str) -> TempDir {
    let folder = tempfile::Builder::new().prefix(name).tempdir_in("/var/tmp").expect("a folder");
    open_up(folder.path(), 0o777);
    folder
}

pub(crate) fn open_up(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("rights");
}

pub(crate) fn file(path: &Path, text: &str) {
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
        ("read-without-waiting FOLDER/file", "inside"),
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

/// Calls that no attempt of the table makes, with arguments that would do nothing.
fn a_hostile_call_ends_the_process() {
    let calls = [
        ("execveat", libc::SYS_execveat),
        ("process_vm_readv", libc::SYS_process_vm_readv),
        ("process_vm_writev", libc::SYS_process_vm_writev),
        ("pidfd_getfd", libc::SYS_pidfd_getfd),
        ("umount2", libc::SYS_umount2),
        ("pivot_root", libc::SYS_pivot_root),
        ("chroot", libc::SYS_chroot),
        ("move_mount", libc::SYS_move_mount),
        ("open_tree", libc::SYS_open_tree),
        ("fsopen", libc::SYS_fsopen),
        ("setns", libc::SYS_setns),
        ("open_by_handle_at", libc::SYS_open_by_handle_at),
        ("capset", libc::SYS_capset),
        ("bpf", libc::SYS_bpf),
        ("perf_event_open", libc::SYS_perf_event_open),
        ("userfaultfd", libc::SYS_userfaultfd),
        ("io_uring_setup", libc::SYS_io_uring_setup),
        ("keyctl", libc::SYS_keyctl),
        ("init_module", libc::SYS_init_module),
    ];
    for (name, number) in calls {
        let mut captive = Captive::new(&cage(&[LayerName::Calls], &[]));
        assert_eq!(captive.try_to(&format!("call {number} -1")), "SIGSYS", "{name}");
    }
    for (name, attempt, expected) in [
        ("typing into a terminal", format!("call {} -1 {}", libc::SYS_ioctl, libc::TIOCSTI), "SIGSYS"),
        ("clone3, so that clone is used", format!("call {}", libc::SYS_clone3), "ENOSYS"),
        ("signals through a descriptor", format!("call {} 0 {} 1", libc::SYS_fcntl, libc::F_SETOWN), "EPERM"),
        ("a call that is nobody's", format!("call {}", libc::SYS_sched_setscheduler), "EPERM"),
    ] {
        let mut captive = Captive::new(&cage(&[LayerName::Calls], &[]));
        assert_eq!(captive.try_to(&attempt), expected, "{name}");
    }
}

/// What is set comes as far as the kernel, which finds no socket. Everything else is refused, also what only has the number
/// of a known option at another level.
fn options_of_sockets_are_judged_by_their_name() {
    use libc::{IPPROTO_IP, IPPROTO_IPV6, SOL_SOCKET, SOL_TCP, SOL_UDP};
    const RULES_OF_PACKETS: i32 = 64;
    let mut captive = Captive::new(&cage(&[LayerName::Calls], &[]));
    for (level, option, expected) in [
        (SOL_TCP, libc::TCP_NODELAY, "EBADF"),
        (SOL_SOCKET, libc::SO_LINGER, "EBADF"),
        (IPPROTO_IP, libc::IP_PKTINFO, "EBADF"),
        (IPPROTO_IPV6, libc::IPV6_RECVPKTINFO, "EBADF"),
        (SOL_UDP, libc::TCP_NODELAY, "EPERM"),
        (SOL_TCP, libc::TCP_REPAIR, "EPERM"),
        (SOL_TCP, libc::TCP_MD5SIG, "EPERM"),
        (SOL_SOCKET, libc::SO_REUSEPORT, "EPERM"),
        (SOL_SOCKET, libc::SO_MARK, "EPERM"),
        (SOL_SOCKET, libc::SO_BINDTODEVICE, "EPERM"),
        (SOL_SOCKET, libc::SO_RCVTIMEO, "EPERM"),
        (IPPROTO_IP, libc::IP_TRANSPARENT, "EPERM"),
        (IPPROTO_IP, RULES_OF_PACKETS, "EPERM"),
        (SOL_SOCKET, libc::SO_ATTACH_FILTER, "SIGSYS"),
        (SOL_SOCKET, libc::SO_ATTACH_BPF, "SIGSYS"),
        (SOL_SOCKET, libc::SO_ATTACH_REUSEPORT_CBPF, "SIGSYS"),
        (SOL_SOCKET, libc::SO_ATTACH_REUSEPORT_EBPF, "SIGSYS"),
        (SOL_SOCKET, libc::SO_LOCK_FILTER, "SIGSYS"),
        (SOL_TCP, libc::TCP_ULP, "SIGSYS"),
    ] {
        let attempt = format!("call {} -1 {level} {option}", libc::SYS_setsockopt);
        assert_eq!(captive.try_to(&attempt), expected, "{level} {option}");
        if expected == "SIGSYS" {
            captive = Captive::new(&cage(&[LayerName::Calls], &[]));
        }
    }
}

fn this_machine_has_what_the_layers_need() {
    let found = confine::features();
    assert!(found.landlock.is_some_and(|version| version >= 6), "{found:?}");
    assert!(found.seccomp && found.mount_namespaces, "{found:?}");
    assert!(found.kernel.starts_with(|first: char| first.is_ascii_digit()), "{found:?}");
}

fn nothing_of_root_is_left() {
    let layers = [LayerName::Mounts, LayerName::Rights, LayerName::Landlock];
    let mut captive = Captive::new(&cage(&layers, &[]));
    let expected = format!("user {SOMEBODY} groups Ok([{SOMEBODY}]) sets Ok([0, 0, 0]) bounding 0");
    assert_eq!(captive.try_to("identity"), expected);
    assert_eq!(captive.try_to("limit-of-cores"), "Rlimit { current: Some(0), maximum: Some(0) }");
    assert_eq!(captive.try_to("list /"), "");
}

fn without_unix_sockets_none_can_be_connected_to() {
    let shown = folder("shown");
    let _socket = UnixListener::bind(shown.path().join("socket")).expect("a socket");
    open_up(&shown.path().join("socket"), 0o777);
    let cage = Cage { unix_sockets: false, ..everything(&[shown.path().to_owned()]) };
    let mut captive = Captive::new(&cage);
    let connect = format!("connect {}", shown.path().join("socket").display());
    for (attempt, expected) in [
        (connect.as_str(), "EPERM"),
        ("connect-tcp", "done"),
        ("bind-udp", "done"),
        ("serve-on-threads", "done"),
    ] {
        assert_eq!(captive.try_to(attempt), expected, "{attempt}");
    }
}

fn what_ends_with_its_parent_does_so() {
    let cage = Cage { ends_with_parent: true, ..everything(&[]) };
    let captive = std::thread::spawn(move || Captive::new(&cage)).join().expect("a captive");
    let status = format!("/proc/{}/status", captive.process());
    let deadline = Instant::now() + Duration::from_secs(20);
    // Nobody has waited for it yet.
    while !std::fs::read_to_string(&status).expect("a child").contains("State:\tZ") {
        assert!(Instant::now() < deadline, "it lives on");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn a_second_thread_is_refused() {
    let refused = std::thread::spawn(|| confine::enter(&Cage::default())).join().expect("no panic");
    assert!(matches!(refused, Err(confine::EnterError::Threads(2))), "{refused:?}");
}

fn without_root_what_does_not_hold_is_said() {
    let shown = folder("shown");
    file(&shown.path().join("file"), "inside");
    // Where this program lies, the other user may have no way to.
    let program = shown.path().join("program");
    std::fs::copy(std::env::current_exe().expect("own path"), &program).expect("a copy");
    let mut captive = Captive::start(as_somebody(&program, &everything(&[shown.path().to_owned()])));
    let texts: Vec<String> = captive.report.layers.iter().map(ToString::to_string).collect();
    let expected = [
        "mount namespace: not enforced: not root: sees every file that its user may read",
        "user and capabilities: enforced",
        "landlock: enforced",
        "system call filter: enforced",
    ];
    assert_eq!(texts, expected);
    for (attempt, expected) in [
        ("read FOLDER/file", "6 bytes"),
        ("overwrite FOLDER/file", "EACCES"),
        ("create FOLDER/new", "EPERM"),
        ("serve-on-threads", "done"),
        ("bind-tcp", "EACCES"),
        ("execute FOLDER/program", "SIGSYS"),
    ] {
        let attempt = attempt.replace("FOLDER", &shown.path().display().to_string());
        assert_eq!(captive.try_to(&attempt), expected, "{attempt}");
    }
    let nobody = Cage { account: None, ..Cage::default() };
    let captive = Captive::start(as_somebody(&program, &nobody));
    let expected = format!("user and capabilities: partly: runs as the caller, user {SOMEBODY}");
    assert_eq!(captive.report.layers[1].to_string(), expected);
    assert!(captive.report.layers[1].hint.is_some());
}

fn as_somebody(program: &Path, cage: &Cage) -> Command {
    use std::os::unix::process::CommandExt;
    let mut command = Command::new(program);
    command
        .env(crate::captive::CAGE, serde_json::to_string(cage).expect("a cage"))
        .uid(SOMEBODY)
        .gid(SOMEBODY);
    command
}
