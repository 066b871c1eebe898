//! A tree read as the kernel would run it, for all keys and addresses at once.

use super::pairs::{Pairs, is_of_pairs};
use super::region::{Attempt, Condition, Said, State};
use super::{Atom, Difference};
use crate::addresses::Family;
use crate::nft::{
    CtDirection, CtKey, DynsetOperation, Expression, Field, LimitUnit, MetaKey, Operator, PayloadBase,
    Register, Rule, Set, Table, Verdict,
};
use std::collections::BTreeMap;

/// `NFT_JUMP_STACK_SIZE`.
const JUMPS: usize = 16;
/// `ct state new`.
const NEW: u32 = 8;

/// Which tree is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// The source of packets that come in.
    Inbound,
    /// The destination of packets that go out.
    Outbound,
    /// The destination of packets of containers.
    Containers,
    /// The source of the first packet of a connection, of what is answered to others.
    Answers,
    /// The destination of the first packet of a connection, of what containers are answered.
    Answered,
}

impl Way {
    /// Whether answers are asked about, and so the first packet of their connection.
    pub(super) const fn is_of_answers(self) -> bool {
        matches!(self, Self::Answers | Self::Answered)
    }
}

/// What a register holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    /// What is the same for every packet of the question.
    Known(Vec<u8>),
    /// The family, which live sets are asked about.
    Family(u8),
    /// The address that is asked about.
    Address,
    /// Its first bits.
    Prefix(u32),
    /// The source, which limits count, where it is not the address that is asked about.
    Source,
    /// The source's /64.
    SourceNet,
    /// The key.
    Key,
    /// The flags of TCP.
    TcpFlags,
    /// SYN, ACK, RST and FIN.
    Opening,
    /// The state of the connection.
    State,
    /// Whether it is new.
    New,
}

/// Reads one question's answer out of a table.
pub(super) struct Walk<'a> {
    pub(super) table: &'a Table,
    pub(super) atom: &'a Atom<'a>,
    interface: Vec<u8>,
    refuse: String,
    leaves: Vec<State>,
    intervals: BTreeMap<&'a str, Vec<(u128, u128)>>,
    pub(super) pairs: BTreeMap<(&'a str, u32), Pairs>,
}

/// What a rule does with a region, after its conditions.
pub(super) enum Does {
    /// Nothing.
    Nothing,
    /// A verdict.
    Verdict(Verdict),
}

/// A part of a region as a rule goes on with it.
pub(super) struct Part {
    pub(super) state: State,
    pub(super) registers: BTreeMap<u8, Value>,
    pub(super) conditions: Vec<Condition>,
    pub(super) counter: Option<String>,
    pub(super) does: Does,
}

pub(super) type Read<T> = Result<T, &'static str>;

impl<'a> Walk<'a> {
    pub(super) const fn new(
        table: &'a Table,
        atom: &'a Atom<'a>,
        interface: Vec<u8>,
        refuse: String,
    ) -> Self {
        Self {
            table,
            atom,
            interface,
            refuse,
            leaves: Vec::new(),
            intervals: BTreeMap::new(),
            pairs: BTreeMap::new(),
        }
    }

    /// What every key and address comes to; the leaves cover all of them, and none twice.
    pub(super) fn run(mut self, chain: &str) -> Result<Vec<State>, Difference> {
        let all = State {
            keys: (0, u16::MAX),
            addresses: vec![(0, self.atom.family.last())],
            attempts: Vec::new(),
        };
        let through = self.chain(chain, vec![all], 0)?;
        if through.is_empty() {
            Ok(self.leaves)
        } else {
            // The base chain would refuse it, but nothing would count it.
            Err(Difference::Unreadable { chain: chain.to_owned(), problem: "an end that decides nothing" })
        }
    }

    fn end(&mut self, mut state: State, conditions: Vec<Condition>, said: Said) {
        state.attempts.push(Attempt { conditions, said });
        self.leaves.push(state);
    }

