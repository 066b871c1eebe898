//! One rule as text: what registers hold is followed from load to use.

use super::value::{Kind, interval, mask_length, value};
use crate::nft::{
    CtDirection, CtKey, Expression, FibFlags, FibResult, LimitUnit, MetaKey, Operator, PayloadBase, Register,
    RejectKind, Rule, Set, Table, Verdict,
};
use std::collections::BTreeMap;

/// A rule that the language of nft has no words for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Unwritable;

type Written<T = String> = Result<T, Unwritable>;

/// What a register holds.
#[derive(Clone)]
struct Held {
    text: String,
    kind: Kind,
    mask: Option<Vec<u8>>,
}

/// The text of a rule and a remark about what it cannot say exactly.
pub(super) fn rule(table: &Table, rule: &Rule) -> Written<(String, Option<String>)> {
    let mut writer = Writer { table, registers: BTreeMap::new(), words: Vec::new(), remark: None };
    for expression in &rule.0 {
        writer.expression(expression)?;
    }
    Ok((writer.words.join(" "), writer.remark))
}

struct Writer<'a> {
    table: &'a Table,
    registers: BTreeMap<u8, Held>,
    words: Vec<String>,
    remark: Option<String>,
}

impl Writer<'_> {
    fn say(&mut self, words: impl Into<String>) {
        self.words.push(words.into());
    }

    fn hold(&mut self, to: Register, (text, kind): (impl Into<String>, Kind)) {
        self.registers.insert(to.0, Held { text: text.into(), kind, mask: None });
    }

    fn held(&self, from: Register) -> Written<&Held> {
        self.registers.get(&from.0).ok_or(Unwritable)
    }

    fn expression(&mut self, expression: &Expression) -> Written<()> {
        match expression {
            Expression::Meta { key, to } => self.hold(*to, meta(*key)?),
            Expression::Payload { base, offset, length, to } => {
                let read = self.payload(*base, *offset, *length);
                self.hold(*to, read);
            }
            Expression::Ct { key, direction, to } => self.hold(*to, ct(*key, *direction)?),
            Expression::Fib { flags, result, to } => self.hold(*to, fib(*flags, *result)?),
            Expression::Mask { from, to, mask, xor } => self.mask(*from, *to, mask, xor)?,
            Expression::Compare { from, operator, value } => self.compare(*from, *operator, value)?,
            Expression::Range { from, operator, first, last } => self.range(*from, *operator, first, last)?,
            Expression::Lookup { set, from, inverted, verdict } => {
                let key = self.key(set, *from)?;
                let how = if *verdict {
                    " vmap"
                } else if *inverted {
                    " !="
                } else {
                    ""
                };
                self.say(format!("{key}{how} @{set}"));
            }
            Expression::CounterBy { map, from } => {
                let key = self.key(map, *from)?;
                self.say(format!("counter name {key} map @{map}"));
            }
            Expression::Dynset { .. } => self.dynset(expression)?,
            Expression::Immediate { to, value } => {
                let kind = if value.len() == 2 { Kind::Port } else { address_kind(value.len()) };
                let text = super::value::value(kind, value);
                self.hold(*to, (text, kind));
            }
            Expression::DestinationNat { v6, address, port } => self.destination_nat(*v6, *address, *port)?,
            other => {
                let words = self.statement(other)?;
                self.say(words);
            }
        }
        Ok(())
    }

    /// Names depend on the protocol that an earlier comparison of the same rule has made sure of.
    fn payload(&self, base: PayloadBase, offset: u32, length: u32) -> (String, Kind) {
        let known = |words: &str| self.words.iter().any(|said| said == words);
        let named = match (base, offset, length) {
            (PayloadBase::Network, 12, 4) => Some(("ip saddr", Kind::Ip4)),
            (PayloadBase::Network, 16, 4) => Some(("ip daddr", Kind::Ip4)),
            (PayloadBase::Network, 8, 16) => Some(("ip6 saddr", Kind::Ip6)),
            (PayloadBase::Network, 24, 16) => Some(("ip6 daddr", Kind::Ip6)),
            (PayloadBase::Network, 7, 1) => Some(("ip6 hoplimit", Kind::Number)),
            (PayloadBase::Transport, 0, 2) => Some(("th sport", Kind::Port)),
            (PayloadBase::Transport, 2, 2) => Some(("th dport", Kind::Port)),
            (PayloadBase::Transport, 0, 1) if known("meta l4proto icmp") => Some(("icmp type", Kind::Number)),
            (PayloadBase::Transport, 0, 1) if known("meta l4proto ipv6-icmp") => {
                Some(("icmpv6 type", Kind::Number))
            }
            (PayloadBase::Transport, 13, 1) if known("meta l4proto tcp") => {
                Some(("tcp flags", Kind::TcpFlags))
            }
            _ => None,
        };
        named
            .map_or_else(|| (raw(base, offset, length), Kind::Number), |(text, kind)| (text.to_owned(), kind))
    }

    fn mask(&mut self, from: Register, to: Register, mask: &[u8], xor: &[u8]) -> Written<()> {
        let mut held = self.held(from)?.clone();
        if held.mask.is_some() || xor.iter().any(|&byte| byte != 0) {
            return Err(Unwritable);
        }
        held.mask = Some(mask.to_vec());
        self.registers.insert(to.0, held);
        Ok(())
    }

    fn compare(&mut self, from: Register, operator: Operator, bytes: &[u8]) -> Written<()> {
        let held = self.held(from)?;
        let words = match &held.mask {
            None => format!("{}{} {}", held.text, operator_text(operator), value(held.kind, bytes)),
            Some(mask) => masked(held, mask, operator, bytes)?,
        };
        self.say(words);
        Ok(())
    }

    fn range(&mut self, from: Register, operator: Operator, first: &[u8], last: &[u8]) -> Written<()> {
        let held = self.held(from)?;
        if held.mask.is_some() {
            return Err(Unwritable);
        }
        let words = format!("{}{} {}", held.text, operator_text(operator), interval(held.kind, first, last));
        self.say(words);
        Ok(())
    }

    /// The key of a lookup: the registers that the fields of the set take.
    fn key(&self, set: &str, from: Register) -> Written {
        let set: &Set = self.table.sets.get(set).ok_or(Unwritable)?;
        let mut at = from.0;
        let mut parts = Vec::new();
        for field in &set.key {
            let held = self.held(Register(at))?;
            // nft 1.0.6 takes no port of a connection within a concatenation.
            if set.key.len() > 1 && held.text.contains("proto-") {
                return Err(Unwritable);
            }
            parts.push(match &held.mask {
                None => held.text.clone(),
                Some(mask) => format!("{} & {}", held.text, value(held.kind, mask)),
            });
            at += u8::try_from(field.length().div_ceil(4)).map_err(|_| Unwritable)?;
        }
        Ok(parts.join(" . "))
    }

    fn dynset(&mut self, expression: &Expression) -> Written<()> {
        let Expression::Dynset { set, operation, from, timeout, inverted: false, statements } = expression
        else {
            return Err(Unwritable);
        };
        let mut words = vec![self.key(set, *from)?];
        if *timeout != 0 {
            words.push(format!("timeout {}", super::time(*timeout)));
        }
        for statement in statements {
            words.push(self.statement(statement)?);
        }
        let operation = match operation {
            crate::nft::DynsetOperation::Add => "add",
            crate::nft::DynsetOperation::Update => "update",
            crate::nft::DynsetOperation::Delete => "delete",
        };
        self.say(format!("{operation} @{set} {{ {} }}", words.join(" ")));
        Ok(())
    }

    fn destination_nat(&mut self, v6: bool, address: Register, port: Option<Register>) -> Written<()> {
        let address = &self.held(address)?.text;
        let words = match (v6, port) {
            (false, None) => format!("dnat ip to {address}"),
            (true, None) => format!("dnat ip6 to {address}"),
            (false, Some(port)) => format!("dnat ip to {address}:{}", self.held(port)?.text),
            (true, Some(port)) => format!("dnat ip6 to [{address}]:{}", self.held(port)?.text),
        };
        self.say(words);
        Ok(())
    }

    fn statement(&mut self, expression: &Expression) -> Written {
        Ok(match expression {
            Expression::Limit { .. } => self.limit(expression)?,
            Expression::Log { group, prefix } => {
                format!("log prefix \"{}\" group {group}", prefix.replace(['"', '\n'], "?"))
            }
            Expression::CounterNamed(name) => format!("counter name \"{name}\""),
            Expression::Counter => "counter".to_owned(),
            Expression::ConnectionLimit { count, over } => {
                format!("ct count {}{count}", if *over { "over " } else { "" })
            }
            Expression::Reject(RejectKind::TcpReset) => "reject with tcp reset".to_owned(),
            Expression::Reject(RejectKind::IcmpX(code)) => reject(*code)?,
            Expression::Notrack => "notrack".to_owned(),
            Expression::Masquerade => "masquerade".to_owned(),
            Expression::Verdict(verdict) => self::verdict(verdict),
            _ => return Err(Unwritable),
        })
    }

    /// nft knows seconds, minutes, hours, days and weeks; another unit is written as one of them, exactly if it can be.
    fn limit(&mut self, expression: &Expression) -> Written {
        let Expression::Limit { rate, unit: LimitUnit(unit), burst, over, bytes: false } = expression else {
            return Err(Unwritable);
        };
        const UNITS: [(u64, &str); 5] =
            [(1, "second"), (60, "minute"), (3600, "hour"), (86_400, "day"), (604_800, "week")];
        let exact = UNITS.iter().find(|(seconds, _)| (rate * seconds).is_multiple_of(*unit));
        let (seconds, name) = exact.copied().unwrap_or(UNITS[4]);
        if exact.is_none() {
            self.remark = Some(format!("exactly {rate} in {unit} seconds"));
        }
        let count = (rate * seconds / unit).max(1);
        let over = if *over { "over " } else { "" };
        Ok(format!("limit rate {over}{count}/{name} burst {burst} packets"))
    }
}

