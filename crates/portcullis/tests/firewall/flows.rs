//! Flows that no socket tells: servers of UDP that go on sending, containers. What a plan names is cut, and stays cut.

use crate::machine::Machine;
use crate::pair::{Pair, SERVER, at, both};
use crate::sshd::Sshd;
use serde_json::Value;
use std::net::{SocketAddr, UdpSocket};
use std::process::Command;
use std::time::{Duration, Instant};
use testkit::eventually;
use testkit::lab::container::Bridge;
use testkit::lab::{Flow, Host, Push, Transport};

const OPEN: &str = "[firewall]\ninbound = [\"22/tcp\", \"7000-7001/udp\"]\n";
const CLOSED: &str = "[firewall]\ninbound = [\"22/tcp\"]\n";
const CLOSED_TOO: &str = "[firewall]\ninbound = [\"22/tcp\", \"81/tcp\"]\n";

/// How long silence has to last to be believed.
const SILENCE: Duration = Duration::from_millis(400);
const BLOCK: Duration = Duration::from_millis(10);

/// A server of UDP without a connected socket, and a client of it. Both go on sending.
struct Talk {
    client: UdpSocket,
    server: UdpSocket,
    peer: SocketAddr,
}

impl Talk {
    fn open(client: &Host, to: SocketAddr, server: &Host, own: SocketAddr) -> Self {
        let here = SocketAddr::new(if to.is_ipv4() { [0; 4].into() } else { [0; 16].into() }, 0);
        let server = server.datagrams(own);
        let client = client.run(|| UdpSocket::bind(here).and_then(|one| one.connect(to).map(|()| one)));
        let client = client.unwrap();
        client.send(b"hello").unwrap();
        let (_, peer) = server.recv_from(&mut [0; 8]).unwrap();
        let talk = Self { client, server, peer };
        for socket in [&talk.client, &talk.server] {
            socket.set_read_timeout(Some(BLOCK)).unwrap();
        }
        assert_eq!(talk.hears(), [true; 2]);
        talk
    }

    /// Whether the client hears the server, and the server the client, while both send.
    fn hears(&self) -> [bool; 2] {
        for socket in [&self.client, &self.server] {
            while socket.recv(&mut [0; 8]).is_ok() {}
        }
        let (mut heard, until) = ([false; 2], Instant::now() + SILENCE);
        while Instant::now() < until && heard != [true; 2] {
            // Who may not send is told so.
            let _ = (self.server.send_to(b"push", self.peer), self.client.send(b"more"));
            for (socket, heard) in [&self.client, &self.server].into_iter().zip(&mut heard) {
                *heard |= socket.recv(&mut [0; 8]).is_ok();
            }
        }
        heard
    }
}

/// Connection tracking forgets all flows of UDP, as it does after two minutes of silence.
fn forget(host: &Host) {
    host.finish(Command::new("conntrack").args(["-D", "-p", "udp"]));
}

fn cut(machine: &Machine) -> Vec<Value> {
    machine.json(&["plan", "--json"])["cut"].as_array().unwrap().clone()
}

#[test]
fn a_server_that_goes_on_sending_stays_silent_when_connection_tracking_forgets() {
    let pair = Pair::new(OPEN);
    let machine = &pair.server;
    machine.apply(OPEN);
    let talks = both(7000).map(|to| Talk::open(&pair.client, to, &machine.host, to));
    machine.write(CLOSED);
    let named = cut(machine);
    assert_eq!(named.len(), 2, "{named:?}");
    assert!(named.iter().all(|one| one["protocol"] == "udp" && one["opened_by"] == "peer"), "{named:?}");
    let silent = |when: &str| {
        let heard = [talks[0].hears(), talks[1].hears()];
        assert_eq!(heard, [[false; 2]; 2], "{when}");
    };
    machine.apply(CLOSED);
    silent("the rule is gone");
    forget(&machine.host);
    silent("connection tracking has forgotten the flow");
    machine.apply(CLOSED_TOO);
    forget(&machine.host);
    silent("another policy came");
    // The port is free for whoever else is asked from it.
    for talk in &talks {
        let to = SocketAddr::new(talk.peer.ip(), 7005);
        let other = pair.client.datagrams(to);
        other.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        talk.server.send_to(b"question", to).unwrap();
        let (_, from) = other.recv_from(&mut [0; 8]).unwrap();
        other.send_to(b"answer", from).unwrap();
        eventually("an answer", || talk.server.recv(&mut [0; 8]).is_ok().then_some(()));
    }
    machine.apply(OPEN);
    assert_eq!([talks[0].hears(), talks[1].hears()], [[true; 2]; 2]);
}

