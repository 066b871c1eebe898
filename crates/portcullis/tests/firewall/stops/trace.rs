//! Commands under strace, which finds the calls that change files and stops the command at one of them.

use crate::machine::Machine;
use std::collections::BTreeMap;
use std::fs;
use std::process::Command;
use testkit::Finished;

const STRACE: &str = "/usr/bin/strace";

/// Calls that change files.
const CHANGING: [&str; 17] = [
    "openat",
    "open",
    "creat",
    "write",
    "pwrite64",
    "writev",
    "fsync",
    "fdatasync",
    "rename",
    "renameat",
    "renameat2",
    "unlink",
    "unlinkat",
    "mkdir",
    "linkat",
    "ftruncate",
    "fchmod",
];

/// How a command is stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    Kill,
    Full,
    Broken,
}

impl Stop {
    pub(super) const ALL: [Self; 3] = [Self::Kill, Self::Full, Self::Broken];

    /// What the system calls it.
    pub(super) const fn text(self) -> &'static str {
        match self {
            Self::Kill => "Killed",
            Self::Full => "No space left on device",
            Self::Broken => "Input/output error",
        }
    }

    const fn injection(self) -> &'static str {
        match self {
            Self::Kill => "signal=KILL",
            Self::Full => "error=ENOSPC",
            Self::Broken => "error=EIO",
        }
    }
}

/// One call of a command's first thread.
#[derive(Clone, Debug)]
pub(super) struct Call {
    name: String,
    /// Which file is opened, as the call says it: how many others are opened before depends on the machine.
    path: Option<String>,
    /// The how manieth of its name and path, from 1.
    number: usize,
    text: String,
}

impl Call {
    /// Whether the command may do without it, and say nothing.
    pub(super) fn is_for_tidiness(&self) -> bool {
        self.name.starts_with("unlink") || self.text.contains("/admin/lock>")
    }

    /// Whether it changes something in a folder.
    fn changes(&self, folder: &str) -> bool {
        let creates = !self.name.starts_with("open") || self.text.contains("O_CREAT");
        self.text.contains(folder) && creates
    }
}

/// The calls of a command that change files of the machine.
pub(super) fn calls(machine: &Machine, command: &[&str]) -> Vec<Call> {
    let finished = run(machine, command, None);
    assert_eq!(finished.code(), 0, "{command:?}: {finished:?}");
    let text = fs::read_to_string(machine.folder.join("trace")).unwrap();
    let first = text.split(' ').next().unwrap();
    let mut numbers = BTreeMap::<(String, Option<String>), usize>::new();
    let of_one = |line: &str| {
        let (name, arguments) = line.strip_prefix(first)?.trim_start().split_once('(')?;
        let path = arguments.split('"').nth(1).filter(|_| name.starts_with("open"));
        let (name, path) = (name.to_owned(), path.map(str::to_owned));
        let number = numbers.entry((name.clone(), path.clone())).or_default();
        *number += 1;
        Some(Call { name, path, number: *number, text: line.to_owned() })
    };
    let calls: Vec<Call> = text.lines().filter_map(of_one).collect();
    let folder = machine.folder.path().to_str().unwrap();
    calls.into_iter().filter(|call| call.changes(folder)).collect()
}

/// Runs a command, and stops it at a call.
pub(super) fn run(machine: &Machine, command: &[&str], stop: Option<(Stop, &Call)>) -> Finished {
    let own = machine.command(command);
    let mut strace = Command::new(STRACE);
    strace.args(["-f", "-y", "-s", "0", "-o", "trace", "-e", &format!("trace={}", CHANGING.join(","))]);
    if let Some((stop, Call { name, path, number, .. })) = stop {
        strace.args(path.iter().flat_map(|path| ["-P", path.as_str()]));
        strace.args(["-e", &format!("inject={name}:{}:when={number}", stop.injection())]);
    }
    strace.arg(own.get_program()).args(own.get_args());
    strace.current_dir(machine.folder.path()).env_clear().env("COLUMNS", "100");
    let finished = machine.host.finish(&mut strace);
    if stop.is_some() {
        fs::remove_file(machine.folder.join("trace")).unwrap();
    }
    finished
}
