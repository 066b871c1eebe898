//! The caller found by the connection that an ancestor of his process holds.

use crate::namespace::{HERE, THERE, at, in_namespace, tcp, two_ends};
use host::operator::operator;
use std::net::TcpListener;
use std::process::{Command, Stdio};

#[test]
fn a_connection_that_an_ancestor_holds_is_the_callers_own() {
    in_namespace("operator::a_connection_that_an_ancestor_holds_is_the_callers_own", || {
        two_ends();
        let listener = TcpListener::bind(at(&format!("{HERE}:0"))).expect("a listener");
        let (client, server) = tcp(at(&format!("{THERE}:0")), &listener);
        let mut caller =
            Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::null()).spawn().expect("a process");
        let found = operator(caller.id()).expect("sockets");
        drop(caller.stdin.take());
        caller.wait().expect("its end");
        let server = (server.local_addr().expect("an address"), client.local_addr().expect("an address"));
        let own = found.sessions.iter().find(|one| (one.local, one.peer) == server).expect("the session");
        assert!(own.own && own.opened_by_peer, "{own:?}");
    });
}

#[test]
fn a_process_that_has_ended_has_no_session_of_its_own() {
    in_namespace("operator::a_process_that_has_ended_has_no_session_of_its_own", || {
        let mut caller = Command::new("true").spawn().expect("a process");
        caller.wait().expect("its end");
        let found = operator(caller.id()).expect("sockets");
        assert!(found.sessions.is_empty() && !found.console, "{found:?}");
    });
}
