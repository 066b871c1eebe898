//! The real ssh server in a host, with keys of its own, and its client.

use crate::machine::Machine;
use crate::pair::at;
use std::path::Path;
use std::process::Command;
use testkit::lab::Host;
use testkit::{Folder, Program, eventually};

/// A running sshd. It ends with the value, and what runs in its sessions goes on.
pub(crate) struct Sshd {
    _daemon: Program,
    keys: Folder,
    address: &'static str,
}

impl Sshd {
    /// Starts it on port 22 of every address. `/run` is an empty one of its own: the daemon wants a folder there.
    pub(crate) fn at(host: &Host, address: &'static str) -> Self {
        let keys = Folder::new();
        for name in ["host", "user"] {
            key(host, &keys.join(name));
        }
        let path = |name: &str| keys.join(name).display().to_string();
        let settings = format!(
            "HostKey {}\nAuthorizedKeysFile {}\nStrictModes no\nUsePAM no\nPidFile none\nPermitRootLogin yes\n",
            path("host"),
            path("user.pub")
        );
        keys.write("settings", settings);
        let script = "mount -t tmpfs run /run && mkdir /run/sshd && exec /usr/sbin/sshd -D -e -f \"$0\"";
        let mut command = Command::new("unshare");
        command.args(["--mount", "--propagation", "private", "sh", "-c", script, &path("settings")]);
        let mut daemon = host.start(&mut command);
        daemon.wait_for_stderr("Server listening on ::");
        Self { _daemon: daemon, keys, address }
    }

    /// A command that runs in a new session, over a new connection.
    pub(crate) fn command(&self, command: &str) -> Command {
        let mut ssh = Command::new("ssh");
        ssh.args(["-F", "none", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"]);
        ssh.args(["-o", "BatchMode=yes", "-o", "LogLevel=ERROR", "-i"]).arg(self.keys.join("user"));
        ssh.arg(format!("root@{}", self.address)).arg(command);
        ssh
    }

    /// The program with arguments, as somebody types it who is logged in on a machine.
    pub(crate) fn portcullis(&self, machine: &Machine, arguments: &str) -> Command {
        let (program, folder) = (env!("CARGO_BIN_EXE_portcullis"), machine.folder.path().display());
        self.command(&format!("cd {folder} && {program} {arguments} --state state"))
    }

    /// Waits until somebody can log in.
    pub(crate) fn wait_for_login(&self, client: &Host) {
        let address = at(self.address, 22);
        eventually("a login", || {
            (client.tcp(address) == testkit::lab::Reach::Open)
                .then(|| client.finish(&mut self.command("true")))
                .filter(|finished| finished.status.success())
        });
    }
}

fn key(host: &Host, file: &Path) {
    let mut command = Command::new("ssh-keygen");
    host.output(command.args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(file));
}
