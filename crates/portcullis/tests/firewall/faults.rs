//! Faults: somebody else changes the packets, the rights are missing, the file has problems.

use crate::machine::Machine;
use crate::pair::{Pair, both};
use std::os::unix::process::CommandExt;
use testkit::lab::{Reach, Service};
use testkit::load::kill;
use testkit::{Program, eventually};

const FILE: &str = "[firewall]\ninbound = [\"22/tcp\", \"81/tcp\"]\n[log]\naccess = \"off\"\n";

struct Story {
    pair: Pair,
    _service: Service,
}

impl Story {
    fn new() -> Self {
        let pair = Pair::new(FILE);
        let service = Service::on_ports(&pair.server.host, &[81, 82]);
        pair.server.apply(FILE);
        Self { pair, _service: service }
    }

    fn machine(&self) -> &Machine {
        &self.pair.server
    }

    fn gate(&self) -> Program {
        let mut gate = self.machine().up();
        gate.wait_for_stderr("the packets of snapshot 1 are in force");
        gate
    }

    fn is_closed(&self) -> bool {
        self.pair.client.tcp_all(&[both(81)[0], both(82)[0]]) == [Reach::Open, Reach::Filtered]
    }

    fn nft(&self, rules: &[&str]) -> testkit::Finished {
        self.machine().host.finish(std::process::Command::new("nft").args(rules))
    }
}

/// Whether the kernel knows owners, so that nobody else can change what the gate owns.
fn has_owner(story: &Story) -> bool {
    let features = &story.machine().status()["features"];
    let can = features["missing"].as_array().unwrap().is_empty();
    assert_eq!(features["owned"], can, "{features}");
    can
}

#[test]
fn nobody_takes_the_packets_away_from_a_running_gate() {
    let story = Story::new();
    let mut gate = story.gate();
    let owned = has_owner(&story);
    let deleted = story.nft(&["delete", "table", "inet", "portcullis"]);
    assert_eq!(owned, deleted.stderr.contains("Operation not permitted"), "{deleted:?}");
    // A ruleset is flushed without what has an owner.
    assert_eq!(story.nft(&["flush", "ruleset"]).code(), 0);
    if !owned {
        gate.wait_for_stderr("are put back");
    }
    eventually("what is closed", || story.is_closed().then_some(()));
    assert_eq!(story.machine().status()["enforced"], true);
}

#[test]
fn a_gate_without_a_firewall_in_its_file_looks_after_what_is_in_force() {
    let story = Story::new();
    assert_eq!(story.nft(&["delete", "table", "inet", "portcullis"]).code(), 0);
    story.machine().write("[log]\naccess = \"off\"\n");
    let mut gate = story.machine().up();
    gate.wait_for_stderr(
        "snapshot 1 are in force and looked after, although portcullis.toml has no [firewall]",
    );
    assert!(story.is_closed());
    let owned = has_owner(&story);
    assert_eq!(story.nft(&["flush", "ruleset"]).code(), 0);
    if !owned {
        gate.wait_for_stderr("are put back");
    }
    eventually("what is closed", || story.is_closed().then_some(()));
}

#[test]
fn a_gate_with_another_state_says_that_it_does_not_look_after_the_packets() {
    let story = Story::new();
    story.machine().write("[log]\naccess = \"off\"\n");
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_portcullis"));
    command.args(["up", "--threads", "1", "--state", "other"]).current_dir(story.machine().folder.path());
    let mut gate = story.machine().host.start(&mut command);
    gate.wait_for_stderr("packets are in force whose state is in another folder");
}

#[test]
fn the_packets_outlive_a_killed_gate_and_the_next_one_owns_them() {
    let story = Story::new();
    let gate = story.gate();
    kill(gate.id());
    assert!(story.is_closed());
    let next = story.gate();
    assert!(next.stderr().contains("the gate of the former keeper serves on"), "{}", next.stderr());
    has_owner(&story);
    assert!(story.is_closed());
}

#[test]
fn what_was_flushed_while_no_gate_ran_is_put_back_and_reported() {
    let story = Story::new();
    assert_eq!(story.nft(&["flush", "ruleset"]).code(), 0);
    assert!(!story.is_closed());
    let status = story.machine().status();
    assert_eq!(status["enforced"], false, "{status}");
    let _gate = story.gate();
    eventually("what is closed", || story.is_closed().then_some(()));
    has_owner(&story);
}

