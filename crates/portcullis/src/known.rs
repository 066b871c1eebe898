//! Which state folder a configuration had last: noted when its packets are put in force, and asked for when the file
//! cannot say it any more. So neither a typo nor a lost file stands between the operator and `confirm` or `rollback`, and
//! the machine finds its packets when it starts.
//!
//! The note lies in the folder that is the state folder where none is named, and nobody but its owner can write it.

use crate::admin;
use crate::failure::with_causes;
use crate::place::{self, Places};
use crate::terminal;
use kept::{Damage, Flaw, Found};
use serde::{Deserialize, Serialize};
use std::io;
use std::path::{Path, PathBuf};

/// Configurations that are remembered; the oldest goes first.
const MOST: usize = 32;

/// Where a configuration was kept last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Known {
    /// The configuration's absolute path.
    file: PathBuf,
    /// Its state folder.
    state: PathBuf,
    /// Its admin socket.
    admin_socket: PathBuf,
}

/// Notes where a configuration is kept; says why where that is not possible.
pub(crate) fn note(file: &Path, places: &Places) -> Result<(), String> {
    note_in(&place::default_state(), file, places)
}

/// Where a configuration was kept last, as far as that is known and still there.
pub(crate) fn places(file: &Path) -> Option<Places> {
    places_in(&place::default_state(), file)
}

fn note_in(folder: &Path, file: &Path, places: &Places) -> Result<(), String> {
    let path = path_in(folder);
    let (Ok(file), Ok(state), Ok(admin_socket)) = (
        std::path::absolute(file),
        std::path::absolute(&places.state),
        std::path::absolute(&places.admin_socket),
    ) else {
        return Err("the current folder is gone".to_owned());
    };
    let new = Known { file, state, admin_socket };
    let mut list = read(&path).unwrap_or_default();
    if list.last() == Some(&new) {
        return Ok(());
    }
    list.retain(|known| known.file != new.file);
    list.push(new);
    list.drain(..list.len().saturating_sub(MOST));
    admin::prepare_folder(&path).map_err(|error| error.to_string())?;
    let content = serde_json::to_vec(&list).map_err(io::Error::other);
    content
        .and_then(|content| kept::write_sealed(&path, &content))
        .map_err(|error| format!("{}: {}", path.display(), with_causes(&error)))
}

fn places_in(folder: &Path, file: &Path) -> Option<Places> {
    let file = std::path::absolute(file).ok()?;
    let known = read(&path_in(folder))?.into_iter().find(|known| known.file == file)?;
    let places = Places { state: known.state, admin_socket: known.admin_socket };
    places.are_used().then_some(places)
}

fn path_in(folder: &Path) -> PathBuf {
    folder.join("known/places")
}

/// The list; one that others could have written is none. A damaged one is set aside.
fn read(path: &Path) -> Option<Vec<Known>> {
    admin::judge_folder(path).ok()?;
    let flaw = match kept::read_sealed(path) {
        Ok(Found::Whole(content)) => match serde_json::from_slice(&content) {
            Ok(list) => return Some(list),
            Err(_) => Flaw::OtherVersion,
        },
        Ok(Found::Flawed(flaw)) => flaw,
        Ok(Found::Absent) | Err(_) => return None,
    };
    terminal::warn(format_args!(
        "the note of where each configuration keeps its state {}: the next `apply` of each writes it anew",
        Damage::set_aside(path, flaw)
    ));
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;
    use testkit::Folder;

    fn used(folder: &Folder, name: &str) -> Places {
        let state = folder.join(name);
        fs::create_dir_all(state.join("firewall")).expect("our folder");
        Places { admin_socket: state.join("admin/socket"), state }
    }

    #[test]
    fn the_last_place_of_each_configuration_is_known_as_long_as_it_is_there() {
        let folder = Folder::new();
        let (usual, a, b) = (folder.join("usual"), used(&folder, "a"), used(&folder, "b"));
        let (one, two) = (Path::new("/etc/one.toml"), Path::new("/etc/two.toml"));
        assert_eq!(places_in(&usual, one), None);
        for (file, places) in [(one, &a), (two, &b), (one, &b), (two, &a)] {
            note_in(&usual, file, places).expect("a note");
        }
        assert_eq!((places_in(&usual, one), places_in(&usual, two)), (Some(b.clone()), Some(a)));
        fs::remove_dir_all(&b.state).expect("our folder");
        assert_eq!(places_in(&usual, one), None);
    }

    #[test]
    fn what_others_could_have_written_is_not_believed() {
        let folder = Folder::new();
        let (usual, a) = (folder.join("usual"), used(&folder, "a"));
        note_in(&usual, Path::new("/etc/one.toml"), &a).expect("a note");
        fs::set_permissions(usual.join("known"), fs::Permissions::from_mode(0o777)).expect("our folder");
        assert_eq!(places_in(&usual, Path::new("/etc/one.toml")), None);
    }

    #[test]
    fn no_more_are_remembered_than_fit() {
        let folder = Folder::new();
        let (usual, a) = (folder.join("usual"), used(&folder, "a"));
        for number in 0..=MOST {
            note_in(&usual, Path::new(&format!("/etc/{number}.toml")), &a).expect("a note");
        }
        assert_eq!(places_in(&usual, Path::new("/etc/0.toml")), None);
        assert_eq!(places_in(&usual, Path::new("/etc/1.toml")), Some(a));
    }
}
