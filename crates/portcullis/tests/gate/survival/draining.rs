//! A service that ends, and a keeper that is stuck: what commands are told meanwhile.

use super::stop;
use crate::running::{Gate, Hello};
use rustix::process::Signal;
use testkit::eventually;

fn up() -> (Gate, Hello) {
    let hello = Hello::start("app");
    let site =
        format!("[limits]\ndrain_timeout = \"100s\"\n[site]\n\"http://a.test\" = \"{}\"\n", hello.address);
    (Gate::up(&site), hello)
}

#[test]
fn a_gate_that_finishes_requests_is_said_to_and_takes_no_order_any_more() {
    let (gate, _hello) = up();
    let mut slow = gate.raw();
    slow.send("POST /echo HTTP/1.1\r\nHost: a.test\r\nContent-Length: 4\r\n\r\nab");
    eventually("a request in flight", || (gate.status()["connections"] == 1).then_some(()));
    assert_eq!(gate.ask(&["stop", "--wait", "0"]).code(), 0);
    let status = eventually("a status of it", || {
        Some(gate.ask(&["status"])).filter(|status| status.stdout.contains("gate  draining: "))
    });
    assert_eq!(status.code(), 0, "{}{}", status.stdout, status.stderr);
    for order in ["reload", "upgrade"] {
        let refused = gate.ask(&[order]);
        assert_eq!(refused.code(), 1, "{order}: {}{}", refused.stdout, refused.stderr);
        assert!(refused.stderr.starts_with("error: the gate is ending\n"), "{order}: {}", refused.stderr);
    }
    slow.send("cd");
    assert_eq!(slow.response("POST").status, 200);
    let (finished, _) = gate.finish();
    assert_eq!(finished.code(), 0, "{}", finished.stderr);
}

#[test]
fn a_keeper_that_is_stuck_is_named_and_does_not_do_later_what_was_given_up() {
    let (gate, _hello) = up();
    let keeper = gate.id();
    gate.signal(Signal::STOP);
    let given_up = gate.ask(&["stop"]);
    assert_eq!(given_up.code(), 3, "{}", given_up.stderr);
    let silent = format!("error: the keeper (process {keeper}) at state/admin/socket has not answered for ");
    assert!(given_up.stderr.starts_with(&silent), "{}", given_up.stderr);
    gate.signal(Signal::CONT);
    // Where the gate is of the keeper's user, nobody is obeyed who has ended.
    let dropped = "the admin socket refused a process that has ended";
    eventually("its word that it was dropped", || gate.stderr().contains(dropped).then_some(()));
    assert_eq!(gate.get("a.test", "/").status, 200);
    stop(&gate, &[keeper]);
}
