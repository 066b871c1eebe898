//! Trials: what nobody confirms goes back, whatever became of our processes, and what is confirmed stays.

use crate::machine::Machine;
use crate::pair::{Pair, both};
use crate::session::Door;
use crate::sshd::Sshd;
use rustix::process::Signal;
use std::time::{Duration, Instant};
use testkit::eventually;
use testkit::lab::{Reach, Service};
use testkit::load::kill;

/// How often the lock-out is tried; the number of the environment is for those who want to know.
fn rounds() -> usize {
    std::env::var("PORTCULLIS_TRIALS").map_or(2, |text| text.parse().unwrap())
}

const WITH_SSH: &str = "[firewall]\ninbound = [\"22/tcp\"]\n";
const WITHOUT_SSH: &str =
    "[firewall]\nconfirm = \"2s\"\ninbound = [{ allow = \"ssh\", from = \"198.51.100.7\" }]\n";

#[test]
fn an_apply_that_cuts_ssh_comes_back_with_every_process_of_ours_killed() {
    let pair = Pair::new(WITH_SSH);
    let sshd = Sshd::at(&pair.server.host, "192.0.2.1");
    sshd.wait_for_login(&pair.client);
    pair.server.apply(WITH_SSH);
    for round in 0..rounds() {
        let gate = pair.server.up();
        pair.server.write(WITHOUT_SSH);
        let arguments = "apply --yes --cut-my-session --close-last-way-in";
        let lost = pair.client.start(&mut sshd.portcullis(&pair.server, arguments));
        eventually("ssh is cut", || (pair.client.tcp(both(22)[0]) == Reach::Filtered).then_some(()));
        gate.signal(Signal::KILL);
        drop((gate, lost));
        sshd.wait_for_login(&pair.client);
        println!("round {round}: ssh came back");
    }
    let owned = pair.server.status()["features"]["owned"].take();
    assert_eq!(owned, false, "the command that took it back has ended");
    let history = pair.server.ask(&["history"]).stdout;
    assert_eq!(history.matches("rolled back: nobody confirmed it within").count(), rounds(), "{history}");
    assert_eq!(pair.server.status()["enforced"], true);
}

#[test]
fn a_new_session_confirms_and_an_old_one_does_not() {
    let pair = Pair::new(WITH_SSH);
    let sshd = Sshd::at(&pair.server.host, "192.0.2.1");
    let run = |arguments: &str| pair.client.finish(&mut sshd.portcullis(&pair.server, arguments));
    // Both in one session: the second sees the connection that was there before the change.
    let program = env!("CARGO_BIN_EXE_portcullis");
    let refused = run(&format!("apply --yes --state state && {program} confirm"));
    assert_eq!(refused.code(), 1, "{refused:?}");
    assert!(refused.stderr.contains("was there before the change"), "{refused:?}");
    assert!(refused.stderr.contains("ControlMaster"), "{refused:?}");
    let confirmed = run("confirm");
    assert_eq!(confirmed.code(), 0, "{confirmed:?}");
    assert_eq!(pair.server.status()["snapshot"], 1);
    // The address of a person who came by ssh is known.
    let history = run("history");
    assert!(history.stdout.contains("root from 192.0.2.10"), "{history:?}");
}

/// Two policies that differ in one port, with the operator logged in.
struct Story {
    pair: Pair,
    door: Door,
    _service: Service,
}

const ONE: &str = "[firewall]\nconfirm = \"60s\"\ninbound = [\"22/tcp\", \"81/tcp\"]\n";
const OTHER: &str = "[firewall]\nconfirm = \"60s\"\ninbound = [\"22/tcp\", \"82/tcp\"]\n";

impl Story {
    fn new() -> Self {
        let pair = Pair::new(ONE);
        let door = Door::at(&pair.server.host);
        let service = Service::on_ports(&pair.server.host, &[81, 82]);
        let story = Self { pair, door, _service: service };
        story.machine().apply(ONE);
        story
    }

    fn machine(&self) -> &Machine {
        &self.pair.server
    }

    /// Whether ports 81 and 82 answer.
    fn open(&self) -> [bool; 2] {
        let found = self.pair.client.tcp_all(&[both(81)[0], both(82)[1]]);
        [0, 1].map(|index| found[index] == Reach::Open)
    }

    fn begin(&self) {
        let session = self.door.enter(&self.pair.client, both(22)[0]);
        self.machine().write(OTHER);
        let applied = self.machine().ask_from(&session, &["apply", "--yes"]).expect(0);
        assert!(applied.contains("open a NEW connection"), "{applied}");
        assert_eq!(self.open(), [false, true]);
    }
}

#[test]
fn a_rollback_goes_back_at_once() {
    let story = Story::new();
    story.begin();
    let ended = story.machine().done(&["rollback"]);
    assert_eq!(ended, "snapshot 2 is off trial; in force is snapshot 1\n");
    assert_eq!(story.open(), [true, false]);
}

#[test]
fn a_second_apply_is_refused_while_a_trial_runs() {
    let story = Story::new();
    story.begin();
    for arguments in [&["apply", "--yes", "--console"][..], &["apply", "--yes", "--console", "--no-trial"]] {
        let refused = story.machine().ask(arguments).expect(1);
        let expected =
            "snapshot 2 is on trial: confirm or rollback first\nhint: `portcullis confirm` keeps it";
        assert!(refused.contains(expected) && !refused.contains("compared with"), "{refused}");
    }
    assert_eq!(story.open(), [false, true]);
}

