//! Tools together, as hosts have them.

use super::build::{base, docker, packet, state, table, tcp, ufw, verdict};
use crate::addresses::AddressSet;
use crate::compiled::Compiled;
use crate::foreign::{Facts, ForeignFamily, Judgement, Owner, conflicts, judge, of_chains, published};
use crate::nft::{Hook, Verdict};

fn dropped(judgement: Judgement) -> String {
    match judgement {
        Judgement::Dropped(place) => place.to_string(),
        other => format!("not dropped: {other:?}"),
    }
}

#[test]
fn ufw_drops_what_no_rule_of_its_allows() {
    let tables = [ufw()];
    let facts = Facts::default();
    assert_eq!(judge(&tables, &packet("198.51.100.7", 22), &facts), Judgement::Passes);
    assert_eq!(
        dropped(judge(&tables, &packet("198.51.100.7", 8080), &facts)),
        "table ip filter, chain INPUT, policy drop (ufw)"
    );
    assert_eq!(judge(&tables, &packet("2001:db8::7", 8080), &facts), Judgement::Passes);
}

#[test]
fn an_accept_ends_its_own_base_chain_alone() {
    let later = table(
        ForeignFamily::Inet,
        "f2b-table",
        vec![("f2b-chain", base(Hook::Input, 10, true, vec![tcp(22, verdict(Verdict::Drop))]))],
    );
    assert_eq!(
        dropped(judge(&[ufw(), later], &packet("198.51.100.7", 22), &Facts::default())),
        "table inet f2b-table, chain f2b-chain, a rule that drops (fail2ban)"
    );
}

#[test]
fn a_published_port_goes_around_the_input_chain() {
    let mut tables = docker();
    tables.push(ufw());
    let facts = Facts::default();
    assert_eq!(judge(&tables, &packet("198.51.100.7", 8088), &facts), Judgement::Passes);
    assert_eq!(
        dropped(judge(&tables, &packet("198.51.100.7", 8089), &facts)),
        "table ip filter, chain INPUT, policy drop (ufw)"
    );
}

#[test]
fn what_docker_publishes_is_listed() {
    let found = published(&docker());
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].protocol, Some(6));
    assert_eq!(found[0].ports, Some((8088, 8088)));
    assert_eq!(found[0].to, "172.18.0.2".parse().ok());
    assert_eq!(found[0].to_port, Some(80));
    assert_eq!(found[0].owner, Some(Owner::Docker));
}

#[test]
fn owners_are_told_by_the_names_of_chains() {
    assert_eq!(of_chains(&ufw()), [Owner::Ufw]);
    assert_eq!(of_chains(&docker()[0]), [Owner::Docker]);
}

#[test]
fn a_rule_for_ssh_is_defeated_by_a_policy_and_by_a_chain_that_wants_tracked_packets() {
    let compiled = Compiled::minimum([22], []);
    let closed = table(ForeignFamily::Ip, "filter", vec![("INPUT", base(Hook::Input, 0, false, vec![]))]);
    let new_only = table(
        ForeignFamily::Inet,
        "filter",
        vec![("input", base(Hook::Input, 0, false, vec![state(10, verdict(Verdict::Accept))]))],
    );
    for (tables, wanted) in [
        (vec![closed], "table ip filter, chain INPUT, policy drop: defeats rule"),
        (vec![new_only], "table inet filter, chain input, policy drop (nftables.service): defeats rule"),
    ] {
        let found = conflicts(&compiled, &tables, &Facts::default());
        let text = found.first().map(ToString::to_string).unwrap_or_default();
        assert!(text.starts_with(wanted), "{text}");
        assert!(found[0].certain && found[0].whole);
    }
    assert_eq!(conflicts(&compiled, &[ufw()], &Facts::default()), []);
}

#[test]
fn sources_are_the_ones_that_a_rule_admits() {
    let mut compiled = Compiled::minimum([22], []);
    compiled.rules[0].peers = AddressSet::from_prefixes(&["10.1.2.0/24".parse().expect("it is a prefix")]);
    let found = conflicts(&compiled, &[], &Facts::default());
    assert_eq!(found, []);
    let closed = table(ForeignFamily::Ip, "filter", vec![("INPUT", base(Hook::Input, 0, false, vec![]))]);
    let found = conflicts(&compiled, &[closed], &Facts::default());
    assert!(found.iter().all(|conflict| compiled.rules[0].peers.contains(conflict.packet.source)));
    assert_eq!(found.len(), 1);
}
