//! What rules can say beside a port and a source, and what a change of rules leaves alone.

use crate::pair::{CLIENT, Pair, both};
use crate::session::Door;
use crate::sshd::Sshd;
use std::process::Command;
use testkit::eventually;
use testkit::lab::{Flow, Push, Reach, Service, Transport};

const TCP: (Transport, Push) = (Transport::Tcp, Push::Server);

fn file(rules: &str) -> String {
    format!("[firewall]\ninbound = [\"22/tcp\", {rules}]\n")
}

#[test]
fn a_limit_counts_new_connections_of_each_source() {
    let pair = Pair::new("");
    let _service = Service::on_ports(&pair.server.host, &[81]);
    let rules = |count: u32| file(&format!("{{ allow = \"81\", limit = \"{count}/1h\", id = \"limited\" }}"));
    pair.server.apply(&rules(3));
    for to in both(81) {
        let found: Vec<Reach> = (0..4).map(|_| pair.client.tcp(to)).collect();
        assert_eq!(found, [Reach::Open, Reach::Open, Reach::Open, Reach::Filtered], "{to}");
    }
}

#[test]
fn a_rule_ends_at_its_time_without_anybody_who_takes_it_back() {
    let pair = Pair::new("");
    let _service = Service::on_ports(&pair.server.host, &[81]);
    let mut date = Command::new("date");
    let end = pair.server.host.output(date.args(["--utc", "--date", "+2 seconds", "+%Y-%m-%dT%H:%M:%SZ"]));
    pair.server.apply(&file(&format!("{{ allow = \"81/tcp\", expires = {} }}", end.trim())));
    let [four, six] = both(81);
    eventually("the end of the rule", || (pair.client.tcp(four) == Reach::Filtered).then_some(()));
    assert_eq!(pair.client.tcp(six), Reach::Filtered);
    assert_eq!(pair.server.status()["enforced"], true, "an ended rule is no drift");
}

#[test]
fn what_a_policy_forbids_goes_on_for_as_long_as_it_is_drained() {
    let pair = Pair::new("");
    let both_open = file("\"81\", \"82/tcp\"");
    pair.server.apply(&both_open);
    let to = both(81)[0];
    let flow = Flow::open(TCP, (&pair.client, to), (&pair.server.host, to));
    pair.server.apply(&file("\"82/tcp\"").replace("[firewall]\n", "[firewall]\ndrain = \"1h\"\n"));
    assert!(flow.passes());
    assert_eq!(pair.client.tcp(to), Reach::Filtered, "new ones are refused");
}

#[test]
fn connections_that_stay_allowed_do_not_notice_a_change() {
    let pair = Pair::new("");
    pair.server.apply(&file("\"81\""));
    let to = both(81)[1];
    let flows = [Push::Client, Push::Server].map(|push| {
        let (port, kind) = if push == Push::Client { (81, Transport::Tcp) } else { (81, Transport::Udp) };
        let to = (to.ip(), port).into();
        Flow::open((kind, push), (&pair.client, to), (&pair.server.host, to))
    });
    for port in 90..94 {
        pair.server.apply(&file(&format!("{{ allow = \"81\", from = \"{}\" }}, \"{port}/tcp\"", CLIENT[1])));
        assert_eq!(Flow::which_pass(&flows), [true; 2]);
    }
}

#[test]
fn outbound_rules_are_all_that_goes_out() {
    let pair = Pair::new("");
    let _service = Service::on_ports(&pair.client, &[81, 82]);
    let to = |port: u16| CLIENT.map(|address| crate::pair::at(address, port));
    assert_eq!(pair.server.host.tcp_all(&to(82)), [Reach::Open; 2]);
    pair.server.apply("[firewall]\ninbound = [\"22/tcp\"]\noutbound = [\"81\"]\n");
    assert_eq!(
        pair.server.host.tcp_all(&[to(81), to(82)].concat()),
        [Reach::Open, Reach::Open, Reach::Filtered, Reach::Filtered]
    );
    assert_eq!(pair.server.host.udp_all(&to(81)), [Reach::Open; 2]);
}

#[test]
fn my_ip_is_where_the_operator_came_from() {
    let pair = Pair::new("");
    let _service = Service::on_ports(&pair.server.host, &[81]);
    let door = Door::at(&pair.server.host);
    pair.server.write("[firewall]\ninbound = [\"22/tcp\", { allow = \"81/tcp\", from = \"my-ip\" }]\n");
    let check = || pair.server.ask(&["check"]);
    assert!(check().stdout.contains("`my-ip` in rule"), "nobody has applied it: {:?}", check());
    let session = door.enter(&pair.client, both(22)[0]);
    pair.server.ask_from(&session, &["apply", "--yes"]).expect(0);
    assert!(!check().stdout.contains("`my-ip` in rule"), "{:?}", check());
    assert_eq!(pair.client.tcp_all(&both(81)), [Reach::Open, Reach::Filtered], "one family is proved");
    let session = door.enter(&pair.client, both(22)[1]);
    pair.server.ask_from(&session, &["confirm"]).expect(0);
    pair.server.ask_from(&session, &["apply", "--yes", "--no-trial"]).expect(0);
    assert_eq!(pair.client.tcp_all(&both(81)), [Reach::Open; 2], "each family is remembered");
}

#[test]
fn ssh_needs_no_room_in_the_table_of_connections() {
    let pair = Pair::new("");
    let sshd = Sshd::at(&pair.server.host, "192.0.2.1");
    let _service = Service::on_ports(&pair.server.host, &[81]);
    pair.server.apply(&file("\"81/tcp\""));
    sshd.wait_for_login(&pair.client);
    assert_eq!(pair.client.tcp(both(81)[0]), Reach::Open);
    let tracked = |port: &str| {
        let mut list = Command::new("conntrack");
        pair.server.host.finish(list.args(["-L", "-p", "tcp", "--orig-port-dst", port])).stdout
    };
    assert!(!tracked("81").is_empty());
    assert_eq!(tracked("22"), "");
}
