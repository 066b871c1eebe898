//! Rules written as sentences: `rule().family(Family::V4).protocol(TCP).count("r_web").accept()`.
//!
//! Every condition loads into register 0 and is done with it before the next one loads, because newer
//! kernels refuse a rule that reads a register which the same rule did not write. Numbers of the machine's byte order are
//! `ct state`, `ct status`, `fib type`, `skuid` and interface indexes; addresses and ports are in network order.

use crate::addresses::Family;
use crate::nft::{
    CtDirection, CtKey, DynsetOperation, Expression, FibFlags, FibResult, LimitUnit, MetaKey, Operator,
    PayloadBase, Register, RejectKind, Rule, Verdict,
};
use std::net::IpAddr;

pub(crate) const ICMP: u8 = 1;
pub(crate) const TCP: u8 = 6;
pub(crate) const UDP: u8 = 17;
pub(crate) const ICMP6: u8 = 58;

/// `ct state` bits.
pub(crate) const INVALID: u32 = 1;
pub(crate) const ESTABLISHED: u32 = 2;
pub(crate) const RELATED: u32 = 4;
pub(crate) const NEW: u32 = 8;
pub(crate) const UNTRACKED: u32 = 64;

/// `RTN_*` types of addresses.
pub(crate) const LOCAL: u32 = 2;
pub(crate) const BROADCAST: u32 = 3;
pub(crate) const ANYCAST: u32 = 4;
pub(crate) const MULTICAST: u32 = 5;

/// `IPS_DST_NAT`.
const DESTINATION_NAT: u32 = 1 << 5;
/// The kernel registers `lo` first in every network namespace and stops (`BUG_ON`) when its index is not
/// `LOOPBACK_IFINDEX`, so the index is as good as the name, survives a renaming, and compares 4 bytes instead of 16.
const LOOPBACK_INDEX: u32 = 1;
/// `NFT_REJECT_ICMPX_PORT_UNREACH`.
const PORT_UNREACHABLE: u8 = 1;

const FIRST: Register = Register(0);

/// The start of a rule.
pub(super) fn rule() -> Sentence {
    Sentence(Vec::with_capacity(6))
}

/// The bytes of an interface's name, as registers hold them.
pub(crate) fn name_bytes(name: &str) -> Vec<u8> {
    let mut bytes = name.as_bytes().to_vec();
    bytes.resize(16, 0);
    bytes
}

/// The bytes of an address.
pub(crate) fn address_bytes(family: Family, address: u128) -> Vec<u8> {
    match family {
        Family::V4 => u32::try_from(address).expect("IPv4 is in the low 32 bits").to_be_bytes().to_vec(),
        Family::V6 => address.to_be_bytes().to_vec(),
    }
}

/// The number and family of an address.
pub(crate) fn number(address: IpAddr) -> (Family, u128) {
    match address {
        IpAddr::V4(address) => (Family::V4, u128::from(u32::from(address))),
        IpAddr::V6(address) => (Family::V6, u128::from(address)),
    }
}

/// The value of `meta nfproto`.
pub(crate) const fn nfproto(family: Family) -> u8 {
    match family {
        Family::V4 => 2,
        Family::V6 => 10,
    }
}

/// Which address of a packet is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Position {
    /// Its source.
    Source,
    /// Its destination.
    Destination,
    /// The source of the first packet of its connection.
    Original,
    /// The destination of that packet.
    OriginalDestination,
}

impl Position {
    /// Whether it is of the first packet of the connection, and not of the one that is judged.
    pub(super) const fn is_original(self) -> bool {
        matches!(self, Self::Original | Self::OriginalDestination)
    }
}

/// A part of a concatenated key.
#[derive(Clone, Copy)]
pub(super) enum Part {
    Address(Family, Position),
    /// The first bits of an address.
    Network(Family, Position, u8),
    Protocol,
    /// 16 bits at an offset of the transport header.
    Key(u32),
    SourcePort,
    DestinationPort,
    OriginalSourcePort,
    OriginalDestinationPort,
}

