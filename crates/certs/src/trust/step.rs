//! One step of a change to the trust store: what it is, and doing it.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// One step of a change to the trust store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Writes a certificate that everybody may read.
    Write {
        /// Where.
        path: PathBuf,
        /// What.
        content: String,
    },
    /// Removes a file; one that does not exist is no error.
    Remove {
        /// Which.
        path: PathBuf,
    },
    /// Runs a program.
    Run {
        /// Which.
        program: PathBuf,
        /// Its arguments.
        arguments: Vec<String>,
    },
}

/// Why a step failed.
#[derive(Debug)]
pub enum StepError {
    /// A file cannot be written or removed.
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A program cannot be started.
    Start {
        /// Which.
        program: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A program said no.
    Failed {
        /// Which.
        program: PathBuf,
        /// Its exit code, `None` when a signal ended it.
        code: Option<i32>,
        /// The last line that it wrote to standard error.
        said: String,
    },
}

impl Step {
    pub(super) fn run(program: &Path, arguments: &[&str]) -> Self {
        let arguments = arguments.iter().map(|&argument| argument.to_owned()).collect();
        Self::Run { program: program.to_owned(), arguments }
    }

    pub(super) fn execute(&self) -> Result<(), StepError> {
        match self {
            Self::Write { path, content } => {
                write(path, content).map_err(|source| StepError::File { path: path.clone(), source })
            }
            Self::Remove { path } => match std::fs::remove_file(path) {
                Err(source) if source.kind() != io::ErrorKind::NotFound => {
                    Err(StepError::File { path: path.clone(), source })
                }
                _ => Ok(()),
            },
            Self::Run { program, arguments } => run(program, arguments),
        }
    }
}

/// Nobody ever trusts half a certificate: the programs that read the folder look at names that end in .crt.
fn write(path: &Path, content: &str) -> io::Result<()> {
    let folder = path.parent().ok_or(io::ErrorKind::InvalidInput)?;
    std::fs::create_dir_all(folder)?;
    kept::write(path, content.as_bytes(), kept::Access::Public)
}

fn run(program: &Path, arguments: &[String]) -> Result<(), StepError> {
    let output = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .map_err(|source| StepError::Start { program: program.to_owned(), source })?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let said = said.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default();
    let said = said.chars().filter(|c| !c.is_control()).collect();
    Err(StepError::Failed { program: program.to_owned(), code: output.status.code(), said })
}

impl StepError {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::File { source, .. } if source.kind() == io::ErrorKind::PermissionDenied => {
                "the trust store belongs to root: run it with sudo, or print the certificate and add it by hand"
            }
            Self::File { .. } | Self::Start { .. } => "print the certificate and add it by hand",
            Self::Failed { .. } => "run the program by hand to see all it says; it may need root",
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Write { path, .. } => write!(f, "write {}", path.display()),
            Self::Remove { path } => write!(f, "remove {}", path.display()),
            Self::Run { program, arguments } => {
                write!(f, "run {}", program.display())?;
                arguments.iter().try_for_each(|argument| write!(f, " {argument}"))
            }
        }
    }
}

impl fmt::Display for StepError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, .. } => write!(f, "cannot change {}", path.display()),
            Self::Start { program, .. } => write!(f, "cannot run {}", program.display()),
            Self::Failed { program, code: Some(code), said } => {
                write!(f, "{} failed with code {code}: {said}", program.display())
            }
            Self::Failed { program, code: None, said } => {
                write!(f, "{} was ended by a signal: {said}", program.display())
            }
        }
    }
}

impl std::error::Error for StepError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::File { source, .. } | Self::Start { source, .. } => Some(source),
            Self::Failed { .. } => None,
        }
    }
}
