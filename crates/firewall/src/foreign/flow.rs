//! One packet on its way through the hooks: the bytes and facts that expressions load.
//!
//! What is not known about it stays unknown; nothing is guessed but what [`Facts`] says.

use super::bits::Bits;
use crate::addresses::Family;
use crate::nft::{CtDirection, CtKey, FibFlags, FibResult, Hook, MetaKey, PayloadBase};
use crate::observed::Observed;
use crate::packet::{Packet, Way};
use model::plan::InterfaceName;
use std::collections::BTreeMap;
use std::net::IpAddr;

/// What the judge is told beside the packet.
///
/// Assumed without being told: routes are symmetric, so that checks of the reverse path let honest sources through.
#[derive(Clone, Debug, Default)]
pub struct Facts<'a> {
    /// The machine: whose addresses are its own.
    pub observed: Option<&'a Observed>,
    /// Indices of interfaces, where they are known; the loopback interface is 1 on every machine.
    pub indices: BTreeMap<InterfaceName, u32>,
    /// Whether connection tracking does not see the packet (`notrack` of administration ports).
    pub untracked: bool,
}

/// `rtm_type` of linux/rtnetlink.h.
const UNICAST: u32 = 1;
const LOCAL: u32 = 2;
const BROADCAST: u32 = 3;
const MULTICAST: u32 = 5;

/// What connection tracking says about the packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tracking {
    /// The first packet of a connection.
    New,
    /// Not tracked.
    Untracked,
    /// It is not known.
    Unknown,
}

/// A packet at one point of its way.
#[derive(Clone, Debug)]
pub(super) struct Flow<'a> {
    pub(super) packet: Packet,
    facts: &'a Facts<'a>,
    /// Whether a foreign table writes marks, so that they are not known to be zero.
    marked: bool,
    pub(super) hook: Hook,
    pub(super) tracking: Tracking,
    /// The destination before it was rewritten.
    original: (IpAddr, u16),
    pub(super) rewritten: bool,
}

impl<'a> Flow<'a> {
    pub(super) fn new(packet: &Packet, facts: &'a Facts<'a>, marked: bool, hook: Hook) -> Self {
        let tracking = match (facts.untracked, packet.opens) {
            (true, _) => Tracking::Untracked,
            (false, true) => Tracking::New,
            (false, false) => Tracking::Unknown,
        };
        let original = (packet.destination, packet.key);
        Self { packet: packet.clone(), facts, marked, hook, tracking, original, rewritten: false }
    }

    pub(super) const fn family(&self) -> Family {
        self.packet.family()
    }

    /// Gives it another destination; on `Way::In` it may then belong to another host.
    pub(super) fn rewrite(&mut self, to: Option<IpAddr>, port: Option<u16>) {
        self.rewritten = true;
        if let Some(port) = port {
            self.packet.key = port;
        }
        if let Some(to) = to {
            self.packet.destination = to;
            let here = self.own(to) || to.is_loopback();
            self.packet.way = match self.packet.way {
                Way::In | Way::Through if here => Way::In,
                Way::In | Way::Through => Way::Through,
                other => other,
            };
        }
    }

    fn own(&self, address: IpAddr) -> bool {
        let interfaces =
            self.facts.observed.map(|observed| observed.interfaces.as_slice()).unwrap_or_default();
        interfaces.iter().flat_map(|interface| &interface.addresses).any(|net| net.addr() == address)
    }

    fn broadcast(&self, address: IpAddr) -> bool {
        let interfaces =
            self.facts.observed.map(|observed| observed.interfaces.as_slice()).unwrap_or_default();
        let mut nets = interfaces.iter().flat_map(|interface| &interface.addresses);
        matches!(address, IpAddr::V4(v4) if v4.is_broadcast())
            || (address.is_ipv4() && nets.any(|net| net.prefix_len() < 31 && net.broadcast() == address))
    }

    /// The type of the source (`false`) or destination address in the routing table.
    pub(super) fn address_type(&self, destination: bool) -> u32 {
        let address = if destination { self.packet.destination } else { self.packet.source };
        if address.is_multicast() {
            MULTICAST
        } else if self.broadcast(address) {
            BROADCAST
        } else if self.own(address) || address.is_loopback() || (destination && self.packet.way == Way::In) {
            LOCAL
        } else {
            UNICAST
        }
    }

