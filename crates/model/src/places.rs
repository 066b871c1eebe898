//! Where a configuration keeps state and has its admin socket, read also from a file with errors: a typo in a rule must
//! keep nobody from the state folder, where the way back is.
//!
//! A value is believed only if it cannot be another one. Where that is in doubt, it is said.

use crate::compile::{Reading, compile};
use crate::lower;
use crate::narrowed::Narrowed;
use crate::problem::{Problem, Severity};
use crate::source::{Location, Sources, Surroundings};
use std::path::{Path, PathBuf};

/// What a file says about places, as far as that is certain.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Places {
    /// `[state] folder`; `None` where it is not written.
    pub state: Option<PathBuf>,
    /// `[admin] socket`; `None` where it is not written.
    pub socket: Option<PathBuf>,
}

/// Reads the places of a file and what it includes; `None` where an error of the file leaves them in doubt.
#[must_use]
pub fn places(file: &Path, surroundings: &dyn Surroundings) -> Option<Places> {
    if let Some(plan) = compile(file, surroundings).plan {
        return Some(Places { state: plan.state.folder, socket: plan.admin.socket });
    }
    let narrowed = Narrowed::new(surroundings, &["state", "admin"]);
    let mut reading = Reading::new(&narrowed);
    let configs = reading.read_with_includes(file);
    let includes = configs.first().is_some_and(|main| main.include.is_some());
    let every_file = reading.has_every_file();
    let (sources, mut problems) = reading.into_parts();
    let merged = lower::Merged::new(configs, &mut problems);
    let known = problems.len();
    let (state, socket) = lower::places(&merged, &sources, &mut problems);
    let is_refused = problems[known..].iter().any(is_error);
    let written = |key: &str| narrowed.texts().iter().map(|text| count(key, text)).sum::<usize>();
    // Nothing written is believed only where nothing is wrong: a misspelt key looks the same.
    let is_whole = every_file && (includes || written("include") == 0) && !problems.iter().any(is_error);
    // Lines of a text of several lines look like sections and keys.
    if narrowed.texts().iter().any(|text| ["\"\"\"", "'''"].iter().any(|quote| text.contains(quote))) {
        return None;
    }
    let is_certain = |value: Option<Location>, key: &str| match (value, written(key)) {
        (Some(at), 1) => !has_error_beside(at, &problems, &sources),
        (None, 0) => is_whole,
        _ => false,
    };
    let folder = merged.state.as_ref().and_then(|section| section.value.folder.as_ref());
    let other = merged.admin.as_ref().and_then(|section| section.value.socket.as_ref());
    let certain = is_certain(folder.map(|folder| folder.at), "folder")
        && is_certain(other.map(|socket| socket.at), "socket");
    (certain && !is_refused).then_some(Places { state, socket })
}

fn is_error(problem: &Problem) -> bool {
    problem.severity == Severity::Error
}

/// Whether an error is on the line of a value, which may then be another one.
fn has_error_beside(at: Location, problems: &[Problem], sources: &Sources) -> bool {
    let line = |at: Location| sources.get(at.source).map(|source| (at.source, source.position(at.start).0));
    let errors = problems.iter().filter(|problem| is_error(problem));
    errors.filter_map(|problem| problem.at).any(|error| line(error) == line(at))
}

/// How often a key is written in a text, whatever else is wrong around it. No other section has these keys.
fn count(key: &str, text: &str) -> usize {
    let lines = text.lines().filter(|line| !line.trim_start().starts_with('#'));
    lines.map(|line| line.match_indices(key).filter(|(at, _)| is_key(line, *at, key)).count()).sum()
}