#[test]
fn what_containers_have_opened_is_named_and_cut_in_both_directions() {
    let pair = Pair::new("");
    let machine = &pair.server;
    let mut bridge = Bridge::new(&machine.host);
    let web = bridge.container("web");
    let to = |ports: &str| format!("[firewall]\ninbound = [\"22/tcp\"]\ncontainer_outbound = [{ports}]\n");
    machine.apply(&to("\"8000-8003\", \"8100-8103\""));
    let kinds = [Transport::Tcp, Transport::Udp].map(|kind| [(kind, Push::Client), (kind, Push::Server)]);
    let open = |port: u16| -> Vec<Flow> {
        let ports = kinds.concat().into_iter().zip(port..);
        let addresses = |port| [at("192.0.2.10", port), at("2001:db8::10", port)];
        let all = ports.flat_map(|(kind, port)| addresses(port).map(|to| (kind, to)));
        all.map(|(kind, to)| Flow::open(kind, (&web.host, to), (&pair.client, to))).collect()
    };
    let (kept, removed) = (open(8000), open(8100));
    let narrowed = to("\"8000-8003\"");
    machine.write(&narrowed);
    let named = cut(machine);
    assert_eq!(named.len(), 8, "{named:?}");
    assert!(named.iter().all(|one| one["opened_by"] == "behind"), "{named:?}");
    machine.apply(&narrowed);
    assert_eq!(Flow::which_pass(&removed), [false; 8]);
    assert_eq!(Flow::which_pass(&kept), [true; 8]);
}

#[test]
fn a_published_server_that_goes_on_sending_stays_silent() {
    let pair = Pair::new("");
    let machine = &pair.server;
    let mut bridge = Bridge::new(&machine.host);
    let web = bridge.container("web");
    machine.host.nft(&format!(
        "add rule ip nat DOCKER iifname != docker0 udp dport 7000 dnat to {four}:7100\n\
         add rule ip filter DOCKER oifname docker0 ip daddr {four} udp dport 7100 accept\n",
        four = web.four
    ));
    machine.apply(OPEN);
    let own = SocketAddr::new(web.four.into(), 7100);
    let talk = Talk::open(&pair.client, at(SERVER[0], 7000), &web.host, own);
    machine.write(CLOSED);
    let text = machine.done(&["plan"]);
    assert!(text.contains(&format!("  udp  {}", talk.client.local_addr().unwrap())), "{text}");
    machine.apply(CLOSED);
    assert_eq!(talk.hears(), [false; 2]);
    forget(&machine.host);
    assert_eq!(talk.hears(), [false; 2], "the container's datagrams are no first ones of its own");
    machine.apply(OPEN);
    assert_eq!(talk.hears(), [true; 2]);
}

#[test]
fn a_first_plan_says_what_it_closes_and_a_later_one_what_somebody_changed() {
    let pair = Pair::new(CLOSED);
    let machine = &pair.server;
    let _listener = machine.host.listen(at(SERVER[0], 5432));
    let plan = machine.done(&["plan"]);
    assert!(
        plan.contains("listens, and no longer reachable from everywhere\n  192.0.2.1:5432/tcp"),
        "{plan}"
    );
    assert!(plan.contains("tracks no connections yet"), "{plan}");
    machine.apply(CLOSED);
    assert!(!machine.done(&["plan"]).contains("differs"));
    machine.host.nft("delete table inet portcullis");
    let plan = machine.done(&["plan"]);
    assert!(plan.contains("the kernel's table differs from snapshot 1: it is not there"), "{plan}");
}

#[test]
fn a_session_that_its_owner_gives_up_ends_and_does_not_hang() {
    let pair = Pair::new(CLOSED);
    let sshd = Sshd::at(&pair.server.host, "192.0.2.1");
    sshd.wait_for_login(&pair.client);
    pair.server.apply(CLOSED);
    pair.server.write("[firewall]\ninbound = [{ allow = \"ssh\", from = \"198.51.100.7\" }]\n");
    let flags = "apply --yes --no-trial --cut-my-session --close-last-way-in";
    let ended = pair.client.finish(&mut sshd.portcullis(&pair.server, flags));
    assert_eq!(ended.code(), 255, "ssh says that the connection is gone: {ended:?}");
    eventually("the end of the apply", || (pair.server.status()["snapshot"] == 2).then_some(()));
}
