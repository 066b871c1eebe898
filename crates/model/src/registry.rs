//! Names of services, protocols and ICMP messages with their numbers: the words that a rule may use for them.
//!
//! Sources: IANA "Service Name and Transport Protocol Port Number Registry", "Assigned Internet Protocol Numbers",
//! "ICMP Type Numbers" and "ICMPv6 type Numbers"; where a service is in use on another port, that one stands here.

use crate::plan::Transport;

/// A range of ports of one protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServicePorts {
    /// The protocol.
    pub transport: Transport,
    /// The first port.
    pub first: u16,
    /// The last port.
    pub last: u16,
}

/// A service by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServiceName {
    /// Its name in a rule.
    pub name: &'static str,
    /// Its ports.
    pub ports: &'static [ServicePorts],
}

/// A protocol without ports by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProtocolName {
    /// Its name in a rule.
    pub name: &'static str,
    /// Its number.
    pub number: u8,
}

/// A type of ICMP messages, or one code of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IcmpCode {
    /// The type.
    pub kind: u8,
    /// The code; `None` is all of the type.
    pub code: Option<u8>,
}

/// ICMP messages by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IcmpName {
    /// The name in a rule.
    pub name: &'static str,
    /// The messages of ICMP (RFC 792), where there are any.
    pub v4: Option<IcmpCode>,
    /// The messages of ICMPv6 (RFC 4443), where there are any.
    pub v6: Option<IcmpCode>,
}

const fn ports(transport: Transport, first: u16, last: u16) -> ServicePorts {
    ServicePorts { transport, first, last }
}

/// One row of the table of services: ports are written as in a rule.
macro_rules! services {
    ($( $name:literal: $( $first:literal $( - $last:literal )? / $transport:ident )+; )*) => {
        &[ $( ServiceName { name: $name, ports: &[ $(
            services!(@ports $transport $first $($last)?)
        ),+ ] } ),* ]
    };
    (@ports $transport:ident $first:literal) => { ports(Transport::$transport, $first, $first) };
    (@ports $transport:ident $first:literal $last:literal) => { ports(Transport::$transport, $first, $last) };
}

/// Every service that a rule may name. The first name of a set of ports is the one that is shown.
pub const SERVICES: &[ServiceName] = services! {
    "ssh": 22/Tcp;
    "http": 80/Tcp;
    "https": 443/Tcp;
    "http3": 443/Udp;
    "dns": 53/Tcp 53/Udp;
    "domain": 53/Tcp 53/Udp;
    "dns-over-tls": 853/Tcp;
    "mdns": 5353/Udp;
    "llmnr": 5355/Tcp 5355/Udp;
    "dhcp": 67/Udp;
    "dhcpv6": 547/Udp;
    "ntp": 123/Udp;
    "nts": 4460/Tcp;
    "smtp": 25/Tcp;
    "submission": 587/Tcp;
    "submissions": 465/Tcp;
    "smtps": 465/Tcp;
    "imap": 143/Tcp;
    "imaps": 993/Tcp;
    "pop3": 110/Tcp;
    "pop3s": 995/Tcp;
    "sieve": 4190/Tcp;
    "ftp": 21/Tcp;
    "ftps": 990/Tcp;
    "tftp": 69/Udp;
    "rsync": 873/Tcp;
    "git": 9418/Tcp;
    "svn": 3690/Tcp;
    "telnet": 23/Tcp;
    "whois": 43/Tcp;
    "finger": 79/Tcp;
    "postgresql": 5432/Tcp;
    "postgres": 5432/Tcp;
    "mysql": 3306/Tcp;
    "mariadb": 3306/Tcp;
    "mssql": 1433/Tcp;
    "oracle": 1521/Tcp;
    "redis": 6379/Tcp;
    "memcached": 11211/Tcp;
    "mongodb": 27017/Tcp;
    "cassandra": 9042/Tcp;
    "clickhouse": 9000/Tcp;
    "couchdb": 5984/Tcp;
    "elasticsearch": 9200/Tcp;
    "influxdb": 8086/Tcp;
    "kafka": 9092/Tcp;
    "nats": 4222/Tcp;
    "amqp": 5672/Tcp;
    "amqps": 5671/Tcp;
    "mqtt": 1883/Tcp;
    "mqtts": 8883/Tcp;
    "etcd": 2379-2380/Tcp;
    "kubernetes": 6443/Tcp;
    "kubelet": 10250/Tcp;
    "docker": 2375/Tcp;
    "docker-tls": 2376/Tcp;
    "prometheus": 9090/Tcp;
    "node-exporter": 9100/Tcp;
    "zabbix-agent": 10050/Tcp;
    "zabbix-trapper": 10051/Tcp;
    "nrpe": 5666/Tcp;
    "snmp": 161/Udp;
    "snmptrap": 162/Udp;
    "syslog": 514/Udp;
    "syslog-tls": 6514/Tcp;
    "ldap": 389/Tcp;
    "ldaps": 636/Tcp;
    "kerberos": 88/Tcp 88/Udp;
    "radius": 1812-1813/Udp;
    "tacacs": 49/Tcp;
    "samba": 137-138/Udp 139/Tcp 445/Tcp;
    "smb": 445/Tcp;
    "nfs": 2049/Tcp;
    "rpcbind": 111/Tcp 111/Udp;
    "iscsi": 3260/Tcp;
    "ipp": 631/Tcp;
    "rdp": 3389/Tcp 3389/Udp;
    "vnc": 5900/Tcp;
    "winrm": 5985-5986/Tcp;
    "mosh": 60000-61000/Udp;
    "wireguard": 51820/Udp;
    "openvpn": 1194/Udp;
    "ipsec": 500/Udp 4500/Udp;
    "l2tp": 1701/Udp;
    "pptp": 1723/Tcp;
    "tailscale": 41641/Udp;
    "bgp": 179/Tcp;
    "bfd": 3784/Udp;
    "vxlan": 4789/Udp;
    "sip": 5060/Tcp 5060/Udp;
    "sips": 5061/Tcp;
    "stun": 3478/Tcp 3478/Udp;
    "turns": 5349/Tcp;
    "xmpp-client": 5222/Tcp;
    "xmpp-server": 5269/Tcp;
    "irc": 6667/Tcp;
    "ircs": 6697/Tcp;
    "matrix-federation": 8448/Tcp;
    "socks": 1080/Tcp;
    "squid": 3128/Tcp;
    "iperf3": 5201/Tcp 5201/Udp;
    "minecraft": 25565/Tcp;
    "bittorrent": 6881-6889/Tcp 6881-6889/Udp;
};

