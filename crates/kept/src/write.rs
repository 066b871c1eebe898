//! Writing a file so that its old or its new content is there after whatever interrupts it: a file beside it, its data on
//! disk, a rename, the folder on disk.

use crate::beside;
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use std::fs::{File, Metadata, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt, fchown};
use std::path::Path;

/// Whose a file that is written becomes, and who may read it, whatever the umask is.
#[derive(Clone, Copy, Debug)]
pub enum Access<'a> {
    /// The caller's, who alone may read it: mode 0600.
    Private,
    /// The caller's, and everybody may read it: mode 0644.
    Public,
    /// As with another file: owner, group and mode.
    Like(&'a Metadata),
}

/// Writes a file, or what is to be in its place: a link is replaced and not followed. What an earlier writer left that was
/// killed is removed. Another process that writes the same file is waited for, five seconds at most.
///
/// # Errors
///
/// The machine refuses. The old content is there then; or the new one, where only the folder cannot be made durable.
pub fn write(path: &Path, content: &[u8], access: Access<'_>) -> io::Result<()> {
    let (folder, name) = place(path)?;
    let beside = format!(".{name}.new");
    let mut file = beside::create(&folder, &beside)?;
    let put = fill(&mut file, content, access)
        .and_then(|()| Ok(rustix::fs::renameat(&folder, &beside, &folder, name)?));
    if let Err(error) = put {
        // The refusal matters more than what is left, which the next writer removes.
        let _ = beside::unlink(&folder, &beside);
        return Err(error);
    }
    sync_folder(&folder)
}

/// Removes a file, where there is one, for good.
///
/// # Errors
///
/// The machine refuses.
pub fn remove(path: &Path) -> io::Result<()> {
    let (folder, name) = place(path)?;
    beside::unlink(&folder, name)?;
    sync_folder(&folder)
}

fn fill(file: &mut File, content: &[u8], access: Access<'_>) -> io::Result<()> {
    let mode = match access {
        Access::Private => 0o600,
        Access::Public => 0o644,
        Access::Like(facts) => {
            fchown(&*file, Some(facts.uid()), Some(facts.gid()))?;
            facts.mode() & 0o7777
        }
    };
    file.set_permissions(Permissions::from_mode(mode))?;
    file.write_all(content)?;
    file.sync_all()
}

/// The folder of a path, opened, and the name in it.
pub(crate) fn place(path: &Path) -> io::Result<(File, &str)> {
    let name = path.file_name().and_then(|name| name.to_str());
    let name = name.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "it is no name of a file"))?;
    let folder = path.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."));
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    Ok((File::from(rustix::fs::open(folder, flags, Mode::empty())?), name))
}

/// Makes the names in a folder durable, where the file system can.
pub(crate) fn sync_folder(folder: &File) -> io::Result<()> {
    match rustix::fs::fsync(folder) {
        Ok(()) | Err(Errno::INVAL) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::thread;

    fn mode(path: &Path) -> u32 {
        fs::symlink_metadata(path).expect("there").permissions().mode() & 0o7777
    }

    #[test]
    fn a_file_has_the_access_that_was_asked_for_and_nothing_beside_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a");
        write(&path, b"one", Access::Private).expect("room");
        assert_eq!(mode(&path), 0o600);
        write(&path, b"two", Access::Public).expect("room");
        assert_eq!(mode(&path), 0o644);
        fs::set_permissions(&path, Permissions::from_mode(0o640)).expect("ours");
        write(&path, b"three", Access::Like(&fs::metadata(&path).expect("there"))).expect("room");
        assert_eq!((mode(&path), fs::read(&path).expect("there")), (0o640, b"three".to_vec()));
        assert_eq!(fs::read_dir(folder.path()).expect("ours").count(), 1);
    }

    #[test]
    fn what_a_killed_writer_left_is_removed_and_a_link_is_not_followed() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a");
        let (beside, victim) = (folder.path().join(".a.new"), folder.path().join("victim"));
        fs::write(&victim, "precious").expect("ours");
        for link in [false, true] {
            match link {
                true => symlink(&victim, &beside).expect("ours"),
                false => fs::write(&beside, "half of a long text").expect("ours"),
            }
            write(&path, b"whole", Access::Private).expect("room");
            assert_eq!(fs::read(&path).expect("there"), b"whole");
            assert_eq!(fs::read_dir(folder.path()).expect("ours").count(), 2);
        }
        assert_eq!(fs::read(&victim).expect("there"), b"precious");
        fs::remove_file(&path).and_then(|()| symlink(&victim, &path)).expect("ours");
        write(&path, b"whole", Access::Private).expect("room");
        assert!(!path.is_symlink());
        assert_eq!(fs::read(&victim).expect("there"), b"precious");
    }

    #[test]
    fn writers_of_one_file_wait_for_each_other() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a");
        let contents: Vec<Vec<u8>> = (b'a'..b'i').map(|letter| vec![letter; 70_000]).collect();
        thread::scope(|scope| {
            for content in &contents {
                scope.spawn(|| (0..20).for_each(|_| write(&path, content, Access::Private).expect("a turn")));
            }
        });
        assert!(contents.contains(&fs::read(&path).expect("there")));
        assert_eq!(fs::read_dir(folder.path()).expect("ours").count(), 1);
    }

    #[test]
    fn a_refusal_leaves_the_old_content_and_nothing_beside_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a");
        fs::create_dir(&path).expect("ours");
        assert!(write(&path, b"new", Access::Private).is_err(), "a folder is not replaced by a file");
        assert_eq!(fs::read_dir(folder.path()).expect("ours").count(), 1);
        assert!(write(&folder.path().join("missing/a"), b"new", Access::Private).is_err());
        assert!(write(Path::new("/"), b"new", Access::Private).is_err());
    }
}
