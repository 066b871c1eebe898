//! This program as a process of its own for one of its parts, which gets nothing but a socket.

use std::ffi::OsStr;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

/// The program of this process, also when its file was replaced meanwhile (proc_pid_exe(5)).
pub(crate) const ITSELF: &str = "/proc/self/exe";

/// The one variable of the environment that is passed on: the others are the keeper's, and some of them secret.
const BACKTRACE: &str = "RUST_BACKTRACE";

/// A part that the keeper runs as a process of its own. It is no command: nobody else can use it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// Faces the network.
    Gate,
    /// Asks for outside facts.
    Watcher,
}

impl Part {
    const ALL: [Self; 2] = [Self::Gate, Self::Watcher];

    /// The name, where processes are listed.
    fn name(self) -> &'static str {
        match self {
            Self::Gate => "portcullis: gate",
            Self::Watcher => "portcullis: watcher",
        }
    }

    /// The one argument.
    fn argument(self) -> &'static str {
        match self {
            Self::Gate => "gate-process",
            Self::Watcher => "watcher-process",
        }
    }

    /// Which part this process was started as; none of them when somebody gave a command.
    pub(crate) fn of_this_process() -> Option<Self> {
        let mut arguments = std::env::args_os().skip(1);
        let (first, None) = (arguments.next()?, arguments.next()) else { return None };
        Self::ALL.into_iter().find(|part| first == part.argument())
    }

    /// How a program is started as this part, with this socket as standard input.
    pub(crate) fn of(self, program: impl AsRef<OsStr>, socket: OwnedFd) -> Command {
        let mut part = Command::new(program);
        part.arg0(self.name())
            .arg(self.argument())
            .env_clear()
            .envs(std::env::var_os(BACKTRACE).map(|wanted| (BACKTRACE, wanted)))
            .stdin(Stdio::from(socket));
        part
    }
}
