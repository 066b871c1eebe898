//! Paths: the canonical form of a canonical path is itself, and it holds nothing that an instance could read in
//! another way than the router did.

#![no_main]

use libfuzzer_sys::fuzz_target;
use model::path::{canonicalize, decode_segments, split_target};

fuzz_target!(|raw: &[u8]| {
    let _ = split_target(raw);
    let (mut once, mut twice) = (Vec::new(), Vec::new());
    let Ok(facts) = canonicalize(raw, &mut once) else { return };
    let again = canonicalize(&once, &mut twice).expect("a canonical path is accepted");
    assert_eq!(once, twice, "the form stays");
    assert_eq!(once.first(), Some(&b'/'));
    for byte in &once {
        assert!(byte.is_ascii_graphic(), "no space, control byte or byte above ASCII is written raw");
        assert!(!matches!(byte, b'\\' | b'?' | b'#'), "{byte}");
    }
    for segment in once[1..].split(|byte| *byte == b'/') {
        assert!(segment != b"." && segment != b"..", "no dot segments");
    }
    let text = String::from_utf8_lossy(&once).to_ascii_uppercase();
    assert!(!text.contains("%00") && !text.contains("%5C"), "no NUL, no backslash");
    assert_eq!(again.encoded_slash, text.contains("%2F") || text.contains("%252F"));
    // The slash may have stood in a segment that `..` took away; that is still worth a refusal.
    assert!(facts.encoded_slash || !again.encoded_slash, "an encoded slash is never forgotten");
    for segment in decode_segments(&once).flatten() {
        assert!(*segment != *b"..", "no dot segment once decoded");
    }
});
