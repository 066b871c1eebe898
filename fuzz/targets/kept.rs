//! Files of the state: any bytes are a flaw or the content that was sealed, and lines of a journal survive what stands
//! before and after them.

#![no_main]

use kept::proof::{line, lines, seal, unseal};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(content) = unseal(bytes) {
        assert_eq!(seal(content), bytes, "one way to seal");
    }
    assert_eq!(unseal(&seal(bytes)), Ok(bytes));
    let (read, whole) = lines(bytes);
    let written: String = read.iter().map(|text| line(text)).collect();
    assert!(!whole || written.as_bytes() == bytes, "one way to write a line");
    assert_eq!(lines(written.as_bytes()), (read, true));
    let added = [bytes, b"\n", line("added").as_bytes()].concat();
    assert_eq!(lines(&added).0.last(), Some(&"added"));
});
