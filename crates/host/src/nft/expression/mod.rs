//! Expressions and verdicts, to the kernel's bytes; `read` is the way back.
//!
//! Attributes are numbered as in `linux/netfilter/nf_tables.h`; the comment at each expression names them.

mod number;
mod read;

pub(super) use read::{read, verdict};

use super::{
    kernel::{NFTA_DATA_VALUE, NFTA_DATA_VERDICT, NFTA_LIST_ELEM, NFTA_VERDICT_CHAIN, NFTA_VERDICT_CODE},
    wire::Body,
};
use firewall::nft::{Expression, Register, RejectKind, Verdict};
use number::{
    BASES, DIRECTIONS, DYNSET_OPERATIONS, FIB_RESULTS, OPERATORS, ct_number, meta_number, number,
    register_number,
};

const NFTA_EXPR_NAME: u16 = 1;
const NFTA_EXPR_DATA: u16 = 2;

// Verdicts (`enum nft_verdicts` and those of netfilter), as the kernel's signed numbers.
const DROP: i32 = 0;
const ACCEPT: i32 = 1;
const CONTINUE: i32 = -1;
const JUMP: i32 = -3;
const GOTO: i32 = -4;
const RETURN: i32 = -5;

/// The expressions of a rule, as the list that `body` is the inside of.
pub(super) fn write_all(body: &mut Body, expressions: &[Expression]) {
    for expression in expressions {
        write(body, NFTA_LIST_ELEM, expression);
    }
}

fn write(body: &mut Body, kind: u16, expression: &Expression) {
    body.nest(kind, |body| {
        body.text(NFTA_EXPR_NAME, name(expression));
        body.nest(NFTA_EXPR_DATA, |body| write_data(body, expression));
    });
}

/// The kernel's name of an expression.
fn name(expression: &Expression) -> &str {
    match expression {
        Expression::Meta { .. } => "meta",
        Expression::Payload { .. } => "payload",
        Expression::Ct { .. } => "ct",
        Expression::Fib { .. } => "fib",
        Expression::Mask { .. } => "bitwise",
        Expression::Compare { .. } => "cmp",
        Expression::Range { .. } => "range",
        Expression::Lookup { .. } => "lookup",
        Expression::Limit { .. } => "limit",
        Expression::Log { .. } => "log",
        Expression::CounterNamed(_) | Expression::CounterBy { .. } => "objref",
        Expression::Counter => "counter",
        Expression::ConnectionLimit { .. } => "connlimit",
        Expression::Dynset { .. } => "dynset",
        Expression::Reject(_) => "reject",
        Expression::Notrack => "notrack",
        Expression::DestinationNat { .. } | Expression::SourceNat { .. } => "nat",
        Expression::Redirect { .. } => "redir",
        Expression::Masquerade => "masq",
        Expression::Verdict(Verdict::Queue(_)) => "queue",
        Expression::Immediate { .. } | Expression::Verdict(_) => "immediate",
        Expression::Unknown { name, .. } => name,
    }
}

/// Loads and comparisons; what acts is in `write_statement`.
fn write_data(body: &mut Body, expression: &Expression) {
    match expression {
        // NFTA_META_DREG, KEY
        Expression::Meta { key, to } => _ = to_register(body, 1, *to).u32(2, meta_number(*key)),
        // NFTA_PAYLOAD_DREG, BASE, OFFSET, LEN
        Expression::Payload { base, offset, length, to } => {
            to_register(body, 1, *to).u32(2, number(BASES, base)).u32(3, *offset).u32(4, *length);
        }
        // NFTA_CT_DREG, KEY, DIRECTION (one byte)
        Expression::Ct { key, direction, to } => {
            to_register(body, 1, *to).u32(2, ct_number(*key));
            if let Some(direction) = direction {
                body.u8(3, number(DIRECTIONS, direction).to_be_bytes()[3]);
            }
        }
        // NFTA_FIB_DREG, RESULT, FLAGS
        Expression::Fib { flags, result, to } => {
            to_register(body, 1, *to).u32(2, number(FIB_RESULTS, result)).u32(3, flags.0);
        }
        // NFTA_BITWISE_SREG, DREG, LEN, MASK, XOR
        Expression::Mask { from, to, mask, xor } => {
            to_register(body, 1, *from);
            to_register(body, 2, *to).u32(3, u32::try_from(mask.len()).unwrap_or(u32::MAX));
            data(body, 4, mask);
            data(body, 5, xor);
        }
        // NFTA_CMP_SREG, OP, DATA
        Expression::Compare { from, operator, value } => {
            to_register(body, 1, *from).u32(2, number(OPERATORS, operator));
            data(body, 3, value);
        }
        // NFTA_RANGE_SREG, OP, FROM_DATA, TO_DATA
        Expression::Range { from, operator, first, last } => {
            to_register(body, 1, *from).u32(2, number(OPERATORS, operator));
            data(body, 3, first);
            data(body, 4, last);
        }
        // NFTA_LOOKUP_SET, SREG, DREG (the register of verdicts), FLAGS
        Expression::Lookup { set, from, inverted, verdict } => {
            to_register(body.text(1, set), 2, *from);
            if *verdict {
                body.u32(3, 0);
            }
            if *inverted {
                body.u32(5, 1);
            }
        }
        // NFTA_IMMEDIATE_DREG, DATA
        Expression::Immediate { to, value } => {
            to_register(body, 1, *to);
            data(body, 2, value);
        }
        statement => write_statement(body, statement),
    }
}

