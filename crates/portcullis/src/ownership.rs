//! Who may decide what root does: root obeys a file only if root owns it and nobody else can write it.
//!
//! The rule is a pure function of the file's owner and mode. Callers take both from the opened file, not from its
//! path, so that what was judged is what is read.

use crate::failure::Failure;
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Why root does not obey a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Untrusted {
    /// Somebody else owns it.
    Owner(u32),
    /// Its group or everybody may write it. With an ACL, the mask shows up in the group's bits.
    Writable(u32),
}

/// Judges a file by its owner and permission bits, for a caller with this effective user id.
///
/// Anybody but root may obey any file: they can do no more with it than without it.
pub(crate) fn judge(caller: u32, owner: u32, mode: u32) -> Result<(), Untrusted> {
    const OTHERS_WRITE: u32 = 0o022;
    if caller != 0 {
        Ok(())
    } else if owner != 0 {
        Err(Untrusted::Owner(owner))
    } else if mode & OTHERS_WRITE != 0 {
        Err(Untrusted::Writable(mode & 0o7777))
    } else {
        Ok(())
    }
}

/// Judges an opened file for the user who runs this program.
pub(crate) fn judge_file(path: &Path, facts: &Metadata) -> Result<(), Failure> {
    let caller = rustix::process::geteuid().as_raw();
    judge(caller, facts.uid(), facts.mode()).map_err(|reason| explain(path, reason))
}

fn explain(path: &Path, reason: Untrusted) -> Failure {
    let path = path.display();
    let why = match reason {
        Untrusted::Owner(uid) => format!("it belongs to the user with id {uid}"),
        Untrusted::Writable(mode) => format!("others than root may write it (mode {mode:04o})"),
    };
    Failure::refused(format!("root does not obey {path}: {why}"))
        .with_hint(format!("if you trust what it says: chown root: {path} && chmod go-w {path}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_obeys_only_what_root_alone_can_write() {
        for (caller, owner, mode, verdict) in [
            (0, 0, 0o100_644, Ok(())),
            (0, 0, 0o100_600, Ok(())),
            (0, 0, 0o100_444, Ok(())),
            (0, 1000, 0o100_644, Err(Untrusted::Owner(1000))),
            (0, 1000, 0o100_666, Err(Untrusted::Owner(1000))),
            (0, 0, 0o100_664, Err(Untrusted::Writable(0o664))),
            (0, 0, 0o100_646, Err(Untrusted::Writable(0o646))),
            (0, 0, 0o100_666, Err(Untrusted::Writable(0o666))),
            (1000, 1000, 0o100_644, Ok(())),
            (1000, 1001, 0o100_666, Ok(())),
        ] {
            assert_eq!(judge(caller, owner, mode), verdict, "caller {caller}, owner {owner}, mode {mode:o}");
        }
    }

    #[test]
    fn the_refusal_says_the_command_that_ends_it() {
        let failure = explain(Path::new("/etc/p.toml"), Untrusted::Writable(0o664));
        assert_eq!(
            failure.reason,
            "root does not obey /etc/p.toml: others than root may write it (mode 0664)"
        );
        assert_eq!(
            failure.hint.as_deref(),
            Some("if you trust what it says: chown root: /etc/p.toml && chmod go-w /etc/p.toml")
        );
    }
}
