//! A gate that finishes its requests has the packets still, and answers for them.

use crate::pair::Pair;
use std::io::Write;
use std::net::{TcpListener, TcpStream};
use testkit::eventually;

#[test]
fn a_gate_that_drains_answers_for_its_packets() {
    let pair = Pair::new("");
    let server = &pair.server;
    let service = server.host.run(|| TcpListener::bind("127.0.0.1:3000").unwrap());
    let gate = "[listen]\naddresses = [\"127.0.0.1\"]\nhttp = 8000\n[limits]\ndrain_timeout = \"100s\"\n\
                [site]\n\"http://a.test\" = \"127.0.0.1:3000\"\n";
    server.apply(&format!("{gate}[firewall]\ninbound = [\"22/tcp\"]\n"));
    let program = server.up();
    let mut client = server.host.run(|| TcpStream::connect("127.0.0.1:8000").unwrap());
    client.write_all(b"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n").unwrap();
    let in_flight = service.accept().unwrap();

    server.ask(&["stop", "--wait", "0"]).expect(0);
    let said = eventually("a status of it", || {
        Some(server.ask(&["status"]).expect(0)).filter(|said| said.contains("gate  draining: "))
    });
    assert!(said.contains("enforced, snapshot 1"), "{said}");
    server.done(&["ban", "198.51.100.77"]);
    assert!(server.done(&["bans"]).contains("198.51.100.77"));

    drop((in_flight, service));
    assert_eq!(program.finish().code(), 0);
    assert_eq!(server.status()["enforced"], true);
    assert!(server.done(&["bans"]).contains("198.51.100.77"));
}
