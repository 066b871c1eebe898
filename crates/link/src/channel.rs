//! One end of the socket between keeper and gate.

use crate::frame::{self, FrameError, HEAD, LARGEST_PACKET, Place};
use crate::payload;
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, SocketFlags, SocketType, sockopt,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt;
use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

/// Descriptors of a message at most. The kernel takes 253 (SCM_MAX_FD).
pub const MOST_DESCRIPTORS: usize = 128;

/// How much is taken from the other end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trust {
    /// It is the keeper: a plan may be large.
    Keeper,
    /// It is a gate, which may be in the hands of somebody else: what it says fits into a packet.
    Gate,
}

/// Bytes of what a keeper says at most.
const LARGEST: usize = 1 << 30;

/// One end of the socket.
#[derive(Debug)]
pub struct Channel {
    socket: OwnedFd,
    other: Trust,
}

/// A message that came.
#[derive(Debug)]
pub struct Received<M> {
    /// What it says.
    pub message: M,
    /// What came with it.
    pub descriptors: Vec<OwnedFd>,
    /// The process that sent it, where the channel was told to ask for that: the kernel's word.
    pub sender: Option<rustix::process::Pid>,
}

/// Why a message cannot be sent.
#[derive(Debug)]
pub enum SendError {
    /// The other end is gone.
    Gone,
    /// It takes nothing.
    Stuck,
    /// The machine refused.
    Io(io::Error),
}

/// Why a message cannot be received.
#[derive(Debug)]
pub enum ReceiveError {
    /// It is none.
    Frame(FrameError),
    /// It, or what came with it, is more than anybody may send.
    TooMuch,
    /// What came with it cannot be read.
    Payload(io::Error),
    /// The machine refused.
    Io(io::Error),
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gone => f.write_str("the other process is gone"),
            Self::Stuck => f.write_str("the other process takes nothing"),
            Self::Io(error) => error.fmt(f),
        }
    }
}

