//! What the canonical form promises.

#![expect(clippy::unwrap_used, reason = "what cannot be read or found fails the test")]

use super::{Admission, Canonical, Directed, Facts, KeyCell, Matrix, PeerCell};
use crate::addresses::{AddressSet, Family};
use crate::compiled::Compiled;
use crate::reference;
use crate::rule::RuleView;
use crate::testing::{addresses, any_packet, any_policy, any_rules, compiled, id, interface, tcp, view};
use model::plan::{RuleLimit, Traffic};
use proptest::prelude::*;
use std::time::{Duration, Instant};

fn form(rules: &[RuleView]) -> Canonical {
    Canonical::of(rules, Facts::default())
}

fn ports(form: &Canonical) -> Vec<(u16, u16, Vec<Admission>)> {
    let cells = &form.inbound.elsewhere.v4.keyed[&6];
    let admissions = |cell: &KeyCell| cell.peers.iter().map(|peer| peer.admission.clone()).collect();
    cells.iter().map(|cell| (cell.first, cell.last, admissions(cell))).collect()
}

#[test]
fn the_first_open_rule_of_the_file_is_the_one_that_counts() {
    let office = addresses(&["198.51.100.0/24"]);
    let rules = [
        view("a", tcp(80, 90), office),
        view("b", tcp(85, 95), AddressSet::everything()),
        view("c", tcp(85, 85), AddressSet::everything()),
    ];
    let open = |rule: &str| Admission::Open(id(rule));
    assert_eq!(
        ports(&form(&rules)),
        [
            (80, 84, vec![open("a")]),
            (85, 90, vec![open("b"), open("a"), open("b")]),
            (91, 95, vec![open("b")]),
        ]
    );
}

#[test]
fn a_limit_counts_only_where_no_rule_is_open() {
    let limit = Some(RuleLimit { count: 6, period: Duration::from_secs(30) });
    let slow = RuleView { limit, ..view("slow", tcp(22, 23), AddressSet::everything()) };
    let form = form(&[slow, view("open", tcp(22, 22), AddressSet::everything())]);
    let found = ports(&form);
    assert_eq!(found[0], (22, 22, vec![Admission::Open(id("open"))]));
    assert!(matches!(&found[1].2[..], [Admission::Guarded(guards)] if guards[0].rule == id("slow")));
}

#[test]
fn an_interface_has_its_own_rules_and_those_for_any() {
    let on = |name: &str, rule: RuleView| RuleView { interface: Some(interface(name)), ..rule };
    let form = form(&[
        view("any", tcp(80, 80), AddressSet::everything()),
        on("eth1", view("own", tcp(81, 81), AddressSet::everything())),
        on("eth2", view("nothing", tcp(80, 80), addresses(&["10.0.0.0/8"]))),
    ]);
    assert_eq!(form.inbound.interfaces.keys().collect::<Vec<_>>(), [&interface("eth1")]);
    assert_eq!(form.inbound.interfaces[&interface("eth1")].v4.keyed[&6].len(), 2);
    assert_eq!(form.inbound.elsewhere.v4.keyed[&6].len(), 1);
}

#[test]
fn a_rule_for_everything_is_in_every_protocol() {
    let form = form(&[view("all", Traffic::All, addresses(&["10.0.0.0/8"]))]);
    let v4 = &form.inbound.elsewhere.v4;
    assert!(v4.keyed.values().all(|cells| cells.len() == 1 && cells[0].last == u16::MAX));
    assert_eq!(v4.keyed.keys().copied().collect::<Vec<_>>(), [1, 6, 17, 33, 132, 136]);
    assert_eq!(v4.rest.len(), 1);
    let v6 = &form.inbound.elsewhere.v6;
    assert_eq!(v6.keyed.keys().copied().collect::<Vec<_>>(), [6, 17, 33, 58, 132, 136]);
    assert!(v6.keyed.values().all(Vec::is_empty) && v6.rest.is_empty());
}

#[test]
fn the_minimum_lets_people_log_in_and_nothing_else() {
    let form = Canonical::minimum([22, 2222], []);
    let open: Vec<(u16, u16)> =
        form.inbound.elsewhere.v6.keyed[&6].iter().map(|cell| (cell.first, cell.last)).collect();
    assert_eq!(open, [(22, 22), (2222, 2222)]);
    assert!(form.inbound.elsewhere.v4.rest.is_empty() && form.outbound.is_none());
}

