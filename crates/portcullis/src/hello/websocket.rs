//! A WebSocket echo (RFC 6455): every frame goes back as it came, without its mask.
//!
//! Written by hand because it is a page long: a library would bring its own HTTP, its own buffers and two dependencies
//! for the same. It speaks no extension and does not judge the UTF-8 of text, which goes back unchanged.

use super::wire::Wire;
use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http1::{Known, Request, Upgrade, Version, write};
use std::io;
use tokio::io::{AsyncRead, AsyncWrite};

const MAX_PAYLOAD: u64 = 16 << 20;
const MAX_CONTROL_PAYLOAD: u64 = 125;

const FIN: u8 = 0x80;
const RESERVED: u8 = 0x70;
const MASKED: u8 = 0x80;
const CONTINUATION: u8 = 0x0;
const BINARY: u8 = 0x2;
const CLOSE: u8 = 0x8;
const PING: u8 = 0x9;
const PONG: u8 = 0xa;

/// The answer to a handshake (section 4.2); `None` when the request is none.
pub(super) fn accept(request: &Request, head: &[u8]) -> Option<Vec<u8>> {
    let mut versions = request.fields.named(b"sec-websocket-version", head);
    let version = versions.next().map(|field| field.value.of(head));
    let key = request.fields.only(Known::SecWebSocketKey, head)?;
    let asked = request.upgrade == Upgrade::WebSocket && request.method.of(head) == b"GET";
    let key_fits = STANDARD.decode(key).is_ok_and(|nonce| nonce.len() == 16);
    if !asked || !key_fits || version != Some(b"13") {
        return None;
    }
    let mut out = Vec::new();
    write::status_line(&mut out, Version::Http11, 101, b"");
    write::field(&mut out, b"Upgrade", b"websocket");
    write::field(&mut out, b"Connection", b"Upgrade");
    write::field(&mut out, b"Sec-WebSocket-Accept", accept_value(key).as_bytes());
    write::end(&mut out);
    Some(out)
}

fn accept_value(key: &[u8]) -> String {
    let salted = [key, b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"].concat();
    STANDARD.encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, &salted))
}

/// The start of a frame (section 5.2), judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Frame {
    last: bool,
    opcode: u8,
    mask: [u8; 4],
    payload: usize,
}

/// Why a connection is ended (section 7.4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Violation {
    Protocol = 1002,
    TooBig = 1009,
}

/// Sends every message back until either side closes.
pub(super) async fn echo<S: AsyncRead + AsyncWrite + Unpin>(wire: &mut Wire<S>) -> io::Result<()> {
    let mut in_message = false;
    loop {
        let judged = read_start(wire).await?.and_then(|frame| in_order(frame, &mut in_message));
        let frame = match judged {
            Ok(frame) => frame,
            Err(violation) => {
                write_frame(&mut wire.output, FIN | CLOSE, &(violation as u16).to_be_bytes());
                return Ok(());
            }
        };
        let payload = read_payload(wire, frame).await?;
        let last = if frame.last { FIN } else { 0 };
        match frame.opcode {
            PONG => {}
            PING => write_frame(&mut wire.output, FIN | PONG, &payload),
            opcode => write_frame(&mut wire.output, last | opcode, &payload),
        }
        if frame.opcode == CLOSE {
            return Ok(());
        }
        wire.flush_much().await?;
    }
}

async fn read_start<S: AsyncRead + AsyncWrite + Unpin>(
    wire: &mut Wire<S>,
) -> io::Result<Result<Frame, Violation>> {
    wire.fill_to(2).await?;
    let more = match wire.unread()[1] & !MASKED {
        126 => 2,
        127 => 8,
        _ => 0,
    };
    wire.fill_to(2 + more + 4).await?;
    let start = wire.unread();
    let length = match more {
        0 => u64::from(start[1] & !MASKED),
        _ => start[2..2 + more].iter().fold(0, |length, &byte| length << 8 | u64::from(byte)),
    };
    let mask = [start[2 + more], start[3 + more], start[4 + more], start[5 + more]];
    let frame = judge(start[0], start[1], length, mask);
    wire.consume(2 + more + 4);
    Ok(frame)
}