/// One row of the table of protocols.
macro_rules! protocols {
    ($( $name:literal: $number:literal; )*) => {
        &[ $( ProtocolName { name: $name, number: $number } ),* ]
    };
}

/// Every protocol without ports that a rule may name; others are written as `proto/NUMBER`.
pub const PROTOCOLS: &[ProtocolName] = protocols! {
    "igmp": 2;
    "ipip": 4;
    "egp": 8;
    "sit": 41;
    "rsvp": 46;
    "gre": 47;
    "esp": 50;
    "ah": 51;
    "eigrp": 88;
    "ospf": 89;
    "etherip": 97;
    "pim": 103;
    "vrrp": 112;
    "carp": 112;
    "l2tpv3": 115;
    "isis": 124;
    "hip": 139;
    "mpls-in-ip": 137;
};

/// One row of the table of ICMP messages: type, or type and code, of each version; `_` where there is none.
macro_rules! icmp {
    ($( $name:literal: $v4:tt $v6:tt; )*) => {
        &[ $( IcmpName { name: $name, v4: icmp!(@code $v4), v6: icmp!(@code $v6) } ),* ]
    };
    (@code _) => { None };
    (@code ($kind:literal / $code:literal)) => { Some(IcmpCode { kind: $kind, code: Some($code) }) };
    (@code $kind:literal) => { Some(IcmpCode { kind: $kind, code: None }) };
}

/// Every name of ICMP messages that a rule may use after `icmp/`, `icmpv4/` or `icmpv6/`.
pub const ICMP: &[IcmpName] = icmp! {
    "echo-request": 8 128;
    "echo-reply": 0 129;
    "ping": 8 128;
    "destination-unreachable": 3 1;
    "network-unreachable": (3/0) (1/0);
    "host-unreachable": (3/1) (1/3);
    "port-unreachable": (3/3) (1/4);
    "administratively-prohibited": (3/13) (1/1);
    "fragmentation-needed": (3/4) _;
    "packet-too-big": _ 2;
    "time-exceeded": 11 3;
    "parameter-problem": 12 4;
    "redirect": 5 137;
    "router-advertisement": 9 134;
    "router-solicitation": 10 133;
    "neighbor-solicitation": _ 135;
    "neighbor-advertisement": _ 136;
    "multicast-listener-query": _ 130;
    "multicast-listener-report": _ 131;
    "multicast-listener-done": _ 132;
    "multicast-listener-report-v2": _ 143;
    "timestamp-request": 13 _;
    "timestamp-reply": 14 _;
    "address-mask-request": 17 _;
    "address-mask-reply": 18 _;
};

/// The name of a protocol without ports.
#[must_use]
pub fn protocol_name(number: u8) -> Option<&'static str> {
    PROTOCOLS.iter().find(|protocol| protocol.number == number).map(|protocol| protocol.name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn names_are_unique_and_no_name_is_two_things() {
        let words = ["all", "icmp", "icmpv4", "icmpv6", "proto", "tcp", "udp", "sctp", "dccp", "udplite"];
        let mut seen: BTreeSet<&str> = words.into();
        let services = SERVICES.iter().map(|service| service.name);
        for name in services.chain(PROTOCOLS.iter().map(|protocol| protocol.name)) {
            assert!(seen.insert(name), "{name} is twice in the tables");
            assert!(
                name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-'),
                "{name}"
            );
            assert!(!name.bytes().all(|b| b.is_ascii_digit()), "{name} reads as a port");
        }
        let messages: BTreeSet<&str> = ICMP.iter().map(|icmp| icmp.name).collect();
        assert_eq!(messages.len(), ICMP.len());
    }

    #[test]
    fn protocols_have_neither_ports_nor_icmp_types() {
        let others = PROTOCOLS.iter().filter(|protocol| {
            [1, 58].contains(&protocol.number) || Transport::ALL.iter().any(|t| t.number() == protocol.number)
        });
        assert_eq!(others.count(), 0);
    }
}
