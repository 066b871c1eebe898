//! The other commands: rules edited from the command line, the history, the way back, switched off, the status.

use crate::pair::{CLIENT, Pair, both};
use std::fs;
use testkit::lab::{Reach, Service};

const FILE: &str = "# the gate of this machine\n[firewall]\n# who gets in\ninbound = [\n  \"22/tcp\", # admins\n  \"81/tcp\",\n]\n";

fn story() -> (Pair, Service) {
    let pair = Pair::new(FILE);
    let service = Service::on_ports(&pair.server.host, &[81, 82, 83]);
    pair.server.apply(FILE);
    (pair, service)
}

/// Which of the ports 81, 82 and 83 answer.
fn open(pair: &Pair) -> [bool; 3] {
    let found = pair.client.tcp_all(&[both(81)[0], both(82)[0], both(83)[0]]);
    [0, 1, 2].map(|index| found[index] == Reach::Open)
}

#[test]
fn allow_and_revoke_change_the_file_and_keep_its_comments() {
    let (pair, _service) = story();
    let file = || fs::read_to_string(pair.server.folder.join("portcullis.toml")).unwrap();
    let said = pair.server.done(&["allow", "82/tcp", "--from", CLIENT[0], "--note", "for a while"]);
    assert!(said.contains("portcullis apply"), "{said}");
    let text = file();
    for comment in ["# the gate of this machine", "# who gets in", "# admins", "for a while"] {
        assert!(text.contains(comment), "{comment} in {text}");
    }
    assert_eq!(open(&pair), [true, false, false], "saving changes nothing");
    pair.server.done(&["apply", "--yes", "--console", "--no-trial"]);
    assert_eq!(open(&pair), [true, true, false]);

    pair.server.done(&["revoke", "82/tcp"]);
    pair.server.done(&["apply", "--yes", "--console", "--no-trial"]);
    assert_eq!(open(&pair), [true, false, false]);
    assert_eq!(file(), FILE);

    let refused = pair.server.ask(&["allow", "82/tpc"]);
    assert_ne!(refused.code, 0, "{refused:?}");
    let refused = pair.server.ask(&["revoke", "84/tcp"]).expect(1);
    assert!(refused.contains("no inbound rule says `84/tcp`"), "{refused}");
    assert_eq!(file(), FILE);
}

#[test]
fn allow_and_revoke_take_the_risks_of_the_apply_that_follows() {
    let (pair, _service) = story();
    let sshd = crate::sshd::Sshd::at(&pair.server.host, "192.0.2.1");
    pair.server.done(&["allow", "82/tcp", "--apply", "--yes", "--console", "--no-trial"]);
    assert_eq!(open(&pair), [true, true, false]);
    pair.server.apply(&FILE.replace("\"22/tcp\"", "{ allow = \"22/tcp\", from = \"192.0.2.10\" }"));
    let refused = pair.server.ask(&["revoke", "22/tcp", "--apply", "--yes", "--console"]).expect(1);
    assert!(refused.contains("warning: ssh on port 22 would be open to anywhere"), "{refused}");
    assert!(refused.contains("`--open-ssh`"), "{refused}");
    assert!(refused.contains("the file keeps the change, and nothing of it is in force"), "{refused}");
    pair.server.done(&["apply", "--yes", "--console", "--no-trial", "--open-ssh"]);
    sshd.wait_for_login(&pair.client);
}

#[test]
fn a_rule_is_taken_back_by_the_number_that_the_status_gives_it() {
    let (pair, _service) = story();
    let with_site = FILE.replace("[firewall]", "[site]\n\"a.test\" = \"localhost:3000\"\n[firewall]");
    pair.server.apply(&with_site);
    let rules = pair.server.status()["rules"].clone();
    let rules = rules.as_array().unwrap();
    let number = |text: &str| {
        let index = rules.iter().position(|rule| rule["text"].as_str().unwrap().contains(text));
        (index.unwrap() + 1).to_string()
    };
    let status = pair.server.done(&["status"]);
    assert!(status.contains(&format!("{}       81-tcp-", number("81/tcp"))), "{status}");
    for (wrong, said) in [
        ("0".to_owned(), "there is no rule 0: `portcullis status` numbers them from 1 to 4"),
        ("5".to_owned(), "there is no rule 5"),
        (number("443"), "not a rule of the file"),
    ] {
        let refused = pair.server.ask(&["revoke", "--number", &wrong]).expect(1);
        assert!(refused.contains(said), "{refused}");
    }
    let revoked = pair.server.done(&["revoke", "--number", &number("81/tcp")]);
    assert!(revoked.contains("is gone from [firewall]: \"81/tcp\""), "{revoked}");
    // The number goes on to mean the rule that is in force, and not the one that follows it.
    let again = pair.server.ask(&["revoke", "--number", &number("81/tcp")]).expect(1);
    assert!(again.contains("not a rule of the file"), "{again}");
    let plan = pair.server.done(&["plan"]);
    assert!(plan.contains("- allow 81/tcp from anywhere  81-tcp-"), "{plan}");
    pair.server.done(&["apply", "--yes", "--console", "--no-trial"]);
    assert_eq!(open(&pair), [false; 3]);
    let shown = pair.server.done(&["firewall", "show"]);
    assert!(shown.contains("# rule ssh-"), "{shown}");
    let history = pair.server.done(&["history"]);
    assert!(history.contains("-81-tcp-"), "{history}");
}

