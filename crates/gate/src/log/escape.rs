//! Bytes of clients on their way into a log. No byte of theirs can end a line or a field.

const HEX: &[u8; 16] = b"0123456789abcdef";

/// Writes bytes as the inside of a JSON string.
///
/// Each byte from 0x80 on is written as the character of that number, so that the bytes can be told from the line
/// again, whatever encoding the client meant.
pub(super) fn json(out: &mut Vec<u8>, bytes: &[u8]) {
    let mut plain = 0;
    for (place, byte) in bytes.iter().enumerate() {
        if matches!(byte, 0x20..=0x7e) && !matches!(byte, b'"' | b'\\') {
            continue;
        }
        out.extend_from_slice(&bytes[plain..place]);
        plain = place + 1;
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            byte => {
                out.extend_from_slice(b"\\u00");
                hex(out, *byte);
            }
        }
    }
    out.extend_from_slice(&bytes[plain..]);
}

/// Writes bytes as the inside of a quoted field of the combined format, as Apache does.
pub(super) fn quoted(out: &mut Vec<u8>, bytes: &[u8]) {
    for byte in bytes {
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', *byte]),
            0x20..=0x7e => out.push(*byte),
            byte => {
                out.extend_from_slice(b"\\x");
                hex(out, *byte);
            }
        }
    }
}

fn hex(out: &mut Vec<u8>, byte: u8) {
    out.push(HEX[usize::from(byte >> 4)]);
    out.push(HEX[usize::from(byte & 15)]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn json_reads_back_byte_for_byte(bytes: Vec<u8>) {
            let mut line = b"\"".to_vec();
            json(&mut line, &bytes);
            line.push(b'"');
            prop_assert!(line.iter().all(|byte| matches!(byte, 0x20..=0x7e)));
            let text: String = serde_json::from_slice(&line).expect("a JSON string");
            let back: Vec<u8> = text.chars().map(|char| u8::try_from(u32::from(char)).expect("a byte")).collect();
            prop_assert_eq!(back, bytes);
        }

        #[test]
        fn a_quoted_field_cannot_be_left(bytes: Vec<u8>) {
            let mut line = Vec::new();
            quoted(&mut line, &bytes);
            prop_assert!(line.iter().all(|byte| matches!(byte, 0x20..=0x7e)));
            let mut escaped = false;
            for byte in line {
                prop_assert!(escaped || byte != b'"');
                escaped = !escaped && byte == b'\\';
            }
            prop_assert!(!escaped);
        }
    }
}
