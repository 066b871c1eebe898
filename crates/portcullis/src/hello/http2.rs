//! HTTP/2 for clients that know of it beforehand: each stream is a request like one of HTTP/1.1, or a call of gRPC.

use super::Instance;
use super::connection::wants_json;
use super::grpc;
use super::received::{Received, ReceivedBody, Receiver, hexadecimal};
use super::reply::{BLOCK, TEXT, Whole, pattern};
use super::route::Action;
use aws_lc_rs::digest::{Context, SHA256};
use bytes::Bytes;
use h2::server::SendResponse;
use h2::{Reason, RecvStream, SendStream};
use http::{HeaderMap, Method, Request, Response};
use http1::HeadLimits;
use http1::http2::{Body, Pseudo, write_request};
use std::future::poll_fn;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};

/// As for HTTP/1.1: the gate is to refuse first.
const LIMITS: HeadLimits =
    HeadLimits { bytes: 64 << 10, fields: 256, first_line: 32 << 10, underscores: true };
/// Bytes of bodies that a peer may send ahead.
const WINDOW: u32 = 1 << 20;

/// Serves a connection of which something was received already.
pub(super) async fn serve<S>(stream: S, received: Vec<u8>, peer: String, instance: Arc<Instance>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (reading, writing) = tokio::io::split(stream);
    let stream = tokio::io::join(io::Cursor::new(received).chain(reading), writing);
    let mut builder = h2::server::Builder::new();
    builder
        .initial_window_size(WINDOW)
        .initial_connection_window_size(2 * WINDOW)
        // Small messages may pile up: it is no part of the gate.
        .data_frame_budget(64 << 20);
    let Ok(mut connection) = builder.handshake(stream).await else { return };
    let peer: Arc<str> = peer.into();
    // What breaks a connection is the client's affair, and there is nobody to tell.
    while let Some(Ok((request, respond))) = connection.accept().await {
        let (peer, instance) = (Arc::clone(&peer), Arc::clone(&instance));
        tokio::spawn(async move { drop(answer(request, respond, &peer, &instance).await) });
    }
}

async fn answer(
    request: Request<RecvStream>,
    mut respond: SendResponse<Bytes>,
    peer: &str,
    instance: &Instance,
) -> Result<(), h2::Error> {
    let number = instance.requests.fetch_add(1, Ordering::Relaxed) + 1;
    if grpc::is_call(request.headers()) {
        return grpc::answer(request, respond, &instance.name).await;
    }
    let (parts, mut receiving) = request.into_parts();
    let action = Action::of(parts.uri.path_and_query().map_or("/", |target| target.as_str()));
    let body = read_body(&mut receiving).await?;
    match action {
        Action::Close => {
            respond.send_reset(Reason::INTERNAL_ERROR);
            return Ok(());
        }
        Action::Hang => return poll_fn(|context| respond.poll_reset(context)).await.map(|_| ()),
        Action::Delay(time) => tokio::time::sleep(time).await,
        _ => {}
    }
    let to_head = parts.method == Method::HEAD;
    match action {
        Action::Static256 => send_pattern(respond, instance, Some(256), 256, to_head).await,
        Action::Bytes { count, chunked } => {
            send_pattern(respond, instance, (!chunked).then_some(count), count, to_head).await
        }
        Action::Stream { count, interval } => {
            let message = head_of(200, "text/event-stream", &instance.name);
            let mut sending = respond.send_response(message, to_head)?;
            for event in 1..=if to_head { 0 } else { count } {
                tokio::time::sleep(interval).await;
                send(&mut sending, format!("data: {event}\n\n").into()).await?;
            }
            if to_head { Ok(()) } else { sending.send_data(Bytes::new(), true) }
        }
        _ => {
            let receiver = Receiver { instance: &instance.name, peer, number };
            let whole = whole(receiver, &parts, action, body);
            let mut message = head_of(whole.status, whole.content_type, &instance.name);
            message.headers_mut().insert(http::header::CONTENT_LENGTH, whole.text.len().into());
            let ends = to_head || whole.text.is_empty() || matches!(whole.status, 204 | 304);
            let mut sending = respond.send_response(message, ends)?;
            if ends { Ok(()) } else { sending.send_data(whole.text.into(), true) }
        }
    }
}

