//! One rule and one packet: whether the rule decides, and how.

use super::attributes::{extension, has, number};
use super::bits::{Bits, Holds, Registers};
use super::flow::Flow;
use super::targets::{Effect, Rewrite, To, effect};
use super::{matches, targets};
use crate::nft::{Expression, Field, Register, Rule, Set, Table, Verdict};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What a rule decides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Decision {
    /// A verdict of nftables.
    Verdict(Verdict),
    /// The packet is answered and dropped.
    Reject,
    /// The packet is sent elsewhere, and leaves the base chain.
    Rewrite(Rewrite),
    /// A program decides, or something that is not understood.
    Unknown,
}

/// What a rule does with a packet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Outcome {
    /// What it may decide; several only of a map whose key is not wholly known.
    pub(super) decisions: Vec<Decision>,
    /// Whether the next rule may be asked.
    pub(super) goes_on: bool,
    /// Whether it takes the packet out of connection tracking.
    pub(super) notrack: Option<Holds>,
    /// What made it uncertain.
    pub(super) doubt: Option<String>,
}

/// Applies a rule.
pub(super) fn apply(rule: &Rule, table: &Table, flow: &Flow<'_>) -> Outcome {
    let mut run =
        Run { table, flow, registers: Registers::new(), certain: true, outcome: Outcome::default() };
    for expression in &rule.0 {
        match run.expression(expression) {
            Step::Next => {}
            Step::Ends => {
                run.outcome.goes_on = true;
                return run.outcome;
            }
            Step::Decides => {
                run.outcome.goes_on |= !run.certain;
                return run.outcome;
            }
        }
    }
    run.outcome.goes_on = true;
    run.outcome
}

enum Step {
    Next,
    Ends,
    Decides,
}

struct Run<'a> {
    table: &'a Table,
    flow: &'a Flow<'a>,
    registers: Registers,
    certain: bool,
    outcome: Outcome,
}

