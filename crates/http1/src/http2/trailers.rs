//! Trailer sections: a field section of HTTP/2, or the lines behind the last chunk.

use super::judge_field;
use crate::refusal::Refusal;
use crate::write;

/// Writes a line of a trailer section. Whether the field may stand there is judged where the section is read.
///
/// # Errors
///
/// A name or value that would break the section.
pub fn write_trailer(out: &mut Vec<u8>, name: &[u8], value: &[u8]) -> Result<(), Refusal> {
    judge_field(name, value)?;
    write::field(out, name, value);
    Ok(())
}

/// The fields of judged lines: names and values.
pub fn trailer_fields(lines: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    lines.split(|byte| *byte == b'\n').filter_map(|line| {
        let colon = line.iter().position(|byte| *byte == b':')?;
        Some((&line[..colon], line[colon + 1..].trim_ascii()))
    })
}
