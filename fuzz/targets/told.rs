//! What a gate tells its keeper, as the keeper reads it: what is a message is the same one when it is written and read
//! again, and what may be asked has the bounds that the keeper relies on.

#![no_main]

use libfuzzer_sys::fuzz_target;
use link::{Ask, LONGEST_NAME, Told, decode, encode, from_packet};
use model::host::HostPattern;

fuzz_target!(|packet: &[u8]| {
    let Ok(Some(told)) = from_packet::<Told>(packet) else { return };
    let written = encode(&told);
    let again = decode::<Told>(&written).expect("what was written is read");
    assert_eq!(encode(&again), written);
    if told.check().is_ok() {
        // What is taken of a gate is small however it is written.
        assert!(written.len() <= 32 << 10);
    }
    if let Told::Ask { ask, .. } = &told
        && ask.check().is_ok()
    {
        bounded(ask);
    }
});

fn bounded(ask: &Ask) {
    let text = |text: &str| {
        assert!((1..=LONGEST_NAME).contains(&text.len()));
        assert!(text.bytes().all(|byte| (0x20..0x7f).contains(&byte)));
    };
    let host = |host: &str| {
        assert!(!host.contains(['/', '\\', '\0']) && HostPattern::parse(host).is_ok());
    };
    match ask {
        Ask::Ban { seconds, rule, .. } => {
            assert!(*seconds > 0);
            text(rule);
        }
        Ask::StoreCertificate { host: name, .. } => host(name),
        Ask::StartInstance { service } => text(service),
        Ask::RunDnsHook { host: name, value } => {
            host(name);
            text(value);
        }
        Ask::Grant { port, seconds, proof, .. } => {
            assert!(*port > 0 && *seconds > 0);
            text(proof);
        }
    }
}
