//! The story of the proxy and the way around it: an API behind a site, and one behind a stream, which answered to
//! everybody on their own port.

use crate::pair::{Pair, at, both};
use std::process::Command;
use testkit::lab::{Reach, probe};
use testkit::{Program, eventually};

/// Somebody who is neither root nor the gate.
pub(crate) const NOBODY: u32 = 65_534;

/// A site before an API.
pub(crate) fn file(instance: &str) -> String {
    format!(
        r#"
[firewall]
inbound = ["80/tcp", "22/tcp"]

[listen]
http = 80

[log]
access = "off"

[site]
"http://shop.test" = "api"

[service.api]
instances = ["{instance}"]
"#
    )
}

/// The API, on port 8000 of an address of the server.
pub(crate) fn hello(pair: &Pair, address: &str) -> Program {
    let mut hello = pair.server.host.start(&mut pair.server.command(&[
        "hello",
        "--port",
        "8000",
        "--address",
        address,
        "--name",
        "api",
    ]));
    hello.wait_for_stderr("http://");
    hello
}

/// What the site answers the client.
pub(crate) fn site(pair: &Pair) -> String {
    let mut curl = Command::new("curl");
    curl.args(["-sS", "-m", "5", "-H", "Host: shop.test", "http://192.0.2.1/"]);
    pair.client.output(&mut curl)
}

/// How a user of the server reaches the API around the site.
pub(crate) fn around(pair: &Pair, user: u32) -> Reach {
    pair.server.host.run_as(user, || probe::tcp_from_here(at("127.0.0.1", 8000)))
}

#[test]
fn a_service_that_answered_around_the_proxy_is_reached_by_the_gate_alone() {
    let pair = Pair::new(&file("127.0.0.1:8000"));
    let _api = hello(&pair, "0.0.0.0");
    let mut gate = pair.server.up();
    gate.wait_for_stderr("not enforced");
    assert_eq!(pair.client.tcp(both(8000)[0]), Reach::Open, "around the proxy");
    assert_eq!(around(&pair, NOBODY), Reach::Open);

    let applied = pair.server.done(&["apply", "--yes", "--console"]);
    assert!(applied.contains("8000/tcp of service api on this machine: only for root"), "{applied}");
    pair.server.done(&["confirm", "--console"]);
    assert_eq!(pair.client.tcp(both(8000)[0]), Reach::Filtered);
    assert_eq!(around(&pair, NOBODY), Reach::Refused);
    assert!(site(&pair).contains("api"), "the site still works");
    assert!(!gate.stderr().contains("internal error"), "{}", gate.stderr());
}

#[test]
fn a_service_on_the_loopback_is_closed_to_other_users_too() {
    let pair = Pair::new(&file("localhost:8000"));
    let _api = hello(&pair, "127.0.0.1");
    pair.server.apply(&file("localhost:8000"));
    // The gate finds what was confirmed, and serves.
    let mut gate = pair.server.up();
    gate.wait_for_stderr("the packets of snapshot 1 are in force");
    let answer =
        eventually("an answer of the site", || Some(site(&pair)).filter(|text| text.contains("api")));
    assert!(!answer.is_empty());
    assert_eq!(around(&pair, NOBODY), Reach::Refused);
    assert_eq!(pair.client.tcp_all(&[both(80)[0], both(8000)[0]]), [Reach::Open, Reach::Filtered]);
}

#[test]
fn an_instance_of_a_stream_is_reached_by_the_gate_alone_until_a_rule_opens_it() {
    let file = |rules: &str| {
        format!(
            r#"
[firewall]
inbound = ["22/tcp"{rules}]

[log]
access = "off"

[stream.db]
listen = "5432"
instances = ["127.0.0.1:8000"]
"#
        )
    };
    let pair = Pair::new(&file(""));
    let _database = hello(&pair, "127.0.0.1");
    let mut gate = pair.server.up();
    gate.wait_for_stderr("not enforced");
    assert_eq!(around(&pair, NOBODY), Reach::Open);

    let applied = pair.server.done(&["apply", "--yes", "--console"]);
    assert!(applied.contains("- 8000/tcp of stream db on this machine: only for root"), "{applied}");
    pair.server.done(&["confirm", "--console"]);
    assert_eq!(around(&pair, NOBODY), Reach::Refused);
    let through = || {
        let mut curl = Command::new("curl");
        curl.args(["-sS", "-m", "5", "http://192.0.2.1:5432/"]);
        pair.client.output(&mut curl)
    };
    assert!(through().contains("api"), "the stream still works");

    pair.server.write(&file(r#", { allow = "8000/tcp", from = "this-host" }"#));
    let plan = pair.server.done(&["plan"]);
    assert!(plan.contains("+ 8000/tcp of stream db on this machine: for local users too"), "{plan}");
    pair.server.done(&["apply", "--yes", "--console"]);
    assert_eq!(around(&pair, NOBODY), Reach::Open);
    assert_eq!(pair.client.tcp_all(&[both(5432)[0], both(8000)[0]]), [Reach::Open, Reach::Filtered]);
}