    /// What comes out at the end of a chain.
    fn chain(&mut self, name: &str, states: Vec<State>, depth: usize) -> Result<Vec<State>, Difference> {
        let unreadable = |problem| Difference::Unreadable { chain: name.to_owned(), problem };
        let table = self.table;
        let chain = table.chains.get(name).ok_or_else(|| unreadable("no such name"))?;
        if depth > JUMPS {
            return Err(unreadable("too many jumps before it"));
        }
        if name == self.refuse {
            for state in states {
                self.end(state, Vec::new(), Said::Refused);
            }
            return Ok(Vec::new());
        }
        let (mut here, mut out) = (states, Vec::new());
        for rule in &chain.rules {
            let mut next = Vec::new();
            let mut targets: BTreeMap<(bool, String), Vec<State>> = BTreeMap::new();
            for state in here {
                for part in self.rule(rule, state, &mut next).map_err(unreadable)? {
                    self.decide(part, &mut next, &mut out, &mut targets).map_err(unreadable)?;
                }
            }
            for ((goto, target), states) in targets {
                let through = self.chain(&target, states, depth + 1)?;
                if goto { out.extend(through) } else { next.extend(through) }
            }
            here = next;
            if here.is_empty() {
                break;
            }
        }
        out.extend(here);
        Ok(out)
    }

    /// What the verdict of a rule does; `next` goes on with the next rule, `out` leaves the chain.
    fn decide(
        &mut self,
        part: Part,
        next: &mut Vec<State>,
        out: &mut Vec<State>,
        targets: &mut BTreeMap<(bool, String), Vec<State>>,
    ) -> Read<()> {
        let Part { mut state, conditions, counter, does, .. } = part;
        let always = conditions.is_empty();
        let said = match does {
            Does::Nothing | Does::Verdict(Verdict::Continue) if counter.is_none() => {
                next.push(state);
                return Ok(());
            }
            Does::Verdict(Verdict::Accept) => Said::Admitted(counter),
            Does::Verdict(Verdict::Drop) => return Err("a refusal that nothing counts"),
            Does::Verdict(Verdict::Return) if always && counter.is_none() => {
                out.push(state);
                return Ok(());
            }
            Does::Verdict(Verdict::Goto(to)) if always && counter.is_none() => {
                targets.entry((true, to)).or_default().push(state);
                return Ok(());
            }
            Does::Verdict(Verdict::Jump(to)) if always && counter.is_none() => {
                targets.entry((false, to)).or_default().push(state);
                return Ok(());
            }
            _ => return Err("a rule that no policy makes"),
        };
        if always {
            self.end(state, conditions, said);
        } else {
            state.attempts.push(Attempt { conditions, said });
            next.push(state);
        }
        Ok(())
    }

    /// The parts of a region that a rule does something with; the others go on with the next rule.
    fn rule(&mut self, rule: &'a Rule, state: State, next: &mut Vec<State>) -> Read<Vec<Part>> {
        let mut parts = vec![Part {
            state,
            registers: BTreeMap::new(),
            conditions: Vec::new(),
            counter: None,
            does: Does::Nothing,
        }];
        for expression in &rule.0 {
            let mut on = Vec::new();
            for part in parts {
                if !matches!(part.does, Does::Nothing) {
                    return Err("an expression after a verdict");
                }
                self.expression(expression, part, &mut on, next)?;
            }
            parts = on;
        }
        Ok(parts)
    }

