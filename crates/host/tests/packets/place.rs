//! A server with four legs, and a client at each of them.

use ipnet::IpNet;
use std::net::IpAddr;
use std::process::Command;
use testkit::lab::{Host, Sender, wire};

/// An interface of the server and who is at its other end.
pub(crate) struct Leg {
    pub(crate) interface: &'static str,
    /// The server's addresses there, without prefix lengths.
    pub(crate) server: [&'static str; 2],
    pub(crate) client: [&'static str; 2],
    lengths: [u8; 2],
}

/// `docker0` is a leg like the others: what it is decides what was observed.
pub(crate) const LEGS: [Leg; 4] = [
    Leg {
        interface: "eth0",
        server: ["192.0.2.1", "2001:db8::1"],
        client: ["192.0.2.10", "2001:db8::10"],
        lengths: [24, 64],
    },
    Leg {
        interface: "eth1",
        server: ["198.18.1.1", "2001:db8:1::1"],
        client: ["198.18.1.10", "2001:db8:1::10"],
        lengths: [24, 64],
    },
    Leg {
        interface: "docker0",
        server: ["172.17.0.1", "fd00:d0c::1"],
        client: ["172.17.0.10", "fd00:d0c::10"],
        lengths: [16, 64],
    },
    Leg {
        interface: "lan0",
        server: ["10.0.0.1", "fd00:a::1"],
        client: ["10.0.0.10", "fd00:a::10"],
        lengths: [24, 64],
    },
];

impl Leg {
    /// The server's addresses with their prefix lengths.
    pub(crate) fn own(&self) -> [String; 2] {
        [0, 1].map(|family| format!("{}/{}", self.server[family], self.lengths[family]))
    }

    /// The same without.
    pub(crate) fn own_addresses(&self) -> [IpAddr; 2] {
        self.server.map(|text| text.parse().expect("an address"))
    }

    /// The broadcast address there.
    pub(crate) fn broadcast(&self) -> IpAddr {
        let net: IpNet = self.own()[0].parse().expect("an address");
        net.broadcast()
    }

    /// The anycast address of the routers there (RFC 4291, 2.6.1), which is the server's too as soon as it forwards.
    pub(crate) fn anycast(&self) -> IpAddr {
        let net: IpNet = self.own()[1].parse().expect("an address");
        net.network()
    }

    /// Everybody else is behind the server, so that what goes to neighbours is seen there too.
    fn others(&self) -> [String; 2] {
        [format!("{}/32", self.client[0]), format!("{}/128", self.client[1])]
    }
}

/// The server and its clients.
pub(crate) struct Place {
    pub(crate) server: Host,
    pub(crate) clients: Vec<Host>,
    pub(crate) senders: Vec<Sender>,
    /// Sends from the server itself.
    pub(crate) out: Sender,
}

impl Place {
    pub(crate) fn new() -> Self {
        let server = Host::new("server");
        let clients: Vec<Host> = LEGS.iter().map(|leg| client(&server, leg)).collect();
        let first = &LEGS[0];
        server.ip(&format!(
            "route add default via {}\nroute add default via {}\n",
            first.client[0], first.client[1]
        ));
        server.forward();
        let senders = clients.iter().map(Sender::new).collect();
        let out = Sender::new(&server);
        Self { server, clients, senders, out }
    }
}

/// Neighbours are known beforehand: a policy may switch neighbor discovery off.
fn client(server: &Host, leg: &Leg) -> Host {
    let client = Host::new(leg.interface);
    let (own, others) = (leg.own(), leg.others());
    wire(client.end("eth0", &[&others[0], &others[1]]), server.end(leg.interface, &[&own[0], &own[1]]));
    let hardware = |host: &Host, interface: &str| {
        let listed = host.output(Command::new("ip").args(["-o", "link", "show", interface]));
        let word = listed.split_whitespace().skip_while(|word| *word != "link/ether").nth(1);
        word.expect("an Ethernet interface has an address").to_owned()
    };
    let (near, far) = (hardware(&client, "eth0"), hardware(server, leg.interface));
    for family in [0, 1] {
        client.ip(&format!(
            "neigh replace {server} lladdr {far} dev eth0 nud permanent\nroute add {server} dev eth0\n\
             route add default via {server}\n",
            server = leg.server[family]
        ));
        server.ip(&format!(
            "neigh replace {} lladdr {near} dev {} nud permanent\n",
            leg.client[family], leg.interface
        ));
    }
    client
}
