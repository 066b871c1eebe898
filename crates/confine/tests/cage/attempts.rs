//! The captive's side: enters the cage, then tries one thing for each line that it reads.

use crate::captive::CAGE;
use crate::{raw, works};
use rustix::net::{AddressFamily, SocketType};
use std::cell::RefCell;
use std::fs::File;
use std::io::{self, BufRead, Write};
use std::net::{Ipv4Addr, SocketAddrV4, TcpListener};
use std::os::fd::OwnedFd;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixStream};
use std::process::ExitCode;

/// What the keeper would have handed over.
pub(crate) struct Given {
    pub(crate) listener: TcpListener,
    /// A folder that was opened in the cage.
    pub(crate) held: RefCell<Option<OwnedFd>>,
}

pub(crate) fn serve() -> ExitCode {
    let mut text = std::env::var(CAGE).expect("a cage");
    // A variable holds 128 KiB at most.
    if let Some(path) = text.strip_prefix('@') {
        text = std::fs::read_to_string(path).expect("a cage");
    }
    let cage = serde_json::from_str(&text).expect("a cage");
    let given = Given {
        listener: TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a listener"),
        held: RefCell::default(),
    };
    let start = std::time::Instant::now();
    let report = match confine::enter(&cage) {
        Ok(report) => report,
        Err(error) => {
            println!("{error}");
            return ExitCode::FAILURE;
        }
    };
    let took = start.elapsed();
    println!("{}", serde_json::to_string(&report).expect("a report"));
    for line in io::stdin().lock().lines() {
        let line = line.expect("what to try");
        let (name, argument) = line.split_once(' ').unwrap_or((&line, ""));
        let outcome = match name {
            "time" => Ok(format!("{} us", took.as_micros())),
            _ => attempt(name, argument, &given),
        };
        match outcome {
            Ok(text) => println!("{text}"),
            Err(error) => println!("{}", name_of(&error)),
        }
        io::stdout().flush().expect("stdout");
    }
    ExitCode::SUCCESS
}

fn attempt(name: &str, argument: &str, given: &Given) -> io::Result<String> {
    let done = || Ok("done".to_owned());
    match name {
        "read" => std::fs::read(argument).map(|bytes| format!("{} bytes", bytes.len())),
        "text" => std::fs::read_to_string(argument),
        "list" => std::fs::read_dir(argument).map(names),
        "create" => File::create_new(argument).and_then(|_| done()),
        "make-folder" => std::fs::create_dir(argument).and_then(|()| done()),
        "remove" => std::fs::remove_file(argument).and_then(|()| done()),
        "overwrite" => overwrite(argument).and_then(|()| done()),
        "execute" => Err(std::os::unix::process::CommandExt::exec(
            std::process::Command::new(argument).arg("executed").env_clear(),
        )),
        "fork" => raw::fork().and_then(|()| done()),
        "thread" => {
            std::thread::Builder::new().spawn(|| {})?.join().map_or_else(|_| unreachable!(), |()| done())
        }
        "signal" => raw::call(libc::SYS_kill, [number(argument), 0, 0, 0, 0, 0]).and_then(|_| done()),
        "trace" => raw::call(libc::SYS_ptrace, [i64::from(libc::PTRACE_SEIZE), number(argument), 0, 0, 0, 0])
            .and_then(|_| done()),
        "connect" => UnixStream::connect(argument).and_then(|_| done()),
        "connect-abstract" => {
            UnixStream::connect_addr(&SocketAddr::from_abstract_name(argument)?).and_then(|_| done())
        }
        "connect-tcp" => {
            std::net::TcpStream::connect(given.listener.local_addr()?)
                .and_then(|_| given.listener.accept())?;
            done()
        }
        "bind-tcp" => bind_tcp().and_then(|()| done()),
        "listen-tcp" => listen_tcp().and_then(|()| done()),
        "bind-udp" => std::net::UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|_| done()),
        "raw-socket" => socket(libc::AF_INET, libc::SOCK_RAW, libc::IPPROTO_ICMP),
        "packet-socket" => socket(libc::AF_PACKET, libc::SOCK_RAW, 0),
        "netlink-socket" => socket(libc::AF_NETLINK, libc::SOCK_DGRAM, 0),
        "become-root" => raw::call(libc::SYS_setresuid, [0; 6]).and_then(|_| done()),
        "own-user-namespace" => {
            raw::call(libc::SYS_unshare, [libc::CLONE_NEWUSER.into(), 0, 0, 0, 0, 0]).and_then(|_| done())
        }
        "executable-memory" => {
            let (rights, kind) = (libc::PROT_READ | libc::PROT_EXEC, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
            raw::call(libc::SYS_mmap, [0, 4096, rights.into(), kind.into(), -1, 0]).and_then(|_| done())
        }
        "memory-file" => rustix::fs::memfd_create("code", rustix::fs::MemfdFlags::empty())
            .map_err(Into::into)
            .and_then(|_| done()),
        "mount" => {
            let flags = rustix::mount::MountFlags::empty();
            rustix::mount::mount("tmpfs", argument, "tmpfs", flags, None)?;
            rustix::mount::unmount(argument, rustix::mount::UnmountFlags::DETACH)?;
            done()
        }
        "call" => {
            let numbers: Vec<i64> = argument.split(' ').map(number).collect();
            let mut arguments = [0; 6];
            arguments[..numbers.len() - 1].copy_from_slice(&numbers[1..]);
            raw::call(numbers[0], arguments).and_then(|_| done())
        }
        "abort" => panic_that_aborts(),
        "dumpable" => Ok(format!("{:?}", rustix::process::dumpable_behavior()?)),
        "limit-of-cores" => Ok(format!("{:?}", rustix::process::getrlimit(rustix::process::Resource::Core))),
        "identity" => Ok(identity()),
        _ => works::attempt(name, argument, given),
    }
}

