//! Changing the file: read, edited as text, judged as a whole, written in one piece with the same owner and mode. A change
//! after which the file has a problem is not written.

use crate::cli::{Common, Then};
use crate::configuration::{self, Origin};
use crate::failure::{Exit, Failure};
use crate::terminal;
use model::edit::{EditError, List};
use model::plan::{Plan, Rule};
use model::problem::{Problem, Problems, Severity, closest};
use model::source::Surroundings;
use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The configuration that a command changes, as it is.
pub(super) struct Subject {
    /// The main file; it may include others.
    main: PathBuf,
    /// What it means.
    pub(super) plan: Plan,
    /// What is warned of already.
    warnings: BTreeSet<String>,
}

/// A change that leaves the configuration without a problem.
#[derive(Debug)]
pub(super) struct Draft {
    /// The file that changes.
    pub(super) path: PathBuf,
    text: String,
    /// What the configuration would mean.
    pub(super) plan: Plan,
    /// What would be warned of, and is not yet.
    warnings: Problems,
}

impl Subject {
    /// Reads the configuration, which must have no problem.
    pub(super) fn open(common: &Common) -> Result<Self, Failure> {
        let origin = Origin::of_command(common, None)?;
        let Origin::File(path) = &origin else { return Err(Failure::usage("there is no file to change")) };
        let compiled = origin.compile()?;
        if compiled.plan.is_none() {
            configuration::show_problems(&compiled.problems);
        }
        let plan = compiled
            .plan
            .ok_or_else(|| Failure::no(format!("{} has a problem, so it stays as it is", path.display())))?;
        let warnings = compiled.problems.iter().map(|problem| problem.title.clone()).collect();
        Ok(Self { main: path.clone(), plan, warnings })
    }

    /// The file in which a list stands, or would stand.
    pub(super) fn file_of(&self, list: List<'_>) -> PathBuf {
        let place = match list {
            List::Firewall => self.plan.policy.firewall.as_ref().map(|firewall| &firewall.place),
            List::Group(name) => {
                self.plan.policy.groups.iter().find(|group| group.name.0 == name).map(|group| &group.place)
            }
        };
        place.map_or_else(|| self.main.clone(), |place| PathBuf::from(&place.file))
    }

    /// Changes the text of one of its files, and judges what comes out. Nothing is written.
    pub(super) fn edited(
        &self,
        file: &Path,
        edit: impl FnOnce(&str) -> Result<String, EditError>,
    ) -> Result<Draft, Failure> {
        let unreadable =
            |error: io::Error| Failure::refused(format!("cannot read {}: {error}", file.display()));
        let before = fs::read_to_string(file).map_err(unreadable)?;
        let text = edit(&before).map_err(|error| explain(file, &error))?;
        let changed = model::compile(&self.main, &Changed { path: file, text: &text });
        let Some(plan) = changed.plan else {
            configuration::show_problems(&of_change(&changed.problems));
            let reason = format!("{} would have a problem then, so it stays as it was", file.display());
            return Err(Failure::no(reason));
        };
        // The file itself is changed and not a link to it.
        let path = fs::canonicalize(file).map_err(unreadable)?;
        let fresh = changed.problems.iter().filter(|problem| !self.warnings.contains(&problem.title));
        let warnings = Problems::new(fresh.cloned().collect(), changed.problems.sources().clone());
        Ok(Draft { path, text, plan, warnings })
    }
}

impl Draft {
    /// Writes the file, and shows what is to be warned of.
    pub(super) fn write(&self) -> Result<(), Failure> {
        configuration::show_problems(&self.warnings);
        write(&self.path, &self.text).map_err(|error| {
            let failure = Failure::refused(format!("cannot write {}: {error}", self.path.display()));
            match error.kind() {
                io::ErrorKind::PermissionDenied => {
                    failure.with_hint("run it as root, or as the file's owner")
                }
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                    failure.with_hint("make room on its file system; the file is as it was")
                }
                _ => failure,
            }
        })
    }
}

/// The errors of a change. They have no place, since the text with the change is nowhere to be looked at.
fn of_change(problems: &Problems) -> Problems {
    let errors = problems.iter().filter(|problem| problem.severity == Severity::Error);
    let placeless = errors.cloned().map(|problem| {
        let label = problem.label.clone();
        let problem = Problem { at: None, label: String::new(), related: Vec::new(), ..problem };
        if label.is_empty() { problem } else { problem.note(label) }
    });
    Problems::new(placeless.collect(), problems.sources().clone())
}

