//! A table judged as the kernel judges it: one packet, one rule after the other.
//!
//! This follows `nft_do_chain` and the expressions of the kernel and knows nothing of what a table is meant to say, so
//! that it can tell whether it says it. What it does not know makes the outcome unknown.

use super::facts::{Connection, Device, Facts, Tracking};
use super::{
    Base, CtDirection, CtKey, Element, Expression, FibFlags, FibResult, MetaKey, Operator, PayloadBase,
    Register, Rule, Set, Table, Verdict,
};
use crate::addresses::Family;
use std::net::IpAddr;

/// Connection tracking is at this priority; earlier chains know nothing of connections.
const TRACKING: i32 = -200;
/// `NFT_JUMP_STACK_SIZE`.
const JUMPS: usize = 16;

/// What becomes of a packet at a hook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The end of it.
    pub decision: Decision,
    /// The named counters that counted it, in order.
    pub counters: Vec<String>,
    /// Whether it was taken out of connection tracking.
    pub untracked: bool,
}

/// The end of a packet at a hook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// It goes on to the next hook.
    Accept,
    /// It is gone.
    Drop,
    /// It is answered and gone.
    Reject,
    /// It met something that is not known here.
    Unknown(String),
}

impl Table {
    /// What becomes of a packet at its hook, through every base chain there in the order of their priorities.
    #[must_use]
    pub fn judge(&self, facts: &Facts) -> Outcome {
        let mut bases: Vec<(&str, Base)> = self
            .chains
            .iter()
            .filter_map(|(name, chain)| Some((name.as_str(), chain.base?)))
            .filter(|(_, base)| base.hook == facts.hook)
            .collect();
        bases.sort_by_key(|(_, base)| base.priority);
        let mut judge = Judge { table: self, facts, tracked: false, counters: Vec::new(), untracked: false };
        let mut decision = Decision::Accept;
        for (name, base) in bases {
            judge.tracked = base.priority > TRACKING;
            decision = judge.base(name, base);
            if decision != Decision::Accept {
                break;
            }
        }
        Outcome { decision, counters: judge.counters, untracked: judge.untracked }
    }
}

struct Judge<'a> {
    table: &'a Table,
    facts: &'a Facts,
    tracked: bool,
    counters: Vec<String>,
    untracked: bool,
}

/// What a rule comes to.
enum Step {
    /// On with the next expression.
    Next,
    /// On with the next rule (`NFT_BREAK`).
    Break,
    /// A verdict.
    Verdict(Verdict),
    /// The end.
    End(Decision),
}

/// The sixteen registers of 32 bits.
type Registers = [u8; 64];

