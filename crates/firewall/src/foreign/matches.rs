//! Matches of x_tables that iptables leaves as they are, as far as their structures are plain (linux/netfilter/xt_*.h).
//!
//! Whatever is not certain is `Maybe`.

use super::attributes::Extension;
use super::bits::{Bits, Holds};
use super::flow::{Flow, Tracking, bytes};
use crate::nft::{MetaKey, PayloadBase};

/// Whether a match holds for a packet.
pub(super) fn holds(extension: &Extension<'_>, flow: &Flow<'_>) -> Holds {
    let info = extension.info;
    let answer = match (extension.name, extension.revision) {
        ("comment", _) => Some(Holds::Yes),
        ("tcp", 0) => tcp(info, flow),
        ("udp", 0) => udp(info, flow),
        ("icmp" | "icmp6", 0) => icmp(info, flow),
        ("multiport", 1) => multiport(info, flow),
        ("addrtype", revision @ 0..=1) => address_type(info, revision, flow),
        ("conntrack", revision @ 1..=3) => conntrack(info, revision, flow),
        ("state", 0) => word(info, 0).map(|states| state(states, flow.tracking)),
        ("mark", 1) => mark(info, flow),
        ("iprange", 1) => address_range(info, flow),
        // Routes are symmetric (see `Facts`): XT_RPFILTER_INVERT asks for packets that fail the check.
        ("rpfilter", 0) => info.first().map(|flags| Holds::known(flags & 8 == 0)),
        _ => None,
    };
    answer.unwrap_or(Holds::Maybe)
}

fn half(info: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_ne_bytes(info.get(at..at + 2)?.try_into().ok()?))
}

fn word(info: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(info.get(at..at + 4)?.try_into().ok()?))
}

fn within(port: u16, info: &[u8], at: usize, inverted: bool) -> Option<Holds> {
    let held = (half(info, at)?..=half(info, at + 2)?).contains(&port);
    Some(Holds::known(held != inverted))
}

/// `struct xt_tcp`: two source and two destination ports, option, mask and value of the flags, what is inverted.
fn tcp(info: &[u8], flow: &Flow<'_>) -> Option<Holds> {
    if flow.packet.protocol != 6 {
        return Some(Holds::No);
    }
    let (option, mask, wanted, inverted) = (*info.get(8)?, *info.get(9)?, *info.get(10)?, *info.get(11)?);
    let ports = within(flow.packet.source_port, info, 0, inverted & 1 != 0)?.and(within(
        flow.packet.key,
        info,
        4,
        inverted & 2 != 0,
    )?);
    let flags = flow.payload(PayloadBase::Transport, 13, 1).masked(&[mask], &[0]).equals(&[wanted]);
    let option = if option == 0 { Holds::Yes } else { Holds::Maybe };
    Some(ports.and(flags.negated_if(inverted & 4 != 0)).and(option))
}

/// `struct xt_udp`: two source and two destination ports, what is inverted.
fn udp(info: &[u8], flow: &Flow<'_>) -> Option<Holds> {
    if flow.packet.protocol != 17 {
        return Some(Holds::No);
    }
    let inverted = *info.get(8)?;
    Some(within(flow.packet.source_port, info, 0, inverted & 1 != 0)?.and(within(
        flow.packet.key,
        info,
        4,
        inverted & 2 != 0,
    )?))
}

/// `struct ipt_icmp` and `struct ip6t_icmp`: type (255 is any, of ICMP alone), first and last code, inverted.
fn icmp(info: &[u8], flow: &Flow<'_>) -> Option<Holds> {
    if !matches!(flow.packet.protocol, 1 | 58) {
        return Some(Holds::No);
    }
    let [kind, code] = flow.packet.key.to_be_bytes();
    let any = *info.first()? == 255 && flow.packet.protocol == 1;
    let held = any || (*info.first()? == kind && (*info.get(1)?..=*info.get(2)?).contains(&code));
    Some(Holds::known(held != (*info.get(3)? & 1 != 0)))
}

