//! Calls of gRPC, framed by hand: five bytes before each message (whether it is compressed, and its length). What a
//! message holds is the caller's affair.

use super::http2::{head_of, send};
use bytes::{Buf, Bytes, BytesMut};
use h2::server::SendResponse;
use h2::{Reason, RecvStream, SendStream};
use http::{HeaderMap, HeaderValue, Request};
use std::future::poll_fn;

/// Bytes before each message.
const PREFIX: usize = 5;
/// The largest message.
const MOST: usize = 64 << 20;

const OK: u8 = 0;
const INVALID_ARGUMENT: u8 = 3;
const FAILED_PRECONDITION: u8 = 9;
const UNIMPLEMENTED: u8 = 12;

/// Why a call ends before its answer is whole.
enum Fault {
    /// With a code and words for the caller.
    Status(u8, &'static str),
    /// Without a word: the connection or the stream is gone.
    Broken(h2::Error),
}

impl From<h2::Error> for Fault {
    fn from(error: h2::Error) -> Self {
        Self::Broken(error)
    }
}

/// Whether a request is a call.
pub(super) fn is_call(fields: &HeaderMap) -> bool {
    fields
        .get(http::header::CONTENT_TYPE)
        .is_some_and(|media| media.as_bytes().starts_with(b"application/grpc"))
}

/// Answers a call of `/hello.Echo/…`, whatever its content type says of the messages.
pub(super) async fn answer(
    request: Request<RecvStream>,
    mut respond: SendResponse<Bytes>,
    instance: &str,
) -> Result<(), h2::Error> {
    let (parts, receiving) = request.into_parts();
    let method = parts.uri.path().strip_prefix("/hello.Echo/").unwrap_or_default();
    if method == "Hang" {
        return poll_fn(|context| respond.poll_reset(context)).await.map(|_| ());
    }
    let mut head = head_of(200, "application/grpc", instance);
    if let Some(timeout) = parts.headers.get("grpc-timeout") {
        head.headers_mut().insert("x-grpc-timeout", timeout.clone());
    }
    let mut call =
        Call { receiving, buffered: BytesMut::new(), sending: respond.send_response(head, false)? };
    let done = match method {
        "Say" => call.say().await,
        "Repeat" => call.repeat().await,
        "Collect" => call.collect().await,
        "Chat" => call.chat().await,
        "Fail" => Err(Fault::Status(FAILED_PRECONDITION, "as it was asked")),
        _ => Err(Fault::Status(
            UNIMPLEMENTED,
            "the methods of /hello.Echo/ are Say, Repeat, Collect, Chat, Fail and Hang",
        )),
    };
    let (code, message) = match done {
        Ok(()) => (OK, ""),
        Err(Fault::Status(code, message)) => (code, message),
        Err(Fault::Broken(error)) => return Err(error),
    };
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", u16::from(code).into());
    trailers.insert("grpc-message", HeaderValue::from_static(message));
    call.sending.send_trailers(trailers)
}

struct Call {
    receiving: RecvStream,
    buffered: BytesMut,
    sending: SendStream<Bytes>,
}

impl Call {
    /// One message, back as it came.
    async fn say(&mut self) -> Result<(), Fault> {
        let message = self.only().await?;
        Ok(self.send(message).await?)
    }

    /// As many numbers as the message, a number in decimal digits, says.
    async fn repeat(&mut self) -> Result<(), Fault> {
        let message = self.only().await?;
        let count = std::str::from_utf8(&message).ok().and_then(|text| text.parse::<u64>().ok());
        let count = count.ok_or(Fault::Status(INVALID_ARGUMENT, "the message is no number"))?;
        for number in 1..=count {
            self.send(number.to_string().into()).await?;
        }
        Ok(())
    }

    /// How many messages there were, and how many bytes in them.
    async fn collect(&mut self) -> Result<(), Fault> {
        let (mut messages, mut bytes) = (0, 0);
        while let Some(message) = self.next().await? {
            messages += 1;
            bytes += message.len();
        }
        Ok(self.send(format!("{messages} {bytes}").into()).await?)
    }

    /// Each message, back as soon as it came.
    async fn chat(&mut self) -> Result<(), Fault> {
        while let Some(message) = self.next().await? {
            self.send(message).await?;
        }
        Ok(())
    }

    async fn only(&mut self) -> Result<Bytes, Fault> {
        let message = self.next().await?;
        match (message, self.next().await?) {
            (Some(message), None) => Ok(message),
            _ => Err(Fault::Status(INVALID_ARGUMENT, "one message is wanted")),
        }
    }

    /// The next message; `None` at the end.
    async fn next(&mut self) -> Result<Option<Bytes>, Fault> {
        loop {
            if let Some(message) = self.take()? {
                return Ok(Some(message));
            }
            let Some(data) = self.receiving.data().await else { break };
            let data = data?;
            self.receiving.flow_control().release_capacity(data.len())?;
            self.buffered.extend_from_slice(&data);
        }
        if self.buffered.is_empty() {
            Ok(None)
        } else {
            Err(Fault::Status(INVALID_ARGUMENT, "half a message"))
        }
    }

    fn take(&mut self) -> Result<Option<Bytes>, Fault> {
        let Some(&[compressed, a, b, c, d]) = self.buffered.first_chunk::<PREFIX>() else { return Ok(None) };
        let length = u32::from_be_bytes([a, b, c, d]) as usize;
        if compressed != 0 || length > MOST {
            return Err(Fault::Status(UNIMPLEMENTED, "neither compressed messages nor ones beyond 64 MiB"));
        }
        if self.buffered.len() < PREFIX + length {
            return Ok(None);
        }
        self.buffered.advance(PREFIX);
        Ok(Some(self.buffered.split_to(length).freeze()))
    }

    async fn send(&mut self, message: Bytes) -> Result<(), h2::Error> {
        let length = u32::try_from(message.len()).map_err(|_| Reason::INTERNAL_ERROR)?;
        let mut framed = BytesMut::with_capacity(PREFIX + message.len());
        framed.extend_from_slice(&[0]);
        framed.extend_from_slice(&length.to_be_bytes());
        framed.extend_from_slice(&message);
        send(&mut self.sending, framed.freeze()).await
    }
}
