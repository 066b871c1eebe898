//! The expressions that rules consist of: those that the compiler writes and those that foreign tables are read with.
//!
//! Loads put bytes into registers; comparisons and lookups read them and end the rule where they do not hold
//! (`NFT_BREAK`).

use serde::{Deserialize, Serialize};

/// A 32-bit register, 0 to 15; values longer than four bytes take the following ones too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Register(pub u8);

/// What becomes of a packet, or where the evaluation goes on.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Verdict {
    /// The packet leaves this base chain; others at the hook still judge it.
    Accept,
    /// The packet is gone.
    Drop,
    /// Back to the rule after the jump.
    Return,
    /// Go on with the next rule.
    Continue,
    /// To a chain, and back.
    Jump(String),
    /// To a chain, for good.
    Goto(String),
    /// To a program (`queue`).
    Queue(u16),
}

/// One expression.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Expression {
    /// Loads a fact about the packet.
    Meta {
        /// Which.
        key: MetaKey,
        /// Where to.
        to: Register,
    },
    /// Loads bytes of the packet.
    Payload {
        /// The header that the offset counts from.
        base: PayloadBase,
        /// The offset in bytes.
        offset: u32,
        /// How many bytes.
        length: u32,
        /// Where to.
        to: Register,
    },
    /// Loads a fact about the packet's connection; ends the rule where it has none.
    Ct {
        /// Which.
        key: CtKey,
        /// Of which direction, for keys that have one.
        direction: Option<CtDirection>,
        /// Where to.
        to: Register,
    },
    /// Asks the routing table.
    Fib {
        /// What it is asked about.
        flags: FibFlags,
        /// What is wanted of the answer.
        result: FibResult,
        /// Where to.
        to: Register,
    },
    /// `to = from & mask ^ xor`.
    Mask {
        /// Where from.
        from: Register,
        /// Where to.
        to: Register,
        /// The mask.
        mask: Vec<u8>,
        /// What is flipped afterwards.
        xor: Vec<u8>,
    },
    /// Goes on where the comparison holds.
    Compare {
        /// The register.
        from: Register,
        /// How.
        operator: Operator,
        /// With what; a shorter value compares the first bytes.
        value: Vec<u8>,
    },
    /// Goes on where the register is within (`Operator::Equal`) or outside (`Operator::NotEqual`) of an interval.
    Range {
        /// The register.
        from: Register,
        /// Which.
        operator: Operator,
        /// The first value.
        first: Vec<u8>,
        /// The last value.
        last: Vec<u8>,
    },
    /// Goes on where the key is in a set (or is not), or takes the verdict of a map.
    Lookup {
        /// The name of the set.
        set: String,
        /// The register of the key.
        from: Register,
        /// Whether the key must not be in it.
        inverted: bool,
        /// Whether it is a verdict map.
        verdict: bool,
    },
    /// Goes on below a rate, or above it.
    Limit {
        /// How many in the unit.
        rate: u64,
        /// The unit in seconds.
        unit: LimitUnit,
        /// How many more at once.
        burst: u32,
        /// Whether it goes on above the rate.
        over: bool,
        /// Whether bytes are counted, and not packets.
        bytes: bool,
    },
    /// Sends a copy to a program that listens to an `NFLOG` group.
    Log {
        /// The group.
        group: u16,
        /// What stands before it.
        prefix: String,
    },
    /// Counts with a named counter.
    CounterNamed(String),
    /// Counts with the counter that a map names for the key; ends the rule where it names none. A foreign map may name
    /// other objects: whether it names counters, the map says.
    CounterBy {
        /// The name of the map.
        map: String,
        /// The register of the key.
        from: Register,
    },
    /// Counts in the rule.
    Counter,
    /// Goes on up to so many connections (in a dynset: of a key), or above.
    ConnectionLimit {
        /// How many.
        count: u32,
        /// Whether it goes on above.
        over: bool,
    },
    /// Adds the key to a set and goes on where its statements do; ends the rule where the set is full.
    Dynset {
        /// The name of the set.
        set: String,
        /// Whether a timeout starts anew.
        operation: DynsetOperation,
        /// The register of the key.
        from: Register,
        /// Milliseconds; 0 is the set's own.
        timeout: u64,
        /// Whether it goes on where the element exists not.
        inverted: bool,
        /// Statements that each element has of its own.
        statements: Vec<Expression>,
    },
    /// Answers and drops.
    Reject(RejectKind),
    /// Takes the packet out of connection tracking; at a priority below -200.
    Notrack,
    /// Rewrites the destination to the address (and port) in registers.
    DestinationNat {
        /// Whether the address is IPv6.
        v6: bool,
        /// The register of the address.
        address: Register,
        /// The register of the port, where it changes.
        port: Option<Register>,
    },
    /// Rewrites the source to the address (and port) in registers. In foreign tables alone.
    SourceNat {
        /// Whether the address is IPv6.
        v6: bool,
        /// The register of the address.
        address: Register,
        /// The register of the port, where it changes.
        port: Option<Register>,
    },
    /// Rewrites the destination to this host, and to the port in a register. In foreign tables alone.
    Redirect {
        /// The register of the port, where it changes.
        port: Option<Register>,
    },
    /// Rewrites the source to the address of the interface that it leaves by.
    Masquerade,
    /// Puts a value into a register.
    Immediate {
        /// Where to.
        to: Register,
        /// The value.
        value: Vec<u8>,
    },
    /// Decides.
    Verdict(Verdict),
    /// What is not known here, as the kernel gave it.
    Unknown {
        /// The name of the expression.
        name: String,
        /// Its attributes.
        data: Vec<u8>,
    },
}

