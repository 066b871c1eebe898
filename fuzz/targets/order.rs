//! What a keeper tells a gate, as the gate reads it: what is a message is the same one when it is written and read again.

#![no_main]

use libfuzzer_sys::fuzz_target;
use link::{Numbered, decode, encode, from_packet};

fuzz_target!(|packet: &[u8]| {
    let Ok(Some(numbered)) = from_packet::<Numbered>(packet) else { return };
    let written = encode(&numbered);
    let again = decode::<Numbered>(&written).expect("what was written is read");
    assert_eq!(encode(&again), written);
});