/// The answer to a request that is shown as HTTP/1.1 would say it.
fn whole(receiver: Receiver<'_>, parts: &http::request::Parts, action: Action, body: ReceivedBody) -> Whole {
    let pseudo = Pseudo {
        method: parts.method.as_str().as_bytes(),
        scheme: parts.uri.scheme_str().map(str::as_bytes),
        authority: parts.uri.authority().map(|authority| authority.as_str().as_bytes()),
        path: parts.uri.path_and_query().map_or(&b"/"[..], |target| target.as_str().as_bytes()),
        websocket: None,
    };
    let fields = parts.headers.iter().map(|(name, value)| (name.as_str().as_bytes(), value.as_bytes()));
    let (mut head, mut request) = (Vec::new(), http1::Request::default());
    let written = write_request(&mut head, &pseudo, fields, Body::None);
    if let Err(refusal) = written.and_then(|()| request.parse(&head, &LIMITS)) {
        let text = format!("{}: {}\n", refusal.rule(), refusal.reason());
        return Whole { status: refusal.status(), content_type: TEXT, text };
    }
    let mut received = Received::new(receiver, &request, &head, body);
    received.version = "HTTP/2";
    let as_json = wants_json(&request, &head, &received.target);
    Whole::of(action, &received, as_json)
}

async fn read_body(receiving: &mut RecvStream) -> Result<ReceivedBody, h2::Error> {
    if receiving.is_end_stream() {
        return Ok(ReceivedBody::default());
    }
    let (mut hash, mut length) = (Context::new(&SHA256), 0);
    while let Some(data) = receiving.data().await {
        let data = data?;
        hash.update(&data);
        length += data.len() as u64;
        receiving.flow_control().release_capacity(data.len())?;
    }
    Ok(ReceivedBody { length, sha256: Some(hexadecimal(&hash.finish())) })
}

async fn send_pattern(
    mut respond: SendResponse<Bytes>,
    instance: &Instance,
    announced: Option<u64>,
    count: u64,
    to_head: bool,
) -> Result<(), h2::Error> {
    let mut message = head_of(200, "application/octet-stream", &instance.name);
    if let Some(length) = announced {
        message.headers_mut().insert(http::header::CONTENT_LENGTH, length.into());
    }
    let ends = to_head || count == 0;
    let mut sending = respond.send_response(message, ends)?;
    let mut sent = 0;
    while !ends && sent < count {
        let piece = pattern(sent, BLOCK.min(usize::try_from(count - sent).unwrap_or(BLOCK)));
        sent += piece.len() as u64;
        send(&mut sending, Bytes::from_static(piece)).await?;
    }
    if ends { Ok(()) } else { sending.send_data(Bytes::new(), true) }
}

/// Sends data as the peer's window opens.
pub(super) async fn send(sending: &mut SendStream<Bytes>, mut data: Bytes) -> Result<(), h2::Error> {
    while !data.is_empty() {
        sending.reserve_capacity(data.len());
        let Some(room) = poll_fn(|context| sending.poll_capacity(context)).await else {
            return Err(Reason::CANCEL.into());
        };
        sending.send_data(data.split_to(room?.min(data.len())), false)?;
    }
    Ok(())
}

/// The head of an answer.
pub(super) fn head_of(status: u16, content_type: &'static str, instance: &str) -> Response<()> {
    let mut message = Response::new(());
    *message.status_mut() = http::StatusCode::from_u16(status).unwrap_or_default();
    let fields: &mut HeaderMap = message.headers_mut();
    fields.insert(http::header::CONTENT_TYPE, http::HeaderValue::from_static(content_type));
    if let Ok(name) = instance.parse() {
        fields.insert("x-instance", name);
    }
    message
}
