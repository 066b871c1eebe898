//! What is refused because it would lock somebody out, and by which name it is done all the same.

use crate::pair::{Pair, both};
use crate::session::Door;
use crate::sshd::Sshd;

#[test]
fn a_policy_that_cuts_the_own_session_is_refused_with_the_flag_named() {
    let file = "[firewall]\ninbound = [{ allow = \"22/tcp\", from = \"198.51.100.0/24\" }]\n";
    let pair = Pair::new(file);
    let door = Door::at(&pair.server.host);
    for address in both(22) {
        let session = door.enter(&pair.client, address);
        let refused = pair.server.ask_from(&session, &["apply", "--yes"]).expect(1);
        assert!(refused.contains("your own session would be cut: no rule admits 22/tcp from"), "{refused}");
        assert!(refused.contains("`--cut-my-session`"), "{refused}");
    }
    assert_eq!(pair.server.status()["enforced"], false);
    // Somebody who is logged in otherwise is not asked to give up anything.
    pair.server.done(&["apply", "--yes", "--console"]);
}

#[test]
fn a_rule_for_an_interface_keeps_the_session_that_comes_in_by_it() {
    let rule =
        |interface: &str| format!("[firewall]\ninbound = [{{ allow = \"ssh\", on = \"{interface}\" }}]\n");
    let pair = Pair::new(&rule("eth1"));
    pair.server.host.ip("link add eth1 type veth peer name far1\nlink set eth1 up\nlink set far1 up\naddr add 198.51.100.1/24 dev eth1\n");
    let door = Door::at(&pair.server.host);
    for address in both(22) {
        let session = door.enter(&pair.client, address);
        let refused = pair.server.ask_from(&session, &["apply", "--yes"]).expect(1);
        assert!(refused.contains("your own session would be cut"), "{refused}");
    }
    pair.server.write(&rule("eth0"));
    for address in both(22) {
        let session = door.enter(&pair.client, address);
        pair.server.ask_from(&session, &["apply", "--yes"]).expect(0);
        pair.server.ask_from(&session, &["rollback"]).expect(0);
    }
}

#[test]
fn a_policy_that_closes_the_last_way_in_is_refused_with_the_flag_named() {
    let file = "[firewall]\ninbound = [{ allow = \"ssh\", from = \"empty\" }]\n[network]\nempty = []\n";
    let pair = Pair::new(file);
    let sshd = Sshd::at(&pair.server.host, "192.0.2.1");
    let run = |arguments: &str| pair.client.finish(&mut sshd.portcullis(&pair.server, arguments));
    let refused = run("apply --yes --cut-my-session");
    assert_eq!(refused.code(), 1, "{refused:?}");
    assert!(
        refused.stderr.contains("no way in would be left: nobody may reach ssh on port 22"),
        "{refused:?}"
    );
    assert!(refused.stderr.contains("`--close-last-way-in`"), "{refused:?}");
}

#[test]
fn where_it_is_not_known_how_somebody_is_connected_nothing_is_changed() {
    let pair = Pair::new("[firewall]\ninbound = [\"ssh\"]\n");
    let refused = pair.server.ask(&["apply", "--yes"]).expect(1);
    assert!(refused.contains("it is not known how you are connected"), "{refused}");
    assert!(refused.contains("--console"), "{refused}");
    assert_eq!(pair.server.status()["enforced"], false);
}

#[test]
fn sshd_stays_open_where_no_rule_names_it() {
    let pair = Pair::new("[firewall]\n");
    let sshd = Sshd::at(&pair.server.host, "192.0.2.1");
    let run = |arguments: &str| pair.client.finish(&mut sshd.portcullis(&pair.server, arguments));
    let applied = run("apply --yes");
    assert_eq!(applied.code(), 0, "{applied:?}");
    sshd.wait_for_login(&pair.client);
    let confirmed = run("confirm");
    assert_eq!(confirmed.code(), 0, "{confirmed:?}");
    sshd.wait_for_login(&pair.client);
}