    fn incoming(&self) -> bool {
        matches!(self.hook, Hook::Prerouting | Hook::Input | Hook::Forward | Hook::Ingress)
    }

    fn outgoing(&self) -> bool {
        matches!(self.hook, Hook::Output | Hook::Postrouting | Hook::Egress)
    }

    /// The name of the interface it came in by or goes out by; `None` where it has none or it is not known.
    fn name(&self, input: bool) -> Name<'_> {
        let has = if input { self.incoming() } else { self.outgoing() || self.hook == Hook::Forward };
        let known = match self.packet.way {
            Way::In | Way::Through => input,
            Way::Out => !input,
            Way::Loopback => true,
        };
        match (has, known) {
            // After routing a packet that passes through still has the interface it came by.
            (false, _) if input && self.packet.way == Way::Through && self.hook == Hook::Postrouting => {
                Name::Known(&self.packet.interface.0)
            }
            (false, _) => Name::None,
            (true, true) => Name::Known(&self.packet.interface.0),
            (true, false) => Name::Unknown,
        }
    }

    fn index(&self, input: bool) -> Bits {
        match self.name(input) {
            Name::None => Bits::known([0; 4]),
            Name::Unknown => Bits::unknown(4),
            Name::Known("lo") => Bits::known(1_u32.to_ne_bytes()),
            Name::Known(name) => {
                let index = self.facts.indices.iter().find(|(known, _)| known.0 == name);
                index.map_or_else(|| Bits::unknown(4), |(_, index)| Bits::known(index.to_ne_bytes()))
            }
        }
    }

    fn interface(&self, input: bool) -> Bits {
        match self.name(input) {
            Name::None => Bits::known([0; 16]),
            Name::Unknown => Bits::unknown(16),
            Name::Known(name) => {
                let mut bytes = name.as_bytes().to_vec();
                bytes.resize(16, 0);
                Bits::known(bytes)
            }
        }
    }

    /// A `meta` fact; `None` ends the rule.
    pub(super) fn meta(&self, key: MetaKey) -> Option<Bits> {
        let v4 = self.family() == Family::V4;
        Some(match key {
            MetaKey::NfProto => Bits::known([if v4 { 2 } else { 10 }]),
            MetaKey::L4Proto => Bits::known([self.packet.protocol]),
            MetaKey::InputIndex => self.index(true),
            MetaKey::OutputIndex => self.index(false),
            MetaKey::InputName => self.interface(true),
            MetaKey::OutputName => self.interface(false),
            MetaKey::InputType => Bits::unknown(2),
            MetaKey::Mark => self.mark(),
            MetaKey::SocketUser => match self.packet.user {
                Some(user) if self.outgoing() => Bits::known(user.to_ne_bytes()),
                None if self.outgoing() => Bits::unknown(4),
                _ => return None,
            },
            MetaKey::PacketType => match self.packet.way {
                Way::In | Way::Through => Bits::known([match self.address_type(true) {
                    BROADCAST => 1,
                    MULTICAST => 2,
                    _ => 0,
                }]),
                _ => Bits::unknown(1),
            },
            // NFT_META_PROTOCOL: the type of the frame's content.
            MetaKey::Other(1) => Bits::known(if v4 { [0x08, 0x00] } else { [0x86, 0xdd] }),
            MetaKey::Other(_) => Bits::unknown(16),
        })
    }

    fn mark(&self) -> Bits {
        if self.marked { Bits::unknown(4) } else { Bits::known([0; 4]) }
    }

    /// A fact about the connection; `None` ends the rule.
    pub(super) fn connection(&self, key: CtKey, direction: Option<CtDirection>) -> Option<Bits> {
        match (self.tracking, key) {
            (Tracking::New, CtKey::State) => return Some(Bits::known(8_u32.to_ne_bytes())),
            (Tracking::Untracked, CtKey::State) => return Some(Bits::known(64_u32.to_ne_bytes())),
            (Tracking::Unknown, CtKey::State) => return Some(Bits::unknown(4)),
            (Tracking::Untracked, _) => return None,
            (Tracking::Unknown, _) => return Some(Bits::unknown(16)),
            (Tracking::New, _) => {}
        }
        let original = direction != Some(CtDirection::Reply);
        Some(match key {
            CtKey::Direction => Bits::known([0]),
            // Nothing was answered, confirmed or expected yet; whether the source will be rewritten is open.
            CtKey::Status => {
                Bits::partly(if self.rewritten { 32_u32 } else { 0 }.to_ne_bytes(), 0x2f_u32.to_ne_bytes())
            }
            CtKey::Mark => self.mark(),
            CtKey::Protocol => Bits::known([self.packet.protocol]),
            CtKey::SourceIp4 | CtKey::SourceIp6 if original => Bits::known(bytes(self.packet.source)),
            CtKey::DestinationIp4 | CtKey::DestinationIp6 if original => Bits::known(bytes(self.original.0)),
            CtKey::SourcePort if original => Bits::known(self.packet.source_port.to_be_bytes()),
            CtKey::DestinationPort if original => Bits::known(self.original.1.to_be_bytes()),
            _ => Bits::unknown(16),
        })
    }

    /// Bytes of a header; what is not known of it is unknown.
    pub(super) fn payload(&self, base: PayloadBase, offset: u32, length: u32) -> Bits {
        let header = match base {
            PayloadBase::Network => self.network(),
            PayloadBase::Transport => self.transport(),
            PayloadBase::Link | PayloadBase::Inner => Bits::unknown(0),
        };
        // A register file has 64 bytes; no load is longer.
        header.slice(offset as usize, (length as usize).min(64))
    }

    fn network(&self) -> Bits {
        let (source, destination) = (bytes(self.packet.source), bytes(self.packet.destination));
        let (mut value, mut known) = match self.family() {
            // Version and header length; fragments are put together before any chain that matters.
            Family::V4 => {
                let value = vec![0x40, 0, 0, 0, 0, 0, 0, 0, 0, self.packet.protocol, 0, 0];
                (value, vec![0xf0, 0, 0, 0, 0, 0, 0x3f, 0xff, 0, 0xff, 0, 0])
            }
            Family::V6 => {
                (vec![0x60, 0, 0, 0, 0, 0, self.packet.protocol, 0], vec![0xf0, 0, 0, 0, 0, 0, 0xff, 0])
            }
        };
        for address in [source, destination] {
            known.extend(vec![0xff; address.len()]);
            value.extend(address);
        }
        Bits::partly(value, known)
    }

    fn transport(&self) -> Bits {
        let key = self.packet.key.to_be_bytes();
        let source = self.packet.source_port.to_be_bytes();
        let mut value = vec![source[0], source[1], key[0], key[1]];
        let mut known = vec![0xff; 4];
        match self.packet.protocol {
            6 => {
                value.resize(14, 0);
                known.resize(14, 0);
                if self.packet.opens {
                    // SYN, and neither ACK, RST, FIN, PSH nor URG; the bits of ECN are open.
                    (value[13], known[13]) = (0x02, 0x3f);
                }
            }
            17 | 33 | 132 | 136 => {}
            1 | 58 => (value, known) = (key.to_vec(), vec![0xff; 2]),
            _ => (value, known) = (Vec::new(), Vec::new()),
        }
        Bits::partly(value, known)
    }

    /// What the routing table says.
    pub(super) fn fib(&self, flags: FibFlags, result: FibResult) -> Bits {
        /// `NFTA_FIB_F_IIF`, `NFTA_FIB_F_OIF` and `NFTA_FIB_F_PRESENT`.
        const INPUT: u32 = 8;
        const OUTPUT: u32 = 16;
        const PRESENT: u32 = 32;
        let destination = flags.0 & FibFlags::DESTINATION.0 != 0;
        match result {
            FibResult::AddressType if flags.0 & (INPUT | OUTPUT) == 0 => {
                Bits::known(self.address_type(destination).to_ne_bytes())
            }
            FibResult::AddressType => Bits::unknown(4),
            _ if flags.0 & PRESENT != 0 => Bits::known([1]),
            // Routes are symmetric: there is one, by the interface that the packet came by.
            FibResult::OutputIndex if !destination => self
                .index(true)
                .certain()
                .map_or_else(|| Bits::known(u32::MAX.to_ne_bytes()), |index| Bits::known(index.to_vec())),
            FibResult::OutputName if !destination => self.interface(true),
            _ => Bits::unknown(16),
        }
    }
}

/// The name of an interface that a packet may have.
enum Name<'a> {
    None,
    Unknown,
    Known(&'a str),
}

/// An address in the order of the network.
pub(super) fn bytes(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(v4) => v4.octets().to_vec(),
        IpAddr::V6(v6) => v6.octets().to_vec(),
    }
}