impl Judge<'_> {
    fn base(&mut self, name: &str, base: Base) -> Decision {
        let policy = if base.accept { Decision::Accept } else { Decision::Drop };
        self.chain(name, 0).unwrap_or(policy)
    }

    /// The decision of a chain; `None` where it comes to its end.
    fn chain(&mut self, name: &str, depth: usize) -> Option<Decision> {
        let unknown = |what: &str| Some(Decision::Unknown(format!("{what} {name}")));
        let Some(chain) = self.table.chains.get(name) else { return unknown("no chain") };
        if depth > JUMPS {
            return unknown("too many jumps to");
        }
        for rule in &chain.rules {
            match self.rule(rule) {
                Step::Next | Step::Break | Step::Verdict(Verdict::Continue) => {}
                Step::End(decision) => return Some(decision),
                Step::Verdict(Verdict::Accept) => return Some(Decision::Accept),
                Step::Verdict(Verdict::Drop) => return Some(Decision::Drop),
                Step::Verdict(Verdict::Return) => return None,
                Step::Verdict(Verdict::Queue(_)) => return unknown("a queue in"),
                Step::Verdict(Verdict::Goto(to)) => return self.chain(&to, depth + 1),
                Step::Verdict(Verdict::Jump(to)) => {
                    if let Some(decision) = self.chain(&to, depth + 1) {
                        return Some(decision);
                    }
                }
            }
        }
        None
    }

    fn rule(&mut self, rule: &Rule) -> Step {
        let mut registers = [0; 64];
        for expression in &rule.0 {
            match self.expression(expression, &mut registers) {
                Step::Next => {}
                other => return other,
            }
        }
        Step::Next
    }

    fn expression(&mut self, expression: &Expression, registers: &mut Registers) -> Step {
        match expression {
            Expression::Meta { key, to } => load(registers, *to, self.meta(*key)),
            Expression::Payload { base, offset, length, to } => {
                load(registers, *to, self.payload(*base, *offset, *length))
            }
            Expression::Ct { key, direction, to } => load(registers, *to, self.ct(*key, *direction)),
            Expression::Fib { flags, result, to } => load(registers, *to, self.fib(*flags, *result)),
            Expression::Immediate { to, value } => load(registers, *to, Ok(value.clone())),
            Expression::Mask { from, to, mask, xor } => {
                let bytes = read(registers, *from, mask.len()).iter().zip(mask).zip(xor);
                let bytes = bytes.map(|((byte, mask), xor)| byte & mask ^ xor).collect();
                load(registers, *to, Ok(bytes))
            }
            Expression::Compare { from, operator, value } => {
                on(compare(read(registers, *from, value.len()), *operator, value))
            }
            Expression::Range { from, operator, first, last } => {
                let key = read(registers, *from, first.len());
                let within = first.as_slice() <= key && key <= last.as_slice();
                on(within == (*operator == Operator::Equal))
            }
            Expression::Lookup { set, from, inverted, verdict } => {
                self.lookup(set, read(registers, *from, 64 - usize::from(from.0) * 4), *inverted, *verdict)
            }
            Expression::Limit { over, .. } | Expression::ConnectionLimit { over, .. } => {
                on(self.facts.above_limits == *over)
            }
            Expression::Dynset { set, inverted, statements, .. } => self.dynset(set, *inverted, statements),
            Expression::CounterNamed(name) => {
                self.counters.push(name.clone());
                Step::Next
            }
            Expression::CounterBy { map, from } => {
                self.count_by(map, read(registers, *from, 64 - usize::from(from.0) * 4))
            }
            Expression::Notrack => {
                self.untracked = true;
                Step::Next
            }
            Expression::Log { .. } | Expression::Counter => Step::Next,
            Expression::Reject(_) => Step::End(Decision::Reject),
            Expression::DestinationNat { .. }
            | Expression::SourceNat { .. }
            | Expression::Redirect { .. }
            | Expression::Masquerade => Step::End(Decision::Accept),
            Expression::Verdict(verdict) => Step::Verdict(verdict.clone()),
            Expression::Unknown { name, .. } => Step::End(Decision::Unknown(name.clone())),
        }
    }

    fn meta(&self, key: MetaKey) -> Loaded {
        let facts = self.facts;
        let index = |device: &Option<Device>| device.as_ref().map_or(0, |device| device.index);
        Ok(match key {
            MetaKey::NfProto => vec![if facts.family == Family::V4 { 2 } else { 10 }],
            MetaKey::L4Proto => vec![facts.protocol.ok_or(Failed::Break)?],
            MetaKey::InputIndex => index(&facts.input).to_ne_bytes().to_vec(),
            MetaKey::OutputIndex => index(&facts.output).to_ne_bytes().to_vec(),
            MetaKey::InputName => name(facts.input.as_ref()),
            MetaKey::OutputName => name(facts.output.as_ref()),
            MetaKey::SocketUser => facts.user.ok_or(Failed::Break)?.to_ne_bytes().to_vec(),
            MetaKey::InputType | MetaKey::Mark | MetaKey::PacketType | MetaKey::Other(_) => {
                return Err(Failed::Unknown("meta"));
            }
        })
    }

    fn payload(&self, base: PayloadBase, offset: u32, length: u32) -> Loaded {
        let from = match base {
            PayloadBase::Network => &self.facts.network,
            PayloadBase::Transport if self.facts.protocol.is_some() => &self.facts.transport,
            PayloadBase::Transport => return Err(Failed::Break),
            PayloadBase::Link | PayloadBase::Inner => return Err(Failed::Unknown("payload")),
        };
        let (offset, length) = (offset as usize, length as usize);
        from.get(offset..offset + length).map(<[u8]>::to_vec).ok_or(Failed::Break)
    }

    fn ct(&self, key: CtKey, direction: Option<CtDirection>) -> Loaded {
        let tracking =
            if self.untracked && self.tracked { &Tracking::Untracked } else { &self.facts.tracking };
        let connection = match tracking {
            Tracking::Known(connection) if self.tracked => connection,
            Tracking::Untracked if key == CtKey::State => return Ok(64u32.to_ne_bytes().to_vec()),
            _ if key == CtKey::State => return Ok(1u32.to_ne_bytes().to_vec()),
            _ => return Err(Failed::Break),
        };
        if direction == Some(CtDirection::Reply) {
            return Err(Failed::Unknown("ct reply"));
        }
        of_connection(connection, key)
    }

    fn fib(&self, flags: FibFlags, result: FibResult) -> Loaded {
        if flags != FibFlags::DESTINATION {
            return Err(Failed::Unknown("fib"));
        }
        let route = self.facts.route.as_ref();
        Ok(match result {
            FibResult::AddressType => self.facts.destination_type.to_ne_bytes().to_vec(),
            FibResult::OutputName => name(route),
            FibResult::OutputIndex => route.map_or(0, |device| device.index).to_ne_bytes().to_vec(),
        })
    }

    fn lookup(&self, set: &str, key: &[u8], inverted: bool, verdict: bool) -> Step {
        let Some(set) = self.table.sets.get(set) else {
            return Step::End(Decision::Unknown(format!("no set {set}")));
        };
        match (set.find(key), verdict) {
            (Some(element), true) => match &element.verdict {
                Some(verdict) => Step::Verdict(verdict.clone()),
                None => Step::End(Decision::Unknown("an element without a verdict".to_owned())),
            },
            (found, _) => on(found.is_some() != inverted),
        }
    }

    fn count_by(&mut self, map: &str, key: &[u8]) -> Step {
        let Some(set) = self.table.sets.get(map) else {
            return Step::End(Decision::Unknown(format!("no map {map}")));
        };
        match set.find(key) {
            None => Step::Break,
            Some(Element { counter: Some(counter), .. }) => {
                self.counters.push(counter.clone());
                Step::Next
            }
            Some(_) => Step::End(Decision::Unknown("an element without a counter".to_owned())),
        }
    }

    fn dynset(&mut self, set: &str, inverted: bool, statements: &[Expression]) -> Step {
        if !self.table.sets.contains_key(set) {
            return Step::End(Decision::Unknown(format!("no set {set}")));
        }
        if inverted {
            return Step::Break;
        }
        for statement in statements {
            match self.expression(statement, &mut [0; 64]) {
                Step::Next => {}
                other => return other,
            }
        }
        Step::Next
    }
}