/// Facts about a packet (`enum nft_meta_keys`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum MetaKey {
    /// `meta nfproto`: one byte, 2 or 10.
    NfProto,
    /// `meta l4proto`: one byte.
    L4Proto,
    /// `iif`: four bytes of the machine's order.
    InputIndex,
    /// `oif`: four bytes of the machine's order.
    OutputIndex,
    /// `iifname`: 16 bytes.
    InputName,
    /// `oifname`: 16 bytes.
    OutputName,
    /// `iiftype`: two bytes of the machine's order.
    InputType,
    /// `meta mark`: four bytes of the machine's order.
    Mark,
    /// `meta skuid`: four bytes of the machine's order; ends the rule without a socket.
    SocketUser,
    /// `meta pkttype`: one byte.
    PacketType,
    /// Another one, by its number.
    Other(u32),
}

/// The header that an offset counts from (`enum nft_payload_bases`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum PayloadBase {
    /// The link layer.
    Link,
    /// IP.
    Network,
    /// TCP, UDP, ICMP and others.
    Transport,
    /// What the transport carries.
    Inner,
}

/// Facts about a connection (`enum nft_ct_keys`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum CtKey {
    /// `ct state`: four bytes of the machine's order; 1 invalid, 2 established, 4 related, 8 new, 64 untracked.
    State,
    /// `ct direction`: one byte; 0 original, 1 reply.
    Direction,
    /// `ct status`: four bytes of the machine's order; 32 is DNAT (`IPS_DST_NAT`).
    Status,
    /// `ct mark`.
    Mark,
    /// The source address of IPv4 (with a direction).
    SourceIp4,
    /// The destination address of IPv4 (with a direction).
    DestinationIp4,
    /// The source address of IPv6 (with a direction).
    SourceIp6,
    /// The destination address of IPv6 (with a direction).
    DestinationIp6,
    /// The source port (with a direction).
    SourcePort,
    /// The destination port (with a direction).
    DestinationPort,
    /// The protocol (with a direction).
    Protocol,
    /// Another one, by its number.
    Other(u32),
}

/// The direction of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum CtDirection {
    /// As it was opened.
    Original,
    /// The answers.
    Reply,
}

/// What the routing table is asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct FibFlags(pub u32);

impl FibFlags {
    /// `NFTA_FIB_F_SADDR`.
    pub const SOURCE: Self = Self(1);
    /// `NFTA_FIB_F_DADDR`.
    pub const DESTINATION: Self = Self(2);
}

/// What is wanted of the routing table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum FibResult {
    /// The index of the outgoing interface.
    OutputIndex,
    /// The name of the outgoing interface.
    OutputName,
    /// The type of the address: four bytes of the machine's order; 1 unicast, 2 local, 3 broadcast, 4 anycast, 5
    /// multicast (`RTN_*`).
    AddressType,
}

/// How values are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Operator {
    /// Equal.
    Equal,
    /// Not equal.
    NotEqual,
    /// Less.
    Less,
    /// Less or equal.
    LessOrEqual,
    /// Greater.
    Greater,
    /// Greater or equal.
    GreaterOrEqual,
}

/// Seconds of a limit's unit: 1, 60, 3600, 86,400 or 604,800 (any number is taken by the kernel).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct LimitUnit(pub u64);

/// What a dynset does with an element that exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum DynsetOperation {
    /// Nothing.
    Add,
    /// Its timeout starts anew.
    Update,
    /// It is removed.
    Delete,
}

/// How a packet is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum RejectKind {
    /// A TCP reset.
    TcpReset,
    /// An ICMP or ICMPv6 error, whichever the packet's family has: "administratively prohibited" and others, by
    /// `enum nft_reject_inet_code`.
    IcmpX(u8),
    /// An ICMP error of the packet's own family, by its code.
    Icmp(u8),
}