impl fmt::Display for ReceiveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Frame(error) => error.fmt(f),
            Self::TooMuch => f.write_str("it is larger than any message"),
            Self::Payload(error) | Self::Io(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for SendError {}

impl std::error::Error for ReceiveError {}

impl Channel {
    /// The keeper's end of a new socket, and the descriptor that becomes the gate's.
    ///
    /// # Errors
    ///
    /// There are no descriptors.
    pub fn pair() -> io::Result<(Self, OwnedFd)> {
        let flags = SocketFlags::CLOEXEC;
        let (keeper, gate) =
            rustix::net::socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None)?;
        Ok((Self::new(keeper, Trust::Gate), gate))
    }

    /// The end that a socket is, towards who is at the other one.
    #[must_use]
    pub fn new(socket: OwnedFd, other: Trust) -> Self {
        Self { socket, other }
    }

    /// How long a message waits for room at the other end before it counts as stuck; without it, for ever.
    ///
    /// # Errors
    ///
    /// The socket refuses.
    pub fn set_patience(&self, patience: Duration) -> io::Result<()> {
        Ok(sockopt::set_socket_timeout(&self.socket, sockopt::Timeout::Send, Some(patience))?)
    }

    /// Has the kernel say which process sent each message from now on.
    ///
    /// # Errors
    ///
    /// The socket refuses.
    pub fn ask_for_sender(&self) -> io::Result<()> {
        Ok(sockopt::set_socket_passcred(&self.socket, true)?)
    }

    /// Sends a message and what belongs to it.
    ///
    /// # Errors
    ///
    /// The other end is gone or stuck, or the machine refuses.
    pub fn send(&self, message: &impl Serialize, descriptors: &[BorrowedFd<'_>]) -> Result<(), SendError> {
        let value = frame::encode(message);
        if value.len() + HEAD <= LARGEST_PACKET {
            return self.packet(Place::Here, &value, descriptors);
        }
        if self.other == Trust::Keeper {
            return Err(SendError::Io(io::Error::other("a gate says nothing that long")));
        }
        let memory = payload::sealed(&value).map_err(SendError::Io)?;
        let descriptors: Vec<_> = descriptors.iter().copied().chain([memory.as_fd()]).collect();
        self.packet(Place::Beside, &[], &descriptors)
    }

    fn packet(&self, place: Place, value: &[u8], descriptors: &[BorrowedFd<'_>]) -> Result<(), SendError> {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST_DESCRIPTORS))];
        let mut beside = SendAncillaryBuffer::new(&mut space);
        if !descriptors.is_empty() && !beside.push(SendAncillaryMessage::ScmRights(descriptors)) {
            return Err(SendError::Io(io::Error::other("too many descriptors for one message")));
        }
        let head = frame::head(place);
        let parts = [IoSlice::new(&head), IoSlice::new(value)];
        loop {
            return match rustix::net::sendmsg(&self.socket, &parts, &mut beside, SendFlags::NOSIGNAL) {
                Ok(_) => Ok(()),
                Err(Errno::INTR) => continue,
                Err(Errno::PIPE | Errno::CONNRESET | Errno::NOTCONN | Errno::CONNREFUSED) => {
                    Err(SendError::Gone)
                }
                Err(Errno::AGAIN) => Err(SendError::Stuck),
                Err(error) => Err(SendError::Io(error.into())),
            };
        }
    }

    /// Waits for a message; `None` when the other end is gone.
    ///
    /// # Errors
    ///
    /// What came is no message; the next one may be. Or the machine refuses.
    pub fn receive<M: DeserializeOwned>(&self) -> Result<Option<Received<M>>, ReceiveError> {
        let mut packet = vec![0; LARGEST_PACKET + 1];
        let mut space =
            [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST_DESCRIPTORS), ScmCredentials(1))];
        let mut beside = RecvAncillaryBuffer::new(&mut space);
        let flags = RecvFlags::CMSG_CLOEXEC;
        let got = loop {
            let mut parts = [IoSliceMut::new(&mut packet)];
            match rustix::net::recvmsg(&self.socket, &mut parts, &mut beside, flags) {
                Ok(got) => break got,
                Err(Errno::INTR) => {}
                Err(Errno::CONNRESET) => return Ok(None),
                Err(error) => return Err(ReceiveError::Io(error.into())),
            }
        };
        let (mut descriptors, mut sender) = (Vec::new(), None);
        for message in beside.drain() {
            match message {
                RecvAncillaryMessage::ScmRights(came) => descriptors.extend(came),
                RecvAncillaryMessage::ScmCredentials(who) => sender = Some(who.pid),
                _ => {}
            }
        }
        // No message of ours is empty, so that this is the end.
        if got.bytes == 0 {
            return Ok(None);
        }
        let cut = rustix::net::ReturnFlags::TRUNC | rustix::net::ReturnFlags::CTRUNC;
        if got.flags.intersects(cut) || got.bytes > LARGEST_PACKET {
            return Err(ReceiveError::TooMuch);
        }
        let message = match frame::from_packet(&packet[..got.bytes]).map_err(ReceiveError::Frame)? {
            Some(message) => message,
            None if self.other == Trust::Gate => return Err(ReceiveError::TooMuch),
            None => {
                let memory = descriptors.pop().ok_or(ReceiveError::Frame(FrameError::Head))?;
                let value = payload::read_memory(&memory.into(), LARGEST).map_err(ReceiveError::Payload)?;
                frame::decode(&value).map_err(ReceiveError::Frame)?
            }
        };
        Ok(Some(Received { message, descriptors, sender }))
    }

    /// Ends the conversation for both sides, also for who waits in [`Channel::receive`].
    pub fn close(&self) {
        // Where it is closed already, nothing is left to do.
        let _ = rustix::net::shutdown(&self.socket, rustix::net::Shutdown::Both);
    }
}

impl AsFd for Channel {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}
