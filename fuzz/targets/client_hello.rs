//! The first message of TLS: what was read stays as it is when more bytes come, and a name is visible text.

#![no_main]

use libfuzzer_sys::fuzz_target;
use wire::tls_hello::{LONGEST, parse};

fuzz_target!(|bytes: &[u8]| {
    let mut former = Ok(None);
    for end in 0..=bytes.len().min(LONGEST + 1) {
        let now = parse(&bytes[..end]);
        assert!(former == Ok(None) || former == now, "at {end}");
        former = now;
    }
    if let Ok(Some(hello)) = former {
        let name = hello.server_name.unwrap_or_default();
        assert!(name.bytes().all(|byte| byte.is_ascii_graphic()));
        assert!(hello.protocols.iter().all(|protocol| !protocol.is_empty()));
    }
});
