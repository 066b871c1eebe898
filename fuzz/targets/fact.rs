//! What a watcher tells the keeper, as the keeper reads it: what is a message is the same one when it is written and read
//! again.

#![no_main]

use libfuzzer_sys::fuzz_target;
use link::{NameFact, decode, encode, from_packet};

fuzz_target!(|packet: &[u8]| {
    let Ok(Some(fact)) = from_packet::<NameFact>(packet) else { return };
    let again = decode::<NameFact>(&encode(&fact)).expect("what was written is read");
    assert_eq!(again, fact);
});
