//! Bans, deny lists and grants: live changes, and they outlive every new policy.

use crate::pair::{CLIENT, Pair, both};
use crate::session::Door;
use testkit::eventually;
use testkit::lab::{Flow, Push, Reach, Service, Transport};

const FILE: &str = "[firewall]\ninbound = [\"22/tcp\", \"81\"]\n";

fn story() -> (Pair, Service) {
    let pair = Pair::new(FILE);
    let service = Service::on_ports(&pair.server.host, &[81, 82]);
    pair.server.apply(FILE);
    (pair, service)
}

/// Waits until port 81 answers over both families. Who was banned was no neighbour either, and IPv6 takes its time to
/// ask for one again.
fn wait_for_both(pair: &Pair) {
    eventually("both families", || (pair.client.tcp_all(&both(81)) == [Reach::Open; 2]).then_some(()));
}

/// Flows over IPv4 that end when nothing of the client comes in any more. What a server pushes over UDP does not.
fn flows(pair: &Pair) -> Vec<Flow> {
    let kinds =
        [(Transport::Tcp, Push::Client), (Transport::Tcp, Push::Server), (Transport::Udp, Push::Client)];
    let open = |(kind, port): ((Transport, Push), u16)| {
        let to = both(port)[0];
        Flow::open(kind, (&pair.client, to), (&pair.server.host, to))
    };
    kinds.into_iter().zip(83..).map(open).collect()
}

#[test]
fn a_ban_cuts_at_once_and_an_unban_lets_in_again() {
    let (pair, _service) = story();
    pair.server.apply(&FILE.replace("\"81\"", "\"81\", \"83-86\""));
    let flows = flows(&pair);
    let banned = pair.server.done(&["ban", CLIENT[0], "--note", "a test"]);
    assert_eq!(banned, "1 source banned, 1 ban in all\n");
    assert_eq!(pair.client.tcp_all(&both(81)), [Reach::Filtered, Reach::Open]);
    // What was on its way may still arrive.
    eventually("the end of every flow", || (Flow::which_pass(&flows) == [false; 3]).then_some(()));

    // A prefix of the other family as well, beside what is banned already.
    pair.server.done(&["ban", "2001:db8::10/124", "--permanent"]);
    assert_eq!(pair.client.tcp_all(&both(81)), [Reach::Filtered; 2]);
    let listed = pair.server.done(&["bans"]);
    for line in ["192.0.2.10", "2001:db8::10/124", "a test", "never"] {
        assert!(listed.contains(line), "{line} in {listed}");
    }
    assert_eq!(pair.server.json(&["bans", "--json"]).as_array().unwrap().len(), 2);

    // A new policy keeps them.
    pair.server.apply(FILE);
    assert_eq!(pair.client.tcp_all(&both(81)), [Reach::Filtered; 2]);
    assert_eq!(pair.server.status()["bans"], 2);

    pair.server.done(&["unban", CLIENT[0]]);
    assert_eq!(pair.client.tcp_all(&both(81)), [Reach::Open, Reach::Filtered]);
    pair.server.done(&["unban", "--all"]);
    wait_for_both(&pair);
    assert_eq!(pair.server.done(&["bans"]), "nobody is banned\n");
    let refused = pair.server.ask(&["unban", "192.0.2.99"]).expect(1);
    assert!(refused.contains("192.0.2.99 is not banned"), "{refused}");
}

#[test]
fn a_file_of_bans_is_taken_as_a_whole_or_not_at_all() {
    let (pair, _service) = story();
    pair.server.folder.write("list", "192.0.2.10\n198.51.100.0/24 # a range\n\n2001:db8::10\n");
    let banned = pair.server.done(&["ban", "--file", "list"]);
    assert!(banned.contains("3 sources banned"), "{banned}");
    assert_eq!(pair.client.tcp_all(&both(81)), [Reach::Filtered; 2]);
    pair.server.done(&["unban", "--all"]);
    wait_for_both(&pair);
    pair.server.folder.write("list", "192.0.2.10\nnobody\n");
    let refused = pair.server.ask(&["ban", "--file", "list"]).expect(1);
    assert!(refused.contains("line 2: this is neither"), "{refused}");
    assert_eq!(pair.client.tcp_all(&both(81)), [Reach::Open; 2]);
}