impl Part {
    fn words(self) -> u8 {
        match self {
            Self::Address(Family::V6, _) | Self::Network(Family::V6, ..) => 4,
            _ => 1,
        }
    }

    fn load(self, to: Register) -> Expression {
        match self {
            Self::Address(family, position) | Self::Network(family, position, _) => {
                load_address(family, position, to)
            }
            Self::Key(offset) => transport(offset, 2, to),
            Self::Protocol => Expression::Meta { key: MetaKey::L4Proto, to },
            Self::SourcePort => transport(0, 2, to),
            Self::DestinationPort => transport(2, 2, to),
            Self::OriginalSourcePort => original(CtKey::SourcePort, to),
            Self::OriginalDestinationPort => original(CtKey::DestinationPort, to),
        }
    }
}

const fn transport(offset: u32, length: u32, to: Register) -> Expression {
    Expression::Payload { base: PayloadBase::Transport, offset, length, to }
}

const fn original(key: CtKey, to: Register) -> Expression {
    Expression::Ct { key, direction: Some(CtDirection::Original), to }
}

fn load_address(family: Family, position: Position, to: Register) -> Expression {
    let network = |offset, length| Expression::Payload { base: PayloadBase::Network, offset, length, to };
    match (family, position) {
        (Family::V4, Position::Source) => network(12, 4),
        (Family::V4, Position::Destination) => network(16, 4),
        (Family::V4, Position::Original) => original(CtKey::SourceIp4, to),
        (Family::V4, Position::OriginalDestination) => original(CtKey::DestinationIp4, to),
        (Family::V6, Position::Source) => network(8, 16),
        (Family::V6, Position::Destination) => network(24, 16),
        (Family::V6, Position::Original) => original(CtKey::SourceIp6, to),
        (Family::V6, Position::OriginalDestination) => original(CtKey::DestinationIp6, to),
    }
}

/// The mask of the first bits of an address; none where they are all.
fn mask(family: Family, length: u8) -> Option<Vec<u8>> {
    let last = family.last();
    (length < family.bits()).then(|| address_bytes(family, last ^ (last >> length)))
}

/// A rule that is being written.
#[derive(Clone)]
pub(super) struct Sentence(Vec<Expression>);

impl Sentence {
    fn with(mut self, expression: Expression) -> Self {
        self.0.push(expression);
        self
    }

    fn meta(self, key: MetaKey) -> Self {
        self.with(Expression::Meta { key, to: FIRST })
    }

    fn equals(self, value: impl Into<Vec<u8>>) -> Self {
        self.with(Expression::Compare { from: FIRST, operator: Operator::Equal, value: value.into() })
    }

    fn differs(self, value: impl Into<Vec<u8>>) -> Self {
        self.with(Expression::Compare { from: FIRST, operator: Operator::NotEqual, value: value.into() })
    }

    fn masked(self, mask: impl Into<Vec<u8>>) -> Self {
        let mask = mask.into();
        self.with(Expression::Mask { from: FIRST, to: FIRST, xor: vec![0; mask.len()], mask })
    }

    fn in_set(self, set: &str, inverted: bool) -> Self {
        self.with(Expression::Lookup { set: set.to_owned(), from: FIRST, inverted, verdict: false })
    }

    fn verdict(self, verdict: Verdict) -> Rule {
        self.with(Expression::Verdict(verdict)).end()
    }

    /// The rule as it is.
    pub(super) fn end(self) -> Rule {
        Rule(self.0)
    }
}

/// Where a packet comes from and goes to.
impl Sentence {
    pub(super) fn in_by_loopback(self) -> Self {
        self.meta(MetaKey::InputIndex).equals(LOOPBACK_INDEX.to_ne_bytes())
    }

    pub(super) fn out_by_loopback(self) -> Self {
        self.meta(MetaKey::OutputIndex).equals(LOOPBACK_INDEX.to_ne_bytes())
    }

    pub(super) fn input_is(self, name: &str) -> Self {
        self.meta(MetaKey::InputName).equals(name_bytes(name))
    }

