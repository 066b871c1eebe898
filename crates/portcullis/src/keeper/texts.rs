//! From a file, or the texts of a snapshot, to a plan: the texts come along, so that a snapshot can be gone back to when
//! the file has changed.

use super::request::{Refused, Source};
use super::state::{Number, Snapshot, State, Text};
use crate::configuration::{self, Origin};
use crate::failure::Failure;
use model::Compiled;
use model::plan::Plan;
use model::source::Surroundings;
use std::io;
use std::path::{Path, PathBuf};

/// A configuration that has no errors.
#[derive(Clone, Debug)]
pub(super) struct Read {
    /// The main file.
    pub(super) file: PathBuf,
    /// What it means.
    pub(super) plan: Plan,
    /// Every text, the main file first.
    pub(super) texts: Vec<Text>,
    /// For people.
    pub(super) origin: String,
    /// The host that a snapshot was for.
    pub(super) host: Option<String>,
}

/// Reads a configuration.
pub(super) fn read(source: &Source, state: &mut State) -> Result<Read, Refused> {
    match source {
        Source::File(path) => {
            let compiled = Origin::File(path.clone()).compile()?;
            of_compiled(path.clone(), compiled, path.display().to_string(), None)
        }
        Source::Snapshot(number) => of_snapshot(&wanted(*number, state)?),
    }
}

/// A snapshot as a plan.
pub(super) fn of_snapshot(snapshot: &Snapshot) -> Result<Read, Refused> {
    let compiled = model::compile(&snapshot.file, &Kept(&snapshot.texts));
    let origin = format!("snapshot {}", snapshot.number);
    of_compiled(snapshot.file.clone(), compiled, origin, snapshot.host.clone())
}

fn of_compiled(
    file: PathBuf,
    compiled: Compiled,
    origin: String,
    host: Option<String>,
) -> Result<Read, Refused> {
    let texts = compiled.problems.sources().iter().filter_map(|source| match &source.origin {
        model::source::Origin::File(path) => Some(Text { path: path.clone(), text: source.text.clone() }),
        model::source::Origin::CommandLine => None,
    });
    let texts = texts.collect();
    match compiled.plan {
        Some(plan) => Ok(Read { file, plan, texts, origin, host }),
        None => {
            let problems = compiled.problems.render(false);
            let failure = Failure::no(format!("{origin} cannot be used as it is, so nothing is changed"));
            Err(Refused { problems, ..failure.into() })
        }
    }
}

/// The snapshot of a number, or the one that was confirmed before the present one.
fn wanted(number: Option<u64>, state: &mut State) -> Result<Snapshot, Refused> {
    let number = match number {
        Some(number) => Number(number),
        None => state.confirmed_before().ok_or_else(|| {
            Refused::no("there is no confirmed snapshot before the present one").with_hint(
                "`portcullis history` lists what there is; `portcullis firewall off` ends all filtering",
            )
        })?,
    };
    let found = state.snapshot(number)?;
    found.ok_or_else(|| {
        Refused::no(format!("there is no snapshot {number}"))
            .with_hint("`portcullis history` lists those that are kept")
    })
}

/// The files of a snapshot. Variables are those of now: their values are never kept.
struct Kept<'a>(&'a [Text]);

impl Surroundings for Kept<'_> {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let found = self.0.iter().find(|text| text.path == path);
        found.map(|text| text.text.clone().into_bytes()).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn glob(&self, pattern: &Path) -> io::Result<Vec<PathBuf>> {
        let named = self.0.iter().filter(|text| configuration::is_named_by(&text.path, pattern));
        Ok(named.map(|text| text.path.clone()).collect())
    }

    fn variable(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keeper::policy;
    use testkit::Folder;

    #[test]
    fn a_snapshot_means_what_the_files_meant() {
        let folder = Folder::new();
        let file = folder.write("portcullis.toml", "include = [\"sites/*.toml\"]\n[firewall]\n");
        folder.write("sites/a.toml", "[site]\n\"http://a.test\" = \"localhost:3000\"\n");
        let mut state = crate::keeper::state::opened(folder.path());
        let read_now = read(&Source::File(file.clone()), &mut state).expect("a plan");
        assert_eq!(read_now.texts.len(), 2);
        let snapshot = Snapshot {
            number: Number(1),
            file: file.clone(),
            texts: read_now.texts.clone(),
            host: None,
            compiled: policy::minimum(&[22]),
            slot: 'a',
        };
        folder.write("portcullis.toml", "[nonsense]\n");
        assert_eq!(of_snapshot(&snapshot).expect("a plan").plan, read_now.plan);
        let refused = read(&Source::File(file), &mut state).expect_err("a bad file");
        assert!(refused.problems.contains("nonsense"), "{}", refused.problems);
    }
}