#[test]
fn many_rules_do_not_take_quadratic_time() {
    let rules: Vec<RuleView> = (1..=40_000_u16)
        .map(|at| {
            let source = Family::V4.address(0x0a00_0000 + u128::from(at) * 2);
            view(&format!("r{at}"), tcp(at, at), AddressSet::from_addresses([source]))
        })
        .collect();
    let start = Instant::now();
    assert_eq!(form(&rules).inbound.elsewhere.v4.keyed[&6].len(), rules.len());
    // Half a second without optimisation; a quadratic sweep takes a minute.
    let took = start.elapsed();
    assert!(took < Duration::from_secs(10), "40,000 rules took {took:?}");
}

fn assert_disjoint(form: &Directed) {
    for matrix in form.interfaces.values().chain([&form.elsewhere]) {
        for family in Family::BOTH {
            assert_matrix(matrix, family);
        }
    }
    assert!(form.interfaces.values().all(|matrix| *matrix != form.elsewhere));
}

fn assert_matrix(matrix: &Matrix, family: Family) {
    let protocols = matrix.of(family);
    for cells in protocols.keyed.values() {
        assert!(cells.iter().all(|cell| cell.first <= cell.last && !cell.peers.is_empty()));
        for pair in cells.windows(2) {
            assert!(pair[0].last < pair[1].first);
            assert!(pair[0].last + 1 < pair[1].first || pair[0].peers != pair[1].peers);
        }
        cells.iter().for_each(|cell| assert_peers(&cell.peers, family));
    }
    protocols.plain.values().for_each(|peers| assert_peers(peers, family));
    assert!(protocols.plain.values().all(|peers| *peers != protocols.rest));
    assert_peers(&protocols.rest, family);
}

fn assert_peers(peers: &[PeerCell], family: Family) {
    assert!(peers.iter().all(|cell| cell.first <= cell.last && cell.last <= family.last()));
    for pair in peers.windows(2) {
        assert!(pair[0].last < pair[1].first);
        assert!(pair[0].last + 1 < pair[1].first || pair[0].admission != pair[1].admission);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn cells_are_sorted_disjoint_and_joined(rules in any_rules()) {
        let form = form(&rules);
        assert_disjoint(&form.inbound);
        assert_disjoint(&form.erased().inbound);
    }

    #[test]
    fn the_order_of_rules_decides_nothing(rules in any_rules().prop_shuffle(), seed in any::<u64>()) {
        let mut other = rules.clone();
        other.rotate_left(usize::try_from(seed % 9).unwrap() % rules.len().max(1));
        other.reverse();
        prop_assert!(form(&rules).verdicts_equal(&form(&other)));
    }

    #[test]
    fn the_form_judges_as_the_rules_do(
        policy in any_policy(),
        packets in prop::collection::vec(any_packet(), 64),
    ) {
        for packet in packets {
            prop_assert_eq!(policy.judge(&packet), reference::judge(&policy, &packet), "{:?}", packet);
        }
    }

    #[test]
    fn renaming_open_rules_changes_no_verdict(mut rules in any_rules()) {
        let before = form(&rules);
        for rule in rules.iter_mut().filter(|rule| rule.is_unconditional()) {
            rule.id = id(&format!("new-{}", rule.id));
        }
        prop_assert!(form(&rules).verdicts_equal(&before));
    }

    #[test]
    fn equal_verdicts_mean_equal_judgements(
        a in any_policy(),
        b in any_policy(),
        packets in prop::collection::vec(any_packet(), 32),
    ) {
        let empty = compiled(Vec::new(), Facts::default());
        for other in [&b, &empty] {
            if packets.iter().any(|packet| a.judge(packet).passes() != other.judge(packet).passes()) {
                prop_assert!(!a.canonical.verdicts_equal(&other.canonical));
            }
        }
    }

    #[test]
    fn a_policy_is_stored_and_read_back_the_same(policy in any_policy()) {
        let text = serde_json::to_string(&policy).unwrap();
        let read: Compiled = serde_json::from_str(&text).unwrap();
        prop_assert_eq!(read, policy);
    }
}
