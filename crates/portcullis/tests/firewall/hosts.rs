//! One file for two hosts: each machine finds out which one it is, or is told.

use crate::machine::Machine;
use crate::pair::{Pair, both};
use testkit::lab::{Host, Reach, Service};

const FILE: &str = r#"
[firewall]
inbound = ["22/tcp"]

[group.web]
inbound = ["81/tcp"]

[group.db]
inbound = [{ allow = "82/tcp", from = "web" }]

[host.web-1]
addresses = ["192.0.2.1", "2001:db8::1"]
groups    = ["web"]

[host.db-1]
addresses = ["192.0.2.200"]
groups    = ["db"]
"#;

fn open(pair: &Pair) -> [bool; 2] {
    let found = pair.client.tcp_all(&[both(81)[0], both(82)[0]]);
    [0, 1].map(|index| found[index] == Reach::Open)
}

#[test]
fn a_machine_is_found_by_its_address() {
    let pair = Pair::new(FILE);
    let _service = Service::on_ports(&pair.server.host, &[81, 82]);
    let applied = pair.server.apply(FILE);
    assert!(applied.contains("for host web-1") && !applied.contains("none of the addresses"), "{applied}");
    assert_eq!(open(&pair), [true, false]);
}

#[test]
fn a_machine_is_told_which_host_it_is() {
    let pair = Pair::new(FILE);
    let _service = Service::on_ports(&pair.server.host, &[81, 82]);
    let applied = pair.server.done(&["apply", "--host", "db-1", "--yes", "--console", "--no-trial"]);
    assert!(applied.contains("for host db-1"), "{applied}");
    assert!(applied.contains("warning: none of the addresses of db-1 is on this machine"), "{applied}");
    // Only the members of the other group reach it.
    assert_eq!(open(&pair), [false, false]);
    pair.client.ip("address add 192.0.2.10/24 dev lo\n");
    let refused = pair.server.ask(&["plan", "--host", "db-2"]).expect(1);
    assert!(refused.contains("db-2") && refused.contains("db-1"), "{refused}");
}

#[test]
fn a_machine_that_is_none_of_them_is_refused_with_what_to_do() {
    let machine = Machine::new(&Host::new("stranger"), FILE);
    let refused = machine.ask(&["apply", "--yes", "--console"]).expect(1);
    assert!(refused.contains("--host"), "{refused}");
    assert_eq!(machine.status()["enforced"], false);
}
