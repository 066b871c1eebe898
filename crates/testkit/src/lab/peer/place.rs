//! A mount namespace in which a program finds private copies of the folders that it writes to.

use crate::lab::host::Host;
use crate::program::{Finished, Program};
use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

/// Mounts that end with the value.
#[derive(Debug)]
pub(super) struct Place {
    host: Host,
    /// Waits for the end of its input, and holds the mounts meanwhile.
    holder: Child,
}

impl Place {
    /// Copies folders into memory and puts the copies in their places, and
    /// empty ones over `/run` and `/var/log`.
    ///
    /// # Panics
    /// When the process lacks the rights.
    pub(super) fn new(host: &Host, copied: &[&str]) -> Self {
        let script = "set -e
            umask 022
            mount -t tmpfs private /mnt
            for folder; do
                mkdir -p \"/mnt$folder\"
                test -d \"$folder\" || mkdir \"$folder\"
                cp -a \"$folder/.\" \"/mnt$folder/\"
                mount --bind \"/mnt$folder\" \"$folder\"
            done
            mount -t tmpfs run /run
            mount -t tmpfs log /var/log
            echo ready
            exec cat";
        let mut command = Command::new("unshare");
        command.args(["--mount", "--propagation", "private", "sh", "-c", script, "sh"]).args(copied);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut holder = host.run(|| command.spawn()).expect("unshare is on the machine");
        let mut line = String::new();
        let output = holder.stdout.take().expect("piped above");
        let read = BufReader::new(output).read_line(&mut line);
        assert!(read.is_ok() && line == "ready\n", "this test needs root: no private mounts of {copied:?}");
        Self { host: host.clone(), holder }
    }

    /// A command that runs in the place.
    pub(super) fn command(&self, program: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new("nsenter");
        command
            .arg(format!("--mount=/proc/{}/ns/mnt", self.holder.id()))
            .arg("--")
            .arg(program)
            .args(arguments);
        command
    }

    /// Runs a program there until it ends.
    pub(super) fn finish(&self, program: &str, arguments: &[&str]) -> Finished {
        self.host.finish(&mut self.command(program, arguments))
    }

    /// Runs a program that must succeed, and returns what it wrote.
    pub(super) fn output(&self, program: &str, arguments: &[&str]) -> String {
        self.host.output(&mut self.command(program, arguments))
    }

    /// Replaces the content of a file there.
    pub(super) fn write(&self, path: &str, content: &str) {
        let mut command = self.command("dd", &["status=none", &format!("of={path}")]);
        self.host.feed(&mut command, content);
    }

    /// Starts a program there.
    pub(super) fn start(&self, program: &str, arguments: &[impl AsRef<OsStr>]) -> Program {
        self.host.start(self.command(program, &[]).args(arguments))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // Both fail only when it has ended already.
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}
