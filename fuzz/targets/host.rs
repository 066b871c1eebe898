//! Host names: a canonical authority is itself when it is read again, and nothing strange is in it.

#![no_main]

use libfuzzer_sys::fuzz_target;
use model::host::{HostPattern, canonical_sni, parse_authority};

fuzz_target!(|raw: &[u8]| {
    authority(raw);
    let Ok(text) = std::str::from_utf8(raw) else { return };
    let mut scratch = String::new();
    if let Ok(name) = canonical_sni(text, &mut scratch) {
        let mut again = String::new();
        assert_eq!(canonical_sni(name, &mut again), Ok(name));
    }
    if let Ok(pattern) = HostPattern::parse(text) {
        let written = pattern.to_string();
        assert_eq!(HostPattern::parse(&written), Ok(pattern), "{written}");
    }
});

fn authority(raw: &[u8]) {
    let (mut first, mut second) = (String::new(), String::new());
    let Ok(once) = parse_authority(raw, &mut first) else { return };
    assert_ne!(once.port, Some(0));
    assert!(!once.host.is_empty() && once.host.is_ascii());
    assert!(
        !once
            .host
            .bytes()
            .any(|byte| byte.is_ascii_uppercase() || byte <= b' ' || b"/@?#\\[]%".contains(&byte))
    );
    let host = if once.host.contains(':') { format!("[{}]", once.host) } else { once.host.to_owned() };
    let written = once.port.map_or(host.clone(), |port| format!("{host}:{port}"));
    assert_eq!(parse_authority(written.as_bytes(), &mut second), Ok(once));
}
