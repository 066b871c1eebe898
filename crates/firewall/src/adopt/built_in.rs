//! What ufw admits before any rule of the user is asked: its `before.rules`.
//!
//! Read from the lines that are there, so that one the user took out is not claimed.

use model::plan::{Essential, Traffic, Transport};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Traffic that a firewall admits from anywhere without a rule of the user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BuiltIn {
    /// What it is, in a word or two.
    pub name: &'static str,
    /// Its protocol and ports.
    pub traffic: Traffic,
    /// The only destination that it is admitted to.
    pub destination: Option<IpAddr>,
    /// The essential that admits the same here.
    pub essential: Option<Essential>,
}

const fn udp(port: u16) -> Traffic {
    Traffic::Ports { transport: Transport::Udp, first: port, last: port }
}

const fn icmp(v6: bool, kind: u8) -> Traffic {
    Traffic::Icmp { v6, first: u16::from_be_bytes([kind, 0]), last: u16::from_be_bytes([kind, 255]) }
}

/// What a line of `before.rules` or `before6.rules` must hold, and what it opens.
fn known() -> [(bool, &'static [&'static str], BuiltIn); 7] {
    let open = |name, traffic, destination, essential| BuiltIn { name, traffic, destination, essential };
    let mdns4 = IpAddr::V4(Ipv4Addr::new(224, 0, 0, 251));
    let mdns6 = IpAddr::V6(Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0xfb));
    let ssdp4 = IpAddr::V4(Ipv4Addr::new(239, 255, 255, 250));
    let ssdp6 = IpAddr::V6(Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0xf));
    [
        (false, &["-d 224.0.0.251", "--dport 5353"], open("mDNS", udp(5353), Some(mdns4), None)),
        (false, &["-d 239.255.255.250", "--dport 1900"], open("SSDP", udp(1900), Some(ssdp4), None)),
        (
            false,
            &["--sport 67", "--dport 68"],
            open("DHCP client", udp(68), None, Some(Essential::DhcpClient)),
        ),
        (false, &["--icmp-type echo-request"], open("ping", icmp(false, 8), None, Some(Essential::Ping))),
        (true, &["-d ff02::fb", "--dport 5353"], open("mDNS", udp(5353), Some(mdns6), None)),
        (true, &["-d ff02::f", "--dport 1900"], open("SSDP", udp(1900), Some(ssdp6), None)),
        (true, &["--icmpv6-type echo-request"], open("ping", icmp(true, 128), None, Some(Essential::Ping))),
    ]
}

/// What a file admits to this host.
pub(super) fn of(text: &str, v6: bool) -> Vec<BuiltIn> {
    let chain = if v6 { "-A ufw6-before-input " } else { "-A ufw-before-input " };
    let accepts = |line: &&str| line.starts_with(chain) && line.trim_end().ends_with("-j ACCEPT");
    let lines: Vec<&str> = text.lines().filter(accepts).collect();
    let holds = |line: &&&str, words: &[&str]| words.iter().all(|word| line.contains(&format!("{word} ")));
    let there = known()
        .into_iter()
        .filter(|(of, words, _)| *of == v6 && lines.iter().any(|line| holds(&line, words)));
    there.map(|(_, _, open)| open).collect()
}
