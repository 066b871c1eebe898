//! One step of the installation of the service: what it is, whether it is done already, and doing it.

use crate::failure::Failure;
use std::fmt;
use std::fs::{self, DirBuilder, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// One step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Makes a folder; one that is there stays as it is.
    Folder {
        /// Where.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// Writes a file that everybody may read.
    Write {
        /// Where.
        path: PathBuf,
        /// What.
        content: String,
        /// Whether a file that is there stays as it is: it is the operator's.
        keeps: bool,
    },
    /// Removes a file.
    Remove(PathBuf),
    /// Makes a system user or group by a program, where there is none of this name.
    Account {
        /// Its name.
        name: &'static str,
        /// Where such names are listed.
        database: PathBuf,
        /// The program and its arguments.
        command: Vec<String>,
    },
    /// Runs a program, which may be done again.
    Run(Vec<String>),
    /// Runs a program, unless another one says that there is no need.
    RunUnless {
        /// The program and its arguments.
        command: Vec<String>,
        /// What is asked before.
        done: Question,
    },
}

/// A program that says whether something is done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Question {
    /// The program and its arguments.
    pub(super) command: Vec<String>,
    /// Lines, one of which is in its answer where it is not.
    pub(super) no: &'static [&'static str],
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder { path, mode } => write!(f, "make {} (mode {mode:04o})", path.display()),
            Self::Write { path, .. } => write!(f, "write {}", path.display()),
            Self::Remove(path) => write!(f, "remove {}", path.display()),
            Self::Account { command, .. } | Self::Run(command) | Self::RunUnless { command, .. } => {
                write!(f, "run {}", command.join(" "))
            }
        }
    }
}

impl Step {
    /// Whether there is nothing to do. What cannot be looked at is to be done, and then says why it cannot.
    pub(super) fn is_done(&self) -> bool {
        match self {
            Self::Folder { path, .. } => path.is_dir(),
            Self::Write { path, keeps: true, .. } => path.exists(),
            Self::Write { path, content, keeps: false } => {
                fs::read(path).is_ok_and(|found| found == content.as_bytes())
            }
            Self::Remove(path) => path.symlink_metadata().is_err(),
            Self::Account { name, database, .. } => lists(database, name),
            Self::Run(_) => false,
            Self::RunUnless { done, .. } => done.is_yes(),
        }
    }

    /// Does it.
    pub(super) fn execute(&self) -> Result<(), Failure> {
        let done = match self {
            Self::Folder { path, mode } => DirBuilder::new().recursive(true).mode(*mode).create(path),
            Self::Write { path, content, .. } => write(path, content),
            Self::Remove(path) => fs::remove_file(path),
            Self::Account { command, .. } | Self::Run(command) | Self::RunUnless { command, .. } => {
                run(command).map(drop)
            }
        };
        done.map_err(|error| Failure::refused(format!("cannot {self}: {error}")))
    }
}

/// Whether a database of users or groups (passwd(5), group(5)) has a name.
pub(super) fn lists(database: &Path, name: &str) -> bool {
    let content = fs::read_to_string(database).unwrap_or_default();
    content.lines().any(|line| line.split(':').next() == Some(name))
}

/// Written beside the place and renamed, so that nobody ever reads half a file.
fn write(path: &Path, content: &str) -> io::Result<()> {
    let folder = path.parent().ok_or(io::ErrorKind::InvalidInput)?;
    DirBuilder::new().recursive(true).mode(0o755).create(folder)?;
    let beside = path.with_added_extension("new");
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o644).open(&beside)?;
    // Whatever the umask of the caller is: other users read units and the configuration.
    file.set_permissions(Permissions::from_mode(0o644))?;
    file.write_all(content.as_bytes())?;
    file.sync_all()?;
    fs::rename(beside, path)
}

impl Question {
    /// Whether it is done; not where nobody can tell.
    fn is_yes(&self) -> bool {
        run(&self.command)
            .is_ok_and(|answer| !answer.is_empty() && answer.lines().all(|line| !self.no.contains(&line)))
    }
}

/// What a program says on its standard output.
fn run(command: &[String]) -> io::Result<String> {
    let (program, arguments) = command.split_first().ok_or(io::ErrorKind::InvalidInput)?;
    let output = Command::new(program).args(arguments).stdin(Stdio::null()).output()?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let said = said.lines().rfind(|line| !line.trim().is_empty()).unwrap_or_default();
    Err(io::Error::other(format!("{}: {said}", output.status)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: PathBuf, content: &str, keeps: bool) -> Step {
        Step::Write { path, content: content.to_owned(), keeps }
    }

    #[test]
    fn what_is_done_is_not_done_again() {
        let folder = testkit::Folder::new();
        folder.write("etc/group", "root:x:0:\nportcullis-admin:x:99:\n");
        let account = |name| Step::Account { name, database: folder.join("etc/group"), command: Vec::new() };
        assert!(!account("portcullis").is_done(), "another name begins like it");
        assert!(account("portcullis-admin").is_done());
        let steps = [
            Step::Folder { path: folder.join("var/lib"), mode: 0o750 },
            file(folder.join("units/a.service"), "[Unit]\n", false),
            file(folder.join("a.toml"), "", true),
        ];
        for step in &steps {
            assert!(!step.is_done(), "{step}");
            step.execute().expect("a folder of the test");
            assert!(step.is_done(), "{step}");
        }
        let mode = fs::metadata(folder.join("var/lib")).expect("made").permissions().mode();
        assert_eq!(mode & 0o7777, 0o750);
    }

    #[test]
    fn a_unit_that_differs_is_written_and_the_operators_file_is_not() {
        let folder = testkit::Folder::new();
        let path = folder.write("a", "theirs");
        assert!(!file(path.clone(), "ours", false).is_done());
        assert!(file(path, "ours", true).is_done());
    }

    #[test]
    fn what_another_program_calls_done_is_not_done_again() {
        let is_done = |answer: &str| {
            let words = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect();
            let done = Question { command: words(&["sh", "-c", answer]), no: &["Need=yes", "Load=no"] };
            Step::RunUnless { command: words(&["true"]), done }.is_done()
        };
        assert!(is_done("echo Need=no; echo; echo Need=no"));
        assert!(!is_done("echo Need=no; echo; echo Need=yes"));
        assert!(!is_done("echo Need=no; echo Load=no"));
        assert!(!is_done("exit 0"), "it says nothing");
        assert!(!is_done("echo Need=no; exit 1"), "it failed");
    }

    #[test]
    fn a_program_that_fails_says_what_it_said() {
        let words = ["sh", "-c", "echo a reason >&2; exit 7"].map(str::to_owned).to_vec();
        let failure = Step::Run(words).execute().expect_err("it exits with 7");
        assert!(failure.reason.ends_with("exit status: 7: a reason"), "{}", failure.reason);
    }
}