#[test]
fn drift_without_a_gate_is_said_and_repaired_by_restore() {
    let story = Story::new();
    let table = story.machine().done(&["firewall", "show"]);
    let chain = table.lines().find_map(|line| line.trim().strip_prefix("chain ")).unwrap();
    let chain = chain.split(' ').next().unwrap();
    let added = story.nft(&["insert", "rule", "inet", "portcullis", chain, "accept"]);
    assert_eq!(added.code(), 0, "{added:?}");
    let status = story.machine().status();
    assert_eq!(status["enforced"], false, "{status}");
    assert!(status["problems"][0]["text"].as_str().unwrap().contains("changed by somebody else"), "{status}");
    let restored = story.machine().done(&["firewall", "restore"]);
    assert!(restored.contains("snapshot 1 is in force"), "{restored}");
    assert_eq!(story.machine().status()["enforced"], true);
}

#[test]
fn a_foreign_chain_that_defeats_rules_is_reported_once() {
    let story = Story::new();
    story.machine().host.nft(
        "table inet other {\nchain in {\ntype filter hook input priority 0; policy accept;\ntcp dport { 22, 81 } drop\n}\n}\n",
    );
    let status = story.machine().ask(&["status"]).stdout;
    assert!(
        status.matches("table inet other, chain in").count() == 1 && status.contains("(81/tcp)"),
        "{status}"
    );
    let problems = story.machine().status()["problems"].to_string();
    assert!(problems.contains("other") && problems.contains("81"), "{problems}");
    assert!(status.contains("defeats rules ") && status.contains("(22/tcp), "), "{status}");
    let plan = story.machine().done(&["plan"]);
    assert!(plan.contains("warning: ") && plan.contains("firewall adopt"), "{plan}");
}

#[test]
fn without_rights_the_machine_refuses_and_says_why() {
    const NOBODY: u32 = 65_534;
    let pair = Pair::new(FILE);
    let folder = testkit::Folder::new();
    let path = folder.path();
    std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    std::os::unix::fs::chown(path, Some(NOBODY), Some(NOBODY)).expect("this test needs root");
    let file = folder.write("portcullis.toml", FILE);
    std::os::unix::fs::chown(file, Some(NOBODY), Some(NOBODY)).unwrap();
    for arguments in [&["apply", "--yes", "--console"][..], &["firewall", "restore"], &["confirm"]] {
        let mut command = pair.server.command(arguments);
        let refused = pair.server.host.finish(command.current_dir(path).uid(NOBODY).gid(NOBODY));
        assert_eq!(refused.code(), 3, "{arguments:?}: {refused:?}");
        assert!(refused.stderr.contains("right"), "{arguments:?}: {refused:?}");
        assert!(refused.stderr.contains("hint: "), "{arguments:?}: {refused:?}");
    }
    let mut status = pair.server.command(&["status"]);
    let status = pair.server.host.finish(status.current_dir(path).uid(NOBODY).gid(NOBODY));
    assert_eq!(status.code(), 3, "{status:?}");
    assert!(status.stdout.contains("not known"), "{status:?}");
}

#[test]
fn a_file_with_problems_changes_nothing() {
    let story = Story::new();
    let before = story.machine().done(&["firewall", "show"]);
    story.machine().write("[firewall]\ninbound = [\"82/tpc\", { allow = \"83/tcp\", from = \"ofice\" }]\n");
    let refused = story.machine().ask(&["apply", "--yes", "--console"]).expect(1);
    for word in ["82/tpc", "ofice", "nothing is changed"] {
        assert!(refused.contains(word), "{word} in {refused}");
    }
    assert_eq!(rules(&story.machine().done(&["firewall", "show"])), rules(&before));
    assert!(story.is_closed());
}

/// A table without what it counts.
fn rules(table: &str) -> String {
    table.lines().filter(|line| !line.trim_start().starts_with("counter ")).collect()
}

#[test]
fn a_reload_refuses_packets_that_change() {
    let story = Story::new();
    let _gate = story.gate();
    story.machine().write(&FILE.replace("\"81/tcp\"", "\"81/tcp\", \"82/tcp\""));
    let refused = story.machine().ask(&["reload"]).expect(1);
    assert!(
        refused.contains(
            "packets would change, and a reload changes only sites and services: + 82/tcp from anywhere\n"
        ),
        "{refused}"
    );
    assert!(refused.contains("`portcullis apply` puts all of it in force"), "{refused}");
    assert!(story.is_closed());
    let upstream = "[site]\n\"http://a.test:81\" = \"127.0.0.1:3001\"\n";
    story.machine().write(&format!("{FILE}\n{upstream}"));
    let refused = story.machine().ask(&["reload"]).expect(1);
    assert!(refused.contains("- 3001/tcp of service 127.0.0.1:3001 on this machine"), "{refused}");
    // A site is no packet where its port is open already.
    story.machine().write(&format!("{FILE}\n[listen]\nhttp = 81\n"));
    assert!(story.machine().ask(&["reload"]).code <= 1);
}
