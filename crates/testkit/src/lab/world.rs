//! The world of the tutorial: two private machines of a cloud with public addresses, a gateway with a machine behind
//! it, and clients at home and elsewhere.
//!
//! ```text
//! home 198.51.100.10 ──┐              ┌── frontend 172.31.44.18, from outside 54.93.10.18
//!                      ├── internet ──┤
//! elsewhere            │              └── payments 172.31.36.5, from outside 54.93.10.5
//! 203.0.113.20 ────────┤
//!                      └── gateway 192.0.2.2 ── inside 10.0.0.10
//! ```
//!
//! As in a cloud, the public IPv4 addresses of the two machines are translated outside of them, so a machine that calls
//! the other by its public address arrives with its own public one. IPv6 is not translated. The gateway forwards and
//! translates nothing until a test tells it to.

use super::host::Host;
use super::wire::wire;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// All hosts, connected.
#[derive(Debug)]
pub struct World {
    /// Routes between all others, and translates the public addresses of the cloud.
    pub internet: Host,
    /// The operator at home: [`HOME`].
    pub home: Host,
    /// Somebody else: [`ELSEWHERE`].
    pub elsewhere: Host,
    /// A machine of the cloud: [`FRONTEND`].
    pub frontend: Host,
    /// Another one: [`PAYMENTS`].
    pub payments: Host,
    /// A host with two legs: [`GATEWAY`] outside on `eth0`, 10.0.0.1 inside on `eth1`.
    pub gateway: Host,
    /// A machine behind the gateway: [`INSIDE`].
    pub inside: Host,
}

/// The addresses of a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// What others on the internet use.
    pub public: Ipv4Addr,
    /// What the host itself has.
    pub own: Ipv4Addr,
    /// The IPv6 address, the same for all.
    pub six: Ipv6Addr,
}

impl Place {
    const fn new(public: [u8; 4], own: [u8; 4], six: [u16; 2]) -> Self {
        let [a, b, c, d] = public;
        let [e, f, g, h] = own;
        Self {
            public: Ipv4Addr::new(a, b, c, d),
            own: Ipv4Addr::new(e, f, g, h),
            six: Ipv6Addr::new(0x2001, 0xdb8, six[0], 0, 0, 0, 0, six[1]),
        }
    }

    /// The two addresses that the internet reaches it by.
    #[must_use]
    pub const fn from_outside(&self) -> [IpAddr; 2] {
        [IpAddr::V4(self.public), IpAddr::V6(self.six)]
    }
}

/// The client at home.
pub const HOME: Place = Place::new([198, 51, 100, 10], [198, 51, 100, 10], [0x51, 0x10]);
/// The client elsewhere.
pub const ELSEWHERE: Place = Place::new([203, 0, 113, 20], [203, 0, 113, 20], [0x113, 0x20]);
/// The machine with the site.
pub const FRONTEND: Place = Place::new([54, 93, 10, 18], [172, 31, 44, 18], [0x31, 0x18]);
/// The machine with the payments.
pub const PAYMENTS: Place = Place::new([54, 93, 10, 5], [172, 31, 36, 5], [0x31, 0x5]);
/// The gateway, from outside.
pub const GATEWAY: Place = Place::new([192, 0, 2, 2], [192, 0, 2, 2], [0x2, 0x2]);
/// The machine behind the gateway, which the internet has no IPv4 way to.
pub const INSIDE: Place = Place::new([10, 0, 0, 10], [10, 0, 0, 10], [0x10, 0x10]);

impl World {
    /// Makes all hosts and connects them.
    ///
    /// # Panics
    /// When the process lacks the rights.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "making a world is an act and not a default")]
    pub fn new() -> Self {
        let world = Self {
            internet: Host::new("internet"),
            home: Host::new("home"),
            elsewhere: Host::new("elsewhere"),
            frontend: Host::new("frontend"),
            payments: Host::new("payments"),
            gateway: Host::new("gateway"),
            inside: Host::new("inside"),
        };
        world.internet.forward();
        world.outside();
        world.cloud();
        world.behind_the_gateway();
        world
    }

    fn outside(&self) {
        let ends = [
            (
                "home",
                &self.home,
                ["198.51.100.1/24", "2001:db8:51::1/64"],
                ["198.51.100.10/24", "2001:db8:51::10/64"],
            ),
            (
                "elsewhere",
                &self.elsewhere,
                ["203.0.113.1/24", "2001:db8:113::1/64"],
                ["203.0.113.20/24", "2001:db8:113::20/64"],
            ),
            (
                "gateway",
                &self.gateway,
                ["192.0.2.1/24", "2001:db8:2::1/64"],
                ["192.0.2.2/24", "2001:db8:2::2/64"],
            ),
        ];
        for (name, host, router, own) in ends {
            wire(self.internet.end(name, &router), host.end("eth0", &own));
            default_route(host, router);
        }
    }

    fn cloud(&self) {
        let router = ["172.31.32.1/20", "2001:db8:31::1/64"];
        let ends = [
            ("frontend", &self.frontend, ["172.31.44.18/20", "2001:db8:31::18/64"]),
            ("payments", &self.payments, ["172.31.36.5/20", "2001:db8:31::5/64"]),
        ];
        for (name, host, own) in ends {
            wire(self.internet.end(name, &[]), host.end("eth0", &own));
        }
        self.internet.bridge("cloud", &router, &["frontend", "payments"]);
        default_route(&self.frontend, router);
        default_route(&self.payments, router);
        self.internet.nft(&translation(&[FRONTEND, PAYMENTS]));
    }

    fn behind_the_gateway(&self) {
        wire(
            self.gateway.end("eth1", &["10.0.0.1/24", "2001:db8:10::1/64"]),
            self.inside.end("eth0", &["10.0.0.10/24", "2001:db8:10::10/64"]),
        );
        default_route(&self.inside, ["10.0.0.1/24", "2001:db8:10::1/64"]);
        self.internet.ip("route add 2001:db8:10::/64 via 2001:db8:2::2");
        self.gateway.forward();
    }
}

fn default_route(host: &Host, router: [&str; 2]) {
    let via = router.map(|address| address.split('/').next().unwrap_or(address));
    host.ip(&format!("route add default via {}\nroute add default via {}\n", via[0], via[1]));
}

/// One public address for one own address, both ways, and also from one machine of the cloud to the other.
fn translation(places: &[Place]) -> String {
    let rules = |key: &str, value: &dyn Fn(&Place) -> (Ipv4Addr, Ipv4Addr)| {
        let pairs: Vec<String> =
            places.iter().map(value).map(|(from, to)| format!("{from} : {to}")).collect();
        format!("{key} map {{ {} }}", pairs.join(", "))
    };
    let inward = rules("dnat to ip daddr", &|place| (place.public, place.own));
    let outward = rules("snat to ip saddr", &|place| (place.own, place.public));
    format!(
        "table ip cloud {{
            chain inward {{ type nat hook prerouting priority -100; {inward}; }}
            chain outward {{ type nat hook postrouting priority 100; ct status dnat {outward};
                oifname != cloud {outward}; }}
        }}\n"
    )
}
