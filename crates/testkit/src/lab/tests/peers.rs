//! The peers run in a host, and nothing of them is seen outside.

use super::peer::{Docker, Firewalld, Ufw};
use super::*;
use std::process::Command;

fn timed<T>(what: &str, work: impl FnOnce() -> T) -> T {
    let started = Instant::now();
    let value = work();
    println!("{what}: {:?}", started.elapsed());
    value
}

/// When the rules of the machine's own ufw changed.
fn modified() -> std::time::SystemTime {
    std::fs::metadata("/etc/ufw").unwrap().modified().unwrap()
}

#[test]
fn ufw_runs_in_a_host_and_only_there() {
    let Pair { client, server } = Pair::new();
    let before = modified();
    let _service = Service::on_ports(&server, &[80, 81]);
    let ufw = timed("ufw enable", || Ufw::in_host(&server));
    timed("ufw allow", || ufw.run(&["allow", "80/tcp"]));
    for index in [0, 1] {
        let targets = [80, 81].map(|port| both(port)[index]);
        assert_eq!(client.tcp_all(&targets), [Reach::Open, Reach::Filtered]);
    }
    timed("ufw reload", || ufw.run(&["reload"]));
    assert!(ufw.run(&["status"]).contains("80/tcp"));
    assert_eq!(modified(), before);
}

#[test]
fn firewalld_runs_in_a_host_and_only_there() {
    let Pair { client, server } = Pair::new();
    let _service = Service::on_ports(&server, &[80, 81]);
    let firewalld = timed("firewalld start", || Firewalld::in_host(&server));
    timed("firewall-cmd", || firewalld.run(&["--permanent", "--add-port=80/tcp"]));
    timed("firewalld reload", || firewalld.run(&["--reload"]));
    for (family, refusal) in [(0, Reach::Refused), (1, Reach::Filtered)] {
        let targets = [80, 81].map(|port| both(port)[family]);
        assert_eq!(client.tcp_all(&targets), [Reach::Open, refusal]);
    }
}

#[test]
fn docker_publishes_a_port_around_ufw() {
    let Pair { client, server } = Pair::new();
    let _ufw = Ufw::in_host(&server);
    let docker = timed("dockerd and image", || Docker::in_host(&server));
    timed("docker run", || docker.serve("web", "8088:80"));
    for target in both(8088) {
        crate::eventually("an answer of the container", || (client.tcp(target) == Reach::Open).then_some(()));
    }
    assert_eq!(client.tcp(both(8089)[0]), Reach::Filtered);
    let answer = client.finish(Command::new("curl").args(["-sS", "-m", "5", "http://192.0.2.1:8088/"]));
    assert_eq!(answer.stdout, "web\n", "{answer:?}");
    // Routed directly, as a neighbour on the same network may.
    for address in docker.addresses("web") {
        crate::eventually("a direct answer", || {
            (client.tcp((address, 80).into()) == Reach::Open).then_some(())
        });
    }
    assert!(docker.in_container("web", &["ip", "address"]).stdout.contains("172.17.0.2"));
    timed("stop", || drop(docker));
}

/// What a comparison needs: the same harness, the same two ports.
fn reloaded(pair: &Pair, what: &str, reload: impl FnOnce()) -> Tally {
    pair.server.sysctl("net/netfilter/nf_conntrack_udp_timeout", "1");
    let ((), tally) = verdicts::prober(pair).during(|| timed(what, reload));
    let (leaked, refused) = (Tally::span(&tally.leaked), Tally::span(&tally.refused));
    println!(
        "{what}: {} sent, {} leaked within {leaked:?}, {} refused within {refused:?}",
        tally.sent,
        tally.leaked.len(),
        tally.refused.len()
    );
    tally
}

#[test]
fn the_harness_sees_that_ufw_opens_the_host_while_it_reloads() {
    let pair = Pair::new();
    let ufw = Ufw::in_host(&pair.server);
    ufw.run(&["allow", "1000/udp"]);
    let tally = reloaded(&pair, "ufw reload", || drop(ufw.run(&["reload"])));
    assert!(!tally.leaked.is_empty(), "{}", tally.sent);
}

#[test]
fn the_harness_measures_a_reload_of_firewalld() {
    let pair = Pair::new();
    let firewalld = Firewalld::in_host(&pair.server);
    firewalld.run(&["--permanent", "--add-port=1000/udp"]);
    firewalld.run(&["--reload"]);
    let tally = reloaded(&pair, "firewalld reload", || drop(firewalld.run(&["--reload"])));
    assert!(tally.sent > 100, "{}", tally.sent);
}

#[test]
fn ufw_takes_many_rules_and_each_of_them_costs() {
    let Pair { client, server } = Pair::new();
    let ufw = Ufw::in_host(&server);
    let mut costs = Vec::new();
    for rules in [10, 1000] {
        timed("ufw reload with rules", || ufw.allow_many(cost::sources_and_ports(rules)));
        costs.push(packet_cost(&client, both(9)[0], 20_000));
    }
    println!("ufw: {costs:?}");
    assert!(costs[1] > costs[0] * 2, "{costs:?}");
}
