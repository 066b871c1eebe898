//! Long flows.

use super::*;

const FLOWS: [(Transport, Push); 4] = [
    (Transport::Tcp, Push::Client),
    (Transport::Tcp, Push::Server),
    (Transport::Udp, Push::Client),
    (Transport::Udp, Push::Server),
];

#[test]
fn a_flow_passes_until_a_rule_stops_it_and_again_afterwards() {
    let Pair { client, server } = Pair::new();
    let open = |port: u16, kind| both(port).map(|to| Flow::open(kind, (&client, to), (&server, to)));
    let flows: Vec<_> = (7000..).zip(FLOWS).flat_map(|(port, kind)| open(port, kind)).collect();
    assert_eq!(Flow::which_pass(&flows), [true; 8]);
    server.nft(
        &(chain("prerouting", 0, "drop", "")
            + "add chain inet t out { type filter hook output priority 0; policy drop; }\n"),
    );
    assert_eq!(Flow::which_pass(&flows), [false; 8]);
    assert!(flows.iter().all(|flow| !flow.was_reset()));
    server.nft("delete table inet t");
    crate::eventually("all flows go on", || (Flow::which_pass(&flows) == [true; 8]).then_some(()));
}

#[test]
fn a_refusal_resets_a_flow() {
    let Pair { client, server } = Pair::new();
    let to = both(7000)[0];
    let flow = Flow::open((Transport::Tcp, Push::Client), (&client, to), (&server, to));
    server.nft(&chain("input", 0, "accept", "tcp dport 7000 reject with tcp reset"));
    assert!(!flow.passes());
    assert!(flow.was_reset());
}
