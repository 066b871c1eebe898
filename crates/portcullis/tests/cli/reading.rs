//! What the gate's own user can reach of what a file names, asked by root on a machine that has the user.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::net::UnixListener;
use std::process::Command;
use testkit::{Folder, Program};

/// The group of what others may not read.
const WEB: u32 = 4242;

/// Runs `check` where `/etc/passwd` has the user, and `/etc/group` has these members in the group `web`.
fn check(folder: &Folder, members: &str) -> String {
    let users = folder.write("passwd", "root:x:0:0::/root:/bin/sh\nportcullis:x:990:990::/:/bin/false\n");
    let groups = folder.write("group", format!("root:x:0:\nweb:x:{WEB}:{members}\n"));
    let script = "mount --bind \"$0\" /etc/passwd && mount --bind \"$1\" /etc/group && shift && exec \"$@\"";
    let mut unshare = Command::new("unshare");
    unshare.current_dir(folder.path()).env_clear();
    unshare.args(["--mount", "--propagation", "private", "sh", "-c", script]).arg(users).arg(groups);
    unshare.args([env!("CARGO_BIN_EXE_portcullis"), "check", "portcullis.toml"]);
    let finished = Program::spawn(&mut unshare).finish();
    assert_eq!(finished.code(), 0, "this test needs root: {finished:?}");
    finished.stdout + &finished.stderr
}

#[test]
fn what_the_gates_user_cannot_reach_is_told_with_the_command_that_mends_it() {
    let folder = Folder::new();
    let open = |name: &str, mode| {
        fs::set_permissions(folder.join(name), Permissions::from_mode(mode)).expect("a change of files")
    };
    open("", 0o755);
    for (name, mode) in [("web", 0o750), ("private", 0o700), ("beneath", 0o700), ("public", 0o755)] {
        fs::create_dir(folder.join(name)).expect("a change of files");
        open(name, mode);
    }
    fs::create_dir(folder.join("beneath/site")).expect("a change of files");
    let _application = UnixListener::bind(folder.join("public/socket")).expect("a change of files");
    open("public/socket", 0o660);
    for name in ["web", "public/socket"] {
        chown(folder.join(name), None, Some(WEB)).expect("this test needs root");
    }
    let at = folder.path().display();
    folder.write(
        "portcullis.toml",
        format!(
            "[site.\"http://a.test\".routes]\n\"/web/\" = {{ files = \"./web\" }}\n\"/private/\" = {{ files = \"./private\" }}\n\
             \"/beneath/\" = {{ files = \"./beneath/site\" }}\n\"/public/\" = {{ files = \"./public\" }}\n\
             [site]\n\"http://b.test\" = \"unix:{at}/public/socket\"\n"
        ),
    );
    let told = check(&folder, "");
    for expected in [
        "cannot read web: its mode does not let it".to_owned(),
        "`usermod -aG web portcullis`, then start portcullis again".to_owned(),
        "cannot read private: ".to_owned(),
        "`chmod o+rx private`".to_owned(),
        "cannot read beneath/site: it may not go through beneath\n".to_owned(),
        "`chmod o+x beneath`".to_owned(),
        format!("cannot connect to {at}/public/socket: "),
    ] {
        assert!(told.contains(&expected), "{expected} in {told}");
    }
    assert!(!told.contains("public: "), "{told}");

    let told = check(&folder, "other,portcullis");
    assert!(!told.contains("usermod") && !told.contains("socket"), "{told}");
    assert!(told.contains("`chmod o+rx private`"), "{told}");
}