fn masked(held: &Held, mask: &[u8], operator: Operator, bytes: &[u8]) -> Written {
    let none = bytes.iter().all(|&byte| byte == 0);
    let (text, kind) = (&held.text, held.kind);
    Ok(match (kind, operator) {
        (Kind::Ip4 | Kind::Ip6, Operator::Equal | Operator::NotEqual) => {
            let length = mask_length(mask).ok_or(Unwritable)?;
            format!("{text}{} {}/{length}", operator_text(operator), value(kind, bytes))
        }
        (Kind::State | Kind::Status, Operator::NotEqual) if none => format!("{text} {}", value(kind, mask)),
        (Kind::State | Kind::Status, Operator::Equal) if none => format!("{text} ! {}", value(kind, mask)),
        (Kind::TcpFlags, Operator::Equal) => {
            format!("{text} & ({}) == {}", value(kind, mask), value(kind, bytes))
        }
        (Kind::TcpFlags, Operator::NotEqual) => {
            format!("{text} & ({}) != {}", value(kind, mask), value(kind, bytes))
        }
        _ => return Err(Unwritable),
    })
}

const fn operator_text(operator: Operator) -> &'static str {
    match operator {
        Operator::Equal => "",
        Operator::NotEqual => " !=",
        Operator::Less => " <",
        Operator::LessOrEqual => " <=",
        Operator::Greater => " >",
        Operator::GreaterOrEqual => " >=",
    }
}