impl Run<'_> {
    fn expression(&mut self, expression: &Expression) -> Step {
        match expression {
            Expression::Meta { key, to } => self.load(*to, self.flow.meta(*key)),
            Expression::Ct { key, direction, to } => self.load(*to, self.flow.connection(*key, *direction)),
            Expression::Payload { base, offset, length, to } => {
                self.load(*to, Some(self.flow.payload(*base, *offset, *length)))
            }
            Expression::Fib { flags, result, to } => self.load(*to, Some(self.flow.fib(*flags, *result))),
            Expression::Immediate { to, value } => self.load(*to, Some(Bits::known(value.clone()))),
            Expression::Mask { from, to, mask, xor } => {
                let bits = self.registers.load(*from, mask.len()).masked(mask, xor);
                self.load(*to, Some(bits))
            }
            Expression::Compare { from, operator, value } => {
                let held = self.registers.load(*from, value.len()).compare(*operator, value);
                self.test(held, "a fact that the packet alone does not tell")
            }
            Expression::Range { from, operator, first, last } => {
                let bits = self.registers.load(*from, first.len());
                let inside = bits.within(first, last);
                let outside = *operator == crate::nft::Operator::NotEqual;
                self.test(inside.negated_if(outside), "a fact that the packet alone does not tell")
            }
            Expression::Lookup { set, from, inverted, verdict } => {
                self.lookup(set, *from, *inverted, *verdict)
            }
            // Of other objects, quotas for instance, some packets do not go on.
            Expression::CounterBy { map, from }
                if self.table.sets.get(map).is_some_and(|map| map.counters) =>
            {
                self.lookup(map, *from, false, false)
            }
            Expression::CounterBy { .. } => self.opaque("objref"),
            Expression::Limit { .. } => self.test(Holds::Maybe, "a rate limit"),
            Expression::ConnectionLimit { .. } => self.test(Holds::Maybe, "a limit of connections"),
            Expression::Dynset { inverted, statements, .. } => {
                let plain = !inverted && statements.is_empty();
                self.test(if plain { Holds::Yes } else { Holds::Maybe }, "a set that rules fill")
            }
            Expression::Log { .. } | Expression::Counter | Expression::CounterNamed(_) => Step::Next,
            Expression::Reject(_) => self.decide(Decision::Reject),
            Expression::Notrack => self.notrack(),
            Expression::DestinationNat { v6, address, port } => {
                let to = self.address(*v6, *address);
                self.rewrite(to, *port)
            }
            Expression::Redirect { port } => self.rewrite(To::Here, *port),
            Expression::Masquerade | Expression::SourceNat { .. } => {
                self.decide(Decision::Verdict(Verdict::Accept))
            }
            Expression::Verdict(Verdict::Continue) => Step::Next,
            Expression::Verdict(Verdict::Queue(_)) => {
                self.doubt("a program that packets are queued to");
                self.decide(Decision::Unknown)
            }
            Expression::Verdict(verdict) => self.decide(Decision::Verdict(verdict.clone())),
            Expression::Unknown { name, data } => self.unknown(name, data),
        }
    }

    fn load(&mut self, to: Register, bits: Option<Bits>) -> Step {
        match bits {
            Some(bits) => {
                self.registers.store(to, &bits);
                Step::Next
            }
            None => Step::Ends,
        }
    }

    fn doubt(&mut self, why: &str) {
        self.certain = false;
        self.outcome.doubt.get_or_insert_with(|| why.to_owned());
    }

    fn test(&mut self, held: Holds, why: &str) -> Step {
        match held {
            Holds::Yes => Step::Next,
            Holds::No => Step::Ends,
            Holds::Maybe => {
                self.doubt(why);
                Step::Next
            }
        }
    }

    fn decide(&mut self, decision: Decision) -> Step {
        self.outcome.decisions.push(decision);
        Step::Decides
    }

    fn notrack(&mut self) -> Step {
        self.outcome.notrack = Some(if self.certain { Holds::Yes } else { Holds::Maybe });
        Step::Next
    }

    fn address(&self, v6: bool, register: Register) -> To {
        let bits = self.registers.load(register, if v6 { 16 } else { 4 });
        let Some(bytes) = bits.certain() else { return To::Unknown };
        let v4 = <[u8; 4]>::try_from(bytes).map(|octets| IpAddr::V4(Ipv4Addr::from(octets)));
        let v6 = <[u8; 16]>::try_from(bytes).map(|octets| IpAddr::V6(Ipv6Addr::from(octets)));
        v4.or(v6).map_or(To::Unknown, To::Address)
    }

    fn rewrite(&mut self, to: To, port: Option<Register>) -> Step {
        let port = port.map(|register| {
            let bits = self.registers.load(register, 2);
            bits.certain().and_then(|bytes| Some(u16::from_be_bytes(bytes.try_into().ok()?)))
        });
        let rewrite = match port {
            Some(None) => Rewrite { to: To::Unknown, port: None },
            other => Rewrite { to, port: other.flatten() },
        };
        self.decide(Decision::Rewrite(rewrite))
    }

    fn lookup(&mut self, name: &str, from: Register, inverted: bool, verdict: bool) -> Step {
        let Some(set) = self.table.sets.get(name) else {
            return self.test(Holds::Maybe, "a set that is not known");
        };
        let mut found = Holds::No;
        let mut verdicts = Vec::new();
        for element in &set.elements {
            let bits = self.registers.load(from, element.first.len());
            match contains(set, &bits, &element.first, &element.last) {
                Holds::No => {}
                held => {
                    found = if held == Holds::Yes { Holds::Yes } else { Holds::Maybe };
                    verdicts.extend(element.verdict.clone());
                    if held == Holds::Yes {
                        break;
                    }
                }
            }
        }
        let step = self.test(found.negated_if(inverted), &format!("the set {name}"));
        if !verdict || matches!(step, Step::Ends) {
            return step;
        }
        for verdict in verdicts {
            match verdict {
                Verdict::Continue => self.outcome.goes_on = true,
                verdict => self.outcome.decisions.push(Decision::Verdict(verdict)),
            }
        }
        Step::Decides
    }

    fn unknown(&mut self, name: &str, data: &[u8]) -> Step {
        match name {
            "match" => {
                let Some(extension) = extension(data) else { return self.opaque(name) };
                let held = matches::holds(&extension, self.flow);
                self.test(held, &format!("the match {} of iptables", extension.name))
            }
            "target" => {
                let Some(extension) = extension(data) else { return self.opaque(name) };
                match effect(&extension, self.flow.family()) {
                    Effect::Continue => Step::Next,
                    Effect::Accept => self.decide(Decision::Verdict(Verdict::Accept)),
                    Effect::Reject => self.decide(Decision::Reject),
                    Effect::Notrack => self.notrack(),
                    Effect::Rewrite(rewrite) => self.decide(Decision::Rewrite(rewrite)),
                    Effect::Unknown => {
                        self.doubt(&format!("the target {} of iptables", extension.name));
                        self.decide(Decision::Unknown)
                    }
                }
            }
            "counter" | "last" | "log" | "dup" => Step::Next,
            // Counters (1) and helpers of connection tracking (3) let every packet go on; quotas and limits do not.
            "objref" if matches!(number(data, 1), Some(1 | 3)) => Step::Next,
            // Setting a fact (NFTA_META_SREG 3, NFTA_CT_SREG 4) writes no register.
            "meta" if has(data, 3) => Step::Next,
            "ct" if has(data, 4) => Step::Next,
            // The destination may change in ways that are not understood; that of the source is of no matter here.
            "nat" if number(data, 1) == Some(0) => self.decide(Decision::Verdict(Verdict::Accept)),
            "nat" | "redir" | "tproxy" => {
                self.doubt(&format!("the expression {name}"));
                self.decide(Decision::Rewrite(Rewrite { to: To::Unknown, port: None }))
            }
            "masq" => self.decide(Decision::Verdict(Verdict::Accept)),
            "fwd" | "queue" | "synproxy" => {
                self.doubt(&format!("the expression {name}"));
                self.decide(Decision::Unknown)
            }
            _ => self.opaque(name),
        }
    }

    /// An expression that may end the rule and may have written any register.
    fn opaque(&mut self, name: &str) -> Step {
        self.registers.forget();
        self.test(Holds::Maybe, &format!("the expression {name}"))
    }
}