    pub(super) fn output_is(self, name: &str) -> Self {
        self.meta(MetaKey::OutputName).equals(name_bytes(name))
    }

    pub(super) fn input_in(self, set: &str) -> Self {
        self.meta(MetaKey::InputName).in_set(set, false)
    }

    pub(super) fn input_not_in(self, set: &str) -> Self {
        self.meta(MetaKey::InputName).in_set(set, true)
    }

    pub(super) fn output_in(self, set: &str) -> Self {
        self.meta(MetaKey::OutputName).in_set(set, false)
    }

    pub(super) fn output_not_in(self, set: &str) -> Self {
        self.meta(MetaKey::OutputName).in_set(set, true)
    }

    pub(super) fn destination_type(self, kind: u32) -> Self {
        let flags = FibFlags::DESTINATION;
        self.with(Expression::Fib { flags, result: FibResult::AddressType, to: FIRST })
            .equals(kind.to_ne_bytes())
    }

    /// The routing table would send it out by this interface.
    pub(super) fn routed_to(self, name: &str) -> Self {
        let flags = FibFlags::DESTINATION;
        self.with(Expression::Fib { flags, result: FibResult::OutputName, to: FIRST })
            .equals(name_bytes(name))
    }

    pub(super) fn user_is(self, user: u32) -> Self {
        self.meta(MetaKey::SocketUser).equals(user.to_ne_bytes())
    }

    /// A socket of a program sends it; -1 is no user, so the comparison holds wherever there is one at all.
    pub(super) fn has_user(self) -> Self {
        self.meta(MetaKey::SocketUser).differs(u32::MAX.to_ne_bytes())
    }
}

/// What a packet is.
impl Sentence {
    pub(super) fn family(self, family: Family) -> Self {
        self.meta(MetaKey::NfProto).equals([nfproto(family)])
    }

    /// The family is in a set of families: the trial, or a rule that has not ended.
    pub(super) fn family_in(self, set: &str) -> Self {
        self.meta(MetaKey::NfProto).in_set(set, false)
    }

    pub(super) fn protocol(self, protocol: u8) -> Self {
        self.meta(MetaKey::L4Proto).equals([protocol])
    }

    pub(super) fn protocol_is_not(self, protocol: u8) -> Self {
        self.meta(MetaKey::L4Proto).differs([protocol])
    }

    pub(super) fn prefix(self, family: Family, position: Position, network: u128, length: u8) -> Self {
        if length == 0 {
            return self;
        }
        let loaded = self.with(load_address(family, position, FIRST));
        let loaded = match mask(family, length) {
            None => loaded,
            Some(mask) => loaded.masked(mask),
        };
        loaded.equals(address_bytes(family, network))
    }

    pub(super) fn address_in(self, family: Family, position: Position, set: &str) -> Self {
        self.with(load_address(family, position, FIRST)).in_set(set, false)
    }

    pub(super) fn hop_limit(self, limit: u8) -> Self {
        self.with(Expression::Payload { base: PayloadBase::Network, offset: 7, length: 1, to: FIRST })
            .equals([limit])
    }

    pub(super) fn icmp_type(self, kind: u8) -> Self {
        self.with(transport(0, 1, FIRST)).equals([kind])
    }

    pub(super) fn icmp_types(self, first: u8, last: u8) -> Self {
        self.with(transport(0, 1, FIRST)).with(Expression::Range {
            from: FIRST,
            operator: Operator::Equal,
            first: vec![first],
            last: vec![last],
        })
    }

    /// A key within an interval: the 16 bits at an offset of the transport header.
    pub(super) fn key(self, offset: u32, first: u16, last: u16) -> Self {
        if (first, last) == (0, u16::MAX) {
            return self;
        }
        self.with(transport(offset, 2, FIRST)).within(first, last)
    }

    /// The port that a connection was opened to, within an interval.
    pub(super) fn original_key(self, first: u16, last: u16) -> Self {
        if (first, last) == (0, u16::MAX) {
            return self;
        }
        self.with(original(CtKey::DestinationPort, FIRST)).within(first, last)
    }

