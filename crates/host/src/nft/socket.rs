//! The netlink socket: transactions in, lists out.
//!
//! The kernel makes a socket the owner of a table, not a process; whoever keeps the table keeps the socket open.

use super::{
    batch::Batch,
    error::{NftError, OpenError, Refused},
    kernel::{
        NFNL_SUBSYS_NFTABLES, NFT_MSG_GETGEN, NFTA_GEN_ID, NLM_F_ACK_TLVS, NLM_F_REQUEST, NLMSG_ERROR,
        NLMSGERR_ATTR_MSG,
    },
    wire::{self, Attributes, Body, Message, Messages},
};
use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_NETFILTER};
use rustix::{io::Errno, net::sockopt};
use std::{
    io,
    os::fd::{AsFd, BorrowedFd},
};

/// A transaction is one datagram and must fit the send buffer.
const SEND_BUFFER: usize = 64 << 20;
const RECEIVE_BUFFER: usize = 8 << 20;
/// The kernel fills what is offered; with less than 32 KiB a long list costs many times as much, because it walks a set
/// from its beginning for each datagram.
const DATAGRAM: usize = 64 << 10;
/// What the kernel keeps for itself of a send buffer (`netlink_sendmsg`).
const RESERVED: usize = 32;
/// `MSG_DONTWAIT`.
const DO_NOT_WAIT: i32 = 0x40;

/// A socket to nf_tables.
#[derive(Debug)]
pub(super) struct Channel {
    socket: Socket,
    room: Vec<u8>,
    sequence: u32,
    port: u32,
}

/// One operation that the kernel refused, or the whole transaction (`operation: None`).
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) operation: Option<usize>,
    pub(super) errno: Errno,
    pub(super) reason: Option<String>,
}

impl Channel {
    pub(super) fn open() -> Result<Self, OpenError> {
        let mut socket =
            Socket::new(NETLINK_NETFILTER).map_err(|error| match Errno::from_io_error(&error) {
                Some(Errno::PROTONOSUPPORT | Errno::AFNOSUPPORT) => OpenError::NoNetfilter(error),
                Some(Errno::PERM | Errno::ACCESS) => OpenError::NoRights,
                _ => OpenError::Io(error),
            })?;
        let port = socket.bind_auto().map_err(OpenError::Io)?.port_number();
        socket.set_ext_ack(true).map_err(OpenError::Io)?;
        socket.set_cap_ack(true).map_err(OpenError::Io)?;
        enlarge(&socket).map_err(OpenError::Io)?;
        let mut channel = Self { socket, room: Vec::with_capacity(DATAGRAM), sequence: 0, port };
        match channel.generation() {
            Ok(_) => Ok(channel),
            Err(NftError::Io(error)) => Err(OpenError::Io(error)),
            Err(NftError::Kernel { source, .. })
                if source.raw_os_error() == Some(Errno::PERM.raw_os_error()) =>
            {
                Err(OpenError::NoRights)
            }
            Err(NftError::Kernel { .. } | NftError::Busy) => Err(OpenError::NoNfTables),
        }
    }

    /// The socket's number in netlink, by which events tell whose change it was.
    pub(super) const fn port(&self) -> u32 {
        self.port
    }

    /// The longest transaction in bytes.
    pub(super) fn limit(&self) -> usize {
        sockopt::socket_send_buffer_size(&self.socket).unwrap_or(0).saturating_sub(RESERVED)
    }

    /// Applies the whole transaction or nothing; with `generation` only if nobody changed the rules since.
    pub(super) fn commit(&mut self, batch: &Batch, generation: Option<u32>) -> Result<(), Refused> {
        let Some(refusal) = self.attempt(batch, generation)?.into_iter().next() else { return Ok(()) };
        Err(match (refusal.operation, refusal.errno) {
            (None, Errno::PERM) => Refused::NoRights,
            (None, Errno::RESTART) => Refused::Raced,
            // The capability was asked for before; within a transaction it is the owner of the table.
            (Some(_), Errno::PERM) => Refused::Owned,
            (operation, errno) => Refused::Kernel {
                what: operation.and_then(|index| batch.name(index)).unwrap_or("the transaction").to_owned(),
                source: errno.into(),
                reason: refusal.reason,
            },
        })
    }

    /// As `commit`, with everything that was refused, in order.
    pub(super) fn attempt(
        &mut self,
        batch: &Batch,
        generation: Option<u32>,
    ) -> Result<Vec<Refusal>, Refused> {
        if batch.is_empty() {
            return Ok(Vec::new());
        }
        if let Some(what) = batch.broken() {
            return Err(Refused::Inexpressible(what.to_owned()));
        }
        let begin = self.next(batch.count() + 2);
        let datagram = batch.datagram(begin, generation);
        let limit = self.limit();
        if datagram.len() > limit {
            return Err(Refused::TooLarge { bytes: datagram.len(), limit });
        }
        self.send(&datagram).map_err(Refused::Io)?;
        self.answers(begin, batch.count())
    }

    /// Reserves numbers for so many messages and gives the first one.
    fn next(&mut self, messages: usize) -> u32 {
        let first = self.sequence.wrapping_add(1);
        self.sequence = self.sequence.wrapping_add(u32::try_from(messages).unwrap_or(u32::MAX));
        first
    }

