//! What a policy is about, in the words of the file: the text of a value reads back as that value.

use super::policy::{Peer, RuleLimit, Traffic};
use crate::registry;
use std::fmt;

impl fmt::Display for Traffic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::All => f.write_str("all"),
            Self::Ports { transport, first, last } if first == last => {
                write!(f, "{first}/{}", transport.name())
            }
            Self::Ports { transport, first, last } => write!(f, "{first}-{last}/{}", transport.name()),
            Self::Icmp { v6, first, last } => {
                f.write_str(if v6 { "icmpv6" } else { "icmpv4" })?;
                messages(f, first, last)
            }
            Self::Protocol(number) => match registry::protocol_name(number) {
                Some(name) => f.write_str(name),
                None => write!(f, "proto/{number}"),
            },
        }
    }
}

/// What follows the version of ICMP. A range that no rule can write is shown by its ends.
fn messages(f: &mut fmt::Formatter<'_>, first: u16, last: u16) -> fmt::Result {
    let ([kind, code], [last_kind, last_code]) = (first.to_be_bytes(), last.to_be_bytes());
    match (kind == last_kind, code, last_code) {
        (_, 0, u8::MAX) if (kind, last_kind) == (0, u8::MAX) => Ok(()),
        (true, 0, u8::MAX) => write!(f, "/{kind}"),
        (true, ..) if code == last_code => write!(f, "/{kind}/{code}"),
        _ => write!(f, "/{kind}/{code}-{last_kind}/{last_code}"),
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Anywhere => f.write_str("anywhere"),
            Self::Internet => f.write_str("internet"),
            Self::MyIp => f.write_str("my-ip"),
            Self::ThisHost => f.write_str("this-host"),
            Self::Containers => f.write_str("containers"),
            Self::Prefix(prefix) if prefix.prefix_len() == prefix.max_prefix_len() => {
                write!(f, "{}", prefix.addr())
            }
            Self::Prefix(prefix) => write!(f, "{prefix}"),
            Self::Network(name) | Self::Group(name) | Self::Host(name) => write!(f, "{name}"),
            Self::Service(name) => write!(f, "service:{name}"),
            Self::Domain(name) => f.write_str(name),
            Self::File(path) => write!(f, "{}", path.display()),
        }
    }
}

impl fmt::Display for RuleLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.period.as_secs();
        write!(f, "{}/", self.count)?;
        match seconds {
            1 => f.write_str("s"),
            60 => f.write_str("m"),
            3600 => f.write_str("h"),
            86_400 => f.write_str("d"),
            _ => write!(f, "{seconds}s"),
        }
    }
}

impl Traffic {
    /// Every message of ICMP or ICMPv6.
    #[must_use]
    pub const fn every_message(v6: bool) -> Self {
        Self::Icmp { v6, first: 0, last: u16::MAX }
    }
}