/// `struct xt_multiport_v1`: which ports (0 source, 1 destination, 2 either), how many, 15 ports, 15 flags of "and the
/// next one is the end of a range", inverted.
fn multiport(info: &[u8], flow: &Flow<'_>) -> Option<Holds> {
    if !matches!(flow.packet.protocol, 6 | 17 | 33 | 132 | 136) {
        return Some(Holds::No);
    }
    let (which, count, inverted) = (*info.first()?, usize::from(*info.get(1)?).min(15), *info.get(47)? != 0);
    let listed = |port: u16| -> Option<bool> {
        let mut index = 0;
        while index < count {
            let first = half(info, 2 + index * 2)?;
            let last = if *info.get(32 + index)? != 0 && index + 1 < count {
                index += 1;
                half(info, 2 + index * 2)?
            } else {
                first
            };
            if (first..=last).contains(&port) {
                return Some(true);
            }
            index += 1;
        }
        Some(false)
    };
    let held = match which {
        0 => listed(flow.packet.source_port)?,
        1 => listed(flow.packet.key)?,
        _ => listed(flow.packet.source_port)? || listed(flow.packet.key)?,
    };
    Some(Holds::known(held != inverted))
}

/// `struct xt_addrtype_info(_v1)`: masks of types of the source and the destination, and flags (revision 0: two words).
fn address_type(info: &[u8], revision: u32, flow: &Flow<'_>) -> Option<Holds> {
    let (sources, destinations, flags) = (half(info, 0)?, half(info, 2)?, word(info, 4)?);
    let (not_source, not_destination, limited) = if revision == 0 {
        (flags != 0, word(info, 8)? != 0, false)
    } else {
        (flags & 1 != 0, flags & 2 != 0, flags & 12 != 0)
    };
    let one = |types: u16, destination: bool, inverted: bool| {
        let held = types == 0 || (types & (1 << flow.address_type(destination)) != 0) != inverted;
        Holds::known(held)
    };
    let held = one(sources, false, not_source).and(one(destinations, true, not_destination));
    // Limited to an interface, another type may be found than the routing table as a whole says.
    Some(if limited { Holds::Maybe } else { held })
}

/// The bits of states in a mask: 1 invalid, 2 established, 4 related, 8 new, 64 untracked (in `xt_conntrack`: 256).
fn state(states: u32, tracking: Tracking) -> Holds {
    match tracking {
        Tracking::New => Holds::known(states & 8 != 0),
        Tracking::Untracked => Holds::known(states & 64 != 0),
        Tracking::Unknown => Holds::Maybe,
    }
}

/// `struct xt_conntrack_mtinfo1` to `3`: eight addresses, two times, protocol and four ports, then what is matched,
/// what is inverted, states and status. Decided where nothing but the state is matched.
fn conntrack(info: &[u8], revision: u32, flow: &Flow<'_>) -> Option<Holds> {
    const STATE: u16 = 1;
    let (matched, inverted) = (half(info, 146)?, half(info, 148)?);
    let states = if revision == 1 { u16::from(*info.get(150)?) } else { half(info, 150)? };
    if matched & !(STATE | 1 << 13) != 0 {
        return Some(Holds::Maybe);
    }
    if matched & STATE == 0 {
        return Some(Holds::Yes);
    }
    // Whether the source (64) will be rewritten is open; whether the destination (128) was is known.
    let mut held = match flow.tracking {
        Tracking::Untracked => Holds::known(states & 0x100 != 0),
        tracking => state(u32::from(states & 0x0f), tracking),
    };
    if held == Holds::No && flow.tracking == Tracking::New {
        if states & 128 != 0 && flow.rewritten {
            held = Holds::Yes;
        } else if states & 64 != 0 {
            held = Holds::Maybe;
        }
    }
    Some(held.negated_if(inverted & STATE != 0))
}

/// `struct xt_mark_mtinfo1`: mark, mask, inverted.
fn mark(info: &[u8], flow: &Flow<'_>) -> Option<Holds> {
    let (mark, mask, inverted) = (word(info, 0)?, word(info, 4)?, *info.get(8)? != 0);
    let found = flow.meta(MetaKey::Mark).unwrap_or_else(|| Bits::unknown(4));
    Some(found.masked(&mask.to_ne_bytes(), &[0; 4]).equals(&mark.to_ne_bytes()).negated_if(inverted))
}

/// `struct xt_iprange_mtinfo`: first and last source, first and last destination (16 bytes each), flags.
fn address_range(info: &[u8], flow: &Flow<'_>) -> Option<Holds> {
    let flags = *info.get(64)?;
    let one = |address, at: usize, wanted: u8, inverted: u8| -> Option<Holds> {
        if flags & wanted == 0 {
            return Some(Holds::Yes);
        }
        let address = bytes(address);
        let first = info.get(at..at + address.len())?;
        let last = info.get(at + 16..at + 16 + address.len())?;
        Some(Holds::known(
            (address.as_slice() >= first && address.as_slice() <= last) != (flags & inverted != 0),
        ))
    };
    Some(one(flow.packet.source, 0, 1, 16)?.and(one(flow.packet.destination, 32, 2, 32)?))
}