fn write_statement(body: &mut Body, expression: &Expression) {
    match expression {
        // NFTA_LIMIT_RATE, UNIT, BURST, TYPE, FLAGS
        Expression::Limit { rate, unit, burst, over, bytes } => {
            body.u64(1, *rate)
                .u64(2, unit.0)
                .u32(3, *burst)
                .u32(4, u32::from(*bytes))
                .u32(5, u32::from(*over));
        }
        // NFTA_LOG_GROUP, PREFIX
        Expression::Log { group, prefix } => _ = body.u16(1, *group).text(2, prefix),
        // NFTA_OBJREF_IMM_TYPE, IMM_NAME
        Expression::CounterNamed(name) => _ = body.u32(1, 1).text(2, name),
        // NFTA_OBJREF_SET_SREG, SET_NAME
        Expression::CounterBy { map, from } => _ = to_register(body, 3, *from).text(4, map),
        // NFTA_CONNLIMIT_COUNT, FLAGS
        Expression::ConnectionLimit { count, over } => _ = body.u32(1, *count).u32(2, u32::from(*over)),
        Expression::Dynset { .. } => write_dynset(body, expression),
        // NFTA_REJECT_TYPE, ICMP_CODE
        Expression::Reject(kind) => {
            let (kind, code) = match kind {
                RejectKind::Icmp(code) => (0, *code),
                RejectKind::TcpReset => (1, 0),
                RejectKind::IcmpX(code) => (2, *code),
            };
            body.u32(1, kind).u8(2, code);
        }
        Expression::SourceNat { v6, address, port } => write_nat(body, 0, *v6, *address, *port),
        Expression::DestinationNat { v6, address, port } => write_nat(body, 1, *v6, *address, *port),
        // NFTA_REDIR_REG_PROTO_MIN
        Expression::Redirect { port: Some(port) } => _ = to_register(body, 1, *port),
        // NFTA_QUEUE_NUM, TOTAL
        Expression::Verdict(Verdict::Queue(number)) => _ = body.u16(1, *number).u16(2, 1),
        // NFTA_IMMEDIATE_DREG (the register of verdicts), DATA
        Expression::Verdict(verdict) => _ = body.u32(1, 0).nest(2, |body| write_verdict(body, verdict)),
        Expression::Unknown { data, .. } => body.raw(data),
        // Those without attributes: a counter, notrack, masquerade, a redirection to the same port.
        _ => {}
    }
}

/// `NFTA_DYNSET_SET_NAME`, OP, `SREG_KEY`, TIMEOUT, EXPR or EXPRESSIONS, FLAGS.
fn write_dynset(body: &mut Body, expression: &Expression) {
    let Expression::Dynset { set, operation, from, timeout, inverted, statements } = expression else {
        return;
    };
    to_register(body.text(1, set).u32(3, number(DYNSET_OPERATIONS, operation)), 4, *from);
    if *timeout != 0 {
        body.u64(6, *timeout);
    }
    match statements.as_slice() {
        [] => {}
        [one] => write(body, 7, one),
        many => _ = body.nest(10, |body| write_all(body, many)),
    }
    let flags = u32::from(*inverted) | if statements.len() > 1 { 2 } else { 0 };
    if flags != 0 {
        body.u32(9, flags);
    }
}

/// `NFTA_NAT_TYPE`, FAMILY, `REG_ADDR_MIN`, `REG_PROTO_MIN`.
fn write_nat(body: &mut Body, kind: u32, v6: bool, address: Register, port: Option<Register>) {
    body.u32(1, kind).u32(2, if v6 { 10 } else { 2 });
    to_register(body, 3, address);
    if let Some(port) = port {
        to_register(body, 5, port);
    }
}

