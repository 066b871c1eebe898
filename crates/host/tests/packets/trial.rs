//! A policy on trial: the kernel goes back by itself.

use crate::kernel::Kernel;
use crate::place::{LEGS, Place};
use crate::text::inbound;
use std::net::SocketAddr;
use std::time::Duration;
use testkit::eventually;
use testkit::lab::{Flow, Push, Reach, Service, Transport};

const OLD: &str = r#"{ allow = "7000-7001", id = "old" }"#;
const NEW: &str = r#"{ allow = "7002-7003", id = "new" }"#;
const TRIAL: Duration = Duration::from_secs(3);

fn both(port: u16) -> [SocketAddr; 2] {
    LEGS[0].own_addresses().map(|address| SocketAddr::new(address, port))
}

/// Whether the old policy is in force, and whether the new one is, in each family.
fn in_force(place: &Place) -> [Vec<Reach>; 2] {
    [7000, 7002].map(|port| place.clients[0].tcp_all(&both(port)))
}

fn old() -> [Vec<Reach>; 2] {
    [vec![Reach::Open; 2], vec![Reach::Filtered; 2]]
}

fn new() -> [Vec<Reach>; 2] {
    [vec![Reach::Filtered; 2], vec![Reach::Open; 2]]
}

#[test]
fn the_kernel_goes_back_when_nobody_confirms() {
    let place = Place::new();
    let mut kernel = Kernel::with(&place.server, &inbound(&[OLD]));
    let _service = Service::on_ports(&place.server, &[7000, 7002]);
    let port = both(7001)[0];
    let flow = Flow::open((Transport::Udp, Push::Server), (&place.clients[0], port), (&place.server, port));
    kernel.try_out(&inbound(&[NEW]), TRIAL);
    assert_eq!(in_force(&place), new());
    assert!(!flow.passes(), "the policy on trial is in force for what goes on too");
    eventually("the old policy", || (in_force(&place) == old()).then_some(()));
    assert!(flow.passes(), "nothing is lost but time");
}

#[test]
fn a_confirmed_policy_stays() {
    let place = Place::new();
    let mut kernel = Kernel::with(&place.server, &inbound(&[OLD]));
    let _service = Service::on_ports(&place.server, &[7000, 7002]);
    kernel.try_out(&inbound(&[NEW]), TRIAL);
    assert_eq!(in_force(&place), new());
    kernel.confirm(&inbound(&[NEW]));
    let (state, ()) = (in_force(&place), std::thread::sleep(TRIAL));
    assert_eq!(state, new());
    assert_eq!(in_force(&place), new(), "after the time of the trial");
}

#[test]
fn a_trial_can_be_called_off() {
    let place = Place::new();
    let mut kernel = Kernel::with(&place.server, &inbound(&[OLD]));
    let _service = Service::on_ports(&place.server, &[7000, 7002]);
    kernel.try_out(&inbound(&[NEW]), Duration::from_secs(60));
    assert_eq!(in_force(&place), new());
    kernel.call_off();
    assert_eq!(in_force(&place), old());
}