fn meta(key: MetaKey) -> Written<(&'static str, Kind)> {
    Ok(match key {
        MetaKey::NfProto => ("meta nfproto", Kind::NfProto),
        MetaKey::L4Proto => ("meta l4proto", Kind::Protocol),
        MetaKey::InputIndex => ("iif", Kind::Index),
        MetaKey::OutputIndex => ("oif", Kind::Index),
        MetaKey::InputName => ("iifname", Kind::Interface),
        MetaKey::OutputName => ("oifname", Kind::Interface),
        MetaKey::Mark => ("meta mark", Kind::HostNumber),
        MetaKey::SocketUser => ("meta skuid", Kind::User),
        MetaKey::PacketType => ("meta pkttype", Kind::Number),
        MetaKey::InputType | MetaKey::Other(_) => return Err(Unwritable),
    })
}

fn ct(key: CtKey, direction: Option<CtDirection>) -> Written<(String, Kind)> {
    let (text, kind) = match key {
        CtKey::State => ("state", Kind::State),
        CtKey::Direction => ("direction", Kind::Direction),
        CtKey::Status => ("status", Kind::Status),
        CtKey::Mark => ("mark", Kind::HostNumber),
        CtKey::SourceIp4 => ("ip saddr", Kind::Ip4),
        CtKey::DestinationIp4 => ("ip daddr", Kind::Ip4),
        CtKey::SourceIp6 => ("ip6 saddr", Kind::Ip6),
        CtKey::DestinationIp6 => ("ip6 daddr", Kind::Ip6),
        CtKey::SourcePort => ("proto-src", Kind::Port),
        CtKey::DestinationPort => ("proto-dst", Kind::Port),
        CtKey::Protocol => ("protocol", Kind::Protocol),
        CtKey::Other(_) => return Err(Unwritable),
    };
    let direction = match direction {
        None => "",
        Some(CtDirection::Original) => "original ",
        Some(CtDirection::Reply) => "reply ",
    };
    Ok((format!("ct {direction}{text}"), kind))
}

fn fib(flags: FibFlags, result: FibResult) -> Written<(String, Kind)> {
    let asked = match flags {
        FibFlags::SOURCE => "saddr",
        FibFlags::DESTINATION => "daddr",
        _ => return Err(Unwritable),
    };
    let (wanted, kind) = match result {
        FibResult::OutputIndex => ("oif", Kind::Index),
        FibResult::OutputName => ("oifname", Kind::Interface),
        FibResult::AddressType => ("type", Kind::AddressType),
    };
    Ok((format!("fib {asked} {wanted}"), kind))
}

fn raw(base: PayloadBase, offset: u32, length: u32) -> String {
    let base = match base {
        PayloadBase::Link => "ll",
        PayloadBase::Network => "nh",
        PayloadBase::Transport => "th",
        PayloadBase::Inner => "ih",
    };
    format!("@{base},{},{}", offset * 8, length * 8)
}

const fn address_kind(length: usize) -> Kind {
    if length == 4 { Kind::Ip4 } else { Kind::Ip6 }
}

/// `enum nft_reject_inet_code`.
fn reject(code: u8) -> Written {
    let name = match code {
        0 => "no-route",
        1 => "port-unreachable",
        2 => "host-unreachable",
        3 => "admin-prohibited",
        _ => return Err(Unwritable),
    };
    Ok(format!("reject with icmpx {name}"))
}

/// A verdict as nft reads it.
pub(super) fn verdict(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Accept => "accept".to_owned(),
        Verdict::Drop => "drop".to_owned(),
        Verdict::Return => "return".to_owned(),
        Verdict::Continue => "continue".to_owned(),
        Verdict::Jump(chain) => format!("jump {chain}"),
        Verdict::Goto(chain) => format!("goto {chain}"),
        Verdict::Queue(number) => format!("queue num {number}"),
    }
}
