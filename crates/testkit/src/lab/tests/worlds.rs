//! The ready-made world and its containers.

use super::world::{ELSEWHERE, FRONTEND, GATEWAY, HOME, INSIDE, PAYMENTS};
use super::*;

fn peer_seen(server: &Host, at: SocketAddr, client: &Host, to: SocketAddr) -> IpAddr {
    let listener = server.listen(at);
    let _stream = client.run(|| std::net::TcpStream::connect_timeout(&to, crate::PATIENCE)).unwrap();
    listener.accept().unwrap().1.ip()
}

#[test]
fn the_world_is_connected_as_it_says() {
    let started = Instant::now();
    let world = World::new();
    println!("a world in {:?}", started.elapsed());
    let services = [
        (&world.frontend, "frontend"),
        (&world.payments, "payments"),
        (&world.gateway, "gateway"),
        (&world.inside, "inside"),
    ];
    let _listening: Vec<_> = services.iter().map(|(host, _)| Service::on_ports(host, &[80])).collect();
    for client in [&world.home, &world.elsewhere, &world.frontend] {
        for (place, name) in [(PAYMENTS, "payments"), (GATEWAY, "gateway")] {
            for address in place.from_outside() {
                let answer = client.who_answers((address, 80).into());
                assert_eq!(answer.as_deref(), Some(name), "{} to {address}", client.name());
            }
        }
    }
    assert_eq!(world.frontend.who_answers((PAYMENTS.own, 80).into()).as_deref(), Some("payments"));
    assert_eq!(world.home.who_answers((INSIDE.six, 80).into()).as_deref(), Some("inside"));
    assert_eq!(world.home.who_answers((INSIDE.own, 80).into()), None);
}

#[test]
fn the_cloud_translates_addresses_as_a_cloud_does() {
    let world = World::new();
    let at = |address: std::net::Ipv4Addr| SocketAddr::from((address, 81));
    let seen = peer_seen(&world.payments, at(PAYMENTS.own), &world.home, at(PAYMENTS.public));
    assert_eq!(seen, HOME.own);
    let seen = peer_seen(&world.payments, at(PAYMENTS.own), &world.frontend, at(PAYMENTS.own));
    assert_eq!(seen, FRONTEND.own, "by the private address");
    let seen = peer_seen(&world.payments, at(PAYMENTS.own), &world.frontend, at(PAYMENTS.public));
    assert_eq!(seen, FRONTEND.public, "by the public address");
    let seen = peer_seen(&world.elsewhere, at(ELSEWHERE.own), &world.frontend, at(ELSEWHERE.own));
    assert_eq!(seen, FRONTEND.public, "outward");
}

#[test]
fn flows_go_through_the_translation_of_the_cloud() {
    let world = World::new();
    let kinds =
        [(Transport::Tcp, Push::Server), (Transport::Udp, Push::Client), (Transport::Udp, Push::Server)];
    let flow = |(port, kind): (u16, _)| {
        let (to, at) = ((PAYMENTS.public, port).into(), (PAYMENTS.own, port).into());
        Flow::open(kind, (&world.home, to), (&world.payments, at))
    };
    let flows: Vec<_> = (7000..).zip(kinds).map(flow).collect();
    assert_eq!(Flow::which_pass(&flows), [true; 3]);
}

#[test]
fn a_published_port_reaches_its_container() {
    let world = World::new();
    let mut bridge = container::Bridge::new(&world.frontend);
    let (web, other) = (bridge.container("web"), bridge.container("other"));
    let _service = Service::on_ports(&web.host, &[80]);
    let _outside = Service::on_ports(&world.elsewhere, &[80]);
    bridge.publish(8088, &web, 80);
    for address in FRONTEND.from_outside() {
        assert_eq!(world.home.who_answers((address, 8088).into()).as_deref(), Some("web"), "{address}");
        assert_eq!(world.home.tcp((address, 80).into()), Reach::Refused);
    }
    for inside in web.at(80) {
        assert_eq!(other.host.who_answers(inside).as_deref(), Some("web"), "from the other container");
    }
    assert_eq!(web.host.who_answers((ELSEWHERE.own, 80).into()).as_deref(), Some("elsewhere"));
}

#[test]
fn a_host_and_its_wires_end_with_a_panic() {
    let client = Host::new("client");
    let panicked = std::panic::catch_unwind(|| {
        let server = Host::new("server");
        wire(client.end("eth0", &["192.0.2.10/24"]), server.end("eth0", &["192.0.2.1/24"]));
        panic!("as a test does that fails");
    });
    assert!(panicked.is_err());
    let there =
        || client.finish(std::process::Command::new("ip").args(["link", "show", "eth0"])).status.success();
    crate::eventually("the end of the wire", || (!there()).then_some(()));
}

#[test]
fn programs_run_in_the_host() {
    let host = Host::new("alone");
    let mut list = std::process::Command::new("ip");
    assert!(!host.output(list.args(["-brief", "link"])).contains("eth0"));
    let entered = std::process::Command::new("nsenter")
        .arg(format!("--net={}", host.path()))
        .args(["readlink", "/proc/self/ns/net"])
        .output()
        .unwrap();
    let inside = host.output(std::process::Command::new("readlink").arg("/proc/self/ns/net"));
    assert_eq!(String::from_utf8_lossy(&entered.stdout), inside);
}
