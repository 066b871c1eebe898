//! Packets of any kind, also with a source that is not the sender's, as bytes on the wire.
//!
//! What is written here is correct by the protocol: the connection tracking of a receiver calls a wrong checksum invalid.

mod checksum;
mod sender;

pub use sender::Sender;

use checksum::{crc32c, internet};
use std::net::IpAddr;

/// The service class that marks the packets of the lab, so that a witness knows them from what kernels send by
/// themselves. No standard uses it.
pub const MARK: u8 = 43;

/// One packet.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Packet {
    /// Where it says that it comes from.
    pub source: IpAddr,
    /// Where it goes; the family of both is the same.
    pub destination: IpAddr,
    /// What is in it.
    pub content: Content,
}

/// What a packet carries.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Content {
    /// A segment without data.
    Tcp {
        /// The port of the sender.
        source: u16,
        /// The port of the receiver.
        destination: u16,
        /// The flags of the header, such as [`SYN`].
        flags: u8,
    },
    /// A datagram of eight bytes.
    Udp {
        /// The port of the sender.
        source: u16,
        /// The port of the receiver.
        destination: u16,
    },
    /// A datagram of the protocol 136 whose checksum covers all of it.
    UdpLite {
        /// The port of the sender.
        source: u16,
        /// The port of the receiver.
        destination: u16,
    },
    /// The first packet of an association (RFC 9260, INIT).
    Sctp {
        /// The port of the sender.
        source: u16,
        /// The port of the receiver.
        destination: u16,
    },
    /// ICMP or ICMPv6, as the addresses say.
    Icmp {
        /// The type.
        kind: u8,
        /// The code.
        code: u8,
    },
    /// ICMP or ICMPv6 about a packet that somebody sent.
    IcmpError {
        /// The type.
        kind: u8,
        /// The code.
        code: u8,
        /// The packet that it is about.
        about: Box<Packet>,
    },
    /// Bytes of another protocol.
    Other {
        /// The number of the protocol.
        protocol: u8,
        /// What follows the IP header.
        payload: Vec<u8>,
    },
}

/// The TCP flag that opens a connection.
pub const SYN: u8 = 0x02;
/// The TCP flag of a reset.
pub const RST: u8 = 0x04;
/// The TCP flag of a segment that acknowledges.
pub const ACK: u8 = 0x10;

impl Packet {
    /// The first packet of a TCP connection.
    #[must_use]
    pub const fn tcp(source: IpAddr, destination: IpAddr, from: u16, to: u16) -> Self {
        Self { source, destination, content: Content::Tcp { source: from, destination: to, flags: SYN } }
    }

    /// A UDP datagram.
    #[must_use]
    pub const fn udp(source: IpAddr, destination: IpAddr, from: u16, to: u16) -> Self {
        Self { source, destination, content: Content::Udp { source: from, destination: to } }
    }

    /// The number of the protocol.
    #[must_use]
    pub const fn protocol(&self) -> u8 {
        match (&self.content, self.destination) {
            (Content::Tcp { .. }, _) => 6,
            (Content::Udp { .. }, _) => 17,
            (Content::UdpLite { .. }, _) => 136,
            (Content::Sctp { .. }, _) => 132,
            (Content::Icmp { .. } | Content::IcmpError { .. }, IpAddr::V4(_)) => 1,
            (Content::Icmp { .. } | Content::IcmpError { .. }, IpAddr::V6(_)) => 58,
            (Content::Other { protocol, .. }, _) => *protocol,
        }
    }

    /// The packet as bytes, with a number that a witness finds again: the identification of IPv4, the last 16 bits of
    /// the flow label of IPv6. IPv4 needs one that is not 0.
    ///
    /// # Panics
    /// When the addresses are of two families.
    #[must_use]
    pub fn bytes(&self, number: u16) -> Vec<u8> {
        let payload = self.payload();
        let length = u16::try_from(payload.len()).expect("a packet of a test is small");
        let mut bytes = match (self.source, self.destination) {
            (IpAddr::V4(source), IpAddr::V4(destination)) => {
                let mut header = vec![0x45, MARK << 2];
                header.extend((20 + length).to_be_bytes());
                header.extend(number.to_be_bytes());
                header.extend([0, 0, self.hops(), self.protocol(), 0, 0]);
                header.extend(source.octets());
                header.extend(destination.octets());
                let sum = internet(&[&header]);
                header[10..12].copy_from_slice(&sum.to_be_bytes());
                header
            }
            (IpAddr::V6(source), IpAddr::V6(destination)) => {
                let first = 0x6000_0000 | u32::from(MARK) << 22 | u32::from(number);
                let mut header = first.to_be_bytes().to_vec();
                header.extend(length.to_be_bytes());
                header.extend([self.protocol(), self.hops()]);
                header.extend(source.octets());
                header.extend(destination.octets());
                header
            }
            _ => panic!("two families in one packet: {self:?}"),
        };
        bytes.extend(payload);
        bytes
    }

