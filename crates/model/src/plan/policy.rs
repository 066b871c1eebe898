//! Who may reach what, as the file says it: groups, networks, hosts and rules. Names are declared ones.
//!
//! What the names mean on one machine is decided in the `firewall` crate, which also takes what was observed there.

use super::site::Place;
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

/// The policy of every host that the file names.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// `[firewall]`; without it no packet is touched.
    pub firewall: Option<Firewall>,
    /// `[group.NAME]`, in the order of the file.
    pub groups: Vec<Group>,
    /// `[network]`, in the order of the file.
    pub networks: Vec<Network>,
    /// `[host.NAME]`, in the order of the file; empty when the file is about this machine alone.
    pub hosts: Vec<Host>,
    /// `[nat]`: this host is a gateway for others.
    pub nat: Option<Nat>,
}

/// The name of a group, a network, a host or a service, declared in the file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Name(pub String);

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The name of a network interface: 1 to 15 bytes without blank, slash or NUL (`dev_valid_name` of the kernel).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct InterfaceName(pub String);

impl fmt::Display for InterfaceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How many seconds a trial may take, in the file and on the command line.
pub const TRIAL_SECONDS: RangeInclusive<u64> = 1..=3600;

/// `[firewall]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Firewall {
    /// How long a new policy is on trial.
    pub confirm: Duration,
    /// Rules for the machine that reads the file, whatever groups it carries.
    pub inbound: Vec<Rule>,
    /// What this machine may reach; `None` says nothing, so it stays open unless a carried group has `outbound`.
    pub outbound: Option<Vec<Rule>>,
    /// Sources that are refused before any rule is asked.
    pub deny: Vec<Peer>,
    /// Where the files among them are named.
    pub deny_files: BTreeMap<PathBuf, Place>,
    /// Interfaces of containers, where they are not recognised by their names; a `*` at the end stands for any rest.
    pub containers: Vec<String>,
    /// What containers may reach; `None` is everything.
    pub container_outbound: Option<Vec<Rule>>,
    /// Essentials that are switched off.
    pub without: Vec<Essential>,
    /// How long connections that a new policy forbids go on; zero cuts them at once.
    pub drain: Duration,
    /// Where it stands in the file.
    pub place: Place,
}

/// `[group.NAME]`: a security group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    /// Its name.
    pub name: Name,
    /// What it is for.
    pub description: Option<String>,
    /// Who may reach its members.
    pub inbound: Vec<Rule>,
    /// What its members may reach; `None` says nothing.
    pub outbound: Option<Vec<Rule>>,
    /// Where it stands in the file.
    pub place: Place,
}

/// An entry of `[network]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Network {
    /// Its name.
    pub name: Name,
    /// Its prefixes, canonical (no address bits after the prefix), in the order of the file.
    pub prefixes: Vec<IpNet>,
    /// Where it stands in the file.
    pub place: Place,
}

/// `[host.NAME]`: a machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Host {
    /// Its name.
    pub name: Name,
    /// The addresses on its interfaces, which are what peers see.
    pub addresses: Vec<IpAddr>,
    /// Addresses of a NAT in front of it.
    pub public: Vec<IpAddr>,
    /// The groups that it carries.
    pub groups: Vec<Name>,
    /// Where it stands in the file.
    pub place: Place,
}

/// `[nat]`: this host is a gateway.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Nat {
    /// Interfaces of the private side; what comes from there may leave through this host.
    pub inside: Vec<InterfaceName>,
    /// Prefixes that leave with this host's address.
    pub masquerade: Vec<IpNet>,
    /// Ports of this host that lead to another.
    pub forwards: Vec<Forward>,
    /// Where it stands in the file.
    pub place: Place,
}

/// A port of this host that leads to another host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Forward {
    /// The rule that lets clients reach the port of this host: its traffic is TCP or UDP ports.
    pub rule: Rule,
    /// The address that it leads to.
    pub to: IpAddr,
    /// The port there; `None` keeps the port.
    pub port: Option<u16>,
}

/// One allow rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    /// Its identity: the one written as `id`, or made from owner, traffic, peers and interface, so that it stays the
    /// same when the rule moves or its note changes.
    pub id: RuleId,
    /// `allow` as it was written.
    pub label: String,
    /// What it is about; never empty.
    pub traffic: Vec<Traffic>,
    /// From whom (inbound) or to whom (outbound); never empty.
    pub peers: Vec<Peer>,
    /// The only interface that it is about.
    pub interface: Option<InterfaceName>,
    /// A rate for each source (IPv6: each /64); above it new connections are refused.
    pub limit: Option<RuleLimit>,
    /// What it is for.
    pub note: Option<String>,
    /// When it ends, in seconds since 1970-01-01 UTC.
    pub expires: Option<u64>,
    /// Where it stands in the file.
    pub place: Place,
}