/// The verdict of a rule or of an element, as the inside of `struct nft_data`.
pub(super) fn write_verdict(body: &mut Body, verdict: &Verdict) {
    let (code, chain) = match verdict {
        Verdict::Drop => (DROP, None),
        Verdict::Accept => (ACCEPT, None),
        Verdict::Continue => (CONTINUE, None),
        Verdict::Return => (RETURN, None),
        Verdict::Jump(chain) => (JUMP, Some(chain)),
        Verdict::Goto(chain) => (GOTO, Some(chain)),
        // As NF_QUEUE_NR. The kernel takes it in no map; as an expression it is `queue`.
        Verdict::Queue(number) => (i32::from(*number) << 16 | 3, None),
    };
    body.nest(NFTA_DATA_VERDICT, |body| {
        body.attribute(NFTA_VERDICT_CODE, &code.to_be_bytes());
        if let Some(chain) = chain {
            body.text(NFTA_VERDICT_CHAIN, chain);
        }
    });
}

fn to_register(body: &mut Body, kind: u16, register: Register) -> &mut Body {
    body.u32(kind, register_number(register))
}

fn data(body: &mut Body, kind: u16, bytes: &[u8]) {
    body.nest(kind, |body| _ = body.attribute(NFTA_DATA_VALUE, bytes));
}

#[cfg(test)]
mod tests {
    use super::{read, write};
    use crate::nft::wire::{Attributes, Body};
    use firewall::nft::{Expression, Register, RejectKind, Verdict};
    use proptest::prelude::*;

    fn through_bytes(expression: &Expression) -> Expression {
        let mut body = Body::default();
        write(&mut body, 1, expression);
        read(Attributes(body.bytes()).nest(1))
    }

    /// Those that tests against a kernel do not write, because it may lack them.
    #[test]
    fn rare_expressions_are_read_as_they_were_written() {
        let port = Some(Register(9));
        for expression in [
            Expression::Verdict(Verdict::Queue(77)),
            Expression::SourceNat { v6: true, address: Register(4), port },
            Expression::DestinationNat { v6: false, address: Register(0), port: None },
            Expression::Redirect { port },
            Expression::Redirect { port: None },
            Expression::Masquerade,
            Expression::Reject(RejectKind::Icmp(13)),
            Expression::Immediate { to: Register(3), value: vec![1, 2, 3, 4] },
            Expression::Unknown { name: "xfrm".into(), data: vec![8, 0, 1, 0, 1, 2, 3, 4] },
        ] {
            assert_eq!(through_bytes(&expression), expression);
        }
    }

    #[test]
    fn dynsets_within_dynsets_end() {
        let mut body = Body::default();
        for _ in 0..1200 {
            let inner = body.bytes().to_vec();
            body = Body::default();
            body.text(1, "dynset").nest(2, |data| {
                data.text(1, "s").u32(3, 0).u32(4, 1).attribute(7, &inner);
            });
        }
        let raw =
            |inner: &[Expression]| matches!(inner, [Expression::Unknown { name, .. }] if name == "dynset");
        let outer = read(Attributes(body.bytes()));
        assert!(matches!(&outer, Expression::Dynset { statements, .. } if raw(statements)), "{outer:?}");
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_end(name in "[a-z]{0,9}", data in prop::collection::vec(any::<u8>(), 0..200)) {
            const NAMES: [&str; 18] = [
                "meta", "payload", "ct", "fib", "bitwise", "cmp", "range", "lookup", "limit", "log", "objref",
                "connlimit", "dynset", "reject", "nat", "redir", "queue", "immediate",
            ];
            for name in NAMES.into_iter().chain([name.as_str()]) {
                let mut body = Body::default();
                body.text(1, name).attribute(2, &data);
                _ = read(Attributes(body.bytes()));
            }
            _ = read(Attributes(&data));
        }

        /// Attributes that are well formed, of the right numbers and lengths, with any content.
        #[test]
        fn whole_attributes_end(parts in prop::collection::vec((1..11u16, prop::collection::vec(any::<u8>(), 0..9)), 0..9)) {
            for name in ["meta", "ct", "dynset", "nat", "immediate", "bitwise", "log"] {
                let mut body = Body::default();
                body.text(1, name).nest(2, |body| {
                    for (kind, value) in &parts {
                        body.attribute(*kind, value);
                    }
                });
                let first = read(Attributes(body.bytes()));
                prop_assert_eq!(&through_bytes(&first), &first);
            }
        }
    }
}
