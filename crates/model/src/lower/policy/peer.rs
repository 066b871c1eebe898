//! Who may stand at the other end: `from`, `to`, `deny`. Names are looked up, never resolved to addresses.

use super::super::Lowering;
use super::distinct::Distinct;
use super::names::{Kind, Names, RESERVED};
use super::prefix;
use crate::host::{HostError, HostName};
use crate::plan::{Name, Peer};
use crate::problem::{Problem, closest, shown};
use crate::raw::decode::{OneOrMany, Text};
use crate::source::Located;

/// Which way the traffic goes that peers are named for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Direction {
    Inbound,
    Outbound,
}

/// The peers of a rule or a site: everybody where none are written.
pub(in super::super) fn peers(
    raw: Option<&Located<OneOrMany<Text>>>,
    direction: Direction,
    names: &mut Names<'_>,
    lowering: &mut Lowering<'_>,
) -> Vec<Peer> {
    let Some(raw) = raw else { return vec![Peer::Anywhere] };
    if raw.value.0.is_empty() {
        lowering.report(
            Problem::error(raw.at, "an empty list of peers allows nobody")
                .label("empty")
                .hint("leave the key out for everybody, or remove the rule"),
        );
    }
    let mut peers = Distinct::new();
    for text in &raw.value.0 {
        let Some(peer) = peer(&text.value, direction, names, lowering) else { continue };
        peers.add(peer, text.value.as_str(), text.at, lowering);
    }
    peers.into_list()
}

/// Reads one peer.
fn peer(
    text: &Text,
    direction: Direction,
    names: &mut Names<'_>,
    lowering: &mut Lowering<'_>,
) -> Option<Peer> {
    let written = text.as_str();
    if let Some((_, peer)) = RESERVED.iter().find(|(word, _)| *word == written) {
        return Some(peer.clone());
    }
    if let Some(service) = written.strip_prefix("service:") {
        return self::service(&text.tail(written.len() - service.len()), names, lowering);
    }
    if prefix::looks_like_one(written) {
        return prefix::prefix(text, lowering).map(Peer::Prefix);
    }
    if written.is_empty() {
        lowering.report(Problem::error(text.at, "a peer without a name").label("empty"));
        return None;
    }
    if let Some(declared) = names.get(written) {
        let name = Name(written.to_owned());
        let (noun, peer) = match declared.kind {
            Kind::Group => ("no host with an address carries the group", Peer::Group(name)),
            Kind::Network => ("there is no prefix in the network", Peer::Network(name)),
            Kind::Host => ("no addresses are written for the host", Peer::Host(name)),
        };
        if declared.empty {
            lowering.report(
                Problem::warning(text.inner(), format!("`{written}` matches nothing"))
                    .label(format!("{noun} `{written}`"))
                    .related(declared.at, "declared here"),
            );
        }
        return Some(peer);
    }
    if written.contains('.') && direction == Direction::Outbound {
        return domain(text, lowering).map(Peer::Domain);
    }
    if !names.is_lost(written) {
        let problem = undeclared(text, direction, names, lowering.may_guess());
        lowering.report(problem);
    }
    None
}

/// `service:NAME`.
fn service(name: &Text, names: &mut Names<'_>, lowering: &mut Lowering<'_>) -> Option<Peer> {
    if names.service(name.as_str()) {
        return Some(Peer::Service(Name(name.as_str().to_owned())));
    }
    if names.is_lost(name.as_str()) {
        return None;
    }
    let guess = lowering.may_guess();
    let problem = Problem::error(name.inner(), format!("there is no service {}", shown(name.as_str())));
    lowering.report(match names.near_service(name.as_str(), guess) {
        Some(near) => problem.label(format!("did you mean `{near}`?")),
        None => problem.label("not declared").hint("declare [service.NAME], or write an address"),
    });
    None
}

/// A DNS name; it stands for the addresses that it has when it is asked for.
fn domain(text: &Text, lowering: &mut Lowering<'_>) -> Option<String> {
    match HostName::parse(text.as_str()) {
        Ok(name) => Some(name.as_str().to_owned()),
        Err(error) => {
            let wildcard = error == HostError::Wildcard;
            let label = if wildcard { "a wildcard has no addresses".to_owned() } else { error.to_string() };
            let hint = wildcard.then(|| "write each name, or a prefix".to_owned());
            lowering.report(
                Problem::error(text.inner(), format!("`{}` cannot be looked up", text.as_str()))
                    .label(label)
                    .hint_maybe(hint),
            );
            None
        }
    }
}

/// What people write for a peer in other programs, and the word for it here.
const FOREIGN: [(&str, &str); 9] = [
    ("any", "anywhere"),
    ("all", "anywhere"),
    ("*", "anywhere"),
    ("everyone", "anywhere"),
    ("everywhere", "anywhere"),
    ("world", "internet"),
    ("public", "internet"),
    ("localhost", "this-host"),
    ("docker", "containers"),
];

/// A word that stands for no peer.
fn undeclared(text: &Text, direction: Direction, names: &Names<'_>, guess: bool) -> Problem {
    let written = text.as_str();
    let problem =
        Problem::error(text.inner(), format!("there is no group, network or host {}", shown(written)));
    let foreign = FOREIGN.iter().find(|(word, _)| word.eq_ignore_ascii_case(written)).map(|(_, own)| *own);
    if let Some(near) = foreign.or_else(|| names.near_peer(written, guess)) {
        return problem.label(format!("did you mean `{near}`?"));
    }
    if names.has_service(written) {
        return problem.label("this is a service").hint(format!("write \"service:{written}\""));
    }
    if written.contains('.') && direction == Direction::Inbound {
        return problem.label("a DNS name").hint(
            "packets carry addresses, not names: write the address or prefix; DNS names may stand in `to` alone",
        );
    }
    problem.label("not declared").hint(
        "write an address or prefix, or declare the name in [network], as [group.NAME] or as [host.NAME]; the words \
         anywhere, internet, my-ip, this-host and containers need no declaration",
    )
}

/// Reads one entry of `deny`: a prefix, a network, or a file.
pub(super) fn denied(text: &Text, names: &Names<'_>, lowering: &mut Lowering<'_>) -> Option<Peer> {
    let written = text.as_str();
    if prefix::looks_like_one(written) {
        let prefix = prefix::prefix(text, lowering)?;
        if prefix.prefix_len() > 0 {
            return Some(Peer::Prefix(prefix));
        }
        lowering.report(
            Problem::error(text.inner(), "`deny` of everybody")
                .label("this is every address")
                .hint("what no rule allows is refused already"),
        );
        return None;
    }
    if written.is_empty() {
        lowering.report(Problem::error(text.at, "an entry of `deny` without a name").label("empty"));
        return None;
    }
    if written.contains('/') {
        return lowering.path(text).map(Peer::File);
    }
    if RESERVED.iter().any(|(word, _)| *word == written) {
        lowering.report(
            Problem::error(text.inner(), format!("`{written}` cannot be denied"))
                .label("not a prefix, a network or a file")
                .hint("what no rule allows is refused already"),
        );
        return None;
    }
    if names.get(written).is_none() && !names.is_lost(written) {
        let near = closest(written, names.of_kind(Kind::Network));
        let label = near.map_or("not declared".to_owned(), |near| format!("did you mean `{near}`?"));
        lowering.report(
            Problem::error(text.inner(), format!("there is no network {}", shown(written)))
                .label(label)
                .hint(format!("a file has a slash in its path: \"./{written}\"")),
        );
        return None;
    }
    names.expect(Kind::Network, text, lowering).map(Peer::Network)
}
