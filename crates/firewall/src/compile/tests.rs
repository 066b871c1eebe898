//! What tables do with the packets that the frame, essentials and guards are about.

use super::samples::{closed, everything, interface, web};
use super::{InSlot, Slot, elements, table};
use crate::addresses::Family;
use crate::canonical::Canonical;
use crate::nft::{Connection, Decision, Device, Facts, Table, Tracking};
use crate::prove::packets::{answer, answered, inbound, outbound, through};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

const OFFICE: u128 = 0xc633_6407;
const STRANGER: u128 = 0xcb00_71c8;
const FORTY: u128 = 0xfe80 << 112;

fn in_force(canonical: &Canonical) -> Table {
    table(&InSlot { slot: Slot::A, canonical }, None)
}

fn v4(source: u128, protocol: u8, key: u16) -> Facts {
    inbound(Family::V4, source, (protocol, key), "eth0", true)
}

fn v6(source: u128, protocol: u8, key: u16) -> Facts {
    inbound(Family::V6, source, (protocol, key), "eth0", true)
}

fn tracked(mut facts: Facts, change: impl FnOnce(&mut Connection)) -> Facts {
    if let Tracking::Known(connection) = &mut facts.tracking {
        change(connection);
    }
    facts
}

fn on(mut facts: Facts, name: &str) -> Facts {
    for device in [&mut facts.input, &mut facts.output].into_iter().flatten() {
        *device = Device { index: if name == "lo" { 1 } else { 2 }, name: name.to_owned() };
    }
    facts
}

fn ports(mut facts: Facts, source: u16) -> Facts {
    facts.transport[..2].copy_from_slice(&source.to_be_bytes());
    tracked(facts, |connection| connection.original.source_port = source)
}

fn hops(mut facts: Facts, limit: u8) -> Facts {
    facts.network[7] = limit;
    Facts { tracking: Tracking::Untracked, ..facts }
}

fn put(table: &mut Table, live: elements::Live) {
    table.sets.get_mut(&live.set).expect("the set is there").elements.push(live.element);
}

#[track_caller]
fn says(table: &Table, facts: &Facts, decision: &Decision, counter: Option<&str>) {
    let outcome = table.judge(facts);
    assert_eq!(outcome.decision, *decision, "{facts:?}");
    assert_eq!(outcome.counters.last().map(String::as_str), counter, "{facts:?}");
}

#[track_caller]
fn accepts(table: &Table, facts: &Facts) {
    assert_eq!(table.judge(facts).decision, Decision::Accept, "{facts:?}");
}

#[track_caller]
fn refuses(table: &Table, facts: &Facts) {
    says(table, facts, &Decision::Drop, Some("frame_refused"));
}

#[test]
fn loopback_addresses_are_refused_on_other_interfaces() {
    let table = in_force(&web());
    says(&table, &v4(127 << 24 | 1, 6, 80), &Decision::Drop, Some("frame_forged"));
    says(&table, &v6(1, 6, 80), &Decision::Drop, Some("frame_forged"));
    accepts(&table, &on(v4(127 << 24 | 1, 6, 8000), "lo"));
}

#[test]
fn bans_and_deny_lists_come_first() {
    let mut table = in_force(&everything());
    says(&table, &v4(0xc633_6401, 6, 80), &Decision::Drop, Some("frame_denied"));
    says(&table, &v4(OFFICE + 99, 6, 80), &Decision::Accept, Some("r_web"));
    put(&mut table, elements::ban(IpAddr::from([203, 0, 113, 200])));
    put(&mut table, elements::ban_net("2001:db8:5::/48".parse().expect("a prefix")));
    says(&table, &v4(STRANGER, 6, 80), &Decision::Drop, Some("frame_banned"));
    says(&table, &v6(0x2001_0db8_0005 << 80 | 7, 6, 80), &Decision::Drop, Some("frame_banned"));
}

#[test]
fn whoever_is_banned_gets_no_answers() {
    let mut table = in_force(&web());
    let answers = |source: u128| {
        let published = |connection: &mut Connection| {
            (connection.state, connection.reply, connection.status) = (2, true, 32);
        };
        let container = Facts { destination_type: 1, ..tracked(v4(source, 6, 80), published) };
        let ssh = Facts { tracking: Tracking::Untracked, ..ports(answer(v4(source, 6, 22)), 22) };
        [answer(v4(source, 6, 80)), container, ssh]
    };
    for facts in answers(OFFICE) {
        accepts(&table, &facts);
    }
    put(&mut table, elements::ban(IpAddr::from([198, 51, 100, 7])));
    put(&mut table, elements::ban_net("203.0.113.128/25".parse().expect("a prefix")));
    for facts in answers(OFFICE).iter().chain(&answers(STRANGER)) {
        says(&table, facts, &Decision::Drop, Some("frame_banned"));
    }
}