fn is_key(line: &str, at: usize, key: &str) -> bool {
    let is_of_a_word = |character: char| character.is_alphanumeric() || matches!(character, '_' | '-');
    let rest = line[at + key.len()..].trim_start_matches(['"', '\'', ' ', '\t']);
    !line[..at].ends_with(is_of_a_word) && rest.starts_with(['=', ':'])
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;
    use std::io;

    struct Files(BTreeMap<&'static str, &'static str>);

    impl Surroundings for Files {
        fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
            let text = path.to_str().and_then(|path| self.0.get(path));
            text.map(|text| text.as_bytes().to_vec()).ok_or_else(|| io::ErrorKind::NotFound.into())
        }

        fn glob(&self, pattern: &Path) -> io::Result<Vec<PathBuf>> {
            let there = pattern.to_str().filter(|path| self.0.contains_key(path));
            Ok(there.map(PathBuf::from).into_iter().collect())
        }

        fn variable(&self, _: &str) -> Option<String> {
            None
        }
    }

    fn read(text: &'static str) -> Option<Places> {
        let more = "[state]\nfolder = \"/srv/more\"\n";
        places(
            Path::new("/etc/p.toml"),
            &Files(BTreeMap::from([("/etc/p.toml", text), ("/etc/more.toml", more)])),
        )
    }

    #[test]
    fn places_are_read_from_files_with_errors_elsewhere() {
        for (text, folder, socket) in [
            ("", None, None),
            ("[state]\nfolder = \"/srv/s\"\n", Some("/srv/s"), None),
            ("[state]\nfolder = \"./s\"\n", Some("/etc/s"), None),
            ("[state]\nfolder = \"/srv/s\"\n[firewall]\ninbound = [\"sshh\"]\n", Some("/srv/s"), None),
            ("[state]\nfolder = \"/srv/s\"\n[firewall]\ninbound = [\"ssh\"\n", Some("/srv/s"), None),
            (
                "[firewall]\ninbound = [ { allow = \"ssh }\n]\n[state]\nfolder = \"/srv/s\"\n",
                Some("/srv/s"),
                None,
            ),
            ("[firewall]\ninbound = [\"ssh\"\n", None, None),
            ("[sight]\n# folder = \"/x\"\n", None, None),
            ("include = [\"more.toml\"]\n[firewal]\n", Some("/srv/more"), None),
            (
                "include = [\"gone.toml\"]\n[state]\nfolder = \"/srv/s\"\n[admin]\nsocket = \"/run/p\"\n",
                Some("/srv/s"),
                Some("/run/p"),
            ),
            ("[admin]\nsocket = \"/run/p\"\n[sight]\n", None, Some("/run/p")),
        ] {
            let expected = Places { state: folder.map(PathBuf::from), socket: socket.map(PathBuf::from) };
            assert_eq!(read(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_could_be_another_place_is_in_doubt() {
        for text in [
            "[state]\nfolder = \"/srv/s\n",
            "[state]\nfolder = /srv/s\n",
            "[state]\nfolder = “/srv/s”\n",
            "[state]\nfoldr = \"/srv/s\"\n",
            "[state]\nfolder: \"/srv/s\"\n",
            "[stat]\nfolder = \"/srv/s\"\n",
            "[state\nfolder = \"/srv/s\"\n",
            "state.folder = \"~/s\"\n",
            "[state]\nfolder = \"/srv/s\"\nfolder = \"/srv/t\"\n",
            "[state]\nfolder = \"${STATE}\"\n",
            "include = [\"gone.toml\"]\n",
            "include = [\"more.toml]\n",
            "include = [\"more.toml\"]\n[state]\nfolder = \"/srv/s\"\n",
            "[admin]\nsocket = /run/p\n",
            "[firewall]\ninbound = [\"sshh\"]\nnote = \"\"\"\n[state]\nfolder = \"/srv/s\"\n\"\"\"\n",
            "[firewall]\ninbound = [\"sshh\"]\nnote = '''\n[state]\nfolder = \"/srv/s\"\n'''\n",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn a_file_that_cannot_be_read_says_nothing() {
        assert_eq!(places(Path::new("/etc/p.toml"), &Files(BTreeMap::new())), None);
    }
}