#[test]
fn a_gate_that_starts_during_a_trial_goes_on_with_it() {
    let story = Story::new();
    story.begin();
    let gate = story.machine().up();
    assert_eq!(story.machine().status()["trial"]["snapshot"], 2);
    kill(gate.id());
    assert_eq!(story.open(), [false, true], "without a keeper");
    let next = story.machine().up();
    assert!(next.stderr().contains("the gate of the former keeper serves on"), "{}", next.stderr());
    assert_eq!(story.machine().status()["trial"]["snapshot"], 2);
    assert_eq!(story.open(), [false, true]);
    let session = story.door.enter(&story.pair.client, both(22)[0]);
    story.machine().ask_from(&session, &["confirm"]).expect(0);
    assert_eq!(story.machine().status()["snapshot"], 2);
    assert_eq!(story.open(), [false, true]);
}

#[test]
fn the_first_packets_of_a_gate_are_on_trial_too() {
    let pair = Pair::new(&ONE.replace("60s", "2s"));
    let door = Door::at(&pair.server.host);
    let _service = Service::on_ports(&pair.server.host, &[82]);
    let session = door.enter(&pair.client, both(22)[0]);
    let mut up = pair.server.command(&["up", "--yes", "--threads", "1"]);
    let mut gate = pair.server.host.start(up.env("SSH_CONNECTION", session.variable()));
    gate.wait_for_stderr("its packets are on trial for 2s");
    eventually("the port is closed", || (pair.client.tcp(both(82)[0]) == Reach::Filtered).then_some(()));
    // Nobody confirms, and the gate says so and serves on.
    gate.wait_for_stderr("was rolled back: nobody confirmed it");
    assert_eq!(pair.client.tcp(both(82)[0]), Reach::Open);
    assert_eq!(pair.server.status()["enforced"], false);
}

#[test]
fn a_confirmed_policy_outlives_its_trial() {
    let story = Story::new();
    let session = story.door.enter(&story.pair.client, both(22)[0]);
    story.machine().write(&OTHER.replace("60s", "1s"));
    story.machine().ask_from(&session, &["apply", "--yes"]).expect(0);
    let again = story.door.enter(&story.pair.client, both(22)[1]);
    let confirmed = story.machine().ask_from(&again, &["confirm"]);
    if confirmed.code == 0 {
        assert!(
            confirmed.stderr.starts_with("snapshot 2 is confirmed and stays in force\n"),
            "{confirmed:?}"
        );
        let trial_ended = Instant::now() + Duration::from_millis(1200);
        while Instant::now() < trial_ended {
            assert_eq!(story.open(), [false, true]);
        }
    } else {
        // A machine so busy that the trial was over is told the truth.
        assert!(confirmed.stderr.contains("nobody confirmed it within 1s"), "{confirmed:?}");
    }
}

#[test]
fn a_gate_that_starts_during_the_first_trial_says_so() {
    let pair = Pair::new(WITH_SSH);
    pair.server.done(&["apply", "--yes", "--console"]);
    let mut gate = pair.server.host.start(&mut pair.server.command(&["up", "--threads", "1"]));
    gate.wait_for_stderr("snapshot 1 is on trial for ");
    pair.server.done(&["confirm", "--console"]);
    assert_eq!(pair.server.status()["snapshot"], 1);
}

#[test]
fn at_the_console_the_trial_is_confirmed_there_and_the_claim_is_checked() {
    let pair = Pair::new(WITH_SSH);
    let applied = pair.server.done(&["apply", "--yes", "--console"]);
    assert!(applied.contains("run `portcullis confirm --console` here within 1m"), "{applied}");
    assert!(!applied.contains("NEW connection") && !applied.contains("warning: --console"), "{applied}");
    pair.server.done(&["rollback"]);
    let door = Door::at(&pair.server.host);
    let session = door.enter(&pair.client, both(22)[0]);
    let claim = "--console claims that you sit at the machine, but you are logged in from 192.0.2.10";
    let applied = pair.server.ask_from(&session, &["apply", "--yes", "--console"]).expect(0);
    assert!(applied.contains(claim) && applied.contains("open a NEW connection"), "{applied}");
    let confirmed = pair.server.ask_from(&session, &["confirm", "--console"]).expect(0);
    assert!(confirmed.contains(claim), "{confirmed}");
}

#[test]
fn what_follows_a_trial_that_ended_by_itself_says_so_once() {
    let pair = Pair::new(WITH_SSH);
    pair.server.apply(WITH_SSH);
    pair.server.apply(&WITH_SSH.replace("22/tcp\"", "22/tcp\", \"81/tcp\""));
    let _service = Service::on_ports(&pair.server.host, &[82]);
    pair.server.write(&WITH_SSH.replace("22/tcp\"", "22/tcp\", \"82/tcp\""));
    pair.server.done(&["apply", "--yes", "--console", "--confirm", "1s"]);
    eventually("the trial ends", || (pair.client.tcp(both(82)[0]) == Reach::Filtered).then_some(()));
    let refused = pair.server.ask(&["confirm", "--console"]).expect(1);
    assert_eq!(refused.matches("snapshot 3 was rolled back").count(), 1, "{refused}");
    let back = pair.server.done(&["rollback", "--yes", "--console"]);
    assert!(back.contains("in force is snapshot 2, and this goes back to snapshot 1\n"), "{back}");
}