#[test]
fn a_deny_list_is_refused_before_any_rule() {
    let (pair, _service) = story();
    pair.server.folder.write("blocklist.txt", "192.0.2.10\n");
    let file = FILE.replace("[firewall]\n", "[firewall]\ndeny = [\"./blocklist.txt\", \"203.0.113.0/24\"]\n");
    pair.server.write(&file);
    let plan = pair.server.done(&["plan"]);
    assert!(plan.contains("denied before any rule"), "{plan}");
    pair.server.apply(&file);
    assert_eq!(pair.client.tcp_all(&both(81)), [Reach::Filtered, Reach::Open]);
}

#[test]
fn a_grant_opens_a_port_for_one_address_and_is_taken_back() {
    let (pair, _service) = story();
    let [four, six] = both(82);
    assert_eq!(pair.client.tcp_all(&[four, six]), [Reach::Filtered; 2]);
    let granted = pair.server.done(&["grant", "82", "--from", CLIENT[0], "--for", "2h"]);
    assert_eq!(granted, "82/tcp for 192.0.2.10 is open for 2h\n");
    assert_eq!(pair.client.tcp_all(&[four, six]), [Reach::Open, Reach::Filtered]);
    assert_eq!(pair.client.udp(four), Reach::Filtered);
    // It survives a new policy.
    pair.server.apply(&FILE.replace("81", "80"));
    assert_eq!(pair.client.tcp(four), Reach::Open);
    assert!(pair.server.done(&["grant"]).contains("82/tcp  192.0.2.10"));
    pair.server.done(&["grant", "82", "--from", CLIENT[0], "--revoke"]);
    assert_eq!(pair.client.tcp(four), Reach::Filtered);
    assert_eq!(pair.server.done(&["grant"]), "nothing is granted\n");
}

#[test]
fn a_ban_has_the_last_word_over_a_grant() {
    let (pair, _service) = story();
    pair.server.done(&["grant", "82", "--from", CLIENT[0]]);
    pair.server.done(&["ban", CLIENT[0]]);
    assert_eq!(pair.client.tcp(both(82)[0]), Reach::Filtered);
}

#[test]
fn nobody_bans_the_address_that_they_are_logged_in_from() {
    let (pair, _service) = story();
    let door = Door::at(&pair.server.host);
    let session = door.enter(&pair.client, both(22)[0]);
    for source in [CLIENT[0], "192.0.2.8/29"] {
        let refused = pair.server.ask_from(&session, &["ban", source, "198.51.100.1"]).expect(1);
        assert!(refused.contains(CLIENT[0]), "{refused}");
    }
    assert_eq!(pair.server.done(&["bans"]), "nobody is banned\n");
    assert_eq!(pair.client.tcp(both(81)[0]), Reach::Open);
}

#[test]
fn a_grant_without_an_address_is_for_who_asks() {
    let (pair, _service) = story();
    let refused = pair.server.ask(&["grant", "82"]).expect(2);
    assert!(refused.contains("--from ADDRESS names it"), "{refused}");
    let door = Door::at(&pair.server.host);
    let session = door.enter(&pair.client, both(22)[1]);
    let granted = pair.server.ask_from(&session, &["grant", "82/udp", "--for", "30m"]).expect(0);
    assert_eq!(granted, "82/udp for 2001:db8::10 is open for 30m\n");
    assert_eq!(pair.client.udp_all(&both(82)), [Reach::Filtered, Reach::Open]);
    assert_eq!(pair.client.tcp(both(82)[1]), Reach::Filtered);
}

#[test]
fn an_error_of_a_deny_list_names_the_line_of_the_list_and_where_the_file_names_it() {
    let (pair, _service) = story();
    pair.server.folder.write("blocklist.txt", "192.0.2.10\n\nnobody\n");
    pair.server.write(
        "[firewall]\ninbound = [\"22/tcp\"]\ndeny = [\n  \"203.0.113.0/24\",\n  \"./blocklist.txt\",\n]\n",
    );
    for command in [&["check"][..], &["plan"], &["apply", "--yes", "--console"]] {
        let said = pair.server.ask(command);
        let said = said.stdout + &said.stderr;
        assert!(said.contains("line 3: this is neither an address nor a prefix"), "{said}");
        assert!(said.contains("portcullis.toml, line 5)"), "{said}");
    }
}
