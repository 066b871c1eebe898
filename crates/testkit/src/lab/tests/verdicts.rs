//! Probes, raw packets and the continuous prober.

use super::*;
use rustix::thread::gettid;

#[test]
fn probes_tell_open_refused_and_filtered_apart() {
    let Pair { client, server } = Pair::new();
    let _service = Service::on_ports(&server, &[80, 82]);
    server.nft(&input("tcp dport { 80, 81 } accept; udp dport { 80, 81 } accept"));
    let found = [Reach::Open, Reach::Refused, Reach::Filtered];
    for (index, family) in SERVER.iter().enumerate() {
        let targets = [80, 81, 82].map(|port| both(port)[index]);
        assert_eq!(client.tcp_all(&targets), found, "TCP to {family}");
        assert_eq!(client.udp_all(&targets), found, "UDP to {family}");
    }
    assert_eq!(client.who_answers(both(80)[0]).as_deref(), Some("server"));
}

#[test]
fn a_thousand_silent_ports_cost_few_waits() {
    let Pair { client, server } = Pair::new();
    server.nft(&input(""));
    let targets: Vec<_> = (1..=1000).map(|port| both(port)[0]).collect();
    let started = Instant::now();
    assert!(client.tcp_all(&targets).iter().all(|found| *found == Reach::Filtered));
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
}

#[test]
fn a_refusal_by_icmp_is_a_refusal() {
    let Pair { client, server } = Pair::new();
    server.nft(&input("reject with icmpx type admin-prohibited"));
    let [four, six] = both(80);
    assert_eq!(client.tcp(four), Reach::Refused);
    assert_eq!([client.udp(four), client.udp(six)], [Reach::Refused; 2]);
}

#[test]
fn code_runs_on_another_thread_in_the_host() {
    let Pair { client, server } = Pair::new();
    let links = || std::fs::read_to_string("/proc/thread-self/net/dev").unwrap();
    assert_ne!(client.run(gettid), gettid());
    assert!(server.run(links).contains("eth0"));
    assert!(!Host::new("alone").run(links).contains("eth0"));
}

#[test]
fn code_runs_as_another_user() {
    let server = Host::new("server");
    let _service = Service::on_ports(&server, &[80]);
    server.nft(&chain("output", 0, "accept", "tcp dport 80 meta skuid 65534 drop"));
    let local = at("127.0.0.1", 80);
    assert_eq!(server.tcp(local), Reach::Open);
    assert_eq!(server.run_as(65534, || probe::tcp_from_here(local)), Reach::Filtered);
}

#[test]
fn a_witness_knows_the_fate_of_each_packet() {
    let Pair { client, server } = Pair::new();
    server.nft(&chain(
        "prerouting",
        -110,
        "drop",
        &format!(
            "{NEIGHBOURS}; ip saddr 10.0.0.0/8 udp dport 1000-1999 accept
            ip6 saddr fd00::/8 meta l4proto sctp sctp dport 7 accept
            meta l4proto 47 accept; icmp type 13 accept; icmpv6 type 128 accept
            tcp flags syn ct state new tcp dport 443 accept"
        ),
    ));
    let (four, six): (IpAddr, IpAddr) = ("192.0.2.1".parse().unwrap(), "2001:db8::1".parse().unwrap());
    let (ten, fd): (IpAddr, IpAddr) = ("10.1.2.3".parse().unwrap(), "fd00::9".parse().unwrap());
    let packet = |source, destination, content| Packet { source, destination, content };
    let ports = (40_000, 7);
    let cases = [
        (Packet::udp(ten, four, 9, 999), false),
        (Packet::udp(ten, four, 9, 1000), true),
        (Packet::udp(ten, four, 9, 1999), true),
        (Packet::udp(ten, four, 9, 2000), false),
        (Packet::udp(four, four, 9, 1000), false),
        (packet(fd, six, Content::Sctp { source: ports.0, destination: ports.1 }), true),
        (packet(ten, four, Content::Sctp { source: ports.0, destination: ports.1 }), false),
        (packet(ten, four, Content::Other { protocol: 47, payload: vec![0; 8] }), true),
        (packet(fd, six, Content::Other { protocol: 47, payload: vec![0; 8] }), true),
        (packet(fd, six, Content::Other { protocol: 50, payload: vec![0; 8] }), false),
        (packet(ten, four, Content::Icmp { kind: 13, code: 0 }), true),
        (packet(ten, four, Content::Icmp { kind: 8, code: 0 }), false),
        (packet(fd, six, Content::Icmp { kind: 128, code: 0 }), true),
        (Packet::tcp(ten, four, 9, 443), true),
        (Packet::tcp(fd, six, 9, 443), true),
        (Packet::tcp(fd, six, 9, 444), false),
    ];
    let packets: Vec<_> = cases.iter().map(|(packet, _)| packet.clone()).collect();
    let fates = Witness::new(&server, Hook::Prerouting).judge(&Sender::new(&client), &packets);
    for ((packet, passes), fate) in cases.iter().zip(fates) {
        assert_eq!(fate == Fate::Passed, *passes, "{packet:?}");
    }
}