/// The identity of a rule: letters, digits, `-` and `_`, at most 32; the name of its counter.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RuleId(pub String);

impl fmt::Display for RuleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// New connections of one source: at most `count` in `period`, all of which may come at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RuleLimit {
    /// 1 to 65,535.
    pub count: u32,
    /// A second to a day.
    pub period: Duration,
}

/// What a rule is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Traffic {
    /// Everything.
    All,
    /// Destination ports of a protocol that has them.
    Ports {
        /// TCP, UDP, SCTP, DCCP or UDP-Lite.
        transport: Transport,
        /// The first port.
        first: u16,
        /// The last port, not below the first.
        last: u16,
    },
    /// ICMP (RFC 792) or ICMPv6 (RFC 4443) messages, as type × 256 + code.
    Icmp {
        /// Whether it is ICMPv6.
        v6: bool,
        /// The first type and code.
        first: u16,
        /// The last type and code, not below the first.
        last: u16,
    },
    /// Another protocol by its number (IANA "Assigned Internet Protocol Numbers"), never one of those above.
    Protocol(u8),
}

/// A protocol with ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Transport {
    /// TCP (RFC 9293).
    Tcp,
    /// UDP (RFC 768).
    Udp,
    /// SCTP (RFC 9260).
    Sctp,
    /// DCCP (RFC 4340).
    Dccp,
    /// UDP-Lite (RFC 3828).
    UdpLite,
}

impl Transport {
    /// Every protocol with ports.
    pub const ALL: [Self; 5] = [Self::Tcp, Self::Udp, Self::Sctp, Self::Dccp, Self::UdpLite];

    /// Its number (IANA "Assigned Internet Protocol Numbers").
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::Tcp => 6,
            Self::Udp => 17,
            Self::Dccp => 33,
            Self::Sctp => 132,
            Self::UdpLite => 136,
        }
    }

    /// Its name in a rule.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Dccp => "dccp",
            Self::Sctp => "sctp",
            Self::UdpLite => "udplite",
        }
    }
}

/// Who is at the other end.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Peer {
    /// Everybody, of both families.
    Anywhere,
    /// Every address that is not of a special-purpose registry (RFC 6890) and not of this host's own prefixes.
    Internet,
    /// The addresses that the operator has proved to be theirs.
    MyIp,
    /// Users and programs of this very host.
    ThisHost,
    /// The containers of this host.
    Containers,
    /// A prefix.
    Prefix(IpNet),
    /// Every prefix of a network.
    Network(Name),
    /// The addresses of every host that carries a group.
    Group(Name),
    /// The addresses of a host.
    Host(Name),
    /// The addresses of the hosts where a service runs.
    Service(Name),
    /// The addresses of a DNS name, as it resolves now; outbound only.
    Domain(String),
    /// A file with one prefix a line; for deny lists only.
    File(PathBuf),
}

/// Traffic without which a host does not work, open unless it is switched off by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Essential {
    /// ICMP and ICMPv6 errors, which path MTU discovery needs (RFC 1191, RFC 8201, RFC 4890).
    IcmpErrors,
    /// Echo requests, 20 a second.
    Ping,
    /// IPv6 neighbor discovery (RFC 4861).
    NeighborDiscovery,
    /// IPv6 router advertisements (RFC 4861).
    RouterAdvertisements,
    /// IPv6 multicast listener discovery (RFC 2710, RFC 3810).
    MulticastListener,
    /// Answers of DHCP and `DHCPv6` servers (RFC 2131, RFC 8415).
    DhcpClient,
    /// DNS and DHCP of this host for its containers.
    ContainerServices,
    /// DNS of this host to its resolvers, where outbound traffic is restricted.
    Resolvers,
    /// NTP of this host, where outbound traffic is restricted (RFC 5905).
    Time,
}

impl Essential {
    /// All of them, in the order of the documentation.
    pub const ALL: [Self; 9] = [
        Self::IcmpErrors,
        Self::Ping,
        Self::NeighborDiscovery,
        Self::RouterAdvertisements,
        Self::MulticastListener,
        Self::DhcpClient,
        Self::ContainerServices,
        Self::Resolvers,
        Self::Time,
    ];

    /// Its name in the file.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::IcmpErrors => "icmp-errors",
            Self::Ping => "ping",
            Self::NeighborDiscovery => "neighbor-discovery",
            Self::RouterAdvertisements => "router-advertisements",
            Self::MulticastListener => "multicast-listener",
            Self::DhcpClient => "dhcp-client",
            Self::ContainerServices => "container-services",
            Self::Resolvers => "resolvers",
            Self::Time => "time",
        }
    }
}
