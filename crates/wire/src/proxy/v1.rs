//! Version 1: one line of text, `PROXY TCP4 192.0.2.1 198.51.100.1 56324 443` and CR LF.

use super::{Header, Malformed};
use std::net::{IpAddr, SocketAddr};

const BEGIN: &[u8] = b"PROXY ";
/// The longest line with its CR LF (section 2.1).
const LONGEST_LINE: usize = 107;

pub(super) fn may_begin(bytes: &[u8]) -> bool {
    let shared = bytes.len().min(BEGIN.len());
    bytes[..shared] == BEGIN[..shared]
}

pub(super) fn parse(bytes: &[u8]) -> Result<Option<(Header, usize)>, Malformed> {
    let within = &bytes[..bytes.len().min(LONGEST_LINE)];
    let Some(end) = within.iter().position(|byte| *byte == b'\n') else {
        return if within.len() == LONGEST_LINE { Err(Malformed::LineTooLong) } else { Ok(None) };
    };
    let line = within[..end].strip_suffix(b"\r").ok_or(Malformed::Line)?;
    let line = std::str::from_utf8(line).ok().filter(|line| line.is_ascii()).ok_or(Malformed::Line)?;
    let mut words = line.split(' ').skip(1);
    let header = match words.next() {
        Some("TCP4") => addresses(words, IpAddr::is_ipv4)?,
        Some("TCP6") => addresses(words, IpAddr::is_ipv6)?,
        // Whatever follows is to be ignored (section 2.1).
        Some("UNKNOWN") => Header::Own,
        _ => return Err(Malformed::Line),
    };
    Ok(Some((header, end + 1)))
}

fn addresses<'a>(
    mut words: impl Iterator<Item = &'a str>,
    of_family: fn(&IpAddr) -> bool,
) -> Result<Header, Malformed> {
    let (source, destination) = (address(words.next(), of_family)?, address(words.next(), of_family)?);
    let (from, to) = (port(words.next())?, port(words.next())?);
    match words.next() {
        Some(_) => Err(Malformed::Line),
        None => Ok(Header::Proxied {
            source: SocketAddr::new(source, from),
            destination: SocketAddr::new(destination, to),
        }),
    }
}

fn address(word: Option<&str>, of_family: fn(&IpAddr) -> bool) -> Result<IpAddr, Malformed> {
    word.ok_or(Malformed::Line)?.parse().ok().filter(of_family).ok_or(Malformed::Address)
}

/// A port without sign and without leading zeros.
fn port(word: Option<&str>) -> Result<u16, Malformed> {
    let word = word.ok_or(Malformed::Line)?;
    let plain = word.bytes().all(|byte| byte.is_ascii_digit()) && (word == "0" || !word.starts_with('0'));
    word.parse().ok().filter(|_| plain).ok_or(Malformed::Port)
}