#[test]
fn packets_that_no_honest_host_sends_are_judged_too() {
    let Pair { client, server } = Pair::new();
    client.forge_loopback("eth0", SERVER);
    let pairs = [
        ("192.0.2.10", "255.255.255.255", Fate::Passed),
        ("192.0.2.10", "192.0.2.255", Fate::Passed),
        ("192.0.2.10", "224.0.0.251", Fate::Passed),
        ("127.0.0.1", "192.0.2.1", Fate::Passed),
        ("192.0.2.10", "127.0.0.1", Fate::Passed),
        ("192.0.2.1", "192.0.2.1", Fate::Passed),
        ("0.0.0.0", "192.0.2.1", Fate::Passed),
        ("2001:db8::10", "ff02::fb", Fate::Passed),
        ("fe80::9", "2001:db8::1", Fate::Passed),
        ("fe80::9", "2001:db8:9::9", Fate::Passed),
        ("::1", "2001:db8::1", Fate::Lost),
        ("2001:db8::10", "::1", Fate::Lost),
        ("ff02::9", "2001:db8::1", Fate::Lost),
    ];
    let packet = |(source, destination, _): &(&str, &str, Fate)| {
        Packet::udp(source.parse().unwrap(), destination.parse().unwrap(), 9, 9)
    };
    let packets: Vec<_> = pairs.iter().map(packet).collect();
    let fates = Witness::new(&server, Hook::Prerouting).judge(&Sender::new(&client), &packets);
    for (pair, fate) in pairs.iter().zip(fates) {
        assert_eq!(fate, pair.2, "{pair:?}");
    }
}

#[test]
fn connection_tracking_finds_no_fault_in_our_packets() {
    let Pair { client, server } = Pair::new();
    server.nft(&chain("prerouting", -110, "drop", &format!("{NEIGHBOURS}; ct state new accept")));
    let addresses = [["10.0.0.9", "192.0.2.1"], ["fd00::9", "2001:db8::1"]];
    let mut packets = Vec::new();
    for [source, destination] in addresses {
        let (source, destination) = (source.parse().unwrap(), destination.parse().unwrap());
        let contents = [
            Content::Tcp { source: 5, destination: 6, flags: packet::SYN },
            Content::Udp { source: 5, destination: 6 },
            Content::UdpLite { source: 5, destination: 6 },
            Content::Sctp { source: 5, destination: 6 },
            Content::Icmp { kind: if destination == both(0)[0].ip() { 8 } else { 128 }, code: 0 },
        ];
        packets.extend(contents.map(|content| Packet { source, destination, content }));
    }
    let fates = Witness::new(&server, Hook::Prerouting).judge(&Sender::new(&client), &packets);
    let wrong: Vec<_> = packets.iter().zip(fates).filter(|(_, fate)| *fate != Fate::Passed).collect();
    assert!(wrong.is_empty(), "{wrong:?}");
}