    fn expression(
        &mut self,
        expression: &'a Expression,
        mut part: Part,
        on: &mut Vec<Part>,
        next: &mut Vec<State>,
    ) -> Read<()> {
        match expression {
            Expression::Meta { .. } | Expression::Payload { .. } | Expression::Ct { .. } => {
                let (to, value) = self.load(expression)?;
                part.registers.insert(to.0, value);
                on.push(part);
            }
            Expression::Mask { from, to, mask, xor } => {
                let value = masked(&held(&part, *from)?, mask, xor, self.atom.family)?;
                part.registers.insert(to.0, value);
                on.push(part);
            }
            Expression::Compare { from, operator, value } => {
                self.compare(part, *from, *operator, value, on, next)?;
            }
            Expression::Lookup { set, from, inverted: false, verdict: false }
                if self.table.sets.get(set).is_some_and(is_of_pairs) =>
            {
                self.look_up_pair(part, set, *from, false, on, next)?;
            }
            Expression::Lookup { set, from, inverted: false, verdict } => {
                self.lookup(part, set, *from, *verdict, on, next)?;
            }
            Expression::CounterBy { map, from } if part.counter.is_none() => {
                self.look_up_pair(part, map, *from, true, on, next)?;
            }
            Expression::Dynset { from, .. } => {
                let source = held(&part, *from)?;
                let condition = self.limit(expression, &source)?;
                attach(part, condition, on);
            }
            Expression::CounterNamed(name) if part.counter.is_none() => {
                part.counter = Some(name.clone());
                on.push(part);
            }
            Expression::Verdict(verdict) => {
                part.does = Does::Verdict(verdict.clone());
                on.push(part);
            }
            _ => return Err("an expression that no policy makes"),
        }
        Ok(())
    }

    fn load(&self, expression: &Expression) -> Read<(Register, Value)> {
        let source = || if self.atom.way == Way::Inbound { Value::Address } else { Value::Source };
        let outward = matches!(self.atom.way, Way::Outbound | Way::Containers);
        Ok(match *expression {
            Expression::Meta { key: MetaKey::NfProto, to } => {
                (to, Value::Family(if self.atom.family == Family::V4 { 2 } else { 10 }))
            }
            Expression::Meta { key: MetaKey::L4Proto, to } => (to, Value::Known(vec![self.atom.protocol])),
            Expression::Meta { key: MetaKey::InputName, to }
                if matches!(self.atom.way, Way::Inbound | Way::Containers) =>
            {
                (to, Value::Known(self.interface.clone()))
            }
            Expression::Meta { key: MetaKey::OutputName, to }
                if matches!(self.atom.way, Way::Outbound | Way::Answered) =>
            {
                (to, Value::Known(self.interface.clone()))
            }
            Expression::Payload { base: PayloadBase::Network, offset, length, to } => {
                match (self.atom.family, offset, length) {
                    (Family::V4, 12, 4) | (Family::V6, 8, 16) => (to, source()),
                    (Family::V4, 16, 4) | (Family::V6, 24, 16) if outward => (to, Value::Address),
                    _ => return Err("a load of other bytes of the header"),
                }
            }
            Expression::Payload { base: PayloadBase::Transport, offset, length, to } => {
                match (self.atom.protocol, offset, length) {
                    (6 | 17 | 33 | 132 | 136, 2, 2) | (1 | 58, 0, 2) if !self.atom.way.is_of_answers() => {
                        (to, Value::Key)
                    }
                    (6, 13, 1) => (to, Value::TcpFlags),
                    _ => return Err("a load of other bytes of the transport header"),
                }
            }
            Expression::Ct { key: CtKey::State, direction: None, to } => (to, Value::State),
            Expression::Ct { key, direction: Some(CtDirection::Original), to }
                if self.atom.way.is_of_answers() =>
            {
                match (self.atom.way, key, self.atom.family) {
                    (Way::Answers, CtKey::SourceIp4, Family::V4)
                    | (Way::Answers, CtKey::SourceIp6, Family::V6)
                    | (Way::Answered, CtKey::DestinationIp4, Family::V4)
                    | (Way::Answered, CtKey::DestinationIp6, Family::V6) => (to, Value::Address),
                    (_, CtKey::DestinationPort, _) => (to, Value::Key),
                    _ => return Err("another fact about the connection"),
                }
            }
            _ => return Err("a load that no policy makes"),
        })
    }

