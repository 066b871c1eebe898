//! Who is taken for the caller, case by case.

use super::ancestry::Ancestor;
use super::*;

const ALICE: &str = "192.0.2.1:50001";
const BOB: &str = "192.0.2.2:50002";
const HERE: &str = "198.51.100.1:22";

fn at(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}

fn live(inode: u32, peer: &str) -> Live {
    Live { inode, local: at(HERE), peer: at(peer), opened_by_peer: true }
}

fn process(program: &str) -> Ancestor {
    Ancestor { program: program.to_owned(), ..Ancestor::default() }
}

fn sshd(inode: u32) -> Ancestor {
    Ancestor { sockets: vec![inode], ..process("sshd-session") }
}

fn shell(peer: &str) -> Ancestor {
    let told = SshConnection { peer: at(peer), local: at(HERE) };
    Ancestor { ssh_connection: Some(told), ..process("bash") }
}

fn on_console() -> Ancestor {
    Ancestor { console: true, ..process("login") }
}

struct Case {
    name: &'static str,
    ancestors: Vec<Ancestor>,
    complete: bool,
    /// The peers and whether they are told as the caller's own.
    sessions: &'static [(&'static str, bool)],
    console: bool,
}

fn cases() -> Vec<Case> {
    let case =
        |name, ancestors, sessions, console| Case { name, ancestors, complete: true, sessions, console };
    vec![
        case(
            "the ssh server above sudo",
            vec![process("sudo"), process("bash"), sshd(11)],
            &[(ALICE, true)],
            false,
        ),
        case("the environment above sudo", vec![process("sudo"), shell(BOB)], &[(BOB, true)], false),
        case(
            "an environment that names no live connection",
            vec![shell("192.0.2.9:1")],
            &[(ALICE, false), (BOB, false)],
            false,
        ),
        case(
            "nothing but a service manager",
            vec![process("systemd")],
            &[(ALICE, false), (BOB, false)],
            false,
        ),
        case(
            "tmux, started over a connection that still lives",
            vec![shell(ALICE), process("tmux: server")],
            &[(ALICE, true), (BOB, false)],
            false,
        ),
        case(
            "tmux, started over a connection that ended",
            vec![shell("192.0.2.9:1"), process("tmux: server")],
            &[(ALICE, false), (BOB, false)],
            false,
        ),
        case("the machine's own screen", vec![process("bash"), on_console()], &[], true),
        case("ssh from a screen of another machine", vec![on_console(), sshd(12)], &[(BOB, true)], false),
        Case {
            complete: false,
            ..case(
                "a tree that may not be read whole",
                vec![shell(ALICE)],
                &[(ALICE, true), (BOB, false)],
                false,
            )
        },
    ]
}

#[test]
fn the_caller_is_found_by_what_carries_him() {
    let connections = [live(11, ALICE), live(12, BOB)];
    for case in cases() {
        let ancestry = Ancestry { processes: case.ancestors, complete: case.complete };
        let found = decide(&ancestry, &connections, &BTreeSet::from([22]));
        let sessions: Vec<(SocketAddr, bool)> =
            found.sessions.iter().map(|one| (one.peer, one.own)).collect();
        let expected: Vec<(SocketAddr, bool)> =
            case.sessions.iter().map(|(peer, own)| (at(peer), *own)).collect();
        assert_eq!((sessions, found.console), (expected, case.console), "{}", case.name);
    }
}

#[test]
fn a_tunnel_that_was_opened_from_here_counts_when_an_ancestor_holds_it() {
    let tunnel =
        Live { local: at("198.51.100.1:40000"), opened_by_peer: false, ..live(13, "203.0.113.5:443") };
    let ancestry =
        Ancestry { processes: vec![Ancestor { sockets: vec![13], ..process("agent") }], complete: true };
    let found = decide(&ancestry, &[tunnel], &BTreeSet::from([22]));
    assert_eq!(found.sessions, [tunnel.session(true)]);
    let found = decide(&ancestry, &[live(11, ALICE), tunnel], &BTreeSet::from([22]));
    let sessions = [tunnel.session(true), live(11, ALICE).session(false)];
    assert_eq!(found.sessions, sessions, "it may be the editor's own, and ssh the way in");
    let found = decide(&Ancestry { complete: true, ..Ancestry::default() }, &[tunnel], &BTreeSet::from([22]));
    assert_eq!(found.sessions, [], "others' connections from here are nobody's way in");
}

#[test]
fn sockets_that_nobody_holds_carry_nobody() {
    let ancestry = Ancestry { processes: vec![sshd(0)], complete: true };
    let found = decide(&ancestry, &[live(0, ALICE)], &BTreeSet::from([22]));
    assert_eq!(found.sessions.iter().map(|one| one.own).collect::<Vec<_>>(), [false]);
}
