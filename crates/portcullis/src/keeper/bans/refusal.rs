//! Sources that are never banned: a ban of one would lock out the operator, cut this machine from itself, or hit everybody
//! behind a proxy at once.

use super::super::request::Refused;
use ipnet::IpNet;
use std::net::IpAddr;

/// What must not be banned.
#[derive(Clone, Debug, Default)]
pub(in super::super) struct Protected {
    /// Where the operators are who are logged in.
    pub(in super::super) operators: Vec<IpAddr>,
    /// This machine's addresses.
    pub(in super::super) own: Vec<IpAddr>,
    /// Proxies whose word about clients is believed.
    pub(in super::super) proxies: Vec<IpNet>,
}

/// Whom a ban would hit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) enum Hit {
    /// This machine, speaking to itself.
    Loopback,
    /// An address of this machine.
    Own(IpAddr),
    /// Somebody who is logged in.
    Operator(IpAddr),
    /// A proxy, and with it everybody behind it.
    Proxy(IpNet),
}

impl Hit {
    /// The rule that refuses such a ban.
    pub(in super::super) fn rule(&self) -> &'static str {
        match self {
            Self::Loopback | Self::Own(_) => "own-address",
            Self::Operator(_) => "operator",
            Self::Proxy(_) => "trusted-proxy",
        }
    }
}

/// Whom a ban of a source would hit that must not be banned.
pub(in super::super) fn hit(source: &IpNet, protected: &Protected) -> Option<Hit> {
    let loopback = ["127.0.0.0/8", "::1/128"].iter().filter_map(|text| text.parse::<IpNet>().ok());
    if loopback.into_iter().any(|own| overlap(source, &own)) {
        return Some(Hit::Loopback);
    }
    let among = |addresses: &[IpAddr]| addresses.iter().copied().find(|address| source.contains(address));
    let proxy = || protected.proxies.iter().copied().find(|proxy| overlap(source, proxy));
    let own = among(&protected.own).map(Hit::Own);
    own.or_else(|| among(&protected.operators).map(Hit::Operator)).or_else(|| proxy().map(Hit::Proxy))
}

/// Why a source must not be banned.
pub(in super::super) fn refuse(source: &IpNet, protected: &Protected) -> Option<Refused> {
    let no = |why: String| Refused::no(format!("{} is not banned: {why}", shown(source)));
    Some(match hit(source, protected)? {
        Hit::Loopback => no("this machine speaks to itself from there".to_owned()),
        Hit::Own(own) => no(format!("{own} is an address of this machine")),
        Hit::Operator(operator) => no(format!("somebody is logged in from {operator}"))
            .with_hint("it would lock them out; let them log out first"),
        Hit::Proxy(proxy) => {
            let proxy = shown(&proxy);
            no(format!("{proxy} is a trusted proxy, and everybody who comes through it would be refused"))
                .with_hint("[listen] trusted_proxies names it; ban the client's own address at the proxy")
        }
    })
}

fn overlap(one: &IpNet, other: &IpNet) -> bool {
    one.contains(other) || other.contains(one)
}

/// A source as people write it: an address without its length.
pub(crate) fn shown(source: &IpNet) -> String {
    if source.prefix_len() == source.max_prefix_len() {
        source.addr().to_string()
    } else {
        source.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_must_not_be_banned_is_refused_with_the_reason() {
        let protected = Protected {
            operators: vec![IpAddr::from([198, 51, 100, 7])],
            own: vec![IpAddr::from([192, 0, 2, 1])],
            proxies: vec!["203.0.113.0/28".parse().expect("a prefix")],
        };
        for (source, reason) in [
            ("127.0.0.1/32", Some("this machine speaks to itself from there")),
            ("0.0.0.0/0", Some("this machine speaks to itself from there")),
            ("::/0", Some("this machine speaks to itself from there")),
            ("192.0.2.0/24", Some("192.0.2.1 is an address of this machine")),
            ("198.51.100.7/32", Some("somebody is logged in from 198.51.100.7")),
            (
                "203.0.113.3/32",
                Some(
                    "203.0.113.0/28 is a trusted proxy, and everybody who comes through it would be refused",
                ),
            ),
            ("203.0.113.16/32", None),
            ("198.51.100.8/32", None),
            ("2001:db8::/32", None),
        ] {
            let source: IpNet = source.parse().expect("a prefix");
            let refused = refuse(&source, &protected).map(|refused| refused.reason);
            assert_eq!(refused, reason.map(|reason| format!("{} is not banned: {reason}", shown(&source))));
        }
    }
}