#[test]
fn answers_pass_and_what_they_answer_is_asked_again() {
    let mut policy = web();
    let reply = |connection: &mut Connection| (connection.state, connection.reply) = (2, true);
    let answer_in = tracked(v4(STRANGER, 6, 50_000), reply);
    accepts(&in_force(&policy), &answer_in);
    accepts(&in_force(&policy), &answer(v4(STRANGER, 6, 80)));
    let container = Facts { destination_type: 1, ..tracked(answer_in, |connection| connection.status = 32) };
    let of_port = |port| tracked(container.clone(), |connection| connection.original.destination_port = port);
    accepts(&in_force(&policy), &of_port(80));
    refuses(&in_force(&policy), &of_port(8088));
    policy.inbound = closed().inbound;
    refuses(&in_force(&policy), &answer(v4(STRANGER, 6, 80)));
}

#[test]
fn established_is_no_reason_in_the_original_direction() {
    let established = tracked(v4(STRANGER, 6, 8000), |connection| connection.state = 2);
    refuses(&in_force(&web()), &established);
}

#[test]
fn errors_about_untracked_connections_pass_as_essentials_only() {
    let invalid = |facts| Facts { tracking: Tracking::Invalid, ..facts };
    let mut policy = web();
    accepts(&in_force(&policy), &invalid(v4(STRANGER, 1, 0x0304)));
    accepts(&in_force(&policy), &invalid(v6(STRANGER, 58, 0x0200)));
    says(&in_force(&policy), &invalid(v4(STRANGER, 1, 0)), &Decision::Drop, Some("frame_invalid"));
    says(&in_force(&policy), &invalid(v4(STRANGER, 6, 80)), &Decision::Drop, Some("frame_invalid"));
    policy.essentials.clear();
    refuses(&in_force(&policy), &invalid(v4(STRANGER, 1, 0x0304)));
    let related = |connection: &mut Connection| connection.state = 4;
    accepts(&in_force(&policy), &tracked(v4(STRANGER, 1, 0x0304), related));
    refuses(&in_force(&policy), &tracked(v4(STRANGER, 6, 8000), related));
    for kind in [3, 11, 12] {
        accepts(&in_force(&policy), &tracked(v4(STRANGER, 1, kind << 8), related));
    }
    for kind in 1..=4 {
        accepts(&in_force(&policy), &tracked(v6(STRANGER, 58, kind << 8), related));
    }
    let here = Facts { destination_type: 1, ..v4(STRANGER, 1, 0x0300) };
    accepts(&in_force(&policy), &tracked(here, related));
}

#[test]
fn a_redirect_is_no_error() {
    let related = |connection: &mut Connection| connection.state = 4;
    let table = in_force(&Canonical { outbound: Some(closed().inbound), ..closed() });
    for redirect in [v4(STRANGER, 1, 0x0501), v6(FORTY | 9, 58, 0x8900)] {
        refuses(&table, &tracked(redirect.clone(), related));
        refuses(&table, &tracked(outbound(redirect), related));
    }
}

#[test]
fn administration_is_not_tracked_and_is_judged_packet_by_packet() {
    let table = in_force(&web());
    let syn = v4(OFFICE, 6, 22);
    assert!(table.judge(&syn).untracked);
    says(&table, &syn, &Decision::Accept, Some("r_ssh"));
    refuses(&table, &v4(STRANGER, 6, 22));
    assert!(!table.judge(&Facts { destination_type: 1, ..syn.clone() }).untracked, "it is routed on");
    let mut reply = ports(answer(syn), 22);
    reply.tracking = Tracking::Untracked;
    let restricted = Canonical { outbound: Some(closed().inbound), ..web() };
    let judged = in_force(&restricted).judge(&reply);
    assert_eq!((judged.decision, judged.untracked), (Decision::Accept, true));
    refuses(&in_force(&restricted), &Facts { tracking: Tracking::Untracked, ..ports(reply, 23) });
}

#[test]
fn limits_are_about_new_connections() {
    let table = in_force(&everything());
    let above = |facts| Facts { above_limits: true, ..facts };
    let going_on = |mut facts: Facts| {
        facts.transport[13] = 0x10;
        facts
    };
    let office = v4(0xc633_64f0, 6, 22);
    says(&table, &office, &Decision::Accept, Some("r_ssh"));
    refuses(&table, &above(office.clone()));
    says(&table, &above(going_on(office)), &Decision::Accept, Some("r_ssh"));
    let udp = v4(STRANGER, 17, 51820);
    refuses(&table, &above(udp.clone()));
    let established = tracked(above(udp), |connection| connection.state = 2);
    says(&table, &established, &Decision::Accept, Some("r_wg"));
}

