//! Ports of local services that only the gate may connect to.

use crate::kernel::Kernel;
use crate::place::Place;
use crate::text::{GATE, canonical, plan};
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use testkit::lab::probe::{self, SILENCE};
use testkit::lab::{Reach, Service};

const TEXT: &str = r#"
[site]
"http://shop.example" = "app"
[service.app]
instances = ["localhost:3000"]
[firewall]
"#;

#[test]
fn a_closed_local_port_is_for_the_gate_alone() {
    let place = Place::new();
    let _service = Service::on_ports(&place.server, &[3000, 3001]);
    let mut kernel = Kernel::with(&place.server, &canonical(&plan(TEXT)));
    let locals: [SocketAddr; 3] =
        ["127.0.0.1:3000", "[::1]:3000", "192.0.2.1:3000"].map(|text| text.parse().expect("an address"));
    for local in locals {
        let started = Instant::now();
        assert_eq!(place.server.run_as(1000, || probe::tcp_from_here(local)), Reach::Refused, "{local}");
        assert_eq!(place.server.tcp(local), Reach::Refused, "root to {local}");
        assert!(started.elapsed() < SILENCE.min(Duration::from_millis(400)), "at once");
        assert_eq!(place.server.run_as(GATE, || probe::tcp_from_here(local)), Reach::Open, "{local}");
    }
    let open = "127.0.0.1:3001".parse().expect("an address");
    assert_eq!(place.server.run_as(1000, || probe::tcp_from_here(open)), Reach::Open, "not a service's");
    assert!(kernel.count("frame_local") >= 6);
    let outside = "192.0.2.1:3000".parse().expect("an address");
    assert_eq!(place.clients[0].tcp(outside), Reach::Filtered);
}
