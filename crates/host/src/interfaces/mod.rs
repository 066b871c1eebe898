//! The network interfaces of this machine and their addresses, through rtnetlink(7).

mod containers;
mod route;

pub use route::route;

use crate::netlink::{Attributes, Exchange, Family, Malformed, NetlinkError, u32_at};
use firewall::observed::{Interface, InterfaceKind};
use ipnet::IpNet;
use model::plan::InterfaceName;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

const NEW_LINK: u16 = 16;
const GET_LINK: u16 = 18;
const NEW_ADDRESS: u16 = 20;
const GET_ADDRESS: u16 = 22;
const AF_INET: u8 = 2;
const AF_INET6: u8 = 10;

/// The interfaces, in the kernel's order. `patterns` name interfaces of containers beyond the known ones; a `*` at the
/// end of one stands for any rest.
///
/// # Errors
/// When the kernel does not answer, or its answer keeps changing.
pub fn interfaces(patterns: &[String]) -> Result<Vec<Interface>, NetlinkError> {
    let mut exchange = Exchange::open(Family::Route)?;
    let links = exchange.dump(GET_LINK, &[0; 16], link)?;
    let addresses = exchange.dump(GET_ADDRESS, &[0; 8], address)?;
    Ok(links.into_iter().map(|link| interface(link, &addresses, patterns)).collect())
}

fn interface(link: Link, addresses: &[(u32, IpNet)], patterns: &[String]) -> Interface {
    let kind = link.kind(patterns);
    let own = addresses.iter().filter(|(index, _)| *index == link.index);
    Interface { addresses: own.map(|(_, address)| *address).collect(), name: InterfaceName(link.name), kind }
}

/// The interface that has an address.
pub(crate) fn having(interfaces: &[Interface], address: IpAddr) -> Option<&Interface> {
    interfaces.iter().find(|interface| interface.addresses.iter().any(|own| own.addr() == address))
}

/// The interface whose network an address is in, by the longest prefix, as the routing table has it.
pub(crate) fn reaching(interfaces: &[Interface], address: IpAddr) -> Option<&Interface> {
    let prefix = |interface: &Interface| {
        let prefixes = interface.addresses.iter().filter(|own| own.contains(&address));
        prefixes.map(IpNet::prefix_len).max()
    };
    interfaces.iter().filter(|one| prefix(one).is_some()).max_by_key(|one| prefix(one))
}

/// The interface that packets of a peer to an address of this machine come in by, as far as that can be told: those of
/// containers come by their own, wherever the address is.
pub(crate) fn arriving(interfaces: &[Interface], peer: IpAddr, local: IpAddr) -> Option<&InterfaceName> {
    let containers = reaching(interfaces, peer).filter(|one| one.kind == InterfaceKind::Containers);
    let by_address = || having(interfaces, local).or_else(|| reaching(interfaces, peer));
    containers.or_else(by_address).map(|one| &one.name)
}

/// Whether packets that this machine sends to an address stay within it.
pub(crate) fn stays_within(interfaces: &[Interface], address: IpAddr) -> bool {
    address.is_loopback() || having(interfaces, address).is_some()
}

/// An interface as the kernel tells it.
#[derive(Debug, PartialEq, Eq)]
struct Link {
    index: u32,
    name: String,
    loopback: bool,
    bridge: bool,
    /// Whether it is a VRF or belongs to one.
    vrf: bool,
}

impl Link {
    fn kind(&self, patterns: &[String]) -> InterfaceKind {
        if self.loopback {
            InterfaceKind::Loopback
        } else if self.vrf {
            // Also one of containers: addresses of this host seem to be behind it there, where containers may go.
            InterfaceKind::Vrf
        } else if containers::named(&self.name, patterns) || self.bridge && containers::known(&self.name) {
            InterfaceKind::Containers
        } else {
            InterfaceKind::Other
        }
    }
}

/// `struct ifinfomsg` and its attributes.
fn link(kind: u16, body: &[u8]) -> Result<Option<Link>, Malformed> {
    const LOOPBACK: u32 = 0x8;
    const NAME: u16 = 3;
    const INFO: u16 = 18;
    const INFO_KIND: u16 = 1;
    const INFO_KIND_OF_MASTER: u16 = 4;
    if kind != NEW_LINK {
        return Ok(None);
    }
    let (index, flags) = (u32_at(body, 4)?, u32_at(body, 8)?);
    let attributes = Attributes(body.get(16..).ok_or(Malformed("interface"))?);
    let name = attributes.find(NAME)?.ok_or(Malformed("interface without a name"))?;
    let info = attributes.find(INFO)?.unwrap_or_default();
    let driver = Attributes(info).find(INFO_KIND)?.unwrap_or_default();
    let master = Attributes(info).find(INFO_KIND_OF_MASTER)?.unwrap_or_default();
    Ok(Some(Link {
        index,
        name: text(name),
        loopback: flags & LOOPBACK != 0,
        bridge: text(driver) == "bridge",
        vrf: text(driver) == "vrf" || text(master) == "vrf",
    }))
}

/// A name. One that is no UTF-8 gets replacement characters and so equals none that a rule can name.
fn text(value: &[u8]) -> String {
    String::from_utf8_lossy(value.strip_suffix(b"\0").unwrap_or(value)).into_owned()
}

