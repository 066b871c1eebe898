//! TLS of a client's connection, on buffers that are lent while bytes are on their way.
//!
//! The session of rustls is used without its own buffers: an idle connection holds none, and bytes are encrypted
//! straight into what is sent.
//!
//! Nothing is received while plaintext waits, and what is received at once is no more than a small buffer, so the
//! plaintext of everything that was received always fits into another one.

use super::{alert, poll_receive};
use crate::worker::buffers::{Buffer, PIECE};
use rustls::server::UnbufferedServerConnection;
use rustls::unbuffered::{ConnectionState, EncodeError, UnbufferedStatus, WriteTraffic};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tokio::io::AsyncWrite;
use tokio::net::TcpStream;

/// The most plaintext that goes into one record.
const RECORD: usize = 16 << 10;
/// What a record may be longer than its plaintext: header, explicit nonce, type and tag, rounded up.
const OVERHEAD: usize = 64;

/// The server's end of a TLS connection.
pub(crate) struct TlsStream {
    session: UnbufferedServerConnection,
    /// What is not decrypted yet.
    incoming: Option<Buffer>,
    /// What is decrypted and not read yet.
    plaintext: Option<Buffer>,
    outgoing: Option<Buffer>,
    ended: bool,
}

impl std::fmt::Debug for TlsStream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TlsStream").field("ended", &self.ended).finish_non_exhaustive()
    }
}

impl TlsStream {
    pub(crate) fn new(config: Arc<rustls::ServerConfig>) -> Result<Self, rustls::Error> {
        let session = UnbufferedServerConnection::new(config)?;
        Ok(Self { session, incoming: None, plaintext: None, outgoing: None, ended: false })
    }

    /// Takes over what was received before the session began.
    pub(crate) fn begin_with(&mut self, received: Buffer) {
        self.incoming = (!received.is_empty()).then_some(received);
    }

