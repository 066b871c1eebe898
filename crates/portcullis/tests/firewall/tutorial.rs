//! The story of security groups on real packets: two machines of a cloud, one file, and the internet.

use crate::machine::Machine;
use crate::session::{Door, Session};
use std::net::{IpAddr, SocketAddr};
use testkit::lab::world::{ELSEWHERE, FRONTEND, PAYMENTS, Place};
use testkit::lab::{Flow, Host, Push, Reach, Service, Transport, World};

const FLOWS: [(Transport, Push); 4] = [
    (Transport::Tcp, Push::Client),
    (Transport::Tcp, Push::Server),
    (Transport::Udp, Push::Client),
    (Transport::Udp, Push::Server),
];

/// One file for both machines. `rule` is what the payments admit besides ssh.
fn file(rule: &str) -> String {
    format!(
        r#"
[firewall]
confirm = "60s"

[group.frontend]
inbound = [{{ allow = "http" }}, {{ allow = "ssh", from = ["198.51.100.10"] }}]

[group.payment]
description = "created for payments; the public may not connect"
inbound = [{{ allow = "ssh", from = ["198.51.100.10"] }}, {rule}]

[host.web-1]
addresses = ["172.31.44.18", "2001:db8:31::18"]
public    = ["54.93.10.18"]
groups    = ["frontend"]

[host.pay-1]
addresses = ["172.31.36.5", "2001:db8:31::5"]
public    = ["54.93.10.5"]
groups    = ["payment"]
"#
    )
}

/// A machine of the cloud, with the operator logged in from home.
struct Kept {
    machine: Machine,
    door: Door,
    session: Session,
    place: Place,
}

impl Kept {
    fn new(world: &World, host: &Host, place: Place) -> Self {
        let door = Door::at(host);
        let session = door.enter(&world.home, (place.public, 22).into());
        Self { machine: Machine::new(host, &file("")), door, session, place }
    }

    fn plan(&self, file: &str) -> String {
        self.machine.write(file);
        self.machine.ask_from(&self.session, &["plan"]).expect(0)
    }

    fn apply(&self, file: &str) -> String {
        self.machine.write(file);
        self.machine.ask_from(&self.session, &["apply", "--yes"]).expect(0)
    }

    /// Logs in anew, and confirms there.
    fn confirm(&self, world: &World) -> String {
        let session = self.door.enter(&world.home, (self.place.public, 22).into());
        self.machine.ask_from(&session, &["confirm"]).expect(0)
    }
}

/// The payments' port 8080, from outside over both families.
fn payments() -> [SocketAddr; 2] {
    PAYMENTS.from_outside().map(|address| (address, 8080).into())
}

fn open(client: &Host, to: SocketAddr, server: &Host, port: u16) -> Vec<Flow> {
    let own: IpAddr = if to.is_ipv4() { PAYMENTS.own.into() } else { PAYMENTS.six.into() };
    let open = |(kind, port): ((Transport, Push), u16)| {
        Flow::open(kind, (client, (to.ip(), port).into()), (server, (own, port).into()))
    };
    FLOWS.into_iter().zip(port..).map(open).collect()
}

#[test]
fn a_group_opens_a_service_to_a_group_and_cuts_everybody_else() {
    let world = World::new();
    let _web = Service::on_ports(&world.frontend, &[80, 8080]);
    let _payment = Service::on_ports(&world.payments, &[8080]);
    let web = Kept::new(&world, &world.frontend, FRONTEND);
    let pay = Kept::new(&world, &world.payments, PAYMENTS);

    // Nothing is open but what the groups say; both machines know by their addresses which host they are.
    assert!(web.plan(&file("")).contains("for host web-1"));
    for kept in [&web, &pay] {
        kept.apply(&file(""));
        kept.confirm(&world);
    }
    let site = [(FRONTEND.public, 80).into(), (FRONTEND.public, 8080).into(), (FRONTEND.public, 22).into()];
    assert_eq!(world.elsewhere.tcp_all(&site), [Reach::Open, Reach::Filtered, Reach::Filtered]);
    assert_eq!(world.home.tcp(site[2]), Reach::Open);
    assert_eq!(world.home.tcp_all(&payments()), [Reach::Filtered; 2]);

    // Opened to everybody.
    let opened = file(r#"{ allow = "8080-8099" }"#);
    let plan = pay.plan(&opened);
    assert!(plan.contains("becomes reachable\n  + 8080-8099/tcp  from anywhere\n"), "{plan}");
    assert!(!plan.contains("no longer reachable"), "{plan}");
    pay.apply(&opened);
    pay.confirm(&world);
    let private: SocketAddr = (PAYMENTS.own, 8080).into();
    assert_eq!(world.elsewhere.tcp_all(&payments()), [Reach::Open; 2]);
    assert_eq!(world.elsewhere.udp_all(&payments()), [Reach::Open; 2]);
    assert_eq!(world.frontend.tcp_all(&[private, payments()[0]]), [Reach::Open; 2]);

    // Open connections, of those who may stay and of those who may not.
    let strangers: Vec<Flow> = [(payments()[0], 8081), (payments()[1], 8085)]
        .into_iter()
        .flat_map(|(to, port)| open(&world.elsewhere, to, &world.payments, port))
        .collect();
    let members = open(&world.frontend, private, &world.payments, 8090);

    // The source becomes the group.
    let narrowed = file(r#"{ allow = "8080-8099", from = "frontend" }"#);
    let plan = pay.plan(&narrowed);
    assert!(plan.contains("no longer reachable\n  - 8080-8099/tcp  from"), "{plan}");
    assert!(plan.contains("cut once it is confirmed"), "{plan}");
    assert_eq!(cut(&plan), [2, 2, 0], "{plan}");
    pay.apply(&narrowed);
    let confirmed = pay.confirm(&world);
    assert_eq!(cut(&confirmed), [2, 2, 0], "{confirmed}");

    assert_eq!(world.frontend.tcp(private), Reach::Open);
    assert_eq!(world.frontend.udp(private), Reach::Open);
    // By its public address the frontend arrives as a stranger.
    assert_eq!(world.frontend.tcp(payments()[0]), Reach::Filtered);
    for client in [&world.elsewhere, &world.home] {
        assert_eq!(client.tcp_all(&payments()), [Reach::Filtered; 2]);
        assert_eq!(client.udp_all(&payments()), [Reach::Filtered; 2]);
    }
    assert_eq!(Flow::which_pass(&strangers), [false; 8]);
    assert_eq!(Flow::which_pass(&members), [true; 4]);
    let resets = strangers.iter().filter(|flow| flow.was_reset()).count();
    assert!(resets >= 4, "the server's ends of TCP are closed, and not only deaf: {resets}");
}

/// How many TCP connections a text lists as cut: of the stranger over IPv4 and over IPv6, and of the frontend.
fn cut(text: &str) -> [usize; 3] {
    let peers =
        [format!("{}:", ELSEWHERE.public), format!("[{}]:", ELSEWHERE.six), format!("{}:", FRONTEND.own)];
    peers.map(|peer| text.lines().filter(|line| line.starts_with(&format!("  tcp  {peer}"))).count())
}
