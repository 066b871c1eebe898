//! Targets of x_tables that iptables leaves as they are (linux/netfilter/xt_*.h, linux/netfilter/nf_nat.h).

use super::attributes::Extension;
use crate::addresses::Family;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What a target does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    /// The next rule is asked.
    Continue,
    /// The packet leaves the base chain.
    Accept,
    /// It is answered and dropped.
    Reject,
    /// It is taken out of connection tracking.
    Notrack,
    /// It is sent elsewhere.
    Rewrite(Rewrite),
    /// It is not known.
    Unknown,
}

/// Another destination.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Rewrite {
    pub(super) to: To,
    /// `None` keeps the port.
    pub(super) port: Option<u16>,
}

/// Where a packet is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum To {
    /// Nowhere else; the port alone changes.
    Same,
    /// To this host.
    Here,
    /// To an address, or the first of several.
    Address(IpAddr),
    /// It is not known.
    Unknown,
}

/// What a target does with a packet of a family.
pub(super) fn effect(extension: &Extension<'_>, family: Family) -> Effect {
    match extension.name {
        "LOG" | "NFLOG" | "ULOG" | "AUDIT" | "MARK" | "CONNMARK" | "CLASSIFY" | "TCPMSS" | "TCPOPTSTRIP"
        | "CHECKSUM" | "DSCP" | "TOS" | "TTL" | "HL" | "TRACE" | "SET" | "SECMARK" | "CONNSECMARK"
        | "IDLETIMER" | "LED" | "RATEEST" | "TEE" => Effect::Continue,
        "REJECT" => Effect::Reject,
        "ACCEPT" | "MASQUERADE" | "SNAT" => Effect::Accept,
        "NOTRACK" => Effect::Notrack,
        "CT" => match extension.info.first() {
            // XT_CT_NOTRACK and its alias, in the low byte of a little-endian word (big-endian: the second byte).
            Some(_) => {
                let flags = extension.info.get(..2).and_then(|bytes| bytes.try_into().ok());
                if flags.map_or(0, u16::from_ne_bytes) & 3 != 0 { Effect::Notrack } else { Effect::Continue }
            }
            None => Effect::Unknown,
        },
        "DNAT" => destination(extension, family).map_or(UNKNOWN, Effect::Rewrite),
        "REDIRECT" => destination(extension, family)
            .map_or(UNKNOWN, |rewrite| Effect::Rewrite(Rewrite { to: To::Here, port: rewrite.port })),
        _ => Effect::Unknown,
    }
}

const UNKNOWN: Effect = Effect::Rewrite(Rewrite { to: To::Unknown, port: None });

/// Whether a target writes marks of packets or connections.
pub(super) fn writes_mark(extension: &Extension<'_>) -> bool {
    matches!(extension.name, "MARK" | "CONNMARK" | "SET" | "TPROXY")
}

/// `struct nf_nat_ipv4_multi_range_compat` (IPv4, revision 0) or `struct nf_nat_range(2)`: flags (1 addresses, 2
/// ports), first and last address, first and last port in the order of the network.
fn destination(extension: &Extension<'_>, family: Family) -> Option<Rewrite> {
    let info = extension.info;
    let compact = family == Family::V4 && extension.revision == 0;
    let (flags_at, address_at, port_at) = if compact { (4, 8, 16) } else { (0, 4, 36) };
    let flags = u32::from_ne_bytes(info.get(flags_at..flags_at + 4)?.try_into().ok()?);
    let address = match family {
        Family::V4 => {
            IpAddr::V4(Ipv4Addr::from(<[u8; 4]>::try_from(info.get(address_at..address_at + 4)?).ok()?))
        }
        Family::V6 => {
            IpAddr::V6(Ipv6Addr::from(<[u8; 16]>::try_from(info.get(address_at..address_at + 16)?).ok()?))
        }
    };
    let port = u16::from_be_bytes(info.get(port_at..port_at + 2)?.try_into().ok()?);
    Some(Rewrite {
        to: if flags & 1 != 0 { To::Address(address) } else { To::Same },
        port: (flags & 2 != 0).then_some(port),
    })
}

#[cfg(test)]
mod tests {
    use super::{Effect, Rewrite, To, effect};
    use crate::addresses::Family;
    use crate::foreign::attributes::Extension;

    #[test]
    fn a_dnat_of_docker_is_read_in_both_shapes() {
        let mut range = 3_u32.to_ne_bytes().to_vec();
        range.extend([172, 18, 0, 2].iter().chain(&[0; 12]));
        range.extend([172, 18, 0, 2].iter().chain(&[0; 12]));
        range.extend([0, 80, 0, 80, 0, 0]);
        let compact =
            [1_u32.to_ne_bytes(), 3_u32.to_ne_bytes(), [172, 18, 0, 2], [172, 18, 0, 2], [0, 80, 0, 80]];
        let wanted = Effect::Rewrite(Rewrite {
            to: To::Address("172.18.0.2".parse().expect("it is an address")),
            port: Some(80),
        });
        for (revision, info) in [(2, range), (0, compact.concat())] {
            let extension = Extension { name: "DNAT", revision, info: &info };
            assert_eq!(effect(&extension, Family::V4), wanted, "revision {revision}");
        }
    }

    #[test]
    fn a_structure_that_is_cut_off_is_not_guessed() {
        let extension = Extension { name: "DNAT", revision: 2, info: &[1, 0] };
        assert_eq!(effect(&extension, Family::V4), Effect::Rewrite(Rewrite { to: To::Unknown, port: None }));
    }
}
