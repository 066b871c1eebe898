//! What `allow` says: ports, services, ICMP messages and other protocols.

use crate::plan::{Traffic, Transport};
use crate::problem::{closest, shown};
use crate::registry::{ICMP, IcmpCode, PROTOCOLS, SERVICES, ServicePorts};
use std::ops::Range;

/// Why a text is no traffic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) title: String,
    pub(super) label: String,
    pub(super) hint: Option<String>,
    /// The part of the text that is wrong.
    pub(super) part: Range<usize>,
}

impl Refusal {
    fn new(title: impl Into<String>, label: impl Into<String>, part: Range<usize>) -> Self {
        Self { title: title.into(), label: label.into(), hint: None, part }
    }

    fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }
}

/// Reads one item of `allow`; what it says is never empty.
pub(super) fn parse(text: &str) -> Result<Vec<Traffic>, Refusal> {
    let all = 0..text.len();
    match text {
        "all" => return Ok(vec![Traffic::All]),
        "icmp" => return Ok(vec![Traffic::every_message(false), Traffic::every_message(true)]),
        "icmpv4" => return Ok(vec![Traffic::every_message(false)]),
        "icmpv6" => return Ok(vec![Traffic::every_message(true)]),
        _ => {}
    }
    if text.starts_with(|first: char| first.is_ascii_digit()) {
        return ports(text);
    }
    if let Some((before, after)) = text.split_once('/') {
        let rest = before.len() + 1..text.len();
        return match before {
            "icmp" => icmp(after, rest, (true, true)),
            "icmpv4" => icmp(after, rest, (true, false)),
            "icmpv6" => icmp(after, rest, (false, true)),
            "proto" => protocol(after, rest),
            _ => service_of(before, after, text),
        };
    }
    if let Some(service) = SERVICES.iter().find(|service| service.name == text) {
        return Ok(service.ports.iter().map(traffic_of).collect());
    }
    if let Some(protocol) = PROTOCOLS.iter().find(|protocol| protocol.name == text) {
        return Ok(vec![Traffic::Protocol(protocol.number)]);
    }
    Err(unknown(text, all))
}

fn traffic_of(ports: &ServicePorts) -> Traffic {
    Traffic::Ports { transport: ports.transport, first: ports.first, last: ports.last }
}

/// `53`, `80/tcp`, `8000-8100/tcp`, `80,443/tcp`.
fn ports(text: &str) -> Result<Vec<Traffic>, Refusal> {
    if text.matches('/').count() > 1 {
        return Err(Refusal::new(
            format!("`{text}` has more than one protocol"),
            "one protocol for all of these ports",
            0..text.len(),
        )
        .hint("write a list: allow = [\"80/tcp\", \"53/udp\"]"));
    }
    let (numbers, transports) = match text.split_once('/') {
        Some((numbers, name)) => (numbers, vec![transport(name, numbers.len() + 1..text.len())?]),
        None => (text, vec![Transport::Tcp, Transport::Udp]),
    };
    let mut traffic = Vec::new();
    let mut start = 0;
    for part in numbers.split(',') {
        let (first, last) = range(part, start)?;
        traffic.extend(transports.iter().map(|&transport| Traffic::Ports { transport, first, last }));
        start += part.len() + 1;
    }
    Ok(traffic)
}

/// One port or a range of them, which stands at `start`.
fn range(text: &str, start: usize) -> Result<(u16, u16), Refusal> {
    let Some(middle) = text.find(['-', ':']) else {
        return port(text, start).map(|port| (port, port));
    };
    let first = port(&text[..middle], start)?;
    let last = port(&text[middle + 1..], start + middle + 1)?;
    if first <= last {
        return Ok((first, last));
    }
    let part = start..start + text.len();
    Err(Refusal::new(format!("the range `{text}` is empty"), "ends before it begins", part)
        .hint(format!("write {last}-{first}")))
}

fn port(text: &str, start: usize) -> Result<u16, Refusal> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match text.parse() {
        Ok(port) if digits && port > 0 && !text.starts_with('0') => Ok(port),
        _ => {
            let title = format!("{} is not a port", shown(text));
            Err(Refusal::new(title, "a port is a number from 1 to 65535", start..start + text.len())
                .hint("write for example \"80/tcp\", \"8000-8100/tcp\", \"80,443/tcp\" or \"53\""))
        }
    }
}