    /// Neighbour discovery counts only when no router can have forwarded it (RFC 4861, section 6.1).
    const fn hops(&self) -> u8 {
        match (&self.content, self.destination) {
            (Content::Icmp { kind: 133..=137, .. }, IpAddr::V6(_)) => 255,
            _ => 64,
        }
    }

    fn payload(&self) -> Vec<u8> {
        match &self.content {
            Content::Tcp { source, destination, flags } => {
                let mut segment = ports(*source, *destination);
                segment.extend([0, 0, 0, 1, 0, 0, 0, 0, 0x50, *flags, 0xff, 0xff, 0, 0, 0, 0]);
                self.summed(segment, 16)
            }
            Content::Udp { source, destination } => {
                let mut datagram = ports(*source, *destination);
                datagram.extend([0, 16, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
                self.summed(datagram, 6)
            }
            Content::UdpLite { source, destination } => {
                let mut datagram = ports(*source, *destination);
                datagram.extend([0; 12]);
                self.summed(datagram, 6)
            }
            Content::Sctp { source, destination } => sctp_init(*source, *destination),
            Content::Icmp { kind, code } => {
                let mut message = vec![*kind, *code, 0, 0, 0, 1, 0, 1];
                message.extend([0; 24]);
                self.icmp(message)
            }
            Content::IcmpError { kind, code, about } => {
                let mut message = vec![*kind, *code, 0, 0, 0, 0, 0, 0];
                message.extend(about.bytes(1));
                self.icmp(message)
            }
            Content::Other { payload, .. } => payload.clone(),
        }
    }

    fn icmp(&self, mut message: Vec<u8>) -> Vec<u8> {
        if self.destination.is_ipv6() {
            return self.summed(message, 2);
        }
        let sum = internet(&[&message]);
        message[2..4].copy_from_slice(&sum.to_be_bytes());
        message
    }

    /// The protocol that the checksum covers. Linux tracks UDP-Lite as if that were UDP (`udplite_error` in
    /// `nf_conntrack_proto_udp.c`), and a datagram with a correct one is invalid to it.
    const fn summed_protocol(&self) -> u8 {
        match self.content {
            Content::UdpLite { .. } => 17,
            _ => self.protocol(),
        }
    }

    /// Fills in the checksum that covers addresses, protocol and length too.
    fn summed(&self, mut bytes: Vec<u8>, at: usize) -> Vec<u8> {
        let length = u32::try_from(bytes.len()).expect("a packet of a test is small").to_be_bytes();
        let (source, destination) = (octets(self.source), octets(self.destination));
        let sum = internet(&[&source, &destination, &length, &[0, self.summed_protocol()], &bytes]);
        // A datagram that says 0 says that it has no checksum.
        let sum = if sum == 0 { 0xffff } else { sum };
        bytes[at..at + 2].copy_from_slice(&sum.to_be_bytes());
        bytes
    }
}

fn ports(source: u16, destination: u16) -> Vec<u8> {
    [source.to_be_bytes(), destination.to_be_bytes()].concat()
}

fn octets(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    }
}

/// Common header with verification tag 0, and one INIT chunk with one stream each way.
fn sctp_init(source: u16, destination: u16) -> Vec<u8> {
    let mut packet = ports(source, destination);
    packet.extend([0; 8]);
    packet.extend([1, 0, 0, 20]);
    packet.extend([0, 0, 0, 1, 0, 1, 0, 0, 0, 1, 0, 1, 0, 0, 0, 1]);
    let sum = crc32c(&packet);
    packet[8..12].copy_from_slice(&sum.to_le_bytes());
    packet
}
