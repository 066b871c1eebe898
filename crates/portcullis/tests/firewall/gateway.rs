//! A gateway: private machines behind one public address, which go out, and are reached by forwarded ports alone.

use crate::machine::Machine;
use std::net::SocketAddr;
use testkit::lab::world::{GATEWAY, HOME, INSIDE};
use testkit::lab::{Reach, Service, World};

const FILE: &str = r#"
[firewall]
inbound = [{ allow = "ssh", from = "198.51.100.10" }]

[nat]
inside     = ["eth1"]
masquerade = ["10.0.0.0/24"]
forward    = [
  { port = "8080/tcp", to = "10.0.0.10:80" },
  { port = "8081/tcp", to = "10.0.0.10:81", from = "198.51.100.10" },
]
"#;

#[test]
fn private_machines_go_out_and_are_reached_by_forwarded_ports_alone() {
    let world = World::new();
    let _inside = Service::on_ports(&world.inside, &[80, 81, 82]);
    let _home = Service::on_ports(&world.home, &[80]);
    let _gateway = Service::on_ports(&world.gateway, &[22, 82]);
    let machine = Machine::new(&world.gateway, FILE);
    let out: SocketAddr = (HOME.public, 80).into();
    assert_eq!(world.inside.tcp(out), Reach::Filtered, "nothing translates its address");
    machine.apply(FILE);
    assert_eq!(world.inside.who_answers(out).as_deref(), Some("home"));
    assert_eq!(world.inside.udp(out), Reach::Open);
    assert_eq!(world.inside.tcp((HOME.six, 80).into()), Reach::Open);

    let at = |port: u16| SocketAddr::from((GATEWAY.public, port));
    assert_eq!(world.elsewhere.who_answers(at(8080)).as_deref(), Some("inside"));
    assert_eq!(world.home.who_answers(at(8081)).as_deref(), Some("inside"));
    let closed = [at(8081), at(22), at(82), at(80), (INSIDE.six, 80).into(), (INSIDE.six, 8080).into()];
    assert_eq!(world.elsewhere.tcp_all(&closed), [Reach::Filtered; 6]);
    assert_eq!(world.home.tcp(at(22)), Reach::Open);

    // Somebody on the outside who routes to the private network gets no further.
    world.internet.ip("route add 10.0.0.0/24 via 192.0.2.2");
    assert_eq!(world.elsewhere.tcp((INSIDE.own, 80).into()), Reach::Filtered);
    // What is not translated any more is not admitted either.
    machine.apply(&FILE.replace("  { port = \"8080/tcp\", to = \"10.0.0.10:80\" },\n", ""));
    assert_eq!(world.elsewhere.tcp(at(8080)), Reach::Filtered);
    assert_eq!(world.home.who_answers(at(8081)).as_deref(), Some("inside"));
}