    fn compare(
        &mut self,
        part: Part,
        from: Register,
        operator: Operator,
        value: &[u8],
        on: &mut Vec<Part>,
        next: &mut Vec<State>,
    ) -> Read<()> {
        let equal = match operator {
            Operator::Equal => true,
            Operator::NotEqual => false,
            _ => return Err("a comparison that no policy makes"),
        };
        let bits: u32 = if self.atom.family == Family::V4 { 32 } else { 128 };
        match held(&part, from)? {
            Value::Known(known) => go(part, (known == value) == equal, on, next),
            Value::Family(family) => go(part, ([family] == value) == equal, on, next),
            Value::Address if equal => prefix(part, value, bits, bits, on, next)?,
            Value::Prefix(length) if equal => prefix(part, value, length, bits, on, next)?,
            Value::Opening if !equal && value == [2] => attach(part, Condition::TcpGoesOn, on),
            Value::New if equal && value == [0; 4] => attach(part, Condition::NotNew, on),
            _ => return Err("a comparison that no policy makes"),
        }
        Ok(())
    }

    fn lookup(
        &mut self,
        part: Part,
        name: &'a str,
        from: Register,
        verdict: bool,
        on: &mut Vec<Part>,
        next: &mut Vec<State>,
    ) -> Read<()> {
        let set = self.table.sets.get(name).ok_or("a set that is not there")?;
        if set.verdicts != verdict || set.dynamic || set.key.len() != 1 {
            return Err("a lookup in a set that is not for it");
        }
        let value = held(&part, from)?;
        if set.live {
            return match value {
                Value::Family(_) if !verdict && set.key == [Field::NfProto] => {
                    attach(part, Condition::InForce(name.to_owned()), on);
                    Ok(())
                }
                _ => Err("a lookup in a live set"),
            };
        }
        let field = match (&value, self.atom.family) {
            (Value::Known(key), _) if key.len() == 16 => Field::Interface,
            (Value::Known(_), _) => Field::Protocol,
            (Value::Key, _) => Field::Port,
            (Value::Address, Family::V4) => Field::Ip4,
            (Value::Address, Family::V6) => Field::Ip6,
            _ => return Err("a lookup of what no policy looks up"),
        };
        if set.key != [field] || !verdict {
            return Err("a lookup in a set that is not for it");
        }
        if let Value::Known(key) = value {
            // One key each: a protocol within an interval would be one that nothing mentions.
            if set.interval || set.elements.iter().any(|element| element.first != element.last) {
                return Err("a map of intervals of what has none");
            }
            match set.find(&key) {
                Some(element) => on.push(take(part, element.verdict.as_ref())?),
                None => next.push(part.state),
            }
            return Ok(());
        }
        self.cut(part, name, set, &value, on, next)
    }

    /// Cuts a region by the elements of a verdict map.
    fn cut(
        &mut self,
        part: Part,
        name: &'a str,
        set: &'a Set,
        value: &Value,
        on: &mut Vec<Part>,
        next: &mut Vec<State>,
    ) -> Read<()> {
        if !self.intervals.contains_key(name) {
            self.intervals.insert(name, intervals(set)?);
        }
        let intervals = &self.intervals[name];
        let Part { state, registers, conditions, counter, .. } = part;
        let (within, outside) = match value {
            Value::Key => state.cut_keys(intervals),
            _ => state.cut_addresses(intervals),
        };
        next.extend(outside);
        for (index, state) in within {
            let part = Part {
                state,
                registers: registers.clone(),
                conditions: conditions.clone(),
                counter: counter.clone(),
                does: Does::Nothing,
            };
            on.push(take(part, set.elements[index].verdict.as_ref())?);
        }
        Ok(())
    }

    /// The condition of a dynset in the positive form: below a rate of its own, in a set that refuses when it is full.
    fn limit(&self, expression: &Expression, source: &Value) -> Read<Condition> {
        let wrong = "a limit that no policy makes";
        let Expression::Dynset {
            set,
            operation: DynsetOperation::Update,
            timeout,
            inverted: false,
            statements,
            ..
        } = expression
        else {
            return Err(wrong);
        };
        let counted = match self.atom.family {
            Family::V4 if self.atom.way == Way::Inbound => Value::Address,
            Family::V4 => Value::Source,
            Family::V6 if self.atom.way == Way::Inbound => Value::Prefix(64),
            Family::V6 => Value::SourceNet,
        };
        match statements.as_slice() {
            [Expression::Limit { rate, unit: LimitUnit(unit), burst, over: false, bytes: false }]
                if *source == counted =>
            {
                let (set, rate, unit, burst, timeout) = (set.clone(), *rate, *unit, *burst, *timeout);
                Ok(Condition::Below { set, rate, unit, burst, timeout })
            }
            _ => Err(wrong),
        }
    }
}

