//! The two checksums of the Internet that packets of the lab need.

/// The ones' complement sum (RFC 1071) of parts, each of which but the last has an even length.
pub(super) fn internet(parts: &[&[u8]]) -> u16 {
    let words = parts.iter().flat_map(|part| part.chunks(2));
    !folded(words.map(|word| u32::from(word[0]) << 8 | u32::from(word.get(1).copied().unwrap_or(0))).sum())
}

/// A sum of words as a ones' complement sum.
pub(super) fn folded(mut sum: u32) -> u16 {
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    u16::try_from(sum).expect("folded above")
}

/// CRC32c (RFC 9260, appendix A), bit by bit: packets of tests are few and short.
pub(super) fn crc32c(bytes: &[u8]) -> u32 {
    let mut register = u32::MAX;
    for byte in bytes {
        register ^= u32::from(*byte);
        for _ in 0..8 {
            let carry = register & 1;
            register = (register >> 1) ^ (carry * 0x82f6_3b78);
        }
    }
    !register
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_of_the_standards_hold() {
        assert_eq!(internet(&[&[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7]]), !0xddf2);
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
    }
}
