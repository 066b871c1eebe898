//! The grammar of ufw's rule files: `### tuple ### ACTION PROTO DPORT DST SPORT SRC [DAPP SAPP] DIR [comment=HEX]`.
//!
//! Only these comments matter; the lines of iptables after each are made from it.

use ipnet::IpNet;
use model::plan::InterfaceName;
use std::fmt;
use std::net::IpAddr;

/// What a line begins with.
pub(super) const MARK: &str = "### tuple ###";

/// A rule of ufw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Tuple {
    /// Whether it is about packets through the host.
    pub(super) route: bool,
    pub(super) action: Action,
    /// `None` is any.
    pub(super) protocol: Option<u8>,
    /// Empty is any.
    pub(super) destination_ports: Vec<(u16, u16)>,
    pub(super) destination: IpNet,
    /// Empty is any.
    pub(super) source_ports: Vec<(u16, u16)>,
    pub(super) source: IpNet,
    pub(super) application: Option<String>,
    pub(super) outbound: bool,
    /// By which it comes in.
    pub(super) input: Option<InterfaceName>,
    /// By which it goes out.
    pub(super) output: Option<InterfaceName>,
    pub(super) comment: Option<String>,
}

/// What a rule does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    Allow,
    Limit,
    Deny,
    Reject,
}

/// Why a line is no rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum TupleError {
    Fields(usize),
    Action(String),
    Protocol(String),
    Ports(String),
    Address(String),
    Direction(String),
    Comment,
}

impl fmt::Display for TupleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fields(count) => write!(f, "{count} fields, where 6 to 9 are expected"),
            Self::Action(text) => write!(f, "unknown action {text:?}"),
            Self::Protocol(text) => write!(f, "unknown protocol {text:?}"),
            Self::Ports(text) => write!(f, "{text:?} is no list of ports"),
            Self::Address(text) => write!(f, "{text:?} is no address and no prefix"),
            Self::Direction(text) => write!(f, "unknown direction {text:?}"),
            Self::Comment => f.write_str("the comment is not UTF-8 in hexadecimal digits"),
        }
    }
}

impl std::error::Error for TupleError {}

/// Reads what follows the mark.
pub(super) fn parse(text: &str) -> Result<Tuple, TupleError> {
    let mut fields: Vec<&str> = text.split_whitespace().collect();
    let comment = match fields.last().and_then(|field| field.strip_prefix("comment=")) {
        Some(hex) => {
            fields.pop();
            Some(decode(hex).ok_or(TupleError::Comment)?)
        }
        None => None,
    };
    // Files of old versions have no direction: it is `in`.
    let (applications, direction) = match fields.get(6..) {
        Some([]) => (None, "in"),
        Some([direction]) => (None, *direction),
        Some([to, from]) => (Some((*to, *from)), "in"),
        Some([to, from, direction]) => (Some((*to, *from)), *direction),
        _ => return Err(TupleError::Fields(fields.len())),
    };
    let (route, action) = action(fields[0])?;
    let (outbound, input, output) = parse_direction(direction)?;
    Ok(Tuple {
        route,
        action,
        protocol: protocol(fields[1])?,
        destination_ports: ports(fields[2])?,
        destination: net(fields[3])?,
        source_ports: ports(fields[4])?,
        source: net(fields[5])?,
        application: applications.and_then(|(to, from)| application(to).or_else(|| application(from))),
        outbound,
        input,
        output,
        comment,
    })
}

fn decode(hex: &str) -> Option<String> {
    let digits: Vec<u8> = hex
        .chars()
        .map(|digit| digit.to_digit(16).and_then(|digit| u8::try_from(digit).ok()))
        .collect::<Option<_>>()?;
    if !digits.len().is_multiple_of(2) {
        return None;
    }
    String::from_utf8(digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()).ok()
}

fn application(name: &str) -> Option<String> {
    (name != "-").then(|| name.replace("%20", " "))
}

fn action(text: &str) -> Result<(bool, Action), TupleError> {
    let (route, rest) = text.strip_prefix("route:").map_or((false, text), |rest| (true, rest));
    let action = match rest.strip_suffix("_log-all").or_else(|| rest.strip_suffix("_log")).unwrap_or(rest) {
        "allow" => Action::Allow,
        "limit" => Action::Limit,
        "deny" => Action::Deny,
        "reject" => Action::Reject,
        _ => return Err(TupleError::Action(text.to_owned())),
    };
    Ok((route, action))
}

