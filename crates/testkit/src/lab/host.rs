//! A host: a network namespace, and a way to run code and programs in it.

use crate::program::{Finished, Program};
use rustix::thread::{LinkNameSpaceType, UnshareFlags, move_into_link_name_space, set_thread_uid};
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::panic::resume_unwind;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::thread;

/// What a test says that may not make namespaces.
pub const RIGHTS: &str = "this test needs root or user namespaces: run it as root, or within `unshare -Urnm`";

/// A network namespace with its loopback up, IPv6 without duplicate address detection, and no reverse path filter.
///
/// Copies mean the same host. The namespace ends with the last copy, its sockets and its programs.
#[derive(Clone, Debug)]
pub struct Host(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    name: String,
    namespace: OwnedFd,
}

impl Host {
    /// A new host that is connected to nothing.
    ///
    /// # Panics
    /// When the process lacks the rights; the message is [`RIGHTS`].
    #[must_use]
    pub fn new(name: &str) -> Self {
        let namespace = fresh_namespace().unwrap_or_else(|error| panic!("{RIGHTS} ({error})"));
        let host = Self(Arc::new(Inner { name: name.to_owned(), namespace }));
        for interface in ["all", "default"] {
            host.sysctl(&format!("net/ipv6/conf/{interface}/accept_dad"), "0");
            host.sysctl(&format!("net/ipv4/conf/{interface}/rp_filter"), "0");
        }
        host.ip("link set lo up");
        host
    }

    /// The name, for messages.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// A path to the namespace for `nsenter --net=`, valid while this process holds the host.
    #[must_use]
    pub fn path(&self) -> String {
        format!("/proc/{}/fd/{}", std::process::id(), self.0.namespace.as_raw_fd())
    }

    /// Runs code in the host, on a thread of its own. Sockets and programs made there stay in the host and may be used
    /// from everywhere.
    ///
    /// # Panics
    /// When the work panics.
    pub fn run<R: Send>(&self, work: impl FnOnce() -> R + Send) -> R {
        in_namespace(&self.0.namespace, work)
    }

    /// Runs code in the host as another user, as far as sockets and files are concerned.
    ///
    /// # Panics
    /// When the process may not become that user: root only, since a user namespace knows one user.
    pub fn run_as<R: Send>(&self, uid: u32, work: impl FnOnce() -> R + Send) -> R {
        self.run(move || {
            let user = rustix::process::Uid::from_raw(uid);
            set_thread_uid(user)
                .unwrap_or_else(|error| panic!("this test needs root to be uid {uid}: {error}"));
            work()
        })
    }

    /// Starts a program in the host; it ends with the value.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn start(&self, command: &mut Command) -> Program {
        self.run(|| Program::spawn(command))
    }

    /// Runs a program in the host until it ends.
    ///
    /// # Panics
    /// When it does not end within [`PATIENCE`](crate::PATIENCE).
    pub fn finish(&self, command: &mut Command) -> Finished {
        self.start(command).finish()
    }

    /// Runs a program that must succeed, and returns what it wrote.
    ///
    /// # Panics
    /// When it fails; the message has its standard error.
    pub fn output(&self, command: &mut Command) -> String {
        let finished = self.finish(command);
        if !finished.status.success() {
            panic!(
                "{}: {command:?}: {}\n{}{}",
                self.name(),
                finished.status,
                finished.stdout,
                finished.stderr
            );
        }
        finished.stdout
    }

    /// Runs lines of `ip` in one batch.
    ///
    /// # Panics
    /// When one of them is refused.
    pub fn ip(&self, lines: &str) {
        self.feed(Command::new("ip").args(["-batch", "-"]), lines);
    }

    /// Loads a text of rules with `nft`.
    ///
    /// # Panics
    /// When it is refused.
    pub fn nft(&self, rules: &str) {
        self.feed(Command::new("nft").args(["-f", "-"]), rules);
    }

    /// Sets a kernel parameter of the host, by its path below `/proc/sys`.
    ///
    /// # Panics
    /// When the kernel refuses.
    pub fn sysctl(&self, path: &str, value: &str) {
        let written = self.run(|| fs::write(format!("/proc/sys/{path}"), value));
        written.unwrap_or_else(|error| panic!("{}: {path} = {value}: {error}", self.name()));
    }

    /// Whether the host has this kernel parameter.
    #[must_use]
    pub fn has_sysctl(&self, path: &str) -> bool {
        self.run(|| fs::exists(format!("/proc/sys/{path}")).unwrap_or(false))
    }

    /// Lets the host forward packets between its interfaces.
    pub fn forward(&self) {
        self.sysctl("net/ipv4/ip_forward", "1");
        self.sysctl("net/ipv6/conf/all/forwarding", "1");
    }

    /// Runs a program that must succeed on an input.
    pub(super) fn feed(&self, command: &mut Command, input: &str) {
        let finished = self.run(|| {
            let mut child =
                command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
            let written = child.stdin.take().map_or(Ok(()), |mut pipe| pipe.write_all(input.as_bytes()));
            let output = child.wait_with_output()?;
            written.map(|()| output)
        });
        let output = finished.unwrap_or_else(|error| panic!("{}: {command:?}: {error}", self.name()));
        if !output.status.success() {
            panic!("{}: {command:?}: {}\n{input}", self.name(), String::from_utf8_lossy(&output.stderr));
        }
    }
}

fn fresh_namespace() -> io::Result<OwnedFd> {
    let made = thread::scope(|scope| {
        let maker = scope.spawn(|| {
            #[expect(
                deprecated,
                reason = "only UnshareFlags::FILES is a danger; this asks for a network alone"
            )]
            rustix::thread::unshare(UnshareFlags::NEWNET)?;
            File::open("/proc/thread-self/ns/net")
        });
        maker.join().unwrap_or_else(|panic| resume_unwind(panic))
    });
    made.map(OwnedFd::from)
}

fn in_namespace<R: Send>(namespace: &OwnedFd, work: impl FnOnce() -> R + Send) -> R {
    thread::scope(|scope| {
        let worker = thread::Builder::new().spawn_scoped(scope, || {
            move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network)).expect(RIGHTS);
            work()
        });
        worker.expect("a thread").join().unwrap_or_else(|panic| resume_unwind(panic))
    })
}