/// The rules of a list.
pub(super) fn rules<'a>(plan: &'a Plan, list: List<'_>) -> &'a [Rule] {
    match list {
        List::Firewall => plan.policy.firewall.as_ref().map_or(&[], |firewall| &firewall.inbound),
        List::Group(name) => {
            plan.policy.groups.iter().find(|group| group.name.0 == name).map_or(&[], |group| &group.inbound)
        }
    }
}

/// The list of a group, which must be declared.
pub(super) fn group<'a>(plan: &'a Plan, name: &str) -> Result<List<'a>, Failure> {
    let names: Vec<&str> = plan.policy.groups.iter().map(|group| group.name.0.as_str()).collect();
    names.iter().find(|own| **own == name).map(|own| List::Group(own)).ok_or_else(|| {
        let failure = Failure::no(format!("the file declares no group `{name}`"));
        match (closest(name, names.iter().copied()), names.is_empty()) {
            (Some(near), _) => failure.with_hint(format!("did you mean `{near}`?")),
            (None, false) => failure.with_hint(format!("its groups are {}", names.join(", "))),
            (None, true) => failure,
        }
    })
}

/// The names of the hosts that carry a group.
pub(super) fn carried_by<'a>(plan: &'a Plan, group: &str) -> Vec<&'a str> {
    let carries = |host: &&model::plan::Host| host.groups.iter().any(|name| name.0 == group);
    plan.policy.hosts.iter().filter(carries).map(|host| host.name.0.as_str()).collect()
}

/// What follows an edit.
pub(super) fn then(common: &Common, then: &Then) -> Result<Exit, Failure> {
    if !then.apply {
        terminal::say("saving the file changes nothing yet: `portcullis apply` puts it in force\n");
        return Ok(Exit::Done);
    }
    let wanted = super::keeping::wanted(common, None, &then.host, then.how.risks)?;
    let keeping = super::keeping::Keeping::of_file(common, None, then.how.risks.console)?;
    let applied = super::apply::apply(&keeping, wanted, then.how, false);
    applied.inspect_err(|_| terminal::say("the file keeps the change, and nothing of it is in force\n"))
}

/// Refuses options that say how to apply where nothing is to be applied.
pub(super) fn judge_options(then: &Then) -> Result<(), Failure> {
    if then.contradicts_itself() {
        return Err(Failure::usage("there is nothing to apply, and an option says how")
            .with_hint("add --apply, or leave the option to `portcullis apply`"));
    }
    Ok(())
}

fn explain(file: &Path, error: &EditError) -> Failure {
    let failure = Failure::no(format!("{}: {error}", file.display()));
    match error.hint() {
        Some(hint) => failure.with_hint(hint),
        None => failure,
    }
}

/// The changed text in the place of the file's, and everything else as it is.
struct Changed<'a> {
    path: &'a Path,
    text: &'a str,
}

impl Surroundings for Changed<'_> {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        if path == self.path { Ok(self.text.as_bytes().to_vec()) } else { configuration::MACHINE.read(path) }
    }

    fn glob(&self, pattern: &Path) -> io::Result<Vec<PathBuf>> {
        configuration::MACHINE.glob(pattern)
    }

    fn variable(&self, name: &str) -> Option<String> {
        configuration::MACHINE.variable(name)
    }
}

/// Old or new, never a half of it; with the owner and the mode that it has.
fn write(path: &Path, text: &str) -> io::Result<()> {
    kept::write(path, text.as_bytes(), kept::Access::Like(&fs::metadata(path)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    use testkit::Folder;

    #[test]
    fn a_written_file_keeps_its_mode_and_leaves_nothing_beside() {
        let folder = Folder::new();
        let path = folder.write("portcullis.toml", "old");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).expect("our file");
        write(&path, "new").expect("room");
        assert_eq!(fs::read_to_string(&path).expect("there"), "new");
        assert_eq!(fs::metadata(&path).expect("there").mode() & 0o7777, 0o640);
        assert_eq!(fs::read_dir(folder.path()).expect("ours").count(), 1);
    }

    #[test]
    fn a_change_after_which_the_file_has_a_problem_is_refused() {
        let folder = Folder::new();
        let main = folder.write("portcullis.toml", "[firewall]\n");
        let subject = Subject { main: main.clone(), plan: Plan::default(), warnings: BTreeSet::new() };
        let edited = |text: &str| subject.edited(&main, |_| Ok(text.to_owned()));
        let draft = edited("[firewall]\ninbound = [{ allow = \"ssh\" }]\n").expect("a plan");
        assert_eq!(rules(&draft.plan, List::Firewall).len(), 1);
        let failure = edited("[firewall]\ninbound = [\"sshh\"]\n").expect_err("a problem");
        assert!(failure.reason.ends_with("so it stays as it was"), "{}", failure.reason);
    }
}