#[test]
fn rules_end_when_their_element_does() {
    let policy = everything();
    let mut table = in_force(&policy);
    let guest = v4(0xac10_0007, 6, 5432);
    refuses(&table, &guest);
    let live = elements::expiry(&policy, Slot::A, 1_950_000_000);
    assert_eq!(live["a_e0"], Vec::new(), "the first end is over");
    assert_eq!(live["a_e1"][0].timeout, Some(50_000_000_000));
    for (name, elements) in live {
        table.sets.get_mut(&name).expect("is there").elements = elements;
    }
    says(&table, &guest, &Decision::Accept, Some("r_temporary"));
    accepts(&table, &answer(guest));
}

#[test]
fn the_trial_is_in_force_as_long_as_its_element() {
    let (steady, trial) = (closed(), web());
    let b = InSlot { slot: Slot::B, canonical: &trial };
    let mut table = table(&InSlot { slot: Slot::A, canonical: &steady }, Some(&b));
    refuses(&table, &v4(STRANGER, 6, 80));
    for live in elements::trial(Duration::from_secs(60)) {
        put(&mut table, live);
    }
    accepts(&table, &v4(STRANGER, 6, 80));
    accepts(&table, &answer(v6(STRANGER, 6, 80)));
}

#[test]
fn grants_and_drained_connections_pass_both_ways_to_this_host_alone() {
    let mut table = in_force(&Canonical { outbound: Some(closed().inbound), ..closed() });
    let peer = IpAddr::from([203, 0, 113, 200]);
    let granted = v4(STRANGER, 6, 5432);
    let drained = ports(v4(STRANGER, 17, 9000), 40_001);
    refuses(&table, &granted);
    refuses(&table, &drained);
    put(&mut table, elements::grant(peer, 6, 5432));
    put(&mut table, elements::drain((peer, 40_001).into(), 17, 9000));
    for facts in [&granted, &drained] {
        accepts(&table, facts);
        accepts(&table, &answer(facts.clone()));
        refuses(&table, &Facts { destination_type: 1, ..facts.clone() });
    }
    refuses(&table, &ports(drained, 40_002));
}

#[test]
fn essentials_pass_in_a_closed_policy() {
    let table = in_force(&closed());
    let link = FORTY | 9;
    accepts(&table, &ports(v4(STRANGER, 17, 68), 67));
    refuses(&table, &ports(v4(STRANGER, 17, 68), 68));
    accepts(&table, &ports(v6(link, 17, 546), 547));
    refuses(&table, &ports(v6(STRANGER, 17, 546), 547));
    for kind in [134, 135, 136] {
        accepts(&table, &hops(v6(link, 58, kind << 8), 255));
        refuses(&table, &hops(v6(link, 58, kind << 8), 64));
    }
    refuses(&table, &hops(v6(link, 58, 137 << 8), 255));
    for kind in [130, 131, 132, 143] {
        accepts(&table, &hops(v6(link, 58, kind << 8), 1));
        refuses(&table, &hops(v6(STRANGER, 58, kind << 8), 1));
    }
    for ping in [v4(STRANGER, 1, 0x0800), v6(STRANGER, 58, 0x8000)] {
        accepts(&table, &ping);
        refuses(&table, &Facts { above_limits: true, ..ping });
    }
    for elsewhere in [ports(v4(STRANGER, 17, 68), 67), ports(v6(link, 17, 546), 547), v4(STRANGER, 1, 0x0800)]
    {
        refuses(&table, &Facts { destination_type: 1, ..elsewhere });
    }
    for kind in [1, 128, 130, 134, 135, 136, 143] {
        let facts = hops(v6(link, 58, kind << 8), 255);
        refuses(&table, &Facts { destination_type: 1, ..facts.clone() });
        accepts(&table, &Facts { destination_type: if kind == 136 { 2 } else { 5 }, ..facts });
    }
    accepts(&table, &Facts { destination_type: 3, ..ports(v4(STRANGER, 17, 68), 67) });
    let mut without = closed();
    without.essentials.clear();
    refuses(&in_force(&without), &v4(STRANGER, 1, 0x0800));
}

