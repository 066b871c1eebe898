//! Whether the names of the sites lead to this machine. The resolvers of this machine are asked, and nobody else.

use super::World;
use super::finding::Finding;
use super::ports::is_public;
use crate::watcher::resolve;
use model::host::HostPattern;
use model::plan::{Plan, Scheme};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

const PART: &str = "names";
/// Names that are looked up; a file may have thousands.
const MOST: usize = 50;
/// Endings that no public DNS knows (RFC 2606, RFC 6761, RFC 6762, and ICANN's `internal`).
const PRIVATE: [&str; 8] =
    ["test", "example", "invalid", "localhost", "local", "internal", "home.arpa", "lan"];

pub(super) fn look(world: &World) -> Vec<Finding> {
    let names = public_names(&world.plan);
    if names.is_empty() || !is_public(&world.plan) {
        return Vec::new();
    }
    let asked: BTreeSet<String> = names.iter().take(MOST).cloned().collect();
    let own = own_addresses(&world.plan);
    let answers = match resolve(&asked) {
        Ok(answers) => answers.into_iter().map(|(name, resolved)| (name, resolved.addresses)).collect(),
        Err(error) => {
            let found = format!("the resolvers of this machine cannot be asked: {error}");
            return vec![Finding::problem(PART, found, "see /etc/resolv.conf")];
        }
    };
    let mut findings = judge(&asked, &answers, &own);
    if let Some(more) = names.len().checked_sub(MOST).filter(|more| *more > 0) {
        findings.push(Finding::note(PART, format!("{more} further names were not asked for")));
    }
    findings
}

/// The names of sites that public DNS should know.
fn public_names(plan: &Plan) -> BTreeSet<String> {
    let sites = plan.sites.iter().filter(|site| matches!(site.address.scheme, Scheme::Https | Scheme::Http));
    let hosts = sites.flat_map(|site| site.address.host.iter().chain(&site.aliases));
    let exact = hosts.filter_map(|host| match host {
        HostPattern::Exact(name) => Some(name.to_string()),
        HostPattern::Wildcard(_) => None,
    });
    exact.filter(|name| !is_private(name) && name.parse::<IpAddr>().is_err()).collect()
}

fn is_private(name: &str) -> bool {
    let ends =
        |ending: &&str| name.strip_suffix(*ending).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
    !name.contains('.') || name.starts_with('[') || PRIVATE.iter().any(ends)
}

/// Addresses of this machine, and those that the file says to be in front of it.
fn own_addresses(plan: &Plan) -> BTreeSet<IpAddr> {
    let interfaces = host::interfaces::interfaces(&[]).unwrap_or_default();
    let here = interfaces.iter().flat_map(|interface| &interface.addresses).map(ipnet::IpNet::addr);
    let mut own: BTreeSet<IpAddr> = here.filter(|address| !address.is_loopback()).collect();
    let is_here = |host: &&model::plan::Host| host.addresses.iter().any(|address| own.contains(address));
    let public: Vec<IpAddr> =
        plan.policy.hosts.iter().filter(is_here).flat_map(|host| host.public.iter().copied()).collect();
    own.extend(public);
    own
}

fn judge(
    asked: &BTreeSet<String>,
    answers: &BTreeMap<String, Vec<IpAddr>>,
    own: &BTreeSet<IpAddr>,
) -> Vec<Finding> {
    if answers.is_empty() {
        let found = format!("no resolver of this machine knows any of {}", few(asked));
        return vec![Finding::problem(
            PART,
            found,
            "look whether resolvers answer (`resolvectl status`, /etc/resolv.conf), then at the names' A and AAAA records",
        )];
    }
    let mut findings = Vec::new();
    let mut good = BTreeSet::new();
    for name in asked {
        match answers.get(name) {
            None => findings.push(Finding::problem(
                PART,
                format!("{name} has no address"),
                format!("have its A or AAAA record name {}", few(own)),
            )),
            Some(addresses) if addresses.iter().any(|address| own.contains(address)) => drop(good.insert(name)),
            Some(addresses) => findings.push(
                Finding::note(PART, format!("{name} leads to {}, which is not of this machine", few(addresses)))
                    .with("right where a NAT or a load balancer stands in front ([host] public names its addresses); else change the record"),
            ),
        }
    }
    if !good.is_empty() {
        findings.insert(0, Finding::good(PART, format!("lead to this machine: {}", few(good))));
    }
    findings
}

/// The first few of a list.
fn few<T: std::fmt::Display>(items: impl IntoIterator<Item = T>) -> String {
    const FEW: usize = 4;
    let items: Vec<String> = items.into_iter().map(|item| item.to_string()).collect();
    match items.len().checked_sub(FEW) {
        None if items.is_empty() => "an address of this machine".to_owned(),
        Some(more @ 1..) => format!("{} and {more} more", items[..FEW].join(", ")),
        _ => items.join(", "),
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::State;
    use super::*;

    fn addresses(texts: &[&str]) -> Vec<IpAddr> {
        texts.iter().map(|text| text.parse().expect("an address")).collect()
    }

    #[test]
    fn a_name_is_judged_by_where_it_leads() {
        let asked = ["a.example.com", "b.example.com", "c.example.com"].map(str::to_owned).into();
        let answers = BTreeMap::from([
            ("a.example.com".to_owned(), addresses(&["203.0.113.9", "192.0.2.1"])),
            ("b.example.com".to_owned(), addresses(&["203.0.113.9"])),
        ]);
        let own = addresses(&["192.0.2.1", "2001:db8::1"]).into_iter().collect();
        let found: Vec<_> =
            judge(&asked, &answers, &own).into_iter().map(|one| (one.state, one.found)).collect();
        assert_eq!(
            found,
            [
                (State::Good, "lead to this machine: a.example.com".to_owned()),
                (State::Note, "b.example.com leads to 203.0.113.9, which is not of this machine".to_owned()),
                (State::Problem, "c.example.com has no address".to_owned()),
            ]
        );
    }

    #[test]
    fn without_any_answer_the_resolvers_are_doubted_once() {
        let asked = ["a.example.com", "b.example.com"].map(str::to_owned).into();
        let findings = judge(&asked, &BTreeMap::new(), &BTreeSet::new());
        assert_eq!(findings.len(), 1);
        assert!(findings[0].found.contains("a.example.com, b.example.com"), "{}", findings[0].found);
    }

    #[test]
    fn private_names_are_not_asked_for() {
        for (name, expected) in [
            ("a.test", true),
            ("db.internal", true),
            ("router.home.arpa", true),
            ("localhost", true),
            ("intranet", true),
            ("latest.com", false),
            ("example.com", false),
        ] {
            assert_eq!(is_private(name), expected, "{name}");
        }
    }
}