fn protocol(text: &str) -> Result<Option<u8>, TupleError> {
    Ok(Some(match text {
        "any" => return Ok(None),
        "tcp" => 6,
        "udp" => 17,
        "ah" => 51,
        "esp" => 50,
        "gre" => 47,
        "vrrp" => 112,
        "ipv6" => 41,
        "igmp" => 2,
        _ => return Err(TupleError::Protocol(text.to_owned())),
    }))
}

fn ports(text: &str) -> Result<Vec<(u16, u16)>, TupleError> {
    if text == "any" {
        return Ok(Vec::new());
    }
    let one = |part: &str| {
        let (first, last) = part.split_once(':').unwrap_or((part, part));
        let (first, last): (u16, u16) = (first.parse().ok()?, last.parse().ok()?);
        (first <= last).then_some((first, last))
    };
    text.split(',').map(one).collect::<Option<_>>().ok_or_else(|| TupleError::Ports(text.to_owned()))
}

fn net(text: &str) -> Result<IpNet, TupleError> {
    let net = text.parse::<IpNet>().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from));
    net.map(|net| net.trunc()).ok_or_else(|| TupleError::Address(text.to_owned()))
}

type Direction = (bool, Option<InterfaceName>, Option<InterfaceName>);

fn parse_direction(text: &str) -> Result<Direction, TupleError> {
    let wrong = || TupleError::Direction(text.to_owned());
    let (mut input, mut output) = (None, None);
    let mut first = None;
    for part in text.split('!') {
        let (word, interface) = part.split_once('_').map_or((part, None), |(word, name)| (word, Some(name)));
        let interface = interface.map(|name| super::interface(name).ok_or_else(wrong)).transpose()?;
        let outbound = match word {
            "in" => false,
            "out" => true,
            _ => return Err(wrong()),
        };
        first.get_or_insert(outbound);
        if outbound { output = interface } else { input = interface }
    }
    Ok((first.ok_or_else(wrong)?, input, output))
}

#[cfg(test)]
mod tests {
    use super::{Action, TupleError, parse};

    #[test]
    fn every_form_of_a_tuple_is_read() {
        let tuple = parse(
            " route:allow_log tcp 80,443,8000:8100 172.18.0.2 any 10.1.2.3/8 in_eth0!out_docker0 comment=c3bc",
        );
        let tuple = tuple.expect("it is a tuple");
        assert!(tuple.route && !tuple.outbound && tuple.action == Action::Allow);
        assert_eq!(tuple.destination_ports, [(80, 80), (443, 443), (8000, 8100)]);
        assert_eq!(
            (tuple.destination.to_string(), tuple.source.to_string()),
            ("172.18.0.2/32".to_owned(), "10.0.0.0/8".to_owned())
        );
        assert_eq!(tuple.output.map(|name| name.0), Some("docker0".to_owned()));
        assert_eq!(tuple.comment.as_deref(), Some("ü"));
        let old = parse("limit any any 0.0.0.0/0 any 0.0.0.0/0 WWW%20Full -").expect("it is a tuple");
        assert_eq!((old.outbound, old.application.as_deref()), (false, Some("WWW Full")));
    }

    #[test]
    fn what_is_no_tuple_is_refused_with_the_reason() {
        let cases = [
            ("allow tcp 22", TupleError::Fields(3)),
            ("permit tcp 22 ::/0 any ::/0 in", TupleError::Action("permit".to_owned())),
            ("allow icmp 22 ::/0 any ::/0 in", TupleError::Protocol("icmp".to_owned())),
            ("allow tcp 9:1 ::/0 any ::/0 in", TupleError::Ports("9:1".to_owned())),
            ("allow tcp 9 host any ::/0 in", TupleError::Address("host".to_owned())),
            ("allow tcp 9 ::/0 any ::/0 sideways", TupleError::Direction("sideways".to_owned())),
            ("allow tcp 9 ::/0 any ::/0 in comment=5", TupleError::Comment),
        ];
        for (text, wanted) in cases {
            assert_eq!(parse(text), Err(wanted), "{text}");
        }
    }
}