#[test]
fn sources_of_containers_are_forged_on_other_interfaces() {
    let table = in_force(&everything());
    for source in [v4(0xac11_0002, 6, 80), v6(0xfd00_0017 << 96 | 2, 6, 80)] {
        says(&table, &source, &Decision::Drop, Some("frame_forged"));
        says(&table, &Facts { destination_type: 1, ..source.clone() }, &Decision::Drop, Some("frame_forged"));
        says(&table, &on(source.clone(), "br-1"), &Decision::Accept, Some("r_web"));
        accepts(&table, &on(source, "lo"));
    }
    let mut nowhere = everything();
    nowhere.containers.clear();
    nowhere.container_sources = Default::default();
    says(&in_force(&nowhere), &v4(0xac11_0002, 6, 80), &Decision::Accept, Some("r_web"));
}

#[test]
fn containers_are_served_and_sent_on() {
    let mut policy = everything();
    let table = in_force(&policy);
    let dns = on(v4(0xac11_0002, 17, 53), "docker0");
    accepts(&table, &dns);
    accepts(&table, &answer(dns.clone()));
    refuses(&table, &on(v4(0xac12_0002, 17, 53), "docker1"));
    refuses(&table, &through(dns));
    let web = through(on(v4(STRANGER, 6, 443), "docker0"));
    says(&table, &web, &Decision::Accept, Some("r_out"));
    let bridged = on(v4(0xac11_0002, 6, 5432), "docker0");
    let to_sibling = Facts { route: bridged.input.clone(), ..through(bridged.clone()) };
    accepts(&table, &to_sibling);
    refuses(&table, &through(bridged.clone()));
    refuses(&table, &through(v4(STRANGER, 6, 443)));
    accepts(&table, &through(on(v4(STRANGER, 6, 25), "lan0")));
    policy.container_outbound = None;
    accepts(&in_force(&policy), &through(bridged));
}

#[test]
fn containers_are_answered_by_whom_they_may_still_ask() {
    let mut policy = everything();
    let to = |protocol, key| answered(on(v4(STRANGER, protocol, key), "docker0"));
    let table = in_force(&policy);
    accepts(&table, &to(6, 443));
    refuses(&table, &to(17, 443));
    refuses(&table, &to(6, 25));
    accepts(&table, &to(1, 0x0800));
    let published = tracked(to(6, 25), |connection| connection.status = 32);
    accepts(&table, &published);
    let sibling = Facts { input: to(6, 25).output, ..to(6, 25) };
    accepts(&table, &sibling);
    accepts(&table, &Facts { output: to(6, 25).input, ..to(6, 25) });
    policy.container_outbound = None;
    accepts(&in_force(&policy), &to(17, 443));
    assert!(!in_force(&policy).chains.contains_key("forward"), "nothing has to be asked");
}

#[test]
fn containers_are_answered_by_names_they_may_still_ask() {
    let mut policy = everything();
    policy.domains.iter_mut().for_each(|rule| rule.containers = true);
    let generation = InSlot { slot: Slot::A, canonical: &policy };
    let mut table = table(&generation, None);
    let of_port = |port| answered(on(v4(STRANGER, 6, port), "docker0"));
    refuses(&table, &of_port(80));
    let sets = elements::domain_sets(&generation);
    let name = elements::domain(&sets["deb.example"], [203, 0, 113, 200].into(), Duration::from_secs(300));
    put(&mut table, name);
    accepts(&table, &of_port(80));
    refuses(&table, &of_port(81));
}

#[test]
fn a_flow_that_is_remembered_does_not_come_back_as_one_of_this_side() {
    let peer = |port| SocketAddr::from(([203, 0, 113, 200], port));
    let mut table = in_force(&Canonical { container_outbound: None, ..everything() });
    let first = |port, name| ports(through(on(v4(STRANGER, 17, port), name)), 5000);
    let own = |port, source| ports(outbound(v4(STRANGER, 17, port)), source);
    let open = Canonical { outbound: None, ..everything() };
    let mut own_table = in_force(&open);
    for table in [&mut table, &mut own_table] {
        put(table, elements::cut(Slot::A, peer(40_000), 17, 5000).expect("UDP has ports"));
    }
    for name in ["docker0", "lan0"] {
        refuses(&table, &first(40_000, name));
        accepts(&table, &first(40_001, name));
    }
    refuses(&own_table, &own(40_000, 5000));
    accepts(&own_table, &own(40_000, 5001));
    accepts(&own_table, &own(40_001, 5000));
    accepts(&own_table, &ports(outbound(v4(STRANGER, 6, 40_000)), 5000));
    for text in ["203.0.113.200:40000", "[2001:db8::9]:53"] {
        let flow = (text.parse().expect("an address"), 17, 5000);
        let live = elements::cut(Slot::A, flow.0, flow.1, flow.2).expect("UDP has ports");
        assert_eq!(elements::cut_flow(&live.element), Some(flow));
    }
    assert_eq!(elements::cut(Slot::A, peer(0), 47, 0), None, "nothing tells such flows apart");
    assert_eq!(elements::cut(Slot::A, peer(40_000), 6, 22), None);
}