#[test]
fn the_history_tells_what_became_of_each_apply_and_leads_back() {
    let (pair, _service) = story();
    pair.server.apply(&FILE.replace("81/tcp", "82/tcp"));
    pair.server.apply(&FILE.replace("81/tcp", "83/tcp"));
    assert_eq!(open(&pair), [false, false, true]);
    let history = pair.server.json(&["history", "--json"]);
    assert_eq!(history["confirmed"], 3, "{history}");
    assert_eq!(history["entries"].as_array().unwrap().len(), 3, "{history}");

    let plan = pair.server.done(&["rollback", "1", "--yes", "--console"]);
    assert!(plan.contains("snapshot 1, compared with snapshot 3"), "{plan}");
    assert!(plan.contains("becomes reachable\n  + 81/tcp  from anywhere"), "{plan}");
    assert_eq!(open(&pair), [true, false, false]);
    pair.server.done(&["confirm", "--console"]);
    let text = pair.server.done(&["history"]);
    assert!(text.contains("*  4") && text.contains("snapshot 1"), "{text}");
    assert_eq!(open(&pair), [true, false, false]);
    let refused = pair.server.ask(&["rollback", "99", "--yes", "--console"]).expect(1);
    assert!(refused.contains("there is no snapshot 99"), "{refused}");
}

#[test]
fn off_says_what_becomes_open_and_asks() {
    let (pair, _service) = story();
    let declined = pair.server.ask(&["firewall", "off"]);
    assert_ne!(declined.code, 0);
    assert!(declined.stderr.contains("82/tcp") && declined.stderr.contains("--yes"), "{declined:?}");
    assert_eq!(open(&pair), [true, false, false]);
    pair.server.done(&["firewall", "off", "--yes"]);
    assert_eq!(open(&pair), [true; 3]);
    let status = pair.server.status();
    assert_eq!(status["enforced"], false);
    assert!(status["problems"][0]["text"].as_str().unwrap().contains("switched off"), "{status}");
    let shown = pair.server.ask(&["firewall", "show"]).expect(1);
    assert!(shown.contains("there is no table of ours"), "{shown}");
    pair.server.apply(FILE);
    assert_eq!(open(&pair), [true, false, false]);
}

#[test]
fn the_status_counts_what_was_admitted_and_what_was_refused() {
    let (pair, _service) = story();
    assert_eq!(open(&pair), [true, false, false]);
    let _gate = pair.server.up();
    let status = pair.server.status();
    assert_eq!(status["enforced"], true, "{status}");
    assert_eq!(status["snapshot"], 1, "{status}");
    let rules = status["rules"].as_array().unwrap();
    let of = |text: &str| rules.iter().find(|rule| rule["text"].as_str().unwrap().contains(text)).unwrap();
    assert!(of("81/tcp")["packets"].as_u64().unwrap() > 0, "{status}");
    assert_eq!(of("22/tcp")["packets"], 0, "{status}");
    let refused = status["refused"].as_array().unwrap();
    let no_rule = refused.iter().find(|one| one["reason"] == "no rule admits it").unwrap();
    assert!(no_rule["packets"].as_u64().unwrap() >= 2, "{status}");
    let text = pair.server.done(&["status"]);
    for part in ["enforced, snapshot 1, 2 rules", "allow 81/tcp from anywhere", "no rule admits it"] {
        assert!(text.contains(part), "{part} in {text}");
    }
}

#[test]
fn the_status_says_that_no_gate_runs_and_ends_as_the_manual_says() {
    let (pair, _service) = story();
    let shown = pair.server.ask(&["status"]);
    assert_eq!((shown.code, shown.stderr.as_str()), (0, ""), "{shown:?}");
    assert!(shown.stdout.starts_with("firewall\n  state "), "{shown:?}");
    assert!(shown.stdout.ends_with("\n\ngate  not running (start: `portcullis up`)\n"), "{shown:?}");
    assert_eq!(pair.server.json(&["status", "--json"])["gate"], "not running (start: `portcullis up`)");
    let gate = pair.server.up();
    let shown = pair.server.done(&["status"]);
    assert!(shown.starts_with("firewall\n  state ") && shown.contains("\n\ngate  running\n"), "{shown}");
    drop(gate);
    pair.server.done(&["firewall", "off", "--yes"]);
    let shown = pair.server.ask(&["status"]);
    assert_eq!((shown.code, shown.stderr.as_str()), (1, ""), "{shown:?}");
    assert!(shown.stdout.contains("NOT enforced"), "{shown:?}");
}

#[test]
fn the_table_is_shown_as_it_is_and_as_it_would_be() {
    let (pair, _service) = story();
    let shown = pair.server.done(&["firewall", "show"]);
    assert!(shown.contains("81 : ") && !shown.contains("82 : "), "{shown}");
    pair.server.write(&FILE.replace("81/tcp", "82/tcp"));
    let planned = pair.server.done(&["firewall", "show", "--planned"]);
    assert!(planned.contains("82 : ") && !planned.contains("81 : "), "{planned}");
    assert_eq!(open(&pair), [true, false, false]);
}

#[test]
fn nothing_changes_where_nothing_is_different() {
    let (pair, _service) = story();
    let plan = pair.server.done(&["plan"]);
    assert!(plan.contains("nothing changes"), "{plan}");
    let planned = pair.server.json(&["plan", "--json"]);
    assert_eq!(planned["packets_change"], false, "{planned}");
}

#[test]
fn certificates_of_a_gate_without_a_file_are_listed() {
    let pair = Pair::new("");
    let sites = ["up", "a.test=localhost:3000", "b.test=localhost:3001", "--threads", "1"];
    let mut gate = pair.server.host.start(&mut pair.server.command(&sites));
    gate.wait_for_socket(&pair.server.folder.join("state/admin/socket"));
    let list = pair.server.done(&["cert", "list"]);
    for site in ["a.test", "b.test"] {
        assert!(list.lines().any(|line| line.starts_with(&format!("{site}  own authority  2"))), "{list}");
    }
    assert!(pair.server.done(&["cert", "show", "b.test"]).contains("sha-256"));
}
