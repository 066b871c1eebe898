//! Every place in the file that a plan knows.

use super::{Firewall, Nat, Place, Plan, Policy, Rule};

impl Plan {
    /// Every place, that of a site with the index of the site.
    pub(crate) fn places_mut(&mut self) -> impl Iterator<Item = (Option<usize>, &mut Place)> {
        let sites = self.sites.iter_mut().enumerate().map(|(index, site)| (Some(index), &mut site.place));
        let others =
            self.streams.iter_mut().map(|stream| &mut stream.place).chain(of_policy(&mut self.policy));
        sites.chain(others.map(|place| (None, place)))
    }
}

fn of_policy(policy: &mut Policy) -> impl Iterator<Item = &mut Place> {
    let groups = policy.groups.iter_mut().flat_map(|group| {
        let rules = group.inbound.iter_mut().chain(group.outbound.iter_mut().flatten());
        std::iter::once(&mut group.place).chain(of_rules(rules))
    });
    let networks = policy.networks.iter_mut().map(|network| &mut network.place);
    let hosts = policy.hosts.iter_mut().map(|host| &mut host.place);
    let firewall = policy.firewall.iter_mut().flat_map(of_firewall);
    firewall.chain(groups).chain(networks).chain(hosts).chain(policy.nat.iter_mut().flat_map(of_nat))
}

fn of_firewall(firewall: &mut Firewall) -> impl Iterator<Item = &mut Place> {
    let containers = firewall.container_outbound.iter_mut().flatten();
    let rules = firewall.inbound.iter_mut().chain(firewall.outbound.iter_mut().flatten()).chain(containers);
    std::iter::once(&mut firewall.place).chain(of_rules(rules)).chain(firewall.deny_files.values_mut())
}

fn of_nat(nat: &mut Nat) -> impl Iterator<Item = &mut Place> {
    std::iter::once(&mut nat.place).chain(nat.forwards.iter_mut().map(|forward| &mut forward.rule.place))
}

fn of_rules<'a>(rules: impl Iterator<Item = &'a mut Rule>) -> impl Iterator<Item = &'a mut Place> {
    rules.map(|rule| &mut rule.place)
}