    fn send(&self, datagram: &[u8]) -> io::Result<()> {
        loop {
            match self.socket.send_to(datagram, &SocketAddr::new(0, 0), 0) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => return result.map(drop),
            }
        }
    }

    /// What was refused. The kernel works within `send`, so the answers are there already; silence means that they did
    /// not fit the receive buffer.
    fn answers(&mut self, begin: u32, count: usize) -> Result<Vec<Refusal>, Refused> {
        let mut refusals = Vec::new();
        loop {
            match self.receive(DO_NOT_WAIT) {
                Ok(()) => {}
                Err(error) if error.raw_os_error() == Some(Errno::NOBUFS.raw_os_error()) => continue,
                Err(_) if !refusals.is_empty() => return Ok(refusals),
                Err(error) => return Err(Refused::Lost(error)),
            }
            for message in Messages(&self.room).filter(|message| message.kind == NLMSG_ERROR) {
                let number = message.sequence.wrapping_sub(begin) as usize;
                if number > count {
                    continue;
                }
                if message.error() != 0 {
                    refusals.push(refusal(&message, number.checked_sub(1)));
                }
                if number == count || number == 0 {
                    return Ok(refusals);
                }
            }
        }
    }

    /// Takes one datagram of the kernel, which is in [`Channel::received`] then.
    pub(super) fn receive(&mut self, flags: i32) -> io::Result<()> {
        loop {
            self.room.clear();
            match self.socket.recv_from(&mut self.room, flags) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
                Ok((_, sender)) if sender.port_number() != 0 => {}
                Ok(_) => return Ok(()),
            }
        }
    }

    /// The datagram that was taken last.
    pub(super) fn received(&self) -> &[u8] {
        &self.room
    }

    /// Hears the events of a group from now on.
    pub(super) fn join(&self, group: u32) -> io::Result<()> {
        self.socket.add_membership(group)
    }

    /// Gives the messages of one datagram that is there already to `each`; false where there is none.
    pub(super) fn heard(&mut self, mut each: impl FnMut(Message<'_>)) -> io::Result<bool> {
        match self.receive(DO_NOT_WAIT) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(false),
            Err(error) => Err(error),
            Ok(()) => {
                Messages(&self.room).for_each(&mut each);
                Ok(true)
            }
        }
    }

    /// Asks for something; the answers carry the number that is given.
    pub(super) fn ask(
        &mut self,
        message: u16,
        flags: u16,
        family: u8,
        fill: impl Fn(&mut Body),
    ) -> io::Result<u32> {
        let sequence = self.next(1);
        let mut body = Body::new(family, 0);
        fill(&mut body);
        let mut datagram = Vec::new();
        let kind = NFNL_SUBSYS_NFTABLES << 8 | message;
        wire::message(&mut datagram, kind, NLM_F_REQUEST | flags, sequence, body.bytes());
        self.send(&datagram)?;
        Ok(sequence)
    }

    /// The number of the rules' state, which every transaction of anybody raises.
    pub(super) fn generation(&mut self) -> Result<u32, NftError> {
        let sequence = self.ask(NFT_MSG_GETGEN, 0, 0, |_| {})?;
        loop {
            self.receive(0)?;
            for message in Messages(&self.room).filter(|message| message.sequence == sequence) {
                if message.kind == NLMSG_ERROR {
                    let source = errno(&message).into();
                    return Err(NftError::Kernel { what: "the generation".to_owned(), source });
                }
                if let Some(generation) = message.attributes().u32(NFTA_GEN_ID) {
                    return Ok(generation);
                }
            }
        }
    }
}

impl AsFd for Channel {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

fn refusal(message: &Message<'_>, operation: Option<usize>) -> Refusal {
    // Behind the error number stands the header of the refused message, then what the kernel adds.
    let said = Attributes(message.payload.get(4 + wire::MESSAGE_HEADER..).unwrap_or_default());
    let reason = (message.flags & NLM_F_ACK_TLVS != 0).then(|| said.text(NLMSGERR_ATTR_MSG)).flatten();
    Refusal { operation, errno: errno(message), reason: reason.map(str::to_owned) }
}

/// The error number of a message; one that is no error number is told as `EIO`.
pub(super) fn errno(message: &Message<'_>) -> Errno {
    match message.error() {
        number @ 1..4096 => Errno::from_raw_os_error(number),
        _ => Errno::IO,
    }
}

/// Forcing needs `CAP_NET_ADMIN` in the first user namespace; elsewhere `net.core.wmem_max` is the limit.
fn enlarge(socket: &Socket) -> io::Result<()> {
    if sockopt::set_socket_send_buffer_size_force(socket, SEND_BUFFER).is_err() {
        sockopt::set_socket_send_buffer_size(socket, SEND_BUFFER)?;
    }
    if sockopt::set_socket_recv_buffer_size_force(socket, RECEIVE_BUFFER).is_err() {
        sockopt::set_socket_recv_buffer_size(socket, RECEIVE_BUFFER)?;
    }
    Ok(())
}
