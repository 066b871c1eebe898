//! A gateway: sources that leave with its address, ports that lead inside.

use crate::kernel::Kernel;
use crate::text::{canonical, plan};
use std::net::{IpAddr, SocketAddr};
use testkit::lab::world::{ELSEWHERE, GATEWAY, INSIDE, World};
use testkit::lab::{Flow, Push, Reach, Service, Transport};

const GATE: &str = r#"
[firewall]
[nat]
inside = "eth1"
masquerade = "10.0.0.0/24"
"#;
const FORWARD: &str = r#"forward = [
    { port = "8443/tcp", to = "10.0.0.10:443", from = "198.51.100.0/24" },
    { port = "9000-9001/udp", to = "10.0.0.10" },
]"#;

#[test]
fn the_inside_leaves_with_the_address_of_the_gateway() {
    let world = World::new();
    let to = SocketAddr::from((ELSEWHERE.own, 80));
    let listener = world.elsewhere.listen(to);
    assert_eq!(world.inside.tcp(to), Reach::Filtered, "without translation no answer finds back");
    let _kernel = Kernel::with(&world.gateway, &canonical(&plan(GATE)));
    drop(listener);
    let listener = world.elsewhere.listen(to);
    assert_eq!(world.inside.tcp(to), Reach::Open);
    let (_, peer) = listener.accept().expect("a connection");
    assert_eq!(peer.ip(), IpAddr::V4(GATEWAY.own));
    assert_eq!(world.home.tcp((INSIDE.six, 80).into()), Reach::Filtered, "nobody comes in by the way");
}

#[test]
fn a_forwarded_port_leads_inside_for_those_whom_the_rule_names() {
    let world = World::new();
    let mut kernel = Kernel::with(&world.gateway, &canonical(&plan(&format!("{GATE}{FORWARD}"))));
    let _service = Service::on_ports(&world.inside, &[443]);
    let to = SocketAddr::from((GATEWAY.public, 8443));
    assert_eq!(world.home.who_answers(to).as_deref(), Some("inside"));
    assert_eq!(world.elsewhere.tcp(to), Reach::Filtered, "the rule does not name it");
    let kinds = [(Push::Client, 9000_u16), (Push::Server, 9001)];
    let flows = kinds.map(|(push, port)| {
        let (to, at) = ((GATEWAY.public, port).into(), (INSIDE.own, port).into());
        Flow::open((Transport::Udp, push), (&world.home, to), (&world.inside, at))
    });
    assert_eq!(Flow::which_pass(&flows), [true; 2]);
    kernel.put(&canonical(&plan(GATE)));
    assert_eq!(Flow::which_pass(&flows), [false; 2]);
    assert_eq!(world.home.tcp((GATEWAY.public, 8443).into()), Reach::Filtered);
}
