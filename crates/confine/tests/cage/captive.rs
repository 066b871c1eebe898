//! The test's side of a captive: starts it, tells it what to try, hears how that went.

use confine::{Cage, LayerName, Report};
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// The variable that makes this program a captive, with its cage in JSON.
pub(crate) const CAGE: &str = "CONFINE_CAGE";
/// The user that captives become: needs no entry in /etc/passwd.
pub(crate) const SOMEBODY: u32 = 65534;

pub(crate) struct Captive {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    /// What it said of itself.
    pub(crate) report: Report,
}

/// A cage with these layers alone.
pub(crate) fn cage(layers: &[LayerName], shown: &[PathBuf]) -> Cage {
    assert!(rustix::process::geteuid().is_root(), "needs root: mount namespaces and another user");
    Cage {
        account: Some(confine::Account::new(SOMEBODY, SOMEBODY).expect("not root")),
        shown: shown.iter().cloned().collect(),
        unix_sockets: true,
        ends_with_parent: false,
        without: LayerName::ALL.into_iter().filter(|name| !layers.contains(name)).collect(),
    }
}

impl Captive {
    /// Starts it and waits until it is confined.
    pub(crate) fn new(cage: &Cage) -> Self {
        let mut command = Command::new(std::env::current_exe().expect("own path"));
        command.env(CAGE, serde_json::to_string(cage).expect("a cage"));
        Self::start(command)
    }

    pub(crate) fn start(mut command: Command) -> Self {
        let errors = File::options().write(true).open("/dev/null").expect("/dev/null");
        let errors =
            if std::env::var_os("CONFINE_LOUD").is_some() { Stdio::inherit() } else { errors.into() };
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(errors).spawn().expect("a captive");
        let input = child.stdin.take().expect("stdin");
        let mut output = BufReader::new(child.stdout.take().expect("stdout"));
        let mut line = String::new();
        output.read_line(&mut line).expect("a report");
        let report = serde_json::from_str(&line).unwrap_or_else(|_| panic!("no report but {line:?}"));
        Self { child, input, output, report }
    }

    pub(crate) fn process(&self) -> u32 {
        self.child.id()
    }

    /// What comes of an attempt: `done`, an answer, the name of an error, or the signal that ended the captive.
    pub(crate) fn try_to(&mut self, attempt: &str) -> String {
        writeln!(self.input, "{attempt}").expect("a captive that listens");
        let mut line = String::new();
        let read = self.output.read_line(&mut line).unwrap_or(0);
        if read > 0 {
            return line.trim_end().to_owned();
        }
        let status = self.child.wait().expect("its end");
        match status.signal() {
            Some(31) => "SIGSYS".to_owned(),
            Some(6) if !status.core_dumped() => "SIGABRT".to_owned(),
            _ => status.to_string(),
        }
    }
}

impl Drop for Captive {
    fn drop(&mut self) {
        _ = self.child.kill();
        _ = self.child.wait();
    }
}
