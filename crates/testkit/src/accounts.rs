//! Programs on a machine on which Portcullis is installed, as if it were not.

use std::ffi::OsStr;
use std::process::Command;

/// Where the user of the gate and the group of the operators are.
const ACCOUNTS: [&str; 2] = ["/etc/passwd", "/etc/group"];

/// Takes both out of a view of the file system of its own, then becomes the program. What is in their place can be mounted
/// upon, which a removed file could not.
const WITHOUT_ACCOUNTS: &str = r#"
place=$(mktemp -d)
mount -t tmpfs -o mode=755 none "$place"
for file in passwd group; do
    sed '/^portcullis[:-]/d' "/etc/$file" >"$place/$file"
    chmod 644 "$place/$file"
    mount --bind "$place/$file" "/etc/$file"
done
umount -l "$place"
rmdir "$place"
exec "$0" "$@"
"#;

/// A program that finds neither the gate's user nor the operators' group: folders of a test are its own, and they could not
/// enter them. Where the machine has none of them, or nobody could become the user, it is the program alone.
#[must_use]
pub fn without_accounts(program: impl AsRef<OsStr>) -> Command {
    let has_some = || {
        let is_ours = |line: &str| line.starts_with("portcullis:") || line.starts_with("portcullis-");
        ACCOUNTS.iter().any(|path| std::fs::read_to_string(path).is_ok_and(|text| text.lines().any(is_ours)))
    };
    if !rustix::process::geteuid().is_root() || !has_some() {
        return Command::new(program);
    }
    apart(WITHOUT_ACCOUNTS, program)
}

/// A program that is started by a script in a view of the file system of its own.
fn apart(script: &str, program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new("unshare");
    command.args(["--mount", "--propagation", "private", "/bin/sh", "-ec", script]).arg(program);
    command
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Folder, Program};

    #[test]
    fn a_program_finds_none_of_our_accounts_and_all_others() {
        let folder = Folder::new();
        folder.write(
            "passwd",
            "root:x:0:0::/:/bin/sh\nportcullis:x:9:9::/:/bin/false\nportcullis2:x:8:8::/:/bin/sh\n",
        );
        folder.write("group", "root:x:0:\nportcullis:x:9:\nportcullis-admin:x:7:\n");
        let installed = "mount --bind passwd /etc/passwd; mount --bind group /etc/group; exec \"$0\" \"$@\"";
        let hiding = apart(WITHOUT_ACCOUNTS, "/bin/cat");
        let mut command = apart(installed, hiding.get_program());
        command.args(hiding.get_args()).args(ACCOUNTS).current_dir(folder.path());
        let finished = Program::spawn(&mut command).finish();
        let expected = "root:x:0:0::/:/bin/sh\nportcullis2:x:8:8::/:/bin/sh\nroot:x:0:\n";
        assert_eq!(finished.stdout, expected, "this test needs root: {}", finished.stderr);
    }
}