impl Set {
    /// The element that a key belongs to; the key may be followed by other bytes.
    #[must_use]
    pub fn find(&self, key: &[u8]) -> Option<&Element> {
        self.elements.iter().find(|element| {
            let mut at = 0;
            self.key.iter().all(|field| {
                let part = at..at + field.length();
                at += field.length().next_multiple_of(4);
                let of = |bytes: &'_ [u8]| bytes.get(part.clone()).map(<[u8]>::to_vec);
                let key = of(key);
                key.is_some() && of(&element.first) <= key && key <= of(&element.last)
            })
        })
    }
}

/// Why a load ends a rule.
enum Failed {
    /// The packet has no such thing.
    Break,
    /// It is not known here.
    Unknown(&'static str),
}

type Loaded = Result<Vec<u8>, Failed>;

fn load(registers: &mut Registers, to: Register, loaded: Loaded) -> Step {
    match loaded {
        Err(Failed::Break) => Step::Break,
        Err(Failed::Unknown(what)) => Step::End(Decision::Unknown(what.to_owned())),
        Ok(bytes) => {
            let at = usize::from(to.0) * 4;
            let end = at + bytes.len().next_multiple_of(4);
            let Some(place) = registers.get_mut(at..end) else {
                return Step::End(Decision::Unknown("registers".to_owned()));
            };
            place.fill(0);
            place[..bytes.len()].copy_from_slice(&bytes);
            Step::Next
        }
    }
}

fn read(registers: &Registers, from: Register, length: usize) -> &[u8] {
    let at = usize::from(from.0) * 4;
    registers.get(at..at + length).unwrap_or_default()
}

const fn on(holds: bool) -> Step {
    if holds { Step::Next } else { Step::Break }
}

fn compare(key: &[u8], operator: Operator, value: &[u8]) -> bool {
    match operator {
        Operator::Equal => key == value,
        Operator::NotEqual => key != value,
        Operator::Less => key < value,
        Operator::LessOrEqual => key <= value,
        Operator::Greater => key > value,
        Operator::GreaterOrEqual => key >= value,
    }
}

fn name(device: Option<&Device>) -> Vec<u8> {
    let mut bytes = device.map(|device| device.name.as_bytes().to_vec()).unwrap_or_default();
    bytes.resize(16, 0);
    bytes
}

fn of_connection(connection: &Connection, key: CtKey) -> Loaded {
    let original = &connection.original;
    let v4 = |address| match address {
        IpAddr::V4(address) => Ok(address.octets().to_vec()),
        IpAddr::V6(_) => Err(Failed::Break),
    };
    let v6 = |address| match address {
        IpAddr::V6(address) => Ok(address.octets().to_vec()),
        IpAddr::V4(_) => Err(Failed::Break),
    };
    match key {
        CtKey::State => Ok(connection.state.to_ne_bytes().to_vec()),
        CtKey::Direction => Ok(vec![u8::from(connection.reply)]),
        CtKey::Status => Ok(connection.status.to_ne_bytes().to_vec()),
        CtKey::SourceIp4 => v4(original.source),
        CtKey::DestinationIp4 => v4(original.destination),
        CtKey::SourceIp6 => v6(original.source),
        CtKey::DestinationIp6 => v6(original.destination),
        CtKey::SourcePort => Ok(original.source_port.to_be_bytes().to_vec()),
        CtKey::DestinationPort => Ok(original.destination_port.to_be_bytes().to_vec()),
        CtKey::Protocol => Ok(vec![original.protocol]),
        CtKey::Mark | CtKey::Other(_) => Err(Failed::Unknown("ct")),
    }
}
