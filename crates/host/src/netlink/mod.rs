//! Questions to the kernel over netlink: one request, and every message of its answer.
//!
//! It frames messages and checks who sent them; what is in them belongs to the caller.

pub(crate) mod attribute;

pub(crate) use attribute::{Attributes, Malformed, attribute, u32_at, u32_network};

use netlink_sys::{Socket, SocketAddr};
use std::fmt;
use std::io;

/// The families of netlink that this machine is asked through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    /// Interfaces and addresses (rtnetlink(7)).
    Route = 0,
    /// Sockets (sock_diag(7)).
    Sockets = 4,
    /// Connection tracking (nfnetlink).
    Netfilter = 12,
}

/// Why the kernel did not answer a question.
#[derive(Debug)]
#[non_exhaustive]
pub enum NetlinkError {
    /// No socket of this family could be opened.
    Open(io::Error),
    /// The question could not be sent.
    Send(io::Error),
    /// The answer could not be received.
    Receive(io::Error),
    /// The kernel answered with an error.
    Refused(io::Error),
    /// The answer is not what the protocol says; the text names the part.
    Malformed(&'static str),
    /// What was asked for kept changing while it was listed.
    Changing,
}

impl fmt::Display for NetlinkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Open(_) => f.write_str("cannot open a netlink socket"),
            Self::Send(_) => f.write_str("cannot send to the kernel"),
            Self::Receive(_) => f.write_str("cannot receive from the kernel"),
            Self::Refused(_) => f.write_str("the kernel refused"),
            Self::Malformed(part) => write!(f, "the kernel's answer has a malformed {part}"),
            Self::Changing => f.write_str("the answer kept changing while it was read"),
        }
    }
}

impl std::error::Error for NetlinkError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Open(error) | Self::Send(error) | Self::Receive(error) | Self::Refused(error) => {
                Some(error)
            }
            Self::Malformed(_) | Self::Changing => None,
        }
    }
}

impl From<Malformed> for NetlinkError {
    fn from(Malformed(part): Malformed) -> Self {
        Self::Malformed(part)
    }
}

const HEADER: usize = 16;
/// The kernel never makes a message of a dump longer than half of this.
const BUFFER: usize = 64 << 10;
/// How often a list that changes while it is read is asked for again.
const ATTEMPTS: u8 = 5;

const ERROR: u16 = 2;
const DONE: u16 = 3;
/// Types below are control messages.
const FIRST_TYPE: u16 = 16;

const REQUEST: u16 = 0x1;
const ACKNOWLEDGE: u16 = 0x4;
const CHANGED_WHILE_DUMPED: u16 = 0x10;
const DUMP: u16 = 0x300;

/// A netlink socket with one question at a time on it.
pub(crate) struct Exchange {
    socket: Socket,
    sequence: u32,
    received: Vec<u8>,
}

impl Exchange {
    /// A socket that nothing was asked on.
    pub(crate) fn open(family: Family) -> Result<Self, NetlinkError> {
        let mut socket = Socket::new(family as isize).map_err(NetlinkError::Open)?;
        socket.bind_auto().map_err(NetlinkError::Open)?;
        socket.connect(&SocketAddr::new(0, 0)).map_err(NetlinkError::Open)?;
        Ok(Self { socket, sequence: 0, received: Vec::with_capacity(BUFFER) })
    }

    /// Asks for a list. `read` is given the type and the body of every message; `None` leaves it out.
    pub(crate) fn dump<T>(
        &mut self,
        kind: u16,
        body: &[u8],
        mut read: impl FnMut(u16, &[u8]) -> Result<Option<T>, Malformed>,
    ) -> Result<Vec<T>, NetlinkError> {
        for _ in 0..ATTEMPTS {
            self.send(kind, REQUEST | DUMP, body)?;
            if let Some(found) = self.receive_list(&mut read)? {
                return Ok(found);
            }
        }
        Err(NetlinkError::Changing)
    }

    /// Asks about one thing; `None` where the kernel answers without one.
    pub(crate) fn ask<T>(
        &mut self,
        kind: u16,
        body: &[u8],
        mut read: impl FnMut(u16, &[u8]) -> Result<Option<T>, Malformed>,
    ) -> Result<Option<T>, NetlinkError> {
        self.send(kind, REQUEST | ACKNOWLEDGE, body)?;
        let mut found = None;
        loop {
            self.receive()?;
            for message in Messages(&self.received) {
                let message = message?;
                if message.sequence != self.sequence {
                    continue;
                }
                match message.kind {
                    ERROR => return outcome(message.body).map(|()| found),
                    kind if kind >= FIRST_TYPE => found = read(kind, message.body)?,
                    _ => {}
                }
            }
        }
    }

    /// Asks for an act, and waits until it is done.
    pub(crate) fn act(&mut self, kind: u16, body: &[u8]) -> Result<(), NetlinkError> {
        self.send(kind, REQUEST | ACKNOWLEDGE, body)?;
        loop {
            self.receive()?;
            for message in Messages(&self.received) {
                let message = message?;
                if message.sequence == self.sequence && message.kind == ERROR {
                    return outcome(message.body);
                }
            }
        }
    }

