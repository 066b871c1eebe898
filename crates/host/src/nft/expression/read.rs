//! Expressions and verdicts, from the kernel's bytes.
//!
//! What cannot be told whole by a value of its own stays raw: nothing is rounded off, so that two rules that read
//! alike are alike.

use super::{
    ACCEPT, CONTINUE, DROP, GOTO, JUMP, NFTA_EXPR_DATA, NFTA_EXPR_NAME, RETURN,
    number::{
        BASES, DIRECTIONS, DYNSET_OPERATIONS, FIB_RESULTS, OPERATORS, ct_key, meta_key, register, value,
    },
};
use crate::nft::{
    kernel::{NFTA_DATA_VALUE, NFTA_DATA_VERDICT, NFTA_VERDICT_CHAIN, NFTA_VERDICT_CODE},
    wire::Attributes,
};
use firewall::nft::{Expression, FibFlags, LimitUnit, Register, RejectKind, Verdict};

/// One expression.
pub(in crate::nft) fn read(list_element: Attributes<'_>) -> Expression {
    let (name, data) = parts(list_element);
    load(name, data)
        .or_else(|| act(name, data))
        .or_else(|| dynset(name, data))
        .unwrap_or_else(|| unknown(name, data))
}

/// A statement within a dynset. A dynset within a dynset stays raw, so that hostile bytes cannot nest without end.
fn statement(list_element: Attributes<'_>) -> Expression {
    let (name, data) = parts(list_element);
    load(name, data).or_else(|| act(name, data)).unwrap_or_else(|| unknown(name, data))
}

fn parts(list_element: Attributes<'_>) -> (&str, Attributes<'_>) {
    (list_element.text(NFTA_EXPR_NAME).unwrap_or_default(), list_element.nest(NFTA_EXPR_DATA))
}

fn unknown(name: &str, data: Attributes<'_>) -> Expression {
    Expression::Unknown { name: name.to_owned(), data: data.0.to_vec() }
}

/// Loads and comparisons.
fn load(name: &str, data: Attributes<'_>) -> Option<Expression> {
    let register_at = |kind| register(data.u32(kind));
    Some(match name {
        "meta" => Expression::Meta { key: meta_key(data.u32(2)?), to: register_at(1)? },
        "payload" => Expression::Payload {
            base: value(BASES, data.u32(2)?)?,
            offset: data.u32(3)?,
            length: data.u32(4)?,
            to: register_at(1)?,
        },
        "ct" => Expression::Ct {
            key: ct_key(data.u32(2)?),
            direction: match data.u8(3) {
                None => None,
                Some(direction) => Some(value(DIRECTIONS, direction.into())?),
            },
            to: register_at(1)?,
        },
        "fib" => Expression::Fib {
            flags: FibFlags(data.u32(3)?),
            result: value(FIB_RESULTS, data.u32(2)?)?,
            to: register_at(1)?,
        },
        "bitwise" if data.u32(6).unwrap_or(0) == 0 => Expression::Mask {
            from: register_at(1)?,
            to: register_at(2)?,
            mask: bytes(data, 4)?,
            xor: bytes(data, 5)?,
        },
        "cmp" => Expression::Compare {
            from: register_at(1)?,
            operator: value(OPERATORS, data.u32(2)?)?,
            value: bytes(data, 3)?,
        },
        "range" => Expression::Range {
            from: register_at(1)?,
            operator: value(&OPERATORS[..2], data.u32(2)?)?,
            first: bytes(data, 3)?,
            last: bytes(data, 4)?,
        },
        "lookup" => Expression::Lookup {
            set: data.text(1)?.to_owned(),
            from: register_at(2)?,
            inverted: data.u32(5).unwrap_or(0) & 1 == 1,
            verdict: match data.u32(3) {
                None => false,
                Some(0) => true,
                // A map of data.
                Some(_) => return None,
            },
        },
        "immediate" if data.u32(1) == Some(0) => Expression::Verdict(verdict(data.nest(2))?),
        "immediate" => Expression::Immediate { to: register_at(1)?, value: bytes(data, 2)? },
        _ => return None,
    })
}

