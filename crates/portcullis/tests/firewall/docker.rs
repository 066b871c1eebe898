//! Published ports of containers, which walk around other firewalls.

use crate::pair::{Pair, at, both};
use std::net::SocketAddr;
use std::process::Command;
use std::thread;
use testkit::eventually;
use testkit::lab::peer::{Docker, Ufw};
use testkit::lab::{Reach, Service};

const CLOSED: &str = "[firewall]\ninbound = [\"22/tcp\"]\n";
const NAMED: &str = "[firewall]\ninbound = [\"22/tcp\", \"8088/tcp\"]\n";

/// The published port over both families, and the container itself over both, as a neighbour may who has a route.
fn ways(docker: &Docker, name: &str, published: u16) -> Vec<SocketAddr> {
    let [four, six] = both(published);
    let direct = docker.addresses(name).map(|address| (address, 80).into());
    [four, six].into_iter().chain(direct).collect()
}

fn wait_for(pair: &Pair, ways: &[SocketAddr]) {
    for way in ways {
        eventually("an answer of the container", || (pair.client.tcp(*way) == Reach::Open).then_some(()));
    }
}

/// Whether a container gets an answer from an address.
fn fetches(docker: &Docker, name: &str, url: &str) -> bool {
    docker.in_container(name, &["curl", "-sS", "-m", "5", "-o", "/dev/null", url]).status.success()
}

fn web(pair: &Pair, address: &str) -> testkit::Program {
    let mut hello = Command::new(env!("CARGO_BIN_EXE_portcullis"));
    let mut program = pair.client.start(hello.args(["hello", "--port", "8000", "--address", address]));
    program.wait_for_stderr("http://");
    program
}

#[test]
fn a_published_port_is_closed_until_a_rule_names_it_where_ufw_leaves_it_open() {
    thread::scope(|scope| {
        scope.spawn(ufw_leaves_it_open);
        scope.spawn(ours_closes_it);
    });
}

fn ufw_leaves_it_open() {
    let pair = Pair::new("");
    let _ufw = Ufw::in_host(&pair.server.host);
    let docker = Docker::in_host(&pair.server.host);
    docker.serve("web", "8088:80");
    wait_for(&pair, &ways(&docker, "web", 8088));
}

fn ours_closes_it() {
    let pair = Pair::new(CLOSED);
    let docker = Docker::in_host(&pair.server.host);
    docker.serve("web", "8088:80");
    let ways = ways(&docker, "web", 8088);
    wait_for(&pair, &ways);

    pair.server.apply(CLOSED);
    assert_eq!(pair.client.tcp_all(&ways), [Reach::Filtered; 4]);

    // A container that is published afterwards is closed as well.
    docker.serve("late", "8089:80");
    let late = self::ways(&docker, "late", 8089);
    eventually("the late container", || {
        fetches(&docker, "web", &format!("http://{}/", late[2])).then_some(())
    });
    assert_eq!(pair.client.tcp_all(&late), [Reach::Filtered; 4]);

    // Containers go out, and reach each other, over both families.
    let _four = web(&pair, "0.0.0.0");
    let _six = web(&pair, "2001:db8::10");
    assert!(fetches(&docker, "web", "http://192.0.2.10:8000/"));
    for container in &late[2..] {
        assert!(fetches(&docker, "web", &format!("http://{container}/")), "{container}");
    }

    // A network that is made later is one of containers as well, once the gate has seen it.
    let _gate = pair.server.up();
    docker.run(&["network", "create", "other"]);
    docker.run(&["run", "--detach", "--name", "away", "--network", "other", "lab", "/bin/sleep", "1000"]);
    eventually("the way out of another network", || {
        fetches(&docker, "away", "http://192.0.2.10:8000/").then_some(())
    });

    // A container does not get in where nobody gets in.
    let _service = Service::on_ports(&pair.server.host, &[9000]);
    assert!(!fetches_at_once(&docker, "172.17.0.1:9000"));

    pair.server.apply(NAMED);
    let named = pair.client.tcp_all(&ways);
    assert_eq!(named[..2], [Reach::Open; 2], "by the published port");
    assert_eq!(named[2..], [Reach::Filtered; 2], "the rule names the port that the client uses");
    assert_eq!(pair.client.tcp_all(&late), [Reach::Filtered; 4]);
    assert_eq!(pair.client.tcp(at("192.0.2.1", 9000)), Reach::Filtered);
}

fn fetches_at_once(docker: &Docker, address: &str) -> bool {
    let url = format!("telnet://{address}");
    docker
        .in_container("web", &["curl", "-sS", "--connect-timeout", "1", "-m", "1", &url])
        .stdout
        .contains("server")
}