/// Whether a key is in an element: each field of a concatenation is an interval of its own, padded to four bytes.
fn contains(set: &Set, key: &Bits, first: &[u8], last: &[u8]) -> Holds {
    if first.len() != last.len() || first.is_empty() {
        return Holds::Maybe;
    }
    if set.key.len() < 2 {
        return key.within(first, last);
    }
    let mut held = Holds::Yes;
    let mut offset = 0;
    for length in set.key.iter().copied().map(Field::length) {
        let (Some(first), Some(last)) =
            (first.get(offset..offset + length), last.get(offset..offset + length))
        else {
            return Holds::Maybe;
        };
        held = held.and(key.slice(offset, length).within(first, last));
        offset += length.next_multiple_of(4);
    }
    held
}

/// Whether a rule writes a mark of packets or connections.
pub(super) fn writes_mark(rule: &Rule) -> bool {
    rule.0.iter().any(|expression| match expression {
        Expression::Unknown { name, data } => match name.as_str() {
            // The mark is the third of both lists of keys.
            "meta" => has(data, 3) && number(data, 2) == Some(3),
            "ct" => has(data, 4) && number(data, 2) == Some(3),
            "target" => extension(data).is_none_or(|extension| targets::writes_mark(&extension)),
            _ => false,
        },
        _ => false,
    })
}