/// What does something, and is not a dynset.
fn act(name: &str, data: Attributes<'_>) -> Option<Expression> {
    Some(match name {
        "limit" => Expression::Limit {
            rate: data.u64(1)?,
            unit: LimitUnit(data.u64(2)?),
            burst: data.u32(3)?,
            over: data.u32(5).unwrap_or(0) & 1 == 1,
            bytes: data.u32(4)? == 1,
        },
        // With a length (3) or a threshold (4) it is more than the value tells; without a group it goes to the log.
        "log" if data.u32(3).unwrap_or(0) == 0 && data.u16(4).unwrap_or(0) == 0 => {
            Expression::Log { group: data.u16(1)?, prefix: data.text(2).unwrap_or_default().to_owned() }
        }
        "objref" if data.u32(1) == Some(1) => Expression::CounterNamed(data.text(2)?.to_owned()),
        "objref" if data.get(1).is_none() => {
            Expression::CounterBy { map: data.text(4)?.to_owned(), from: register(data.u32(3))? }
        }
        "counter" => Expression::Counter,
        "connlimit" => {
            Expression::ConnectionLimit { count: data.u32(1)?, over: data.u32(2).unwrap_or(0) & 1 == 1 }
        }
        "reject" => Expression::Reject(match (data.u32(1)?, data.u8(2).unwrap_or(0)) {
            (0, code) => RejectKind::Icmp(code),
            (1, _) => RejectKind::TcpReset,
            (2, code) => RejectKind::IcmpX(code),
            _ => return None,
        }),
        "notrack" => Expression::Notrack,
        "nat" => nat(data)?,
        "redir" if data.u32(3).unwrap_or(0) & !SPECIFIED == 0 && one_port(data, 1, 2) => {
            Expression::Redirect { port: optional(data, 1)? }
        }
        "masq" if data.0.is_empty() => Expression::Masquerade,
        // With a flag (bypass, fanout) or several queues it is more than the value tells.
        "queue" if data.u16(2).unwrap_or(1) == 1 && data.u16(3).unwrap_or(0) == 0 => {
            Expression::Verdict(Verdict::Queue(data.u16(1)?))
        }
        _ => return None,
    })
}

fn dynset(name: &str, data: Attributes<'_>) -> Option<Expression> {
    // A map of data (5) stays raw.
    if name != "dynset" || data.get(5).is_some() {
        return None;
    }
    let one = data.get(7).map(|one| statement(Attributes(one)));
    let many = data.nest(10).map(|(_, one)| statement(Attributes(one)));
    Some(Expression::Dynset {
        set: data.text(1)?.to_owned(),
        operation: value(DYNSET_OPERATIONS, data.u32(3)?)?,
        from: register(data.u32(4))?,
        timeout: data.u64(6).unwrap_or(0),
        inverted: data.u32(9).unwrap_or(0) & 1 == 1,
        statements: one.into_iter().chain(many).collect(),
    })
}

/// `NF_NAT_RANGE_MAP_IPS` and `NF_NAT_RANGE_PROTO_SPECIFIED`: what the kernel itself adds to the flags.
const SPECIFIED: u32 = 3;

/// Of one address and at most one port; ranges, random ports and persistent ones stay raw.
fn nat(data: Attributes<'_>) -> Option<Expression> {
    let one_address = data.u32(4).is_none_or(|last| Some(last) == data.u32(3));
    if !one_address || !one_port(data, 5, 6) || data.u32(7).unwrap_or(0) & !SPECIFIED != 0 {
        return None;
    }
    let v6 = match data.u32(2)? {
        2 => false,
        10 => true,
        _ => return None,
    };
    let (address, port) = (register(data.u32(3))?, optional(data, 5)?);
    Some(match data.u32(1)? {
        0 => Expression::SourceNat { v6, address, port },
        1 => Expression::DestinationNat { v6, address, port },
        _ => return None,
    })
}

fn one_port(data: Attributes<'_>, first: u16, last: u16) -> bool {
    data.u32(last).is_none_or(|last| Some(last) == data.u32(first))
}

/// A register that may be absent; `None` where it is there and wrong.
fn optional(data: Attributes<'_>, kind: u16) -> Option<Option<Register>> {
    match data.get(kind) {
        None => Some(None),
        Some(_) => register(data.u32(kind)).map(Some),
    }
}

/// The verdict within `struct nft_data`.
pub(in crate::nft) fn verdict(data: Attributes<'_>) -> Option<Verdict> {
    let verdict = data.nest(NFTA_DATA_VERDICT);
    let chain = || verdict.text(NFTA_VERDICT_CHAIN).map(str::to_owned);
    Some(match verdict.u32(NFTA_VERDICT_CODE)?.cast_signed() {
        DROP => Verdict::Drop,
        ACCEPT => Verdict::Accept,
        CONTINUE => Verdict::Continue,
        RETURN => Verdict::Return,
        JUMP => Verdict::Jump(chain()?),
        GOTO => Verdict::Goto(chain()?),
        _ => return None,
    })
}

fn bytes(data: Attributes<'_>, kind: u16) -> Option<Vec<u8>> {
    data.nest(kind).get(NFTA_DATA_VALUE).map(<[u8]>::to_vec)
}
