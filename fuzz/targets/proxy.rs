//! Headers of the PROXY protocol: what is read does not depend on how the bytes came, and is read again when it is
//! written.

#![no_main]

use libfuzzer_sys::fuzz_target;
use wire::proxy::{Header, LONGEST, Version, parse, write};

fuzz_target!(|bytes: &[u8]| {
    let whole = parse(bytes);
    for end in 0..bytes.len().min(LONGEST) {
        match parse(&bytes[..end]) {
            Ok(None) => {}
            settled => assert_eq!(settled, whole, "at {end}"),
        }
    }
    let Ok(Some((header, length))) = whole else { return };
    assert!(length <= bytes.len() && length <= LONGEST);
    if let Header::Proxied { source, destination } = header {
        for version in [Version::V1, Version::V2] {
            let mut again = Vec::new();
            write(&mut again, version, source, destination);
            assert!(
                matches!(parse(&again), Ok(Some((Header::Proxied { .. }, length))) if length == again.len())
            );
        }
    }
});
