//! A host of the lab that Portcullis keeps, and the commands that are run there.

use crate::session::Session;
use std::process::Command;
use testkit::lab::Host;
use testkit::{Folder, Program, without_accounts};

/// Runs a command whose ancestors are the shell and the first process. The test itself holds both ends of its
/// connections, and would pass for somebody who is logged in through each of them.
const APART: &str = "(while [ -e /proc/$$ ]; do :; done; \"$@\"; echo \"code $?\" >&2) &";

/// A host with a state folder and a configuration.
pub(crate) struct Machine {
    pub(crate) host: Host,
    pub(crate) folder: Folder,
}

/// How a command ended.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Outcome {
    /// Asserts the exit code, and returns what was written: standard output and standard error.
    #[track_caller]
    pub(crate) fn expect(self, code: i32) -> String {
        assert_eq!(self.code, code, "{}{}", self.stdout, self.stderr);
        self.stdout + &self.stderr
    }
}

impl Machine {
    pub(crate) fn new(host: &Host, configuration: &str) -> Self {
        let machine = Self { host: host.clone(), folder: Folder::new() };
        machine.write(configuration);
        machine
    }

    /// Writes another configuration. It changes nothing by itself.
    pub(crate) fn write(&self, configuration: &str) {
        self.folder.write("portcullis.toml", configuration);
    }

    /// The program with arguments, in the folder and without the caller's settings.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        self.placed(Command::new(env!("CARGO_BIN_EXE_portcullis")), arguments)
    }

    /// Runs a command to its end, as somebody of whom it is not known how they are here.
    pub(crate) fn ask(&self, arguments: &[&str]) -> Outcome {
        self.run(arguments, None)
    }

    /// Runs a command to its end, as somebody who is logged in.
    pub(crate) fn ask_from(&self, session: &Session, arguments: &[&str]) -> Outcome {
        self.run(arguments, Some(session))
    }

    /// Runs a command that must succeed.
    #[track_caller]
    pub(crate) fn done(&self, arguments: &[&str]) -> String {
        self.ask(arguments).expect(0)
    }

    /// The answer of a command for programs.
    #[track_caller]
    pub(crate) fn json(&self, arguments: &[&str]) -> serde_json::Value {
        let outcome = self.ask(arguments);
        serde_json::from_str(&outcome.stdout).unwrap_or_else(|error| panic!("{error} in {outcome:?}"))
    }

    /// What `status` says about the firewall.
    pub(crate) fn status(&self) -> serde_json::Value {
        self.json(&["status", "--json"])["firewall"].take()
    }

    /// Puts a configuration in force for good, from the console.
    #[track_caller]
    pub(crate) fn apply(&self, configuration: &str) -> String {
        self.write(configuration);
        self.done(&["apply", "--yes", "--no-trial", "--console"])
    }

    /// Starts the gate and waits for its admin socket.
    pub(crate) fn up(&self) -> Program {
        let program = without_accounts(env!("CARGO_BIN_EXE_portcullis"));
        let mut gate = self.host.start(&mut self.placed(program, &["up", "--threads", "1"]));
        gate.wait_for_socket(&self.folder.join("state/admin/socket"));
        gate
    }

    fn run(&self, arguments: &[&str], session: Option<&Session>) -> Outcome {
        let mut shell = without_accounts("/bin/sh");
        shell.args(["-c", APART, "sh", env!("CARGO_BIN_EXE_portcullis")]);
        let mut command = self.placed(shell, arguments);
        command.envs(session.map(|session| ("SSH_CONNECTION", session.variable())));
        let finished = self.host.finish(&mut command);
        let (stderr, code) = finished.stderr.rsplit_once("code ").unwrap_or_else(|| panic!("{finished:?}"));
        let code = code.trim_end().parse().unwrap_or_else(|_| panic!("{finished:?}"));
        Outcome { code, stderr: stderr.to_owned(), stdout: finished.stdout }
    }

    /// A program with arguments that finds the folder and nothing of the caller's settings.
    fn placed(&self, mut program: Command, arguments: &[&str]) -> Command {
        program.current_dir(self.folder.path()).env_clear().env("COLUMNS", "100");
        program.args(arguments).args(["--state", "state"]);
        program
    }
}
