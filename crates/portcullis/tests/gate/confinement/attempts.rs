//! What code in the gate tries, what comes of it, and which layer stopped it.

use super::intruder::Argument;
use nix::libc::*;
use std::path::Path;

/// One attempt.
pub(super) struct Attempt {
    pub(super) what: &'static str,
    /// A socket that is made for it, and is the first argument: family and kind.
    pub(super) socket: Option<(i32, i32)>,
    pub(super) call: i64,
    pub(super) arguments: Vec<Argument>,
    /// An error, a signal, or `done`.
    pub(super) result: &'static str,
    /// Who stopped it; `-` for nobody.
    pub(super) layer: &'static str,
}

pub(super) const MOUNTS: &str = "mount namespace";
const LANDLOCK: &str = "landlock";
const CALLS: &str = "system call filter";

/// What the attempts are aimed at.
pub(super) struct Targets<'a> {
    /// The folder of the test: the configuration, the state, and `www`, which is shown.
    pub(super) folder: &'a Path,
    pub(super) keeper: u32,
    /// The name of an abstract socket on which somebody listens.
    pub(super) abstract_name: &'a str,
}

/// What the gate survives.
pub(super) fn refused(targets: &Targets<'_>) -> Vec<Attempt> {
    let keeper = i64::from(targets.keeper);
    let within = |name: &str| targets.folder.join(name).display().to_string();
    let open = |what, path: &str, flags: i32, result, layer| {
        attempt(what, SYS_openat, [AT_FDCWD.into(), path.into(), flags.into(), 0o644.into()], result, layer)
    };
    // The filter does not see the flags of openat2 (struct open_how).
    let open2 = |what, path: &str, flags: i32, mode: u64, result, layer| {
        let how = [i64::from(flags).cast_unsigned(), mode, 0].map(u64::to_ne_bytes).concat();
        attempt(what, SYS_openat2, [AT_FDCWD.into(), path.into(), how.into(), 24.into()], result, layer)
    };
    let option = |what, level: i32, name: i32, result, layer| {
        let on = 1_i32.to_ne_bytes().to_vec();
        attempt(what, SYS_setsockopt, [level.into(), name.into(), on.into(), 4.into()], result, layer)
            .over(AF_INET, SOCK_STREAM)
    };
    let change = O_WRONLY | O_CREAT;
    let shown = within("www/index.html");
    let admin = unix_address(within("state/admin/socket").as_bytes());
    let nobody = unix_address(&[b"\0", targets.abstract_name.as_bytes()].concat());
    let (length, nobodys_length) = (admin.len() as i64, (3 + targets.abstract_name.len()) as i64);
    vec![
        open("read a shown file", &shown, O_RDONLY, "done", "-"),
        open("read the list of users", "/etc/passwd", O_RDONLY, "ENOENT", MOUNTS),
        open("read the passwords", "/etc/shadow", O_RDONLY, "ENOENT", MOUNTS),
        open("read another's environment", "/proc/1/environ", O_RDONLY, "ENOENT", MOUNTS),
        open("write its own memory", "/proc/self/mem", O_RDONLY, "ENOENT", MOUNTS),
        open("read the memory of the machine", "/dev/mem", O_RDONLY, "ENOENT", MOUNTS),
        open("read the keys", &within("state/certificates"), O_RDONLY, "ENOENT", MOUNTS),
        open("read the configuration", &within("portcullis.toml"), O_RDONLY, "ENOENT", MOUNTS),
        open("leave a shown folder", &within("www/../portcullis.toml"), O_RDONLY, "ENOENT", MOUNTS),
        open("make a file in a shown folder", &within("www/new"), change, "EPERM", CALLS),
        open2("make it past the filter", &within("www/new"), change, 0o644, "EROFS", MOUNTS),
        open2("write into a shown file", &shown, O_WRONLY, 0, "EROFS", MOUNTS),
        open2("make a file in its root", "/new", change, 0o644, "EROFS", MOUNTS),
        attempt(
            "remove a shown file",
            SYS_unlinkat,
            [AT_FDCWD.into(), shown.as_str().into()],
            "EPERM",
            CALLS,
        ),
        attempt("use the command socket", SYS_connect, [admin.into(), length.into()], "ENOENT", MOUNTS)
            .over(AF_UNIX, SOCK_STREAM),
        attempt(
            "use an abstract socket",
            SYS_connect,
            [nobody.into(), nobodys_length.into()],
            "EPERM",
            LANDLOCK,
        )
        .over(AF_UNIX, SOCK_STREAM),
        attempt("take a TCP port", SYS_bind, [loopback().into(), 16.into()], "EACCES", LANDLOCK)
            .over(AF_INET, SOCK_STREAM),
        attempt("listen on any port", SYS_listen, [1.into()], "EPERM", CALLS).over(AF_INET, SOCK_STREAM),
        option("send small answers at once", SOL_TCP, TCP_NODELAY, "done", "-"),
        option("share a port with another program", SOL_SOCKET, SO_REUSEPORT, "EPERM", CALLS),
        option("pass the operator's routes by", SOL_SOCKET, SO_MARK, "EPERM", CALLS),
        option("forge a connection", SOL_TCP, TCP_REPAIR, "EPERM", CALLS),
        plain("end the keeper", SYS_kill, &[keeper, SIGKILL.into()], "EPERM", CALLS),
        plain("take the keeper's limits", SYS_prlimit64, &[keeper, RLIMIT_NOFILE.into()], "EPERM", CALLS),
        plain(
            "make memory executable",
            SYS_mmap,
            &[0, 4096, (PROT_READ | PROT_EXEC).into(), (MAP_PRIVATE | MAP_ANONYMOUS).into(), -1],
            "EPERM",
            CALLS,
        ),
        plain("be looked into", SYS_prctl, &[PR_SET_DUMPABLE.into(), 1], "EPERM", CALLS),
    ]
}

