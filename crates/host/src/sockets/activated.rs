//! Which sockets the service manager holds for the ssh server.
//!
//! The ports of ssh are kept open by default and judged as the way in, so they must be seen before anybody has
//! connected, when the server does not run yet.

use firewall::observed::Listener;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Where systemd looks for units (systemd.unit(5)), and where its generators write.
const FOLDERS: [&str; 5] = [
    "run/systemd/generator",
    "etc/systemd/system",
    "run/systemd/system",
    "usr/lib/systemd/system",
    "lib/systemd/system",
];
const UNITS: [&str; 2] = ["ssh.socket", "sshd.socket"];

/// Names ssh's sockets of the service manager after the server that will answer on them.
pub(super) fn name_ssh(listeners: &mut [Listener], root: &Path) {
    let held =
        |listener: &Listener| listener.process == Some(1) && listener.program.as_deref() == Some("systemd");
    if !listeners.iter().any(held) {
        return;
    }
    let ports = declared(root);
    for listener in listeners.iter_mut().filter(|listener| held(listener)) {
        if listener.protocol == super::TCP && ports.contains(&listener.local.port()) {
            listener.program = Some("sshd".to_owned());
        }
    }
}

/// Every port that a unit or an addition to it declares: also one that another addition takes back, which harms
/// nothing, since only ports that are held are named.
fn declared(root: &Path) -> BTreeSet<u16> {
    let units = FOLDERS.iter().flat_map(|folder| UNITS.map(|unit| root.join(folder).join(unit)));
    let files = units.flat_map(|unit| {
        let mut files = additions(&unit);
        files.push(unit);
        files
    });
    files.filter_map(|file| fs::read_to_string(file).ok()).flat_map(|content| ports(&content)).collect()
}

/// The files in `UNIT.d`.
fn additions(unit: &Path) -> Vec<PathBuf> {
    let folder = unit.with_added_extension("d");
    fs::read_dir(folder)
        .map(|entries| entries.flatten().map(|entry| entry.path()).collect())
        .unwrap_or_default()
}

/// `ListenStream=22`, `ListenStream=0.0.0.0:22`, `ListenStream=[::]:22`.
fn ports(content: &str) -> Vec<u16> {
    content
        .lines()
        .filter_map(|line| line.trim().strip_prefix("ListenStream")?.trim_start().strip_prefix('='))
        .filter_map(|value| value.rsplit(':').next()?.trim().parse().ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listener(port: u16, process: u32, program: &str) -> Listener {
        Listener {
            protocol: super::super::TCP,
            local: ([0, 0, 0, 0], port).into(),
            user: 0,
            program: Some(program.to_owned()),
            process: Some(process),
        }
    }

    #[test]
    fn a_socket_that_systemd_holds_for_ssh_is_named_after_it() {
        let root = testkit::Folder::new();
        root.write("lib/systemd/system/ssh.socket", "[Socket]\nListenStream=22\nAccept=no\n");
        root.write(
            "run/systemd/generator/ssh.socket.d/addresses.conf",
            "[Socket]\nListenStream=\nListenStream=[::]:2222\n",
        );
        let mut listeners = [22, 2222, 80].map(|port| listener(port, 1, "systemd")).to_vec();
        listeners.push(listener(22, 9, "systemd"));
        listeners.push(listener(22, 1, "other"));
        name_ssh(&mut listeners, root.path());
        let names: Vec<&str> = listeners.iter().filter_map(|one| one.program.as_deref()).collect();
        assert_eq!(names, ["sshd", "sshd", "systemd", "systemd", "other"]);
    }

    #[test]
    fn ports_are_read_in_every_form() {
        let content = "ListenStream=22\n ListenStream = 192.0.2.1:23\nListenStream=[2001:db8::1]:24\nListenStream=/run/x\n#ListenStream=25\nListenStream=\n";
        assert_eq!(ports(content), [22, 23, 24]);
    }
}
