//! Replacements while packets come without end.

use crate::kernel::Kernel;
use crate::place::{LEGS, Place};
use crate::text::inbound;
use testkit::lab::Prober;

/// Says how many.
const DEEP: &str = "PORTCULLIS_TEST_REPLACEMENTS";
const REPLACEMENTS: usize = 100;
/// Rules besides, so that a transaction takes its time: what is in force too early or too late is seen.
const MORE: u16 = 200;

#[test]
fn a_replacement_leaks_nothing_and_refuses_nothing() {
    let many = std::env::var(DEEP).ok().and_then(|text| text.parse().ok()).unwrap_or(REPLACEMENTS);
    let place = Place::new();
    let rule = |number: u16| format!(r#"{{ allow = "{}/tcp", from = "10.0.{number}.1" }}"#, 10_000 + number);
    let more: Vec<String> = (0..MORE).map(rule).collect();
    let more: Vec<&str> = more.iter().map(String::as_str).collect();
    let always = r#"{ allow = "7000/udp", id = "always" }"#;
    let other = r#"{ allow = "7002/udp", id = "other" }"#;
    let wider = r#"{ allow = "6999-7000/udp", from = "192.0.2.0/24", id = "wider" }"#;
    let policies = [&[always, other][..], &[wider]].map(|rules| inbound(&[rules, &more].concat()));
    let mut kernel = Kernel::with(&place.server, &policies[0]);
    let prober = Prober {
        from: &place.clients[0],
        source: LEGS[0].client[0].parse().expect("an address"),
        to: &place.server,
        target: LEGS[0].own_addresses()[0],
        allowed: 7000,
        denied: 7001,
        per_millisecond: 2,
    };
    let ((), tally) = prober.during(|| {
        for round in 0..many {
            kernel.put(&policies[(round + 1) % 2]);
        }
    });
    println!("{many} replacements, {} probes to each port", tally.sent);
    assert!(tally.sent > many, "{}", tally.sent);
    assert_eq!((tally.leaked.len(), tally.refused.len()), (0, 0), "of {}", tally.sent);
}