    fn within(self, first: u16, last: u16) -> Self {
        if first == last {
            return self.equals(first.to_be_bytes());
        }
        let (first, last) = (first.to_be_bytes().to_vec(), last.to_be_bytes().to_vec());
        self.with(Expression::Range { from: FIRST, operator: Operator::Equal, first, last })
    }

    pub(super) fn destination_port(self, port: u16) -> Self {
        self.key(2, port, port)
    }

    pub(super) fn source_port_in(self, set: &str) -> Self {
        self.with(transport(0, 2, FIRST)).in_set(set, false)
    }

    pub(super) fn destination_port_in(self, set: &str) -> Self {
        self.with(transport(2, 2, FIRST)).in_set(set, false)
    }

    /// Source and destination port together.
    pub(super) fn ports(self, source: u16, destination: u16) -> Self {
        let value = [source.to_be_bytes(), destination.to_be_bytes()].concat();
        self.with(transport(0, 4, FIRST)).equals(value)
    }

    /// A packet of TCP that does not open a connection: not SYN alone of SYN, ACK, RST and FIN (RFC 9293, 3.10.7.2).
    pub(super) fn tcp_goes_on(self) -> Self {
        self.protocol(TCP).with(transport(13, 1, FIRST)).masked([0x17]).differs([0x02])
    }

    /// A concatenated key in a set.
    pub(super) fn parts_in(self, parts: &[Part], set: &str) -> Self {
        self.parts(parts).in_set(set, false)
    }

    fn parts(mut self, parts: &[Part]) -> Self {
        let mut register = 0;
        for part in parts {
            let at = Register(register);
            self = self.with(part.load(at));
            if let Part::Network(family, _, length) = *part
                && let Some(mask) = mask(family, length)
            {
                self = self.with(Expression::Mask { from: at, to: at, xor: vec![0; mask.len()], mask });
            }
            register += part.words();
        }
        self
    }
}

/// What is known about a packet's connection.
impl Sentence {
    pub(super) fn state(self, bits: u32) -> Self {
        self.ct(CtKey::State).masked(bits.to_ne_bytes()).differs([0; 4])
    }

    pub(super) fn state_without(self, bits: u32) -> Self {
        self.ct(CtKey::State).masked(bits.to_ne_bytes()).equals([0; 4])
    }

    pub(super) fn reply(self) -> Self {
        self.ct(CtKey::Direction).equals([1])
    }

    pub(super) fn without_destination_nat(self) -> Self {
        self.ct(CtKey::Status).masked(DESTINATION_NAT.to_ne_bytes()).equals([0; 4])
    }

    pub(super) fn original_ports(self, source: u16, destination: u16) -> Self {
        let source = self.with(original(CtKey::SourcePort, FIRST)).equals(source.to_be_bytes());
        source.original_destination_port(destination)
    }

    pub(super) fn original_destination_port(self, port: u16) -> Self {
        self.with(original(CtKey::DestinationPort, FIRST)).equals(port.to_be_bytes())
    }

    fn ct(self, key: CtKey) -> Self {
        self.with(Expression::Ct { key, direction: None, to: FIRST })
    }
}

/// What is done.
impl Sentence {
    pub(super) fn count(self, counter: &str) -> Self {
        self.with(Expression::CounterNamed(counter.to_owned()))
    }

    /// Counts with the counter that a map has for a concatenated key; goes on where it has one.
    pub(super) fn count_by(self, parts: &[Part], map: &str) -> Self {
        self.parts(parts).with(Expression::CounterBy { map: map.to_owned(), from: FIRST })
    }

    pub(super) fn at_most(self, rate: u64, burst: u32) -> Self {
        self.with(Expression::Limit { rate, unit: LimitUnit(1), burst, over: false, bytes: false })
    }

    pub(super) fn log(self, group: u16, prefix: String) -> Self {
        self.with(Expression::Log { group, prefix })
    }

