//! A file that has an error, or is lost: whatever needs the state alone goes on, and in the right folder.

use crate::pair::{Pair, both};
use std::fs;
use std::process::Command;
use testkit::Finished;
use testkit::lab::{Reach, Service};

const RULES: &str = "[firewall]\ninbound = [\"22/tcp\", \"81/tcp\", \"81/tcp\"]\n";

/// A machine whose file names the state folder, with a `/var/lib` and a `/run` of its own.
struct Named {
    pair: Pair,
}

impl Named {
    fn new() -> Self {
        let named = Self { pair: Pair::new("") };
        for folder in ["lib", "run"] {
            fs::create_dir_all(named.pair.server.folder.join(folder)).unwrap();
        }
        named.write(&named.whole());
        named
    }

    fn whole(&self) -> String {
        format!("[state]\nfolder = \"{}\"\n{RULES}", self.pair.server.folder.join("kept").display())
    }

    fn write(&self, text: &str) {
        self.pair.server.write(text);
    }

    fn run(&self, arguments: &[&str]) -> Finished {
        let script = "mount --bind lib /var/lib && mount --bind run /run && exec \"$0\" \"$@\"";
        let mut command = Command::new("unshare");
        command.args(["--mount", "--propagation", "private", "sh", "-c", script]);
        command.arg(env!("CARGO_BIN_EXE_portcullis")).args(arguments);
        command.current_dir(self.pair.server.folder.path()).env_clear().env("PATH", "/usr/bin:/usr/sbin");
        self.pair.server.host.finish(&mut command)
    }

    /// Standard output and standard error of a command that must succeed.
    #[track_caller]
    fn done(&self, arguments: &[&str]) -> String {
        let finished = self.run(arguments);
        assert_eq!(finished.code(), 0, "{arguments:?}: {finished:?}");
        finished.stdout + &finished.stderr
    }

    /// The file with an error, in ways that leave the state folder certain or in doubt.
    fn broken(&self) -> [String; 5] {
        let whole = self.whole();
        [
            whole.replace("\"81/tcp\", \"81/tcp\"]", "81/tcp\""),
            whole.replace("inbound", "inbuond"),
            whole.replace("folder", "foldr"),
            whole.replace("[state]", "[state"),
            whole.replace("/kept", "/kpet"),
        ]
    }
}

#[test]
fn an_error_in_the_file_keeps_nobody_from_the_way_back() {
    let named = Named::new();
    for text in named.broken() {
        named.write(&named.whole());
        named.done(&["apply", "--yes", "--console"]);
        named.write(&text);
        named.done(&["rollback"]);
        named.write(&named.whole());
        named.done(&["apply", "--yes", "--console", "--confirm", "1h"]);
        named.write(&text);
        named.done(&["confirm", "--console"]);
        assert!(named.done(&["status"]).contains("enforced, snapshot "), "{text}");
        named.write(&named.whole().replace("\"81/tcp\", \"81/tcp\"", "\"82/tcp\""));
        named.done(&["apply", "--yes", "--console", "--no-trial"]);
    }
}

#[test]
fn commands_that_need_only_the_state_say_nothing_of_the_file() {
    let named = Named::new();
    let applied = named.run(&["apply", "--yes", "--console", "--no-trial"]);
    assert_eq!(applied.stderr.matches("warning: ").count(), 1, "{applied:?}");
    for text in [named.whole(), named.broken()[0].clone()] {
        named.write(&text);
        for command in
            ["status", "history", "ban 198.51.100.1", "bans", "unban --all", "grant", "firewall show"]
        {
            let said = named.done(&command.split(' ').collect::<Vec<_>>());
            assert!(!said.contains("warning") && !said.contains("-->"), "{command}: {said}");
        }
    }
    assert!(named.run(&["plan"]).stderr.contains("error: "));
}

#[test]
fn off_and_the_start_of_the_machine_take_the_folder_that_was_named() {
    for broken in 0..5 {
        let named = Named::new();
        let _service = Service::on_ports(&named.pair.server.host, &[81, 82]);
        named.done(&["apply", "--yes", "--console", "--no-trial"]);
        named.write(&named.broken()[broken]);
        named.pair.server.host.output(Command::new("nft").args(["delete", "table", "inet", "portcullis"]));
        assert!(named.done(&["firewall", "restore"]).contains("snapshot 1 is in force"));
        assert_eq!(named.pair.client.tcp_all(&[both(81)[0], both(82)[0]]), [Reach::Open, Reach::Filtered]);
        named.done(&["firewall", "off", "--yes"]);
        assert!(named.done(&["firewall", "restore"]).contains("stays off"));
        named.write(&named.whole());
        assert!(named.done(&["firewall", "restore"]).contains("stays off"));
    }
}

#[test]
fn a_folder_in_doubt_is_not_guessed() {
    let named = Named::new();
    named.write(&named.broken()[2]);
    for command in ["confirm", "firewall off --yes", "ban 198.51.100.1", "status"] {
        let refused = named.run(&command.split(' ').collect::<Vec<_>>());
        assert_eq!(refused.code(), 1, "{refused:?}");
        assert!(refused.stderr.contains("leave its state folder in doubt"), "{refused:?}");
        assert!(refused.stderr.contains("--state FOLDER"), "{refused:?}");
    }
}

#[test]
fn a_state_that_cannot_be_used_leaves_the_machine_closed() {
    let named = Named::new();
    let _service = Service::on_ports(&named.pair.server.host, &[81, 22]);
    fs::write(named.pair.server.folder.join("kept"), "a disk that is not there").unwrap();
    let failed = named.run(&["firewall", "restore"]);
    assert_eq!(failed.code(), 3, "{failed:?}");
    assert!(failed.stderr.contains("nothing but ssh is reachable meanwhile"), "{failed:?}");
    assert_eq!(named.pair.client.tcp_all(&[both(22)[0], both(81)[0]]), [Reach::Open, Reach::Filtered]);
    let again = named.run(&["firewall", "restore"]);
    assert_eq!(again.code(), 3, "{again:?}");
    fs::remove_file(named.pair.server.folder.join("kept")).unwrap();
    named.done(&["apply", "--yes", "--console", "--no-trial"]);
    assert_eq!(named.pair.client.tcp(both(81)[0]), Reach::Open);
}
