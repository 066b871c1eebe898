//! The one way in: every layer in its order, or an error that the caller must not survive.

use crate::cage::{Cage, LayerName};
use crate::report::{Layer, Report};
use crate::{access, calls, mounts, rights};
use std::fmt::{Display, Formatter};
use std::io;

/// Why a process is not confined. It may be so in part, so that all it can still do is to end.
#[derive(Debug)]
pub enum EnterError {
    /// Threads that exist already would stay outside.
    Threads(usize),
    /// A step that should have worked did not.
    Step {
        /// What was being done, such as `become the user 998`.
        what: String,
        /// What the kernel said.
        source: io::Error,
    },
    /// The mount namespace could not be made.
    Mounts(mounts::MountError),
    /// Landlock is there and refused the rules.
    Landlock(landlock::RulesetError),
    /// The filter could not be made or was refused.
    Calls(seccompiler::Error),
}

/// Confines this process for the rest of its life, according to `cage`. To be called first thing in `main`, while there
/// is one thread. What this machine or the caller's rights do not allow is left out and told in the report.
///
/// # Errors
/// Something that should hold could not be put in place; the process must end.
pub fn enter(cage: &Cage) -> Result<Report, EnterError> {
    let threads = threads().map_err(|error| EnterError::step("count the threads", error))?;
    if threads != 1 {
        return Err(EnterError::Threads(threads));
    }
    let mut missing = Vec::new();
    let mut layers = Vec::with_capacity(LayerName::ALL.len());
    for name in LayerName::ALL {
        layers.push(if cage.without.contains(&name) {
            Layer::left_out(name)
        } else {
            match name {
                LayerName::Mounts => mounts::enter(cage, &mut missing)?,
                LayerName::Rights => rights::drop_all(cage)?,
                LayerName::Landlock => access::restrict()?,
                LayerName::Calls => calls::filter(cage.unix_sockets)?,
            }
        });
    }
    Ok(Report { layers, missing })
}

fn threads() -> io::Result<usize> {
    Ok(std::fs::read_dir("/proc/self/task")?.count())
}

impl EnterError {
    pub(crate) fn step(what: impl Into<String>, source: impl Into<io::Error>) -> Self {
        Self::Step { what: what.into(), source: source.into() }
    }
}

impl Display for EnterError {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Threads(count) => write!(formatter, "cannot be confined with {count} threads"),
            Self::Step { what, source } => write!(formatter, "cannot {what}: {source}"),
            Self::Mounts(source) => write!(formatter, "mount namespace: {source}"),
            Self::Landlock(source) => write!(formatter, "landlock: {source}"),
            Self::Calls(source) => write!(formatter, "system call filter: {source}"),
        }
    }
}

impl std::error::Error for EnterError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Threads(_) => None,
            Self::Step { source, .. } => Some(source),
            Self::Mounts(source) => Some(source),
            Self::Landlock(source) => Some(source),
            Self::Calls(source) => Some(source),
        }
    }
}