    /// The whole list, or `None` where it changed under our eyes.
    fn receive_list<T>(
        &mut self,
        read: &mut impl FnMut(u16, &[u8]) -> Result<Option<T>, Malformed>,
    ) -> Result<Option<Vec<T>>, NetlinkError> {
        let mut found = Vec::new();
        let mut changed = false;
        loop {
            self.receive()?;
            for message in Messages(&self.received) {
                let message = message?;
                if message.sequence != self.sequence {
                    continue;
                }
                changed |= message.flags & CHANGED_WHILE_DUMPED != 0;
                match message.kind {
                    ERROR => {
                        outcome(message.body)?;
                    }
                    DONE => {
                        outcome(message.body)?;
                        return Ok((!changed).then_some(found));
                    }
                    kind if kind >= FIRST_TYPE => found.extend(read(kind, message.body)?),
                    _ => {}
                }
            }
        }
    }

    fn send(&mut self, kind: u16, flags: u16, body: &[u8]) -> Result<(), NetlinkError> {
        self.sequence = self.sequence.wrapping_add(1);
        let length = u32::try_from(HEADER + body.len()).map_err(|_| NetlinkError::Malformed("request"))?;
        let mut message = Vec::with_capacity(HEADER + body.len());
        message.extend(length.to_ne_bytes());
        message.extend(kind.to_ne_bytes());
        message.extend(flags.to_ne_bytes());
        message.extend(self.sequence.to_ne_bytes());
        message.extend([0; 4]);
        message.extend(body);
        self.socket.send(&message, 0).map(drop).map_err(NetlinkError::Send)
    }

    /// The next datagram of the kernel. Other programs may send to any netlink socket; theirs are dropped.
    fn receive(&mut self) -> Result<(), NetlinkError> {
        loop {
            self.received.clear();
            match self.socket.recv_from(&mut self.received, 0) {
                Ok((_, sender)) if sender.port_number() == 0 => return Ok(()),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(NetlinkError::Receive(error)),
            }
        }
    }
}

/// What the number at the start of an error or of the end of a list says.
fn outcome(body: &[u8]) -> Result<(), NetlinkError> {
    match u32_at(body, 0)?.cast_signed() {
        0 => Ok(()),
        number => Err(NetlinkError::Refused(io::Error::from_raw_os_error(number.saturating_neg()))),
    }
}

/// One message.
struct Message<'a> {
    kind: u16,
    flags: u16,
    sequence: u32,
    body: &'a [u8],
}

/// The messages of a datagram.
struct Messages<'a>(&'a [u8]);

impl<'a> Iterator for Messages<'a> {
    type Item = Result<Message<'a>, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let message = split(self.0);
        // Nothing after a malformed message can be trusted to begin where it seems to.
        self.0 = message.as_ref().map_or(&[], |(_, rest)| rest);
        Some(message.map(|(message, _)| message))
    }
}

fn split(bytes: &[u8]) -> Result<(Message<'_>, &[u8]), Malformed> {
    const WHAT: Malformed = Malformed("message");
    let length = usize::try_from(u32_at(bytes, 0)?).map_err(|_| WHAT)?;
    let body = bytes.get(HEADER..length).ok_or(WHAT)?;
    let (kind, flags) = (bytes.get(4..6).ok_or(WHAT)?, bytes.get(6..8).ok_or(WHAT)?);
    let message = Message {
        kind: u16::from_ne_bytes(kind.try_into().map_err(|_| WHAT)?),
        flags: u16::from_ne_bytes(flags.try_into().map_err(|_| WHAT)?),
        sequence: u32_at(bytes, 8)?,
        body,
    };
    Ok((message, bytes.get(length.next_multiple_of(4)..).unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(length: u32, body: &[u8]) -> Vec<u8> {
        let mut bytes = length.to_ne_bytes().to_vec();
        bytes.extend([18, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0]);
        bytes.extend(body);
        bytes
    }

    #[test]
    fn messages_of_one_datagram_are_taken_apart_at_their_padding() {
        let mut bytes = message(17, &[1, 0, 0, 0]);
        bytes.extend(message(18, &[2, 3]));
        let bodies: Vec<Vec<u8>> =
            Messages(&bytes).map(|message| message.expect("well formed").body.to_vec()).collect();
        assert_eq!(bodies, [vec![1], vec![2, 3]]);
    }

    #[test]
    fn a_message_with_a_false_length_ends_the_reading() {
        for length in [0, 4, 15, 40, u32::MAX] {
            let bytes = message(length, &[1, 2, 3, 4]);
            let seen: Vec<bool> = Messages(&bytes).map(|message| message.is_ok()).collect();
            assert_eq!(seen, [false], "length {length}");
        }
    }

    #[test]
    fn the_kernel_refuses_an_unknown_question_with_its_number() {
        let mut exchange = Exchange::open(Family::Sockets).expect("a netlink socket");
        let refused = exchange.act(21, &[0; 4]).expect_err("too short to be a request");
        assert!(matches!(refused, NetlinkError::Refused(_)), "{refused:?}");
    }
}