#[test]
fn a_connection_that_was_reset_does_not_come_back_from_the_inside() {
    let going_on = |mut facts: Facts, flags| {
        facts.transport[13] = flags;
        facts
    };
    let mut policy = everything();
    for containers_may in [policy.container_outbound.take(), None] {
        let table = in_force(&Canonical { container_outbound: containers_may, ..policy.clone() });
        for name in ["docker0", "lan0"] {
            let opening = through(on(v4(STRANGER, 6, 443), name));
            accepts(&table, &opening);
            for flags in [0x10, 0x18, 0x11, 0x12, 0x04, 0x00] {
                refuses(&table, &going_on(opening.clone(), flags));
                let known = tracked(opening.clone(), |connection| connection.state = 2);
                accepts(&table, &going_on(known, flags));
            }
            let sibling = Facts { route: opening.input.clone(), ..opening };
            refuses(&table, &going_on(sibling, 0x18));
        }
    }
}

#[test]
fn closed_local_ports_are_for_their_users() {
    let table = in_force(&everything());
    let local = |protocol, port, user| Facts { user, ..on(outbound(v4(STRANGER, protocol, port)), "lo") };
    let refused = Some("frame_local");
    accepts(&table, &local(6, 3000, Some(33)));
    says(&table, &local(6, 3000, Some(0)), &Decision::Reject, refused);
    says(&table, &local(6, 3000, None), &Decision::Reject, refused);
    says(&table, &local(17, 3001, Some(0)), &Decision::Reject, refused);
    accepts(&table, &local(17, 3001, Some(1000)));
    accepts(&table, &local(6, 3001, Some(1000)));
    let mut orphan = local(6, 3000, None);
    orphan.transport[13] = 0x11;
    accepts(&table, &orphan);
    let foreign = Facts { user: Some(1000), ..orphan };
    says(&table, &foreign, &Decision::Reject, refused);
    accepts(&table, &tracked(local(6, 3000, Some(5)), |connection| connection.reply = true));
}

#[test]
fn restricted_outbound_traffic_keeps_its_essentials() {
    let table = in_force(&everything());
    let to = |address, protocol, key| outbound(v4(address, protocol, key));
    accepts(&table, &to(0xc000_0235, 17, 53));
    accepts(&table, &to(0xc000_0235, 6, 53));
    refuses(&table, &to(STRANGER, 17, 53));
    accepts(&table, &to(STRANGER, 17, 123));
    accepts(&table, &ports(to(STRANGER, 17, 67), 68));
    says(&table, &to(STRANGER, 6, 443), &Decision::Accept, Some("r_out"));
    refuses(&table, &to(STRANGER, 6, 444));
    refuses(&table, &to(STRANGER, 1, 0x0800));
    accepts(&table, &hops(outbound(v6(STRANGER, 58, 135 << 8)), 255));
}

#[test]
fn names_are_reached_at_their_addresses() {
    let policy = everything();
    let generation = InSlot { slot: Slot::A, canonical: &policy };
    let mut table = table(&generation, None);
    let sets = elements::domain_sets(&generation);
    let address = IpAddr::from([203, 0, 113, 200]);
    refuses(&table, &outbound(v4(STRANGER, 6, 80)));
    put(&mut table, elements::domain(&sets["deb.example"], address, Duration::from_secs(300)));
    says(&table, &outbound(v4(STRANGER, 6, 80)), &Decision::Accept, Some("r_deb"));
    refuses(&table, &outbound(v4(STRANGER, 6, 81)));
}

#[test]
fn a_renewal_of_dhcp_is_an_answer_to_nobody() {
    let offer = ports(v4(STRANGER, 17, 68), 67);
    accepts(&in_force(&closed()), &answer(offer));
}

#[test]
fn a_rule_for_an_interface_is_about_no_other() {
    let mut policy = closed();
    let named = web().inbound.elsewhere;
    policy.inbound.interfaces.insert(interface("wg0"), named);
    let table = in_force(&policy);
    says(&table, &on(v4(STRANGER, 6, 80), "wg0"), &Decision::Accept, Some("r_web"));
    refuses(&table, &on(v4(STRANGER, 6, 80), "wg01"));
}
