//! IP addresses and prefixes.

use super::decode::{Decode, Decoder};
use super::tree::Node;
use crate::problem::Problem;
use ipnet::IpNet;
use serde_json::{Value as Json, json};
use std::net::{IpAddr, SocketAddr};

/// An IP address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Address(pub(crate) IpAddr);

impl Decode for Address {
    fn expected() -> String {
        "a string such as \"192.0.2.1\"".to_owned()
    }

    fn schema() -> Json {
        json!({ "type": "string", "anyOf": [{ "format": "ipv4" }, { "format": "ipv6" }] })
    }

    fn kind() -> String {
        "IP address".to_owned()
    }

    fn decode(node: &Node, decoder: &mut Decoder<'_>) -> Option<Self> {
        let text = decoder.text(node, &Self::expected())?;
        if let Ok(address) = text.as_str().parse() {
            return Some(Self(address));
        }
        let problem = Problem::error(text.at, format!("`{}` is not an IP address", text.as_str()));
        decoder.report(if text.as_str().parse::<SocketAddr>().is_ok() {
            problem
                .label("has a port")
                .hint("ports are the keys `http` and `https`, or part of a site's name")
        } else if text.as_str() == "*" {
            problem
                .label("not an address")
                .hint("every address is [\"0.0.0.0\", \"::\"], which is the default")
        } else {
            problem.label("not an address")
        });
        None
    }
}

/// A prefix of addresses that is narrower than everybody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Network(pub(crate) IpNet);

impl Decode for Network {
    fn expected() -> String {
        "a string such as \"10.0.0.0/8\"".to_owned()
    }

    fn schema() -> Json {
        json!({ "type": "string", "pattern": "^[0-9A-Fa-f:.]+(/[0-9]+)?$" })
    }

    fn kind() -> String {
        "IP address or prefix".to_owned()
    }

    fn decode(node: &Node, decoder: &mut Decoder<'_>) -> Option<Self> {
        let text = decoder.text(node, &Self::expected())?;
        let single = text.as_str().parse::<IpAddr>().map(IpNet::from);
        let Ok(network) = text.as_str().parse::<IpNet>().or(single) else {
            decoder.report(
                Problem::error(text.at, format!("`{}` is not a prefix of addresses", text.as_str()))
                    .label("not a prefix")
                    .hint("write for example \"10.0.0.0/8\", \"2001:db8::/32\" or a single address"),
            );
            return None;
        };
        match refusal(network) {
            None => Some(Self(network)),
            Some((label, hint)) => {
                decoder.report(
                    Problem::error(text.at, format!("`{}` cannot be trusted", text.as_str()))
                        .label(label)
                        .hint(hint),
                );
                None
            }
        }
    }
}

fn refusal(network: IpNet) -> Option<(&'static str, String)> {
    if network.prefix_len() == 0 {
        let hint = "name the proxies in front of this gate: whoever is trusted may claim any client address";
        return Some(("this is everybody", hint.to_owned()));
    }
    if network.addr() != network.network() {
        return Some(("address bits after the prefix", format!("did you mean \"{}\"?", network.trunc())));
    }
    None
}
