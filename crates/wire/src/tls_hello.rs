//! The first message of TLS, ClientHello (RFC 8446 section 4.1.2, RFC 5246 section 7.4.1.2): which name is asked for,
//! and which protocols are offered. No key is touched and nothing is answered.
//!
//! What it says is a wish and proves nothing. With an encrypted hello the name is that of the outer one, which is all
//! that anybody on the way may know.

use std::fmt;

/// The most bytes, record headers included, in which a ClientHello has to be complete.
pub const LONGEST: usize = 16 << 10;

/// Bytes of the header of a record.
const RECORD_HEADER: usize = 5;
/// Bytes of the header of a handshake message.
const MESSAGE_HEADER: usize = 4;
/// Content type of handshake messages.
const HANDSHAKE: u8 = 22;
/// Message type of a ClientHello.
const CLIENT_HELLO: u8 = 1;
/// Extensions that are read.
const SERVER_NAME: u16 = 0;
const PROTOCOLS: u16 = 16;

/// What a ClientHello says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hello {
    /// The name as it was sent: visible ASCII, and that is all that is checked of it.
    pub server_name: Option<String>,
    /// The protocols that are offered (ALPN, RFC 7301), in the client's order.
    pub protocols: Vec<Vec<u8>>,
}

/// Why bytes are no ClientHello.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// A record that is no handshake, or has an impossible version or length.
    Record,
    /// The first message is another one, or more than it stands in its records.
    Message,
    /// Not complete within [`LONGEST`] bytes.
    TooLong,
    /// Lengths inside of the message that do not fit.
    Length,
    /// An extension that comes twice.
    Twice,
    /// A server name that is none, or more than one.
    Name,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Record => "not a record of a TLS handshake",
            Self::Message => "the first TLS message is no ClientHello of its own",
            Self::TooLong => "a ClientHello of more than 16 KiB",
            Self::Length => "a ClientHello whose lengths do not fit",
            Self::Twice => "a ClientHello with an extension twice",
            Self::Name => "a ClientHello with a malformed server name",
        })
    }
}

impl std::error::Error for Malformed {}

/// Reads a ClientHello at the beginning of what a client sent, in one record or several: what it says, or nothing while
/// more bytes are needed. The answer never changes when more bytes come.
///
/// # Errors
///
/// The bytes cannot become a ClientHello any more.
pub fn parse(bytes: &[u8]) -> Result<Option<Hello>, Malformed> {
    let mut message = Vec::new();
    let mut rest = &bytes[..bytes.len().min(LONGEST)];
    loop {
        let complete = fragment(&mut rest, &mut message)?;
        if let Some(needed) = needed(&message)? {
            if message.len() > needed {
                return Err(Malformed::Message);
            }
            if message.len() == needed && complete {
                return client_hello(&message[MESSAGE_HEADER..]).map(Some);
            }
        }
        if !complete {
            return if bytes.len() >= LONGEST { Err(Malformed::TooLong) } else { Ok(None) };
        }
    }
}

/// Takes one record, and appends to the message as much of its content as there is; whether that is all of it.
fn fragment(rest: &mut &[u8], message: &mut Vec<u8>) -> Result<bool, Malformed> {
    let record = *rest;
    let may_be = |place: usize, fits: fn(u8) -> bool| record.get(place).is_none_or(|byte| fits(*byte));
    // TLS 1.0 to 1.3 write 3.1 or 3.3 here; 3.0 is of SSL, which nobody speaks any more.
    if !may_be(0, |kind| kind == HANDSHAKE)
        || !may_be(1, |major| major == 3)
        || !may_be(2, |minor| (1..=4).contains(&minor))
    {
        return Err(Malformed::Record);
    }
    let Some((header, content)) = record.split_at_checked(RECORD_HEADER) else { return Ok(false) };
    let length = usize::from(u16::from_be_bytes([header[3], header[4]]));
    // An empty fragment of a handshake is forbidden, and so is one of more than 2^14 bytes (RFC 8446 section 5.1).
    if length == 0 || length > 1 << 14 {
        return Err(Malformed::Record);
    }
    let here = length.min(content.len());
    message.extend_from_slice(&content[..here]);
    *rest = &content[here..];
    Ok(here == length)
}

/// The whole length of the message, once its header is there.
fn needed(message: &[u8]) -> Result<Option<usize>, Malformed> {
    if message.first().is_some_and(|kind| *kind != CLIENT_HELLO) {
        return Err(Malformed::Message);
    }
    let Some(header) = message.first_chunk::<MESSAGE_HEADER>() else { return Ok(None) };
    let length = u32::from_be_bytes([0, header[1], header[2], header[3]]) as usize + MESSAGE_HEADER;
    if length + RECORD_HEADER > LONGEST { Err(Malformed::TooLong) } else { Ok(Some(length)) }
}

