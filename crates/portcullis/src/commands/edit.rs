//! Changing the file: read, edited as text, judged as a whole, written in one piece with the same owner and mode. A change
//! after which the file has a problem is not written.

use crate::cli::{Common, Then};
use crate::configuration::Origin;
use crate::failure::{Exit, Failure};
use crate::terminal;
use model::edit::EditError;
use model::source::Surroundings;
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Changes the text of the file that a command is about, and says in one line what was done.
pub(super) fn change(
    common: &Common,
    edit: impl FnOnce(&str) -> Result<(String, String), EditError>,
) -> Result<(), Failure> {
    let path = file(common)?;
    let text = fs::read_to_string(&path)
        .map_err(|error| Failure::refused(format!("cannot read {}: {error}", path.display())))?;
    let (changed, done) = edit(&text).map_err(|error| explain(&error))?;
    judge(&path, &changed)?;
    write(&path, &changed)
        .map_err(|error| Failure::refused(format!("cannot write {}: {error}", path.display())))?;
    terminal::say(format_args!("{}: {done}\n", path.display()));
    Ok(())
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

fn file(common: &Common) -> Result<PathBuf, Failure> {
    match Origin::of_command(common, None)? {
        // The file itself is changed and not a link to it.
        Origin::File(path) => fs::canonicalize(&path)
            .map_err(|error| Failure::refused(format!("cannot read {}: {error}", path.display()))),
        Origin::QuickStart(_) => Err(Failure::usage("there is no file to change")),
    }
}

fn explain(error: &EditError) -> Failure {
    let failure = Failure::no(error.to_string());
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
        if path == self.path {
            Ok(self.text.as_bytes().to_vec())
        } else {
            crate::configuration::MACHINE.read(path)
        }
    }

    fn glob(&self, pattern: &Path) -> io::Result<Vec<PathBuf>> {
        crate::configuration::MACHINE.glob(pattern)
    }

    fn variable(&self, name: &str) -> Option<String> {
        crate::configuration::MACHINE.variable(name)
    }
}

fn judge(path: &Path, text: &str) -> Result<(), Failure> {
    let compiled = model::compile(path, &Changed { path, text });
    if compiled.plan.is_some() {
        return Ok(());
    }
    crate::configuration::show_problems(&compiled.problems);
    Err(Failure::no(format!("{} would have a problem then, so it stays as it was", path.display())))
}

/// Old or new, never a half of it.
fn write(path: &Path, text: &str) -> io::Result<()> {
    let facts = fs::metadata(path)?;
    let mut name = path.as_os_str().to_owned();
    name.push(".portcullis-new");
    let beside = PathBuf::from(name);
    let mut file = File::create(&beside)?;
    file.set_permissions(fs::Permissions::from_mode(facts.mode() & 0o7777))?;
    std::os::unix::fs::fchown(&file, Some(facts.uid()), Some(facts.gid()))?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&beside, path)?;
    match path.parent() {
        Some(folder) => File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
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
        let path = folder.write("portcullis.toml", "[firewall]\n");
        assert!(judge(&path, "[firewall]\ninbound = [{ allow = \"ssh\" }]\n").is_ok());
        let failure = judge(&path, "[firewall]\ninbound = [{ allow = \"sshh\" }]\n").expect_err("a problem");
        assert!(failure.reason.ends_with("so it stays as it was"), "{}", failure.reason);
    }
}