/// The rule goes on where a condition holds, and does nothing where not.
fn attach(mut part: Part, condition: Condition, on: &mut Vec<Part>) {
    part.conditions.push(condition);
    on.push(part);
}

pub(super) fn held(part: &Part, from: Register) -> Read<Value> {
    part.registers.get(&from.0).cloned().ok_or("a register that nothing was loaded into")
}

fn take(mut part: Part, verdict: Option<&Verdict>) -> Read<Part> {
    part.does = Does::Verdict(verdict.ok_or("an element without a verdict")?.clone());
    Ok(part)
}

fn go(part: Part, holds: bool, on: &mut Vec<Part>, next: &mut Vec<State>) {
    if holds { on.push(part) } else { next.push(part.state) }
}

fn masked(value: &Value, mask: &[u8], xor: &[u8], family: Family) -> Read<Value> {
    let wrong = Err("a mask that no policy makes");
    if xor.iter().any(|&byte| byte != 0) {
        return wrong;
    }
    let number = big(mask);
    let full = family.last();
    let length = number.count_ones();
    let whole = mask.len() == if family == Family::V4 { 4 } else { 16 };
    // What is not in a mask of leading ones is a number of the form 2^n - 1.
    let leading = whole && (full ^ number) & (full ^ number).wrapping_add(1) == 0;
    match value {
        Value::Address if leading && length > 0 => Ok(Value::Prefix(length)),
        Value::Source if leading && family == Family::V6 && length == 64 => Ok(Value::SourceNet),
        Value::TcpFlags if mask == [0x17] => Ok(Value::Opening),
        Value::State if mask == NEW.to_ne_bytes() => Ok(Value::New),
        _ => wrong,
    }
}

/// Cuts the addresses by one prefix.
fn prefix(
    part: Part,
    value: &[u8],
    length: u32,
    bits: u32,
    on: &mut Vec<Part>,
    next: &mut Vec<State>,
) -> Read<()> {
    if value.len() * 8 != bits as usize {
        return Err("a comparison with a part of an address");
    }
    let first = big(value);
    let rest = 1u128.checked_shl(bits - length).map_or(u128::MAX, |size| size - 1);
    if first & rest != 0 {
        // Bits beyond the mask are never equal: nothing is admitted here.
        next.push(part.state);
        return Ok(());
    }
    let Part { state, registers, conditions, counter, does } = part;
    let (within, outside) = state.cut_addresses(&[(first, first | rest)]);
    next.extend(outside);
    if let Some((_, state)) = within.into_iter().next() {
        on.push(Part { state, registers, conditions, counter, does });
    }
    Ok(())
}

/// The intervals of a set of keys or addresses: sorted and disjoint, or it is not read.
fn intervals(set: &Set) -> Read<Vec<(u128, u128)>> {
    let found: Vec<(u128, u128)> =
        set.elements.iter().map(|element| (big(&element.first), big(&element.last))).collect();
    let length = set.key.first().map_or(0, |field| field.length());
    let whole = set.elements.iter().all(|e| e.first.len() == length && e.last.len() == length);
    let sorted = found.windows(2).all(|pair| pair[0].1 < pair[1].0);
    let ordered = found.iter().all(|interval| interval.0 <= interval.1);
    if whole && sorted && ordered {
        Ok(found)
    } else {
        Err("a map whose intervals are not sorted and disjoint")
    }
}

pub(super) fn big(bytes: &[u8]) -> u128 {
    bytes.iter().fold(0, |number, &byte| (number << 8) | u128::from(byte))
}