fn judge(first: u8, second: u8, length: u64, mask: [u8; 4]) -> Result<Frame, Violation> {
    let (last, opcode) = (first & FIN != 0, first & 0x0f);
    let control = opcode >= CLOSE;
    let known = opcode <= BINARY || (CLOSE..=PONG).contains(&opcode);
    if first & RESERVED != 0 || second & MASKED == 0 || !known {
        return Err(Violation::Protocol);
    }
    if control && (!last || length > MAX_CONTROL_PAYLOAD) {
        return Err(Violation::Protocol);
    }
    match usize::try_from(length) {
        Ok(payload) if length <= MAX_PAYLOAD => Ok(Frame { last, opcode, mask, payload }),
        _ => Err(Violation::TooBig),
    }
}

/// A continuation needs a message that was begun, and a new message needs that none is open (section 5.4).
fn in_order(frame: Frame, in_message: &mut bool) -> Result<Frame, Violation> {
    if frame.opcode >= CLOSE {
        return Ok(frame);
    }
    if (frame.opcode == CONTINUATION) != *in_message {
        return Err(Violation::Protocol);
    }
    *in_message = !frame.last;
    Ok(frame)
}

async fn read_payload<S: AsyncRead + AsyncWrite + Unpin>(
    wire: &mut Wire<S>,
    frame: Frame,
) -> io::Result<Vec<u8>> {
    wire.fill_to(frame.payload).await?;
    let masked = wire.unread()[..frame.payload].iter().zip(frame.mask.iter().cycle());
    let payload = masked.map(|(byte, mask)| byte ^ mask).collect();
    wire.consume(frame.payload);
    Ok(payload)
}

fn write_frame(out: &mut Vec<u8>, first: u8, payload: &[u8]) {
    out.push(first);
    let length = payload.len();
    if length <= 125 {
        out.push(length as u8);
    } else if let Ok(length) = u16::try_from(length) {
        out.push(126);
        out.extend_from_slice(&length.to_be_bytes());
    } else {
        out.push(127);
        out.extend_from_slice(&(length as u64).to_be_bytes());
    }
    out.extend_from_slice(payload);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_accept_value_is_that_of_the_standard() {
        assert_eq!(accept_value(b"dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }

    #[test]
    fn frames_are_judged() {
        let judged = |first, second, length| judge(first, second, length, [0; 4]).map(|frame| frame.payload);
        assert_eq!(judged(FIN | BINARY, MASKED, 5), Ok(5));
        assert_eq!(judged(FIN | BINARY, 0, 5), Err(Violation::Protocol), "no mask");
        assert_eq!(judged(FIN | 0x40 | BINARY, MASKED, 5), Err(Violation::Protocol), "a reserved bit");
        assert_eq!(judged(FIN | 0x3, MASKED, 5), Err(Violation::Protocol), "an unknown opcode");
        assert_eq!(judged(PING, MASKED, 5), Err(Violation::Protocol), "a control frame in parts");
        assert_eq!(judged(FIN | PING, MASKED, 126), Err(Violation::Protocol), "a large control frame");
        assert_eq!(judged(FIN | BINARY, MASKED, MAX_PAYLOAD), Ok(MAX_PAYLOAD as usize));
        assert_eq!(judged(FIN | BINARY, MASKED, MAX_PAYLOAD + 1), Err(Violation::TooBig));
    }

    #[test]
    fn parts_of_messages_come_in_order() {
        let frame = |last, opcode| Frame { last, opcode, mask: [0; 4], payload: 0 };
        let mut open = false;
        assert!(in_order(frame(true, CONTINUATION), &mut open).is_err());
        assert!(in_order(frame(false, BINARY), &mut open).is_ok());
        assert!(in_order(frame(true, PING), &mut open).is_ok());
        assert!(in_order(frame(true, BINARY), &mut open).is_err());
        assert!(in_order(frame(true, CONTINUATION), &mut open).is_ok());
        assert!(!open);
    }
}