    /// Drives the handshake to its end.
    pub(crate) fn poll_handshake(
        &mut self,
        socket: &mut TcpStream,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            let digested = self.digest();
            // An alert that explains the refusal is sent before the connection ends.
            let flushed = self.poll_flush(socket, context);
            digested?;
            ready!(flushed)?;
            if !self.session.is_handshaking() {
                return Poll::Ready(Ok(()));
            }
            if ready!(self.poll_receive(socket, context))? == 0 {
                return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
            }
        }
    }

    /// Moves received plaintext to `into`; 0 is the end of the stream.
    pub(crate) fn poll_read(
        &mut self,
        socket: &mut TcpStream,
        context: &mut Context<'_>,
        into: &mut Buffer,
    ) -> Poll<io::Result<usize>> {
        loop {
            if let Some(plaintext) = self.plaintext.take() {
                return Poll::Ready(Ok(self.hand_over(plaintext, into)));
            }
            if self.ended {
                return Poll::Ready(Ok(0));
            }
            if ready!(self.poll_receive(socket, context))? == 0 {
                self.ended = true;
                return Poll::Ready(Ok(0));
            }
            let digested = self.digest();
            // Answers of the session itself (tickets, key updates, alerts) leave when the socket takes them.
            let _ = self.poll_flush(socket, context)?;
            digested?;
        }
    }

    fn hand_over(&mut self, mut plaintext: Buffer, into: &mut Buffer) -> usize {
        let all = plaintext.len();
        if into.is_empty() && into.capacity() == plaintext.capacity() {
            *into = plaintext;
            return all;
        }
        let count = into.append(plaintext.data());
        plaintext.consume(count);
        if !plaintext.is_empty() {
            self.plaintext = Some(plaintext);
        }
        count
    }

    fn poll_receive(&mut self, socket: &mut TcpStream, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        if self.incoming.is_none() {
            // No buffer is lent before there is something to put into it.
            ready!(socket.poll_read_ready(context))?;
        }
        let incoming = self.incoming.get_or_insert_with(Buffer::small);
        incoming.make_room();
        if incoming.len() == incoming.capacity() {
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, "a TLS record is too large")));
        }
        let received = poll_receive(socket, context, incoming);
        if incoming.is_empty() {
            self.incoming = None;
        }
        received
    }

    /// Lets the session look at everything received: decrypts every complete record in place and encodes what the
    /// session wants to say.
    fn digest(&mut self) -> io::Result<()> {
        while self.step(|_| ())?.is_none() {}
        Ok(())
    }

    /// One step of the session. `write` is called when the session is ready for application data and nothing else is
    /// left to do; `Some` answers that no further step is possible without more input.
    fn step<R>(
        &mut self,
        write: impl FnOnce(Option<WriteTraffic<'_, rustls::server::ServerConnectionData>>) -> R,
    ) -> io::Result<Option<R>> {
        let mut none = [];
        let undigested = match &mut self.incoming {
            Some(buffer) => buffer.data_mut(),
            None => &mut none[..],
        };
        let UnbufferedStatus { mut discard, state } = self.session.process_tls_records(undigested);
        let mut outcome = None;
        let state = match state {
            Ok(state) => state,
            Err(error) => {
                self.discard(discard);
                return self.fail(error);
            }
        };
        match state {
            ConnectionState::ReadTraffic(mut traffic) => {
                while let Some(record) = traffic.next_record() {
                    let record = record.map_err(invalid)?;
                    discard += record.discard;
                    keep(record.payload, &mut self.plaintext)?;
                }
            }
            ConnectionState::EncodeTlsData(mut data) => encode(&mut data, &mut self.outgoing)?,
            // What was encoded stands in `outgoing` and leaves before anything else does.
            ConnectionState::TransmitTlsData(data) => data.done(),
            ConnectionState::WriteTraffic(traffic) => outcome = Some(write(Some(traffic))),
            ConnectionState::PeerClosed => self.ended = true,
            ConnectionState::ReadEarlyData(_) => return Err(invalid(rustls::Error::HandshakeNotComplete)),
            _ => outcome = Some(write(None)),
        }
        self.discard(discard);
        Ok(outcome)
    }

    /// Drops what the session is done with.
    fn discard(&mut self, count: usize) {
        if let Some(incoming) = &mut self.incoming {
            incoming.consume(count);
            if incoming.is_empty() {
                self.incoming = None;
            }
        }
    }

    /// Lets the session encode its alert before the error is reported.
    fn fail<R>(&mut self, error: rustls::Error) -> io::Result<R> {
        let has_keys = !self.session.is_handshaking();
        // Once the alert is out the session must not be asked again: it would read on where it choked.
        while self.session.wants_write() {
            let mut none = [];
            let undigested = self.incoming.as_mut().map_or(&mut none[..], |buffer| buffer.data_mut());
            let UnbufferedStatus { state, .. } = self.session.process_tls_records(undigested);
            let Ok(ConnectionState::EncodeTlsData(mut data)) = state else { break };
            encode(&mut data, &mut self.outgoing)?;
        }
        if let (Some(outgoing), false) = (&mut self.outgoing, has_keys) {
            alert::correct(outgoing.data_mut());
        }
        Err(invalid(error))
    }

    /// Encrypts and sends bytes of `lead`, then of `rest`, and answers how many were taken.
    pub(crate) fn poll_send(
        &mut self,
        socket: &mut TcpStream,
        context: &mut Context<'_>,
        lead: &[u8],
        rest: &[u8],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_flush(socket, context))?;
        let mut taken = 0;
        while taken < lead.len() + rest.len() {
            let joined;
            let plaintext = if taken >= lead.len() {
                &rest[taken - lead.len()..]
            } else if rest.is_empty() {
                &lead[taken..]
            } else {
                joined = join(&lead[taken..], rest);
                joined.data()
            };
            let record = &plaintext[..plaintext.len().min(RECORD)];
            if !self.has_room_for(record.len(), lead.len() + rest.len() - taken) {
                break;
            }
            taken += self.encrypt(record)?;
        }
        // What was taken counts as sent: what the socket does not take now leaves before anything else.
        if let Poll::Ready(Err(error)) = self.poll_flush(socket, context) {
            return Poll::Ready(Err(error));
        }
        Poll::Ready(Ok(taken))
    }

    fn has_room_for(&mut self, record: usize, whole: usize) -> bool {
        let outgoing =
            self.outgoing.get_or_insert_with(|| Buffer::of_at_least((whole + OVERHEAD).min(PIECE)));
        outgoing.room().len() >= record + OVERHEAD
    }

    fn encrypt(&mut self, record: &[u8]) -> io::Result<usize> {
        let mut outgoing =
            self.outgoing.take().ok_or_else(|| io::Error::other("no buffer to encrypt into"))?;
        let encrypted = loop {
            let step =
                self.step(|traffic| traffic.map(|mut traffic| traffic.encrypt(record, outgoing.room())))?;
            self.said_first(&mut outgoing)?;
            if let Some(encrypted) = step {
                break encrypted;
            }
        };
        let result = match encrypted {
            Some(Ok(count)) => {
                outgoing.filled(count);
                Ok(record.len())
            }
            Some(Err(error)) => Err(io::Error::other(error.to_string())),
            None => Err(io::ErrorKind::BrokenPipe.into()),
        };
        self.outgoing = Some(outgoing);
        result
    }

    /// Puts what the session itself had to say in front of what is encrypted next.
    fn said_first(&mut self, outgoing: &mut Buffer) -> io::Result<()> {
        let Some(said) = self.outgoing.take() else { return Ok(()) };
        match outgoing.append(said.data()) {
            count if count == said.len() => Ok(()),
            _ => Err(io::Error::other("no room for what the TLS session has to say")),
        }
    }

    /// Sends what is encrypted.
    pub(crate) fn poll_flush(
        &mut self,
        socket: &mut TcpStream,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        while let Some(outgoing) = &mut self.outgoing {
            if outgoing.is_empty() {
                self.outgoing = None;
                break;
            }
            match ready!(Pin::new(&mut *socket).poll_write(context, outgoing.data()))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                count => outgoing.consume(count),
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Says that nothing more will be sent.
    pub(crate) fn close(&mut self) -> io::Result<()> {
        let mut outgoing = self.outgoing.take().unwrap_or_else(Buffer::small);
        outgoing.make_room();
        let notified = loop {
            let step =
                self.step(|traffic| traffic.map(|mut traffic| traffic.queue_close_notify(outgoing.room())))?;
            self.said_first(&mut outgoing)?;
            if let Some(notified) = step {
                break notified;
            }
        };
        if let Some(Ok(count)) = notified {
            outgoing.filled(count);
        }
        self.outgoing = Some(outgoing);
        Ok(())
    }

    /// Whether plaintext, or the end of it, is waiting that the socket will not announce again.
    pub(crate) fn is_readable(&self) -> bool {
        self.plaintext.is_some() || self.ended
    }

    /// The protocol that was chosen by ALPN.
    pub(crate) fn protocol(&self) -> Option<&[u8]> {
        self.session.alpn_protocol()
    }

    /// The negotiated version.
    pub(crate) fn version(&self) -> Option<rustls::ProtocolVersion> {
        self.session.protocol_version()
    }
}

/// Joins what fits into one record, so that a small head and its body travel together.
fn join(lead: &[u8], rest: &[u8]) -> Buffer {
    let mut joined = Buffer::small();
    let room = RECORD.min(joined.capacity());
    let first = joined.append(&lead[..lead.len().min(room)]);
    joined.append(&rest[..rest.len().min(room - first)]);
    joined
}

/// Keeps decrypted bytes until they are read.
fn keep(payload: &[u8], plaintext: &mut Option<Buffer>) -> io::Result<()> {
    if payload.is_empty() {
        return Ok(());
    }
    match plaintext.get_or_insert_with(Buffer::small).append(payload) {
        count if count == payload.len() => Ok(()),
        _ => Err(io::Error::new(io::ErrorKind::InvalidData, "more plaintext than was received")),
    }
}

fn encode<D>(
    data: &mut rustls::unbuffered::EncodeTlsData<'_, D>,
    outgoing: &mut Option<Buffer>,
) -> io::Result<()> {
    let buffer = outgoing.get_or_insert_with(Buffer::small);
    match data.encode(buffer.room()) {
        Ok(count) => {
            buffer.filled(count);
            Ok(())
        }
        Err(EncodeError::InsufficientSize(needed)) => {
            let mut larger = Buffer::of_at_least(buffer.len() + needed.required_size);
            larger.append(buffer.data());
            let count = data.encode(larger.room()).map_err(|error| io::Error::other(error.to_string()))?;
            larger.filled(count);
            *buffer = larger;
            Ok(())
        }
        Err(error) => Err(io::Error::other(error.to_string())),
    }
}

fn invalid(error: rustls::Error) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}
