//! A program under test: started with its output captured, waited for, and ended with the value.

use crate::patience::eventually;
use rustix::process::{Pid, Signal};
use std::ffi::OsStr;
use std::io::Read;
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

/// A running program. It is killed when the value goes away.
#[derive(Debug)]
pub struct Program {
    child: Child,
    stdout: Captured,
    stderr: Captured,
    readers: Vec<JoinHandle<()>>,
}

/// How a program ended.
#[derive(Debug)]
pub struct Finished {
    /// The exit status.
    pub status: ExitStatus,
    /// What it wrote to standard output.
    pub stdout: String,
    /// What it wrote to standard error.
    pub stderr: String,
}

impl Finished {
    /// The exit code.
    ///
    /// # Panics
    /// When a signal ended the program.
    #[must_use]
    pub fn code(&self) -> i32 {
        self.status.code().unwrap_or_else(|| panic!("ended by a signal: {self:?}"))
    }
}

#[derive(Clone, Debug, Default)]
struct Captured(Arc<Mutex<Vec<u8>>>);

impl Captured {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
    }

    fn fill_from(&self, mut source: impl Read + Send + 'static) -> JoinHandle<()> {
        let target = self.clone();
        thread::spawn(move || {
            let mut buffer = [0; 8192];
            while let Ok(count @ 1..) = source.read(&mut buffer) {
                target.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(&buffer[..count]);
            }
        })
    }
}

impl Program {
    /// Starts a program with arguments.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn start(binary: impl AsRef<OsStr>, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        Self::spawn(Command::new(binary).args(arguments))
    }

    /// Starts what a command describes (its folder, its environment), with empty input and captured output.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn spawn(command: &mut Command) -> Self {
        let mut child = command
            // A group of its own, so that what it starts can be ended with it.
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
        let (stdout, stderr) = (Captured::default(), Captured::default());
        let readers = vec![
            stdout.fill_from(child.stdout.take().expect("piped above")),
            stderr.fill_from(child.stderr.take().expect("piped above")),
        ];
        Self { child, stdout, stderr, readers }
    }

    /// The process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it has written to standard output until now.
    #[must_use]
    pub fn stdout(&self) -> String {
        self.stdout.text()
    }

    /// What it has written to standard error until now.
    #[must_use]
    pub fn stderr(&self) -> String {
        self.stderr.text()
    }

    /// Waits until it accepts TCP connections at an address.
    ///
    /// # Panics
    /// When it ends before, or does not within [`PATIENCE`](crate::PATIENCE).
    pub fn wait_for_port(&mut self, address: SocketAddr) {
        self.wait_until(&format!("connections to {address}"), |_| TcpStream::connect(address).ok());
    }

    /// Waits until it accepts connections at a Unix socket.
    ///
    /// # Panics
    /// When it ends before, or does not within [`PATIENCE`](crate::PATIENCE).
    pub fn wait_for_socket(&mut self, path: &Path) {
        self.wait_until(&format!("connections to {}", path.display()), |_| UnixStream::connect(path).ok());
    }

    /// Waits until its standard error contains a text.
    ///
    /// # Panics
    /// When it ends before, or does not within [`PATIENCE`](crate::PATIENCE).
    pub fn wait_for_stderr(&mut self, text: &str) {
        self.wait_until(&format!("{text:?} on standard error"), |it| {
            it.stderr().contains(text).then_some(())
        });
    }

    /// Waits until `look` finds something, for as long as the program runs.
    ///
    /// # Panics
    /// When the program ends before, or nothing is found within [`PATIENCE`](crate::PATIENCE); the message has its standard error.
    pub fn wait_until<T>(&mut self, what: &str, look: impl Fn(&Self) -> Option<T>) -> T {
        eventually(what, || {
            let found = look(self);
            if found.is_none()
                && let Ok(Some(status)) = self.child.try_wait()
            {
                panic!("ended ({status}) before {what}; standard error:\n{}", self.stderr());
            }
            found
        })
    }

    /// Sends a signal to the program.
    ///
    /// # Panics
    /// When it has ended already.
    pub fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.child.id().cast_signed()).expect("a child has a process id");
        rustix::process::kill_process(pid, signal).expect("the program still runs");
    }

    /// Ends all that it started, and itself.
    fn end_group(&self) {
        if let Some(group) = Pid::from_raw(self.child.id().cast_signed()) {
            let _ = rustix::process::kill_process_group(group, Signal::KILL);
        }
    }

    /// Waits until the program ends by itself.
    ///
    /// # Panics
    /// When it does not within [`PATIENCE`](crate::PATIENCE).
    #[must_use]
    pub fn finish(mut self) -> Finished {
        let status = eventually("the end of the program", || self.child.try_wait().ok().flatten());
        if status.signal().is_some() {
            // What it started goes on, and holds what it wrote to.
            self.end_group();
        }
        for reader in self.readers.drain(..) {
            let _ = reader.join();
        }
        Finished { status, stdout: self.stdout(), stderr: self.stderr() }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // These fail only when the program, or all that it started, has ended already.
        self.end_group();
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