/// Reads the content of the message.
fn client_hello(content: &[u8]) -> Result<Hello, Malformed> {
    let mut reader = Reader(content);
    let version = reader.number()?;
    if version >> 8 != 3 {
        return Err(Malformed::Message);
    }
    reader.take(32)?;
    let session = reader.short_list()?;
    let suites = reader.long_list()?;
    let compressions = reader.short_list()?;
    if session.len() > 32 || suites.is_empty() || suites.len() % 2 == 1 || compressions.is_empty() {
        return Err(Malformed::Length);
    }
    let mut hello = Hello::default();
    if reader.0.is_empty() {
        return Ok(hello);
    }
    let mut extensions = Reader(reader.long_list()?);
    reader.end()?;
    let mut seen = Vec::new();
    while !extensions.0.is_empty() {
        let kind = extensions.number()?;
        let content = extensions.long_list()?;
        seen.push(kind);
        match kind {
            SERVER_NAME => hello.server_name = Some(server_name(content)?),
            PROTOCOLS => hello.protocols = protocols(content)?,
            _ => {}
        }
    }
    seen.sort_unstable();
    if seen.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err(Malformed::Twice);
    }
    Ok(hello)
}

/// The one host name of the extension (RFC 6066 section 3).
fn server_name(content: &[u8]) -> Result<String, Malformed> {
    let mut reader = Reader(content);
    let mut names = Reader(reader.long_list()?);
    reader.end()?;
    let kind = names.take(1)?;
    let name = names.long_list()?;
    names.end().map_err(|_| Malformed::Name)?;
    let is_text = !name.is_empty() && name.iter().all(u8::is_ascii_graphic);
    match std::str::from_utf8(name) {
        Ok(text) if kind == [0] && is_text => Ok(text.to_owned()),
        _ => Err(Malformed::Name),
    }
}

fn protocols(content: &[u8]) -> Result<Vec<Vec<u8>>, Malformed> {
    let mut reader = Reader(content);
    let mut list = Reader(reader.long_list()?);
    reader.end()?;
    let mut protocols = Vec::new();
    loop {
        let name = list.short_list()?;
        if name.is_empty() {
            return Err(Malformed::Length);
        }
        protocols.push(name.to_vec());
        if list.0.is_empty() {
            return Ok(protocols);
        }
    }
}