fn transport(name: &str, part: Range<usize>) -> Result<Transport, Refusal> {
    if let Some(transport) = Transport::ALL.into_iter().find(|transport| transport.name() == name) {
        return Ok(transport);
    }
    let near = closest(name, Transport::ALL.map(Transport::name));
    let label = near.map_or("no protocol with ports".to_owned(), |near| format!("did you mean `{near}`?"));
    Err(Refusal::new(format!("{} is not a protocol with ports", shown(name)), label, part)
        .hint("write tcp, udp, sctp, dccp or udplite; without a protocol a port is of both tcp and udp"))
}

/// `http/tcp`: the ports of a service that are of one protocol.
fn service_of(name: &str, protocol: &str, text: &str) -> Result<Vec<Traffic>, Refusal> {
    if Transport::ALL.iter().any(|transport| transport.name() == name) {
        let hint = format!("write the port first: \"{protocol}/{name}\"");
        return Err(Refusal::new(
            format!("`{text}` is the wrong way round"),
            "protocol before port",
            0..text.len(),
        )
        .hint(hint));
    }
    let Some(service) = SERVICES.iter().find(|service| service.name == name) else {
        return Err(unknown(name, 0..name.len()));
    };
    let part = name.len() + 1..text.len();
    let transport = transport(protocol, part.clone())?;
    let of = service.ports.iter().filter(|ports| ports.transport == transport);
    let traffic: Vec<Traffic> = of.map(traffic_of).collect();
    if traffic.is_empty() {
        let known: Vec<String> = service.ports.iter().map(|ports| traffic_of(ports).to_string()).collect();
        let title = format!("`{name}` has no port of {protocol}");
        return Err(Refusal::new(title, format!("{name} is {}", known.join(", ")), part)
            .hint("write the port as a number"));
    }
    Ok(traffic)
}

/// What follows `icmp/`: the name of messages, or a type with or without a code.
fn icmp(text: &str, part: Range<usize>, (v4, v6): (bool, bool)) -> Result<Vec<Traffic>, Refusal> {
    let (kind, code) = text.split_once('/').map_or((text, None), |(kind, code)| (kind, Some(code)));
    if let Some(name) = ICMP.iter().find(|icmp| icmp.name == kind) {
        if code.is_some() {
            let title = format!("`{kind}` with a code");
            let hint = "write type and code as numbers, such as \"icmpv4/3/4\" or \"icmpv6/1/4\"";
            return Err(Refusal::new(title, "a name stands alone", part).hint(hint));
        }
        let of = [(false, v4, name.v4), (true, v6, name.v6)];
        let of = of.into_iter().filter(|(_, wanted, _)| *wanted);
        let traffic: Vec<Traffic> =
            of.filter_map(|(v6, _, code)| code.map(|code| messages(v6, code))).collect();
        if !traffic.is_empty() {
            return Ok(traffic);
        }
        let (this, other) = if v4 { ("icmpv4", "icmpv6") } else { ("icmpv6", "icmpv4") };
        return Err(Refusal::new(format!("{this} has no `{kind}`"), format!("it is of {other}"), part)
            .hint(format!("write \"{other}/{kind}\"")));
    }
    if !kind.starts_with(|first: char| first.is_ascii_digit()) {
        let near = closest(kind, ICMP.iter().map(|icmp| icmp.name));
        let label = near.map_or("no such name".to_owned(), |near| format!("did you mean `{near}`?"));
        let title = format!("{} is not a name of ICMP messages", shown(kind));
        return Err(Refusal::new(title, label, part.start..part.start + kind.len())
            .hint("write for example \"icmp/echo-request\", or a number: \"icmp/8\", \"icmpv6/128\""));
    }
    let number = |text: &str, what: &str| match text.parse::<u8>() {
        Ok(number) if text.bytes().all(|byte| byte.is_ascii_digit()) => Ok(number),
        _ => Err(Refusal::new(format!("{} is not {what}", shown(text)), "must be 0 to 255", part.clone())),
    };
    let kind = number(kind, "an ICMP type")?;
    let code = code.map(|code| number(code, "an ICMP code")).transpose()?;
    // The numbers of both versions differ, so a bare `icmp/8` is of the version that everybody means by it.
    Ok(vec![messages(!v4, IcmpCode { kind, code })])
}