#[test]
fn a_hundred_thousand_packets_are_judged_in_seconds() {
    let Pair { client, server } = Pair::new();
    server.nft(&chain("prerouting", -110, "accept", "udp dport 0-32767 drop"));
    let (source, targets) =
        (["10.0.0.9", "fd00::9"].map(|text| text.parse().unwrap()), both(0).map(|to| to.ip()));
    let port = |index: u32| (index.wrapping_mul(40_503) >> 3) as u16;
    let family = |index: u32| index as usize % 2;
    let packets: Vec<_> =
        (0..100_000).map(|i| Packet::udp(source[family(i)], targets[family(i)], 9, port(i))).collect();
    let started = Instant::now();
    let fates = Witness::new(&server, Hook::Prerouting).judge(&Sender::new(&client), &packets);
    println!("100,000 packets in {:?}", started.elapsed());
    assert!((0..100_000).zip(fates).all(|(index, fate)| (fate == Fate::Passed) == (port(index) >= 32_768)));
    assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
}

#[test]
fn what_a_host_sends_has_a_witness_too() {
    let Pair { client, server: _connected } = Pair::new();
    client.nft(&chain("output", -110, "accept", "udp dport 53 drop"));
    let (source, to) = ("192.0.2.10".parse().unwrap(), both(0)[0].ip());
    let packets = [Packet::udp(source, to, 9, 53), Packet::udp(source, to, 9, 54)];
    let fates = Witness::new(&client, Hook::Output).judge(&Sender::new(&client), &packets);
    assert_eq!(fates, [Fate::Dropped, Fate::Passed]);
}

pub(super) fn prober(pair: &Pair) -> Prober<'_> {
    Prober {
        from: &pair.client,
        source: at("192.0.2.10", 0).ip(),
        to: &pair.server,
        target: both(0)[0].ip(),
        allowed: 1000,
        denied: 2000,
        per_millisecond: 2,
    }
}

#[test]
fn a_replacement_in_one_transaction_leaks_nothing_under_probing() {
    let pair = Pair::new();
    let rules = input("udp dport 1000 accept");
    pair.server.nft(&rules);
    let ((), tally) = prober(&pair).during(|| {
        for _ in 0..20 {
            pair.server.nft(&format!("flush chain inet t c\n{rules}"));
        }
    });
    assert!(tally.sent > 50, "{}", tally.sent);
    assert_eq!((tally.leaked.len(), tally.refused.len()), (0, 0), "of {}", tally.sent);
}

#[test]
fn the_prober_sees_a_leak_and_a_refusal() {
    let pair = Pair::new();
    let rules = input("udp dport 1000 accept");
    pair.server.nft(&rules);
    let ((), leaky) = prober(&pair).during(|| {
        pair.server.nft("delete table inet t");
        let from = Instant::now();
        crate::eventually("some probes", || (from.elapsed() > Duration::from_millis(50)).then_some(()));
        pair.server.nft(&rules);
    });
    assert!(leaky.leaked.len() > 20 && leaky.refused.is_empty(), "{leaky:?}");
    let ((), shut) = prober(&pair).during(|| {
        pair.server.nft("flush chain inet t c");
        let from = Instant::now();
        crate::eventually("some probes", || (from.elapsed() > Duration::from_millis(50)).then_some(()));
        pair.server.nft(&rules);
    });
    assert!(shut.refused.len() > 20 && shut.leaked.is_empty(), "{shut:?}");
}

#[test]
fn more_rules_cost_more_and_the_cost_is_seen() {
    let Pair { client, server } = Pair::new();
    server.nft(&cost::linear(10));
    let few = packet_cost(&client, both(9)[0], 20_000);
    server.nft(&format!("flush ruleset\n{}", cost::linear(500)));
    let many = packet_cost(&client, both(9)[0], 20_000);
    println!("{few:?} with 10 rules, {many:?} with 500");
    assert!(many > few * 2, "{few:?} {many:?}");
}