/// What ends the gate.
pub(super) fn fatal(targets: &Targets<'_>) -> Vec<Attempt> {
    let keeper = i64::from(targets.keeper);
    let fatal = |what, call, arguments: &[i64]| plain(what, call, arguments, "SIGSYS", CALLS);
    let socket = |what, family: i32, kind: i32, protocol: i32| {
        fatal(what, SYS_socket, &[family.into(), kind.into(), protocol.into()])
    };
    let option = |what, name: i32| fatal(what, SYS_setsockopt, &[0, SOL_SOCKET.into(), name.into()]);
    let seize = PTRACE_SEIZE.into();
    vec![
        attempt("execute a shell", SYS_execve, ["/bin/sh".into(), 0.into(), 0.into()], "SIGSYS", CALLS),
        fatal("start a process", SYS_fork, &[]),
        fatal("start a process by clone", SYS_clone, &[SIGCHLD.into()]),
        fatal("trace the keeper", SYS_ptrace, &[seize, keeper]),
        fatal("read the keeper's memory", SYS_process_vm_readv, &[keeper]),
        fatal("take the keeper's descriptors", SYS_pidfd_open, &[keeper]),
        socket("read every packet", AF_PACKET, SOCK_RAW, 0),
        socket("forge packets", AF_INET, SOCK_RAW, IPPROTO_ICMP),
        socket("change the firewall", AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER),
        attempt("mount", SYS_mount, ["none".into(), "/".into(), "tmpfs".into()], "SIGSYS", CALLS),
        fatal("get a namespace of users", SYS_unshare, &[CLONE_NEWUSER.into()]),
        fatal("enter another namespace", SYS_setns, &[0]),
        fatal("become root", SYS_setuid, &[0]),
        attempt("make code without a file", SYS_memfd_create, ["code".into()], "SIGSYS", CALLS),
        fatal("load a program into the kernel", SYS_bpf, &[]),
        option("drop what others shall receive", SO_ATTACH_FILTER),
        option("choose who accepts", SO_ATTACH_REUSEPORT_CBPF),
        option("keep such a program on a listener", SO_LOCK_FILTER),
        fatal("get a ring around the filter", SYS_io_uring_setup, &[1]),
    ]
}

impl Attempt {
    /// The same upon a new socket.
    fn over(self, family: i32, kind: i32) -> Self {
        Self { socket: Some((family, kind)), ..self }
    }
}

fn attempt(
    what: &'static str,
    call: i64,
    arguments: impl Into<Vec<Argument>>,
    result: &'static str,
    layer: &'static str,
) -> Attempt {
    Attempt { what, socket: None, call, arguments: arguments.into(), result, layer }
}

fn plain(
    what: &'static str,
    call: i64,
    arguments: &[i64],
    result: &'static str,
    layer: &'static str,
) -> Attempt {
    let arguments: Vec<Argument> = arguments.iter().copied().map(Argument::from).collect();
    attempt(what, call, arguments, result, layer)
}

/// unix(7): `sockaddr_un` with a path, or with a name after a null.
pub(super) fn unix_address(path: &[u8]) -> Vec<u8> {
    [&(AF_UNIX as u16).to_ne_bytes(), path, b"\0"].concat()
}

/// ip(7): `sockaddr_in` for any port of 127.0.0.1.
fn loopback() -> Vec<u8> {
    [&(AF_INET as u16).to_ne_bytes(), [0, 0, 127, 0, 0, 1].as_slice(), &[0; 8]].concat()
}