fn messages(v6: bool, IcmpCode { kind, code }: IcmpCode) -> Traffic {
    let (first, last) = code.map_or((0, u8::MAX), |code| (code, code));
    Traffic::Icmp { v6, first: u16::from_be_bytes([kind, first]), last: u16::from_be_bytes([kind, last]) }
}

/// What follows `proto/`.
fn protocol(text: &str, part: Range<usize>) -> Result<Vec<Traffic>, Refusal> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let Some(number) = text.parse::<u8>().ok().filter(|_| digits) else {
        let title = format!("{} is not the number of a protocol", shown(text));
        return Err(Refusal::new(title, "must be 0 to 255", part));
    };
    let with_ports = Transport::ALL.into_iter().find(|transport| transport.number() == number);
    let own = match (number, with_ports) {
        (_, Some(transport)) => format!("1-65535/{}", transport.name()),
        (1, _) => "icmpv4".to_owned(),
        (58, _) => "icmpv6".to_owned(),
        _ => return Ok(vec![Traffic::Protocol(number)]),
    };
    Err(Refusal::new(format!("the protocol {number} has a word of its own"), "not by its number", part)
        .hint(format!("write \"{own}\"")))
}

/// A word that is in no table.
fn unknown(text: &str, part: Range<usize>) -> Refusal {
    let refusal =
        |label: String| Refusal::new(format!("unknown traffic {}", shown(text)), label, part.clone());
    if text.is_empty() {
        return Refusal::new("traffic without a name", "empty", part);
    }
    if Transport::ALL.iter().any(|transport| transport.name() == text) {
        return refusal("a protocol without ports".to_owned())
            .hint(format!("write \"80/{text}\", or \"1-65535/{text}\" for every port"));
    }
    if ["any", "*", "everything"].contains(&text) {
        return refusal("did you mean `all`?".to_owned());
    }
    if let Some(names) = text.contains(',').then(|| text.split(',').map(str::trim).collect::<Vec<_>>()) {
        return refusal("only ports are joined by commas".to_owned())
            .hint(format!("write a list: [\"{}\"]", names.join("\", \"")));
    }
    let words = ["all", "icmp", "icmpv4", "icmpv6"].into_iter();
    let words = words.chain(SERVICES.iter().map(|service| service.name));
    match closest(text, words.chain(PROTOCOLS.iter().map(|protocol| protocol.name))) {
        Some(near) => refusal(format!("did you mean `{near}`?")),
        None => refusal("no such service or protocol".to_owned()).hint(
            "write ports such as \"8080/tcp\", \"8000-8100/tcp\" or \"53\", the name of a service such as \"http\", \
             \"icmp/echo-request\", another protocol such as \"gre\" or \"proto/47\", or \"all\"",
        ),
    }
}

/// The same traffic in its one form: sorted, without repetitions, ranges that touch joined.
pub(super) fn canonical(mut traffic: Vec<Traffic>) -> Vec<Traffic> {
    if traffic.contains(&Traffic::All) {
        return vec![Traffic::All];
    }
    traffic.sort_unstable();
    let mut joined: Vec<Traffic> = Vec::with_capacity(traffic.len());
    for next in traffic {
        match joined.last_mut().and_then(|last| join(*last, next).map(|both| (last, both))) {
            Some((last, both)) => *last = both,
            None => joined.push(next),
        }
    }
    joined
}