    /// Goes on where the source (IPv6: its /64) is below a limit of its own; a full set refuses.
    pub(super) fn source_below(self, family: Family, set: &str, limit: Expression, timeout: u64) -> Self {
        let loaded = self.with(load_address(family, Position::Source, FIRST));
        let loaded = match family {
            Family::V4 => loaded,
            Family::V6 => loaded.masked((u128::MAX << 64).to_be_bytes()),
        };
        loaded.with(Expression::Dynset {
            set: set.to_owned(),
            operation: DynsetOperation::Update,
            from: FIRST,
            timeout,
            inverted: false,
            statements: vec![limit],
        })
    }

    /// Begins the timeout of the element anew that was just found in a set.
    pub(super) fn renewed(self, set: &str, timeout: u64) -> Self {
        self.with(Expression::Dynset {
            set: set.to_owned(),
            operation: DynsetOperation::Update,
            from: FIRST,
            timeout,
            inverted: false,
            statements: Vec::new(),
        })
    }

    pub(super) fn notrack(self) -> Rule {
        self.with(Expression::Notrack).end()
    }

    pub(super) fn accept(self) -> Rule {
        self.verdict(Verdict::Accept)
    }

    pub(super) fn discard(self) -> Rule {
        self.verdict(Verdict::Drop)
    }

    pub(super) fn back(self) -> Rule {
        self.verdict(Verdict::Return)
    }

    pub(super) fn goto(self, chain: &str) -> Rule {
        self.verdict(Verdict::Goto(chain.to_owned()))
    }

    pub(super) fn jump(self, chain: &str) -> Rule {
        self.verdict(Verdict::Jump(chain.to_owned()))
    }

    pub(super) fn reset(self) -> Rule {
        self.with(Expression::Reject(RejectKind::TcpReset)).end()
    }

    pub(super) fn unreachable(self) -> Rule {
        self.with(Expression::Reject(RejectKind::IcmpX(PORT_UNREACHABLE))).end()
    }

    pub(super) fn masquerade(self) -> Rule {
        self.with(Expression::Masquerade).end()
    }

    pub(super) fn destination_nat(self, to: IpAddr, port: Option<u16>) -> Rule {
        let (family, address) = number(to);
        let loaded = self.with(Expression::Immediate { to: FIRST, value: address_bytes(family, address) });
        let at = Register(4);
        let (loaded, port) = match port {
            Some(port) => {
                let value = port.to_be_bytes().to_vec();
                (loaded.with(Expression::Immediate { to: at, value }), Some(at))
            }
            None => (loaded, None),
        };
        loaded.with(Expression::DestinationNat { v6: family == Family::V6, address: FIRST, port }).end()
    }

    /// Takes the verdict that a map has for the input interface.
    pub(super) fn by_input(self, map: &str) -> Rule {
        self.meta(MetaKey::InputName).map(map)
    }

    /// Takes the verdict that a map has for the output interface.
    pub(super) fn by_output(self, map: &str) -> Rule {
        self.meta(MetaKey::OutputName).map(map)
    }

    /// Takes the verdict that a map has for the protocol.
    pub(super) fn by_protocol(self, map: &str) -> Rule {
        self.meta(MetaKey::L4Proto).map(map)
    }

    /// Takes the verdict that a map has for the address.
    pub(super) fn by_address(self, family: Family, position: Position, map: &str) -> Rule {
        self.with(load_address(family, position, FIRST)).map(map)
    }

    /// Takes the verdict that a map has for a concatenated key.
    pub(super) fn by_parts(self, parts: &[Part], map: &str) -> Rule {
        self.parts(parts).map(map)
    }

    /// Takes the verdict that a map has for the key of a packet, or of the first packet of its connection.
    pub(super) fn by_key(self, position: Position, offset: u32, map: &str) -> Rule {
        let load = match position {
            Position::Original | Position::OriginalDestination => original(CtKey::DestinationPort, FIRST),
            Position::Source | Position::Destination => transport(offset, 2, FIRST),
        };
        self.with(load).map(map)
    }

    fn map(self, map: &str) -> Rule {
        let lookup = Expression::Lookup { set: map.to_owned(), from: FIRST, inverted: false, verdict: true };
        self.with(lookup).end()
    }
}
