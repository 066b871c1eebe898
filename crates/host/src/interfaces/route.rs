//! The interface by which packets to a peer leave, through rtnetlink(7).

use super::{AF_INET, AF_INET6, GET_LINK, link};
use crate::netlink::{Attributes, Exchange, Family, Malformed, NetlinkError, attribute, u32_at};
use model::plan::InterfaceName;
use std::net::IpAddr;

const NEW_ROUTE: u16 = 24;
const GET_ROUTE: u16 = 26;
/// The length of `struct rtmsg`.
const HEADER: usize = 12;
const DESTINATION: u16 = 1;
const SOURCE: u16 = 2;
const OUTPUT: u16 = 4;

/// The interface by which packets from an address of this machine to a peer leave; `None` where no route leads there.
///
/// # Errors
/// When the kernel does not answer as the protocol says.
pub fn route(local: IpAddr, peer: IpAddr) -> Result<Option<InterfaceName>, NetlinkError> {
    let mut exchange = Exchange::open(Family::Route)?;
    let index = match exchange.ask(GET_ROUTE, &question(local.to_canonical(), peer.to_canonical()), output) {
        Ok(index) => index,
        // No route, or no address of this machine.
        Err(NetlinkError::Refused(_)) => None,
        Err(error) => return Err(error),
    };
    let Some(index) = index else { return Ok(None) };
    let links = exchange.dump(GET_LINK, &[0; 16], link)?;
    Ok(links.into_iter().find(|link| link.index == index).map(|link| InterfaceName(link.name)))
}

/// `struct rtmsg` and its attributes.
fn question(local: IpAddr, peer: IpAddr) -> Vec<u8> {
    let bytes = |address: IpAddr| match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    };
    let (family, bits) = if peer.is_ipv4() { (AF_INET, 32) } else { (AF_INET6, 128) };
    let mut body = vec![0; HEADER];
    body[..3].copy_from_slice(&[family, bits, bits]);
    body.extend(attribute(DESTINATION, &bytes(peer)));
    body.extend(attribute(SOURCE, &bytes(local)));
    body
}

/// The index of the interface of an answer.
fn output(kind: u16, body: &[u8]) -> Result<Option<u32>, Malformed> {
    if kind != NEW_ROUTE {
        return Ok(None);
    }
    let attributes = Attributes(body.get(HEADER..).ok_or(Malformed("route"))?);
    attributes.find(OUTPUT)?.map(|index| u32_at(index, 0)).transpose()
}