/// Two of them as one, the first of which does not begin later, where nothing lies between.
fn join(first: Traffic, second: Traffic) -> Option<Traffic> {
    match (first, second) {
        (
            Traffic::Ports { transport, first, last },
            Traffic::Ports { transport: other, first: next, last: end },
        ) if transport == other && next <= last.saturating_add(1) => {
            Some(Traffic::Ports { transport, first, last: last.max(end) })
        }
        (Traffic::Icmp { v6, first, last }, Traffic::Icmp { v6: other, first: next, last: end })
            if v6 == other && next <= last.saturating_add(1) =>
        {
            Some(Traffic::Icmp { v6, first, last: last.max(end) })
        }
        _ => (first == second).then_some(first),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What a text says, in the words of the plan; empty where it is refused.
    const READ: &[(&str, &str)] = &[
        ("all", "all"),
        ("80/tcp", "80/tcp"),
        ("80", "80/tcp 80/udp"),
        ("8000-8100/tcp", "8000-8100/tcp"),
        ("8000:8100/tcp", "8000-8100/tcp"),
        ("1-65535/sctp", "1-65535/sctp"),
        ("80,443/tcp", "80/tcp 443/tcp"),
        ("80,81,100-200/udp", "80-81/udp 100-200/udp"),
        ("53,67", "53/tcp 67/tcp 53/udp 67/udp"),
        ("5-5/dccp", "5/dccp"),
        ("http", "80/tcp"),
        ("http/tcp", "80/tcp"),
        ("dns/udp", "53/udp"),
        ("samba", "139/tcp 445/tcp 137-138/udp"),
        ("icmp", "icmpv4 icmpv6"),
        ("icmpv4", "icmpv4"),
        ("icmpv6", "icmpv6"),
        ("icmp/echo-request", "icmpv4/8 icmpv6/128"),
        ("icmpv4/echo-request", "icmpv4/8"),
        ("icmpv6/echo-request", "icmpv6/128"),
        ("icmp/packet-too-big", "icmpv6/2"),
        ("icmp/8", "icmpv4/8"),
        ("icmp/0", "icmpv4/0"),
        ("icmp/255", "icmpv4/255"),
        ("icmp/3/4", "icmpv4/3/4"),
        ("icmpv6/1/4", "icmpv6/1/4"),
        ("gre", "gre"),
        ("proto/47", "gre"),
        ("proto/0", "proto/0"),
        ("proto/255", "proto/255"),
        ("", ""),
        (" 80/tcp", ""),
        ("80/tcp ", ""),
        ("80/", ""),
        ("/tcp", ""),
        ("80//tcp", ""),
        ("+80/tcp", ""),
        ("-80/tcp", ""),
        ("80-/tcp", ""),
        ("80-90-100/tcp", ""),
        ("80,/tcp", ""),
        ("0-80/tcp", ""),
        ("65536/tcp", ""),
        ("90-80/tcp", ""),
        ("80/TCP", ""),
        ("HTTP", ""),
        ("http/udp", ""),
        ("http/", ""),
        ("tcp", ""),
        ("icmp/", ""),
        ("icmp/256", ""),
        ("icmp/+8", ""),
        ("icmp/8/", ""),
        ("icmp/8/256", ""),
        ("icmp/8/0/0", ""),
        ("icmpv4/packet-too-big", ""),
        ("proto/", ""),
        ("proto/256", ""),
        ("proto/+1", ""),
        ("proto/1", ""),
        ("proto/6", ""),
        ("proto/17", ""),
        ("proto/33", ""),
        ("proto/58", ""),
        ("proto/132", ""),
        ("proto/136", ""),
        ("é/tcp", ""),
        ("80é", ""),
    ];

    #[test]
    fn the_grammar_is_what_the_table_says() {
        for (text, expected) in READ {
            let said = parse(text).map(|traffic| {
                canonical(traffic).iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
            });
            assert_eq!(said.unwrap_or_default(), *expected, "{text:?}");
        }
    }

    #[test]
    fn every_name_of_the_tables_is_read() {
        let names = SERVICES.iter().map(|service| service.name.to_owned());
        let names = names.chain(PROTOCOLS.iter().map(|protocol| protocol.name.to_owned()));
        for name in names.chain(ICMP.iter().map(|icmp| format!("icmp/{}", icmp.name))) {
            assert!(parse(&name).is_ok_and(|traffic| !traffic.is_empty()), "{name}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics_and_what_is_said_reads_back(
            text in "\\PC{0,20}|([0-9]{1,5}[-,:/]?){1,3}(tcp|udp)?|(icmp|icmpv4|icmpv6|proto)/[0-9]{0,3}(/[0-9]{0,3})?"
        ) {
            match parse(&text) {
                Ok(traffic) => {
                    prop_assert!(!traffic.is_empty());
                    for item in &traffic {
                        prop_assert_eq!(parse(&item.to_string()), Ok(vec![*item]));
                    }
                    let once = canonical(traffic);
                    prop_assert_eq!(canonical(once.clone()), once);
                }
                Err(refusal) => prop_assert!(text.get(refusal.part).is_some()),
            }
        }
    }
}
