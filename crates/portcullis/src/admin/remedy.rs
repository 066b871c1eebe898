//! What to do when the machine refuses a file of the state: the cause is found out, so that the advice is about it.

use rustix::io::Errno;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

const ELSEWHERE: &str = "--state names another folder";

/// What to do about a refusal of the machine to use a path.
pub(crate) fn remedy(path: &Path, error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::PermissionDenied => rights(path),
        _ if error.raw_os_error() == Some(Errno::IO.raw_os_error()) => {
            format!("the disk may be failing: see `dmesg`; {ELSEWHERE}")
        }
        io::ErrorKind::ReadOnlyFilesystem => read_only(path, std::env::var_os("INVOCATION_ID").is_some()),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            format!("make room on its file system, or {ELSEWHERE}")
        }
        _ => ELSEWHERE.to_owned(),
    }
}

/// What to do about a read-only file system. That of a service is, but for its own folders (systemd.exec(5),
/// `ProtectSystem=`).
fn read_only(path: &Path, in_service: bool) -> String {
    if !in_service {
        return format!("make its file system writable, or {ELSEWHERE}");
    }
    let folder = path.ancestors().find(|folder| folder.is_dir()).unwrap_or(path).display();
    format!(
        "`systemctl edit portcullis` with `ReadWritePaths={folder}` below `[Service]` lets the service write there"
    )
}

/// Whom the nearest folder belongs to that can be seen: what is denied lies in it.
fn rights(path: &Path) -> String {
    let owner = path.ancestors().find_map(|folder| Some((folder, fs::metadata(folder).ok()?.uid())));
    let caller = rustix::process::geteuid().as_raw();
    match owner {
        Some((_, owner)) if owner == caller => {
            format!("its owner is you: `chmod u+rwX` it; or {ELSEWHERE}")
        }
        Some((folder, owner)) => {
            format!("{} belongs to {}; or {ELSEWHERE}", folder.display(), as_user(owner))
        }
        None => ELSEWHERE.to_owned(),
    }
}

/// `root: run this as root`, `the user with id 1000: run this as that user or as root`.
pub(super) fn as_user(owner: u32) -> String {
    match owner {
        0 => "root: run this as root".to_owned(),
        owner => format!("the user with id {owner}: run this as that user (`sudo -u '#{owner}'`)"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_is_told_how_to_write_elsewhere() {
        let advice = read_only(Path::new("/home/state"), true);
        assert!(advice.contains("`ReadWritePaths=/home`"), "{advice}");
        assert!(read_only(Path::new("/home/state"), false).starts_with("make its file system writable"));
    }

    #[test]
    fn the_advice_is_about_the_cause() {
        let caller = rustix::process::geteuid().as_raw();
        assert_eq!(caller, 0, "this test needs root: the owner of / is somebody else otherwise");
        for (kind, part) in [
            (io::ErrorKind::PermissionDenied, "its owner is you"),
            (io::ErrorKind::ReadOnlyFilesystem, "make its file system writable"),
            (io::ErrorKind::StorageFull, "make room"),
            (io::ErrorKind::NotADirectory, "--state names another folder"),
        ] {
            let advice = remedy(Path::new("/nonexistent/state"), &kind.into());
            assert!(advice.starts_with(part), "{advice}");
        }
        let folder = testkit::Folder::new();
        std::os::unix::fs::chown(folder.path(), Some(1000), None).expect("this test needs root");
        let advice = remedy(&folder.join("a/b"), &io::ErrorKind::PermissionDenied.into());
        assert!(advice.contains("belongs to the user with id 1000: run this as that user"), "{advice}");
    }
}
