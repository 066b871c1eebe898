//! What is damaged goes out of the way and stays to be looked at: `NAME.damaged-1`, and so on.

use crate::proof::Flaw;
use crate::write::{place, sync_folder};
use rustix::fs::{AtFlags, RenameFlags, linkat, renameat_with};
use rustix::io::Errno;
use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// What stands between the name of a file and the number.
const ASIDE: &str = ".damaged-";
/// How many of one name are kept; the oldest goes first.
const MOST: usize = 8;

/// A file that is not what was kept, and what became of it.
#[derive(Debug)]
pub struct Damage {
    /// What is wrong with it.
    pub flaw: Flaw,
    /// Where it is now, or why it lies where it was.
    pub aside: io::Result<PathBuf>,
}

impl Damage {
    /// Sets a flawed file aside. Where that is refused, it goes away with the next content that is written.
    #[must_use]
    pub fn set_aside(path: &Path, flaw: Flaw) -> Self {
        Self { flaw, aside: set_aside(path) }
    }
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.aside {
            Ok(aside) => write!(f, "{} and is set aside as {}", self.flaw, aside.display()),
            Err(error) => write!(f, "{} and cannot be set aside ({error})", self.flaw),
        }
    }
}

/// Renames a file, or whatever else has the name, so that it is out of the way. The highest number is the newest.
///
/// # Errors
///
/// The machine refuses.
pub fn set_aside(path: &Path) -> io::Result<PathBuf> {
    let (folder, name) = place(path)?;
    under_a_number(path, name, |aside| {
        match renameat_with(&folder, name, &folder, aside, RenameFlags::NOREPLACE) {
            // A file system that cannot refuse to replace; nobody else writes here.
            Err(Errno::INVAL | Errno::NOSYS) => rustix::fs::renameat(&folder, name, &folder, aside),
            other => other,
        }
    })
    .and_then(|aside| sync_folder(&folder).map(|()| aside))
}

/// Gives a file a second name of that kind, so that it can be written anew while the damaged one stays to be looked at.
pub(crate) fn copy_aside(path: &Path) -> io::Result<PathBuf> {
    let (folder, name) = place(path)?;
    under_a_number(path, name, |aside| linkat(&folder, name, &folder, aside, AtFlags::empty()))
}

/// What was set aside in a folder, by name; nothing where it cannot be read.
#[must_use]
pub fn those_set_aside(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    paths.retain(|path| number(path, None).is_some());
    paths.sort();
    paths
}

/// Makes a name with the next number, and removes the oldest where there are too many.
fn under_a_number(
    path: &Path,
    name: &str,
    make: impl Fn(&str) -> rustix::io::Result<()>,
) -> io::Result<PathBuf> {
    let folder = path.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."));
    let entries = fs::read_dir(folder)?.flatten().map(|entry| entry.path());
    let mut numbers: Vec<u64> = entries.filter_map(|path| number(&path, Some(name))).collect();
    numbers.sort_unstable();
    let aside = |number: u64| format!("{name}{ASIDE}{number}");
    let next = aside(numbers.last().map_or(1, |last| last.saturating_add(1)));
    make(&next)?;
    for old in &numbers[..(numbers.len() + 1).saturating_sub(MOST)] {
        // One more than there should be does no harm.
        let _ = fs::remove_file(folder.join(aside(*old)));
    }
    Ok(path.with_file_name(next))
}

/// The number of something that was set aside, of one name or of any.
fn number(path: &Path, of: Option<&str>) -> Option<u64> {
    let (name, number) = path.file_name()?.to_str()?.rsplit_once(ASIDE)?;
    let is_ours = of.is_none_or(|of| of == name) && number.bytes().all(|byte| byte.is_ascii_digit());
    if is_ours { number.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_are_kept_under_numbers_and_others_are_left_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("key.pem");
        for other in ["other.damaged-1", "key.pem.damaged-x", "key.pem.damaged-"] {
            fs::write(folder.path().join(other), "").expect("ours");
        }
        for content in 1..=MOST + 3 {
            fs::write(&path, content.to_string()).expect("ours");
            let aside = set_aside(&path).expect("a name");
            assert_eq!(aside, folder.path().join(format!("key.pem.damaged-{content}")));
            assert_eq!(fs::read_to_string(aside).expect("there"), content.to_string());
        }
        let kept: Vec<String> = those_set_aside(folder.path())
            .iter()
            .map(|path| path.file_name().expect("a name").to_string_lossy().into_owned())
            .collect();
        assert_eq!(kept.len(), MOST + 1, "{kept:?}");
        assert!(
            kept.contains(&"other.damaged-1".to_owned()) && !kept.contains(&"key.pem.damaged-3".to_owned())
        );
    }

    #[test]
    fn folders_are_set_aside_as_well() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a");
        fs::create_dir(&path).expect("ours");
        let damage = Damage::set_aside(&path, Flaw::NotAFile);
        let aside = folder.path().join("a.damaged-1");
        assert_eq!(damage.to_string(), format!("is no regular file and is set aside as {}", aside.display()));
        assert!(aside.is_dir() && !path.exists());
    }

    #[test]
    fn a_second_name_leaves_the_first() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a");
        fs::write(&path, "one").expect("ours");
        let aside = copy_aside(&path).expect("a name");
        assert_eq!(
            (fs::read(&path).expect("there"), fs::read(aside).expect("there")),
            (b"one".into(), b"one".into())
        );
    }
}
