//! How content proves itself: a file by its first line, a line of a journal by its first word. Against damage, and not
//! against somebody who may write the file.

use crate::digest;
use std::fmt;

/// What every sealed file begins with, before the number of its version.
const MAGIC: &str = "portcullis-state ";
/// What stands between the magic and the digest of what follows the first line.
const VERSION: &str = "1 sha256:";
/// Hexadecimal digits of a line's digest.
const SHORT: usize = 16;

/// Why a file is not what was kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// It was cut or changed.
    Damaged,
    /// It is whole, and says something that this version does not understand.
    OtherVersion,
    /// It is larger than [`LARGEST`](crate::LARGEST).
    TooLarge,
    /// It is a folder, a link, a pipe.
    NotAFile,
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Damaged => "was damaged",
            Self::OtherVersion => "is of another version",
            Self::TooLarge => "is larger than 1 GiB",
            Self::NotAFile => "is no regular file",
        })
    }
}

/// Content with the line before it that proves it.
#[must_use]
pub fn seal(content: &[u8]) -> Vec<u8> {
    let mut bytes = format!("{MAGIC}{VERSION}{}\n", digest::hex(content)).into_bytes();
    bytes.extend_from_slice(content);
    bytes
}

/// The content that a seal proves.
///
/// # Errors
///
/// It is damaged, or sealed in the way of another version.
pub fn unseal(bytes: &[u8]) -> Result<&[u8], Flaw> {
    let end = bytes.iter().position(|byte| *byte == b'\n').ok_or(Flaw::Damaged)?;
    let (seal, content) = (&bytes[..end], &bytes[end + 1..]);
    let version = seal.strip_prefix(MAGIC.as_bytes()).ok_or(Flaw::Damaged)?;
    match version.strip_prefix(VERSION.as_bytes()) {
        Some(proof) if proof == digest::hex(content).as_bytes() => Ok(content),
        None if is_another_number(version) => Err(Flaw::OtherVersion),
        _ => Err(Flaw::Damaged),
    }
}

/// Whether a seal begins with a number as a version that is not this one has it.
fn is_another_number(version: &[u8]) -> bool {
    let digits = version.iter().take_while(|byte| byte.is_ascii_digit()).count();
    digits > 0 && version.get(digits) == Some(&b' ') && version[..digits] != VERSION.as_bytes()[..1]
}

/// A line of a journal, with its line feed. It must not contain another one.
#[must_use]
pub fn line(text: &str) -> String {
    format!("{} {text}\n", &digest::hex(text.as_bytes())[..SHORT])
}

/// The lines of a journal that prove themselves, and whether all do.
#[must_use]
pub fn lines(bytes: &[u8]) -> (Vec<&str>, bool) {
    let lines: Vec<Option<&str>> = bytes.split_inclusive(|byte| *byte == b'\n').map(proved).collect();
    let whole = lines.iter().all(Option::is_some);
    (lines.into_iter().flatten().collect(), whole)
}

fn proved(line: &[u8]) -> Option<&str> {
    let line = std::str::from_utf8(line.strip_suffix(b"\n")?).ok()?;
    let (proof, text) = line.split_once(' ')?;
    (digest::hex(text.as_bytes()).get(..SHORT) == Some(proof)).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_cut_and_every_changed_bit_is_found() {
        let whole = seal(b"a content of some length");
        for cut in 0..whole.len() {
            assert_eq!(unseal(&whole[..cut]), Err(Flaw::Damaged), "cut at {cut}");
        }
        for (at, bit) in (0..whole.len()).flat_map(|at| (0..8).map(move |bit| (at, bit))) {
            let mut changed = whole.clone();
            changed[at] ^= 1 << bit;
            assert!(unseal(&changed).is_err(), "bit {bit} of byte {at}");
        }
    }

    #[test]
    fn a_seal_of_another_version_is_told_from_damage() {
        for (text, flaw) in [
            ("portcullis-state 2 blake3:00\nx", Flaw::OtherVersion),
            ("portcullis-state 10 sha256:00\nx", Flaw::OtherVersion),
            ("portcullis-state 1 sha256:00\nx", Flaw::Damaged),
            ("portcullis-state 1 blake3:00\nx", Flaw::Damaged),
            ("portcullis-state \nx", Flaw::Damaged),
            ("another 2 sha256:00\nx", Flaw::Damaged),
        ] {
            assert_eq!(unseal(text.as_bytes()), Err(flaw), "{text}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn what_is_sealed_is_what_is_read(content: Vec<u8>) {
            let sealed = seal(&content);
            prop_assert_eq!(unseal(&sealed), Ok(&content[..]));
        }

        #[test]
        fn lines_are_read_as_they_were_written_whatever_stands_between_them(
            texts in prop::collection::vec("[^\n]{0,40}", 0..8),
            noise in prop::collection::vec(any::<u8>(), 1..40),
        ) {
            let written: String = texts.iter().map(|text| line(text)).collect();
            prop_assert_eq!(lines(written.as_bytes()), (texts.iter().map(String::as_str).collect(), true));
            // A line feed ends what is no line, so that it takes no whole line with it.
            let noisy = [&noise, &b"\n"[..], written.as_bytes()].concat();
            let (read, _) = lines(&noisy);
            prop_assert!(read.ends_with(&texts.iter().map(String::as_str).collect::<Vec<_>>()));
        }

        #[test]
        fn no_bytes_are_too_strange_to_be_judged(bytes: Vec<u8>) {
            let _ = unseal(&bytes);
            prop_assert!(lines(&bytes).0.len() <= bytes.len());
        }
    }
}