/// Opens for writing by `openat2`, whose flags no filter of system calls sees.
fn overwrite(path: &str) -> io::Result<()> {
    use rustix::fs::{CWD, Mode, OFlags, ResolveFlags};
    rustix::fs::openat2(CWD, path, OFlags::WRONLY, Mode::empty(), ResolveFlags::empty())?;
    Ok(())
}

fn socket(family: i32, kind: i32, protocol: i32) -> io::Result<String> {
    raw::call(libc::SYS_socket, [family.into(), kind.into(), protocol.into(), 0, 0, 0])
        .map(|_| "done".to_owned())
}

fn bind_tcp() -> io::Result<()> {
    let socket = rustix::net::socket(AddressFamily::INET, SocketType::STREAM, None)?;
    Ok(rustix::net::bind(&socket, &SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0))?)
}

/// Without bind: the kernel chooses a port.
fn listen_tcp() -> io::Result<()> {
    let socket = rustix::net::socket(AddressFamily::INET, SocketType::STREAM, None)?;
    Ok(rustix::net::listen(&socket, 1)?)
}

#[expect(clippy::disallowed_methods, reason = "how it ends is what is tried")]
fn panic_that_aborts() -> ! {
    std::process::abort()
}

/// Users, groups and capabilities, all of them.
fn identity() -> String {
    let user = rustix::process::getuid().as_raw();
    let groups =
        rustix::process::getgroups().map(|groups| groups.iter().map(|one| one.as_raw()).collect::<Vec<_>>());
    let sets = rustix::thread::capabilities(None)
        .map(|sets| [sets.effective, sets.permitted, sets.inheritable].map(|set| set.bits()));
    let bounding = (0..=40).filter(|number| {
        let one = rustix::thread::CapabilitySet::from_bits_retain(1 << number);
        rustix::thread::capability_is_in_bounding_set(one).unwrap_or(false)
    });
    format!("user {user} groups {groups:?} sets {sets:?} bounding {}", bounding.count())
}

pub(crate) fn names(entries: std::fs::ReadDir) -> String {
    let mut names: Vec<String> =
        entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names.join(" ")
}

fn number(text: &str) -> i64 {
    text.parse().unwrap_or_else(|_| panic!("no number: {text:?}"))
}

fn name_of(error: &io::Error) -> String {
    let known = [
        (libc::EPERM, "EPERM"),
        (libc::EACCES, "EACCES"),
        (libc::ENOENT, "ENOENT"),
        (libc::EROFS, "EROFS"),
        (libc::ENOSYS, "ENOSYS"),
        (libc::EFAULT, "EFAULT"),
        (libc::EBADF, "EBADF"),
        (libc::EINVAL, "EINVAL"),
        (libc::ESRCH, "ESRCH"),
        (libc::ECONNREFUSED, "ECONNREFUSED"),
    ];
    let name = known.iter().find(|(number, _)| error.raw_os_error() == Some(*number));
    name.map_or_else(|| error.to_string(), |(_, name)| (*name).to_owned())
}