/// Takes values off the front of bytes.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(Malformed::Length)?;
        self.0 = rest;
        Ok(taken)
    }

    fn number(&mut self) -> Result<u16, Malformed> {
        self.take(2).map(|bytes| u16::from_be_bytes([bytes[0], bytes[1]]))
    }

    /// Bytes behind a length of one byte.
    fn short_list(&mut self) -> Result<&'a [u8], Malformed> {
        let length = self.take(1)?[0];
        self.take(usize::from(length))
    }

    /// Bytes behind a length of two bytes.
    fn long_list(&mut self) -> Result<&'a [u8], Malformed> {
        let length = self.number()?;
        self.take(usize::from(length))
    }

    fn end(&self) -> Result<(), Malformed> {
        if self.0.is_empty() { Ok(()) } else { Err(Malformed::Length) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn listed(length: usize, content: &[u8]) -> Vec<u8> {
        let count = content.len().to_be_bytes();
        [&count[count.len() - length..], content].concat()
    }

    fn extension(kind: u16, content: &[u8]) -> Vec<u8> {
        [&kind.to_be_bytes()[..], &listed(2, content)].concat()
    }

    fn name(text: &[u8]) -> Vec<u8> {
        extension(SERVER_NAME, &listed(2, &[&[0][..], &listed(2, text)].concat()))
    }

    fn offered(names: &[&[u8]]) -> Vec<u8> {
        let list: Vec<u8> = names.iter().flat_map(|name| listed(1, name)).collect();
        extension(PROTOCOLS, &listed(2, &list))
    }

    fn message(extensions: &[Vec<u8>]) -> Vec<u8> {
        let mut content = vec![3, 3];
        content.extend([7; 32]);
        content.extend(listed(1, &[9; 32]));
        content.extend(listed(2, &[0x13, 1, 0x13, 2]));
        content.extend(listed(1, &[0]));
        content.extend(listed(2, &extensions.concat()));
        [&[CLIENT_HELLO][..], &listed(3, &content)].concat()
    }

    fn records(message: &[u8], piece: usize) -> Vec<u8> {
        let record = |piece: &[u8]| [&[HANDSHAKE, 3, 1][..], &listed(2, piece)].concat();
        message.chunks(piece).flat_map(record).collect()
    }

    fn named(text: &str) -> Hello {
        Hello { server_name: Some(text.to_owned()), protocols: Vec::new() }
    }

    #[test]
    fn a_name_and_protocols_are_read() {
        let grease = extension(0x0a0a, &[]);
        let hello =
            message(&[grease, name(b"DB.example.com"), extension(43, &[2, 3, 4]), offered(&[b"h2", b"x"])]);
        let expected = Hello { protocols: vec![b"h2".to_vec(), b"x".to_vec()], ..named("DB.example.com") };
        assert_eq!(parse(&records(&hello, 1 << 14)), Ok(Some(expected.clone())));
        let early_data = [records(&hello, 1 << 14), vec![23, 3, 3, 0, 1, 0]].concat();
        assert_eq!(parse(&early_data), Ok(Some(expected)));
    }

    #[test]
    fn without_extensions_there_is_no_name() {
        let mut bare = message(&[]);
        bare.truncate(bare.len() - 2);
        let length = bare.len() - MESSAGE_HEADER;
        bare[3] = u8::try_from(length).expect("a small message");
        assert_eq!(parse(&records(&bare, 99)), Ok(Some(Hello::default())));
        assert_eq!(parse(&records(&message(&[]), 99)), Ok(Some(Hello::default())));
    }

    #[test]
    fn what_is_no_hello_is_refused_as_soon_as_that_is_known() {
        let whole = records(&message(&[name(b"a.test")]), 1 << 14);
        let with = |place: usize, byte: u8| {
            let mut bytes = whole.clone();
            bytes[place] = byte;
            bytes
        };
        let cases = [
            (b"GET / HTTP/1.1".to_vec(), Malformed::Record),
            (b"SSH-2.0-OpenSSH".to_vec(), Malformed::Record),
            (vec![HANDSHAKE, 2], Malformed::Record),
            (vec![HANDSHAKE, 3, 0], Malformed::Record),
            (vec![HANDSHAKE, 3, 1, 0, 0], Malformed::Record),
            (vec![HANDSHAKE, 3, 1, 0x40, 1], Malformed::Record),
            (with(5, 2), Malformed::Message),
            (with(6, 1), Malformed::TooLong),
            (with(8, whole[8] + 1), Malformed::Length),
            (with(8, whole[8] - 1), Malformed::Message),
            (with(9, 2), Malformed::Message),
        ];
        for (bytes, expected) in cases {
            let parsed = parse(&[&bytes[..], &[0; 0]].concat());
            if expected == Malformed::Length {
                // One byte more is expected, which the next record would have to bring.
                assert_eq!(parsed, Ok(None));
                continue;
            }
            assert_eq!(parsed, Err(expected), "{bytes:?}");
        }
    }

    #[test]
    fn extensions_are_strict() {
        let twice = [name(b"a.test"), name(b"a.test")];
        let two_names = extension(
            SERVER_NAME,
            &listed(2, &[&[0][..], &listed(2, b"a"), &[0], &listed(2, b"b")].concat()),
        );
        let other_kind = extension(SERVER_NAME, &listed(2, &[&[1][..], &listed(2, b"a")].concat()));
        let cases = [
            (twice.concat(), Malformed::Twice),
            ([extension(7, &[]), extension(7, &[])].concat(), Malformed::Twice),
            (two_names, Malformed::Name),
            (other_kind, Malformed::Name),
            (name(b""), Malformed::Name),
            (name(b"a b"), Malformed::Name),
            (name(b"a\0.test"), Malformed::Name),
            (name("\u{e4}.test".as_bytes()), Malformed::Name),
            (extension(SERVER_NAME, &[]), Malformed::Length),
            (extension(SERVER_NAME, &[0, 0]), Malformed::Length),
            (offered(&[]), Malformed::Length),
            (offered(&[b""]), Malformed::Length),
            (extension(PROTOCOLS, &[0, 2, 1, b'x', 0]), Malformed::Length),
            (vec![0, 1, 0], Malformed::Length),
        ];
        for (extensions, expected) in cases {
            let bytes = records(&message(std::slice::from_ref(&extensions)), 1 << 14);
            assert_eq!(parse(&bytes), Err(expected), "{extensions:?}");
        }
    }

    #[test]
    fn more_than_16_kib_is_too_long_however_it_comes() {
        let large = message(&[extension(99, &vec![0; 15 << 10]), name(b"a.test")]);
        assert_eq!(parse(&records(&large, 1 << 14)), Ok(Some(named("a.test"))));
        // Each byte in a record of its own makes six of it.
        assert_eq!(parse(&records(&large, 1)), Err(Malformed::TooLong));
        let larger = message(&[extension(99, &vec![0; 16 << 10])]);
        assert_eq!(parse(&records(&larger, 1 << 14)[..9]), Err(Malformed::TooLong));
    }

    proptest! {
        #[test]
        fn the_answer_is_the_same_however_it_is_cut(piece in 1_usize..300, label in "[a-z]{1,30}") {
            let host = format!("{label}.test");
            let bytes = records(&message(&[name(host.as_bytes()), offered(&[b"h2"])]), piece);
            for end in 0..bytes.len() {
                prop_assert_eq!(parse(&bytes[..end]), Ok(None), "{}", end);
            }
            let hello = parse(&bytes).expect("a hello").expect("all of it");
            prop_assert_eq!(hello.server_name, Some(host));
        }

        #[test]
        fn an_answer_stays(bytes in proptest::collection::vec(any::<u8>(), 0..400), change in any::<u8>(), place in 0_usize..150) {
            let mut hello = records(&message(&[name(b"a.test"), offered(&[b"h2"])]), 1 << 14);
            let place = place % hello.len();
            hello[place] = change;
            hello.extend(bytes);
            let mut former = Ok(None);
            for end in 0..=hello.len() {
                let now = parse(&hello[..end]);
                prop_assert!(former == Ok(None) || former == now, "{:?} became {:?}", former, now);
                former = now;
            }
        }
    }
}