/// `struct ifaddrmsg` and its attributes: the index of an interface, and an address of it.
fn address(kind: u16, body: &[u8]) -> Result<Option<(u32, IpNet)>, Malformed> {
    const ADDRESS: u16 = 1;
    const LOCAL: u16 = 2;
    const WHAT: Malformed = Malformed("address");
    if kind != NEW_ADDRESS {
        return Ok(None);
    }
    let header = body.first_chunk::<8>().ok_or(WHAT)?;
    let [family, length, ..] = *header;
    let index = u32_at(header, 4)?;
    let attributes = Attributes(body.get(8..).ok_or(WHAT)?);
    let seen = attributes.find(ADDRESS)?;
    let Some(own) = attributes.find(LOCAL)?.or(seen) else {
        return Ok(None);
    };
    let Some(own) = ip(family, own)? else {
        return Ok(None);
    };
    // With a peer, `ADDRESS` is the peer's and the prefix is around it: ours is a single address.
    let alone = seen.map(|seen| ip(family, seen)).transpose()?.flatten().is_some_and(|seen| seen != own);
    let length = if alone { if own.is_ipv4() { 32 } else { 128 } } else { length };
    Ok(Some((index, IpNet::new(own, length).map_err(|_| WHAT)?)))
}

/// An address of IPv4 or IPv6; other families have none that matter here.
fn ip(family: u8, value: &[u8]) -> Result<Option<IpAddr>, Malformed> {
    const WHAT: Malformed = Malformed("address");
    match family {
        AF_INET => <[u8; 4]>::try_from(value).map(|own| Some(Ipv4Addr::from(own).into())).map_err(|_| WHAT),
        AF_INET6 => <[u8; 16]>::try_from(value).map(|own| Some(Ipv6Addr::from(own).into())).map_err(|_| WHAT),
        _ => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::netlink::attribute;

    /// The type of an attribute and its value.
    type Attribute = (u16, &'static [u8]);

    fn body(family: u8, length: u8, attributes: &[(u16, &[u8])]) -> Vec<u8> {
        let mut bytes = vec![family, length, 0, 0];
        bytes.extend(7u32.to_ne_bytes());
        bytes.extend(attributes.iter().flat_map(|(kind, value)| attribute(*kind, value)));
        bytes
    }

    #[test]
    fn the_own_end_of_a_tunnel_is_one_address_and_the_peers_is_none() {
        let cases: [(&[Attribute], &str); 3] = [
            (&[(1, &[192, 0, 2, 7])], "192.0.2.7/24"),
            (&[(1, &[192, 0, 2, 7]), (2, &[192, 0, 2, 7])], "192.0.2.7/24"),
            (&[(1, &[198, 51, 100, 1]), (2, &[192, 0, 2, 7])], "192.0.2.7/32"),
        ];
        for (attributes, expected) in cases {
            let read = address(NEW_ADDRESS, &body(AF_INET, 24, attributes));
            assert_eq!(read, Ok(Some((7, expected.parse().expect("a prefix")))), "{attributes:?}");
        }
    }

    #[test]
    fn an_address_of_false_length_is_refused() {
        assert!(address(NEW_ADDRESS, &body(AF_INET6, 64, &[(1, &[192, 0, 2, 7])])).is_err());
        assert!(address(NEW_ADDRESS, &body(AF_INET, 33, &[(1, &[192, 0, 2, 7])])).is_err());
    }

    #[test]
    fn a_vrf_and_what_belongs_to_it_are_told_apart_from_others() {
        let named = |name: &[u8], info: &[(u16, &[u8])]| {
            let info: Vec<u8> = info.iter().flat_map(|(kind, value)| attribute(*kind, value)).collect();
            let mut bytes = vec![0; 16];
            bytes.extend(attribute(3, name));
            bytes.extend(attribute(18, &info));
            link(NEW_LINK, &bytes).map(|link| link.map(|link| link.kind(&[])))
        };
        let told = |info: &[(u16, &[u8])]| named(b"eth1\0", info);
        assert_eq!(named(b"docker0\0", &[(1, b"bridge\0"), (4, b"vrf\0")]), Ok(Some(InterfaceKind::Vrf)));
        assert_eq!(told(&[(1, b"vrf\0")]), Ok(Some(InterfaceKind::Vrf)));
        assert_eq!(told(&[(1, b"vlan\0"), (4, b"vrf\0")]), Ok(Some(InterfaceKind::Vrf)));
        assert_eq!(told(&[(1, b"veth\0"), (4, b"bridge\0")]), Ok(Some(InterfaceKind::Other)));
        assert_eq!(told(&[]), Ok(Some(InterfaceKind::Other)));
    }

    #[test]
    fn only_a_bridge_is_taken_for_containers_by_its_name() {
        let link = |name: &str, bridge| Link {
            index: 1,
            name: name.to_owned(),
            loopback: false,
            bridge,
            vrf: false,
        };
        let named = ["cali*".to_owned()];
        assert_eq!(link("docker0", true).kind(&[]), InterfaceKind::Containers);
        assert_eq!(link("docker0", false).kind(&[]), InterfaceKind::Other);
        assert_eq!(link("cali0123", false).kind(&[]), InterfaceKind::Other);
        assert_eq!(link("cali0123", false).kind(&named), InterfaceKind::Containers);
    }
}
