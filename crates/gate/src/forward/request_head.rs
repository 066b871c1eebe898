//! The head of a request as the instance gets it: written anew from what was judged, ours added last.

use super::Forwarding;
use super::pump::Framing;
use crate::request::write_ip;
use crate::respond::expand;
use crate::service::Instance;
use crate::worker::scratch::Working;
use http1::{BodyLength, Field, Known, write};
use model::plan::{HeaderEdit, InstanceHost};
use std::net::IpAddr;
use wire::grpc_web::{Form, grpc_media};

const REQUEST_ID: &[u8] = b"X-Request-Id";

/// Writes the head into the lead of `working.upload`.
pub(super) fn write(forwarding: &Forwarding<'_>, instance: &Instance, working: &mut Working) {
    let framing = match working.request.body {
        BodyLength::Chunked => Framing::Chunked,
        // How long it will be is not known before it is translated.
        BodyLength::Exact(1..) if working.translator.is_some() => Framing::Chunked,
        _ => Framing::Plain,
    };
    working.upload.reset(framing, forwarding.route.body_limit);
    let mut out = std::mem::take(&mut working.upload.lead);
    write_first_line(forwarding, working, &mut out);
    write_host(forwarding, instance, working, &mut out);
    write_fields(forwarding, working, &mut out);
    write_call(forwarding, instance, working, &mut out);
    write_framing(working, framing, &mut out);
    write_forwarding(&forwarding.route.route.request_headers, working, &mut out);
    write_edits(&forwarding.route.route.request_headers, working, &mut out);
    write::end(&mut out);
    working.upload.lead = out;
}

fn write_first_line(forwarding: &Forwarding<'_>, working: &Working, out: &mut Vec<u8>) {
    let (head, facts) = (&working.head, &working.facts);
    let (_, path) = forwarding.split_path(&facts.path);
    write::request_line(out, working.request.method.of(head), &[path, facts.query_with_mark(head)]);
}

fn write_host(forwarding: &Forwarding<'_>, instance: &Instance, working: &Working, out: &mut Vec<u8>) {
    let host = match &forwarding.service().plan.host {
        InstanceHost::Client => return write_client_host(working, out),
        InstanceHost::Instance => &instance.authority,
        InstanceHost::Fixed(host) => host,
    };
    write::field(out, b"Host", host.as_bytes());
}

/// The canonical host, and the port that the client named.
fn write_client_host(working: &Working, out: &mut Vec<u8>) {
    out.extend_from_slice(b"Host: ");
    write_authority(working, out);
    out.extend_from_slice(b"\r\n");
}

fn write_authority(working: &Working, out: &mut Vec<u8>) {
    let facts = &working.facts;
    if facts.host.contains(':') {
        out.push(b'[');
        out.extend_from_slice(facts.host.as_bytes());
        out.push(b']');
    } else {
        out.extend_from_slice(facts.host.as_bytes());
    }
    if let Some(port) = facts.host_port {
        out.push(b':');
        write::number(out, u64::from(port));
    }
}

fn write_fields(forwarding: &Forwarding<'_>, working: &Working, out: &mut Vec<u8>) {
    let head = &working.head;
    let edits = &forwarding.route.route.request_headers;
    for field in working.request.fields.iter() {
        let translated = field.known == Known::ContentType && working.web.is_some();
        if is_passed(field, working) && !translated && !is_edited(edits, field.name.of(head)) {
            write::field(out, field.name.of(head), field.value.of(head));
        }
    }
}

/// Writes what a call is known by, and that trailers are understood: an instance that speaks HTTP/1.1 sends them anyway.
fn write_call(forwarding: &Forwarding<'_>, instance: &Instance, working: &Working, out: &mut Vec<u8>) {
    let media = working.request.fields.only(Known::ContentType, &working.head).and_then(Form::of);
    if let (Some(_), Some((_, suffix))) = (working.web, media)
        && !is_edited(&forwarding.route.route.request_headers, b"Content-Type")
    {
        write::field(out, b"Content-Type", &grpc_media(suffix));
    }
    if instance.http2 && (working.request.accepts_trailers || working.web.is_some()) {
        write::field(out, b"TE", b"trailers");
    }
}

fn is_passed(field: &Field, working: &Working) -> bool {
    match field.known {
        _ if field.hop => false,
        // The id is ours, so that it is the one in our log.
        Known::Host | Known::ContentLength | Known::XRequestId => false,
        Known::Expect => working.request.expects_continue,
        known => !known.is_forwarding(),
    }
}

/// Whether a field is replaced or removed by the operator.
pub(super) fn is_edited(edits: &[HeaderEdit], name: &[u8]) -> bool {
    edits.iter().any(|edit| {
        let (HeaderEdit::Set { name: edited, .. } | HeaderEdit::Remove { name: edited }) = edit;
        edited.as_bytes().eq_ignore_ascii_case(name)
    })
}

/// Writes the fields that the operator sets. A value that would break the head is left out.
pub(super) fn write_edits(edits: &[HeaderEdit], working: &Working, out: &mut Vec<u8>) {
    for edit in edits {
        if let HeaderEdit::Set { name, value } = edit {
            let mut text = Vec::new();
            expand(value, &working.facts, &working.request, &working.head, &mut text);
            let _ = write::checked_field(out, name.as_bytes(), &text);
        }
    }
}

fn write_framing(working: &Working, framing: Framing, out: &mut Vec<u8>) {
    match (framing, working.request.body) {
        (Framing::Chunked, _) => write::field(out, b"Transfer-Encoding", b"chunked"),
        (Framing::Plain, BodyLength::Exact(length)) => write::number_field(out, b"Content-Length", length),
        (Framing::Plain, _) => {}
    }
    if Forwarding::wants_websocket(working) {
        out.extend_from_slice(b"Connection: Upgrade\r\nUpgrade: websocket\r\n");
    }
}

/// Writes where the request comes from. What the client sent in these fields is kept only from a trusted proxy.
fn write_forwarding(edits: &[HeaderEdit], working: &Working, out: &mut Vec<u8>) {
    let facts = &working.facts;
    let peer = facts.peer.ip().to_canonical();
    out.extend_from_slice(b"X-Forwarded-For: ");
    write_kept(Known::XForwardedFor, working, out);
    write_ip(out, peer);
    out.extend_from_slice(b"\r\n");
    if !write_only(Known::XForwardedProto, b"X-Forwarded-Proto", working, out) {
        write::field(out, b"X-Forwarded-Proto", facts.scheme().as_bytes());
    }
    if !write_only(Known::XForwardedHost, b"X-Forwarded-Host", working, out) {
        out.extend_from_slice(b"X-Forwarded-Host: ");
        write_authority(working, out);
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b"Forwarded: ");
    let kept = write_kept(Known::Forwarded, working, out);
    if !kept && facts.client_ip != peer {
        // The proxy named the client in the other field alone.
        write_node(out, facts.client_ip);
        out.extend_from_slice(b", ");
    }
    write_node(out, peer);
    out.extend_from_slice(b";proto=");
    out.extend_from_slice(facts.scheme().as_bytes());
    out.extend_from_slice(b";host=\"");
    write_authority(working, out);
    out.extend_from_slice(b"\"\r\n");
    if !is_edited(edits, REQUEST_ID) {
        write::field(out, REQUEST_ID, &facts.id.digits());
    }
}

/// Writes who a request came through (RFC 7239 section 5.2).
fn write_node(out: &mut Vec<u8>, address: IpAddr) {
    let (before, after) = if address.is_ipv4() { ("for=", "") } else { ("for=\"[", "]\"") };
    out.extend_from_slice(before.as_bytes());
    write_ip(out, address);
    out.extend_from_slice(after.as_bytes());
}

/// Writes what a trusted proxy sent in a list field, ready to be continued; answers whether there was anything.
fn write_kept(known: Known, working: &Working, out: &mut Vec<u8>) -> bool {
    if !working.facts.trusted {
        return false;
    }
    let before = out.len();
    for field in working.request.fields.iter().filter(|field| field.known == known && !field.value.is_empty())
    {
        out.extend_from_slice(field.value.of(&working.head));
        out.extend_from_slice(b", ");
    }
    out.len() > before
}

/// Writes what a trusted proxy sent in a field that may stand once.
fn write_only(known: Known, name: &[u8], working: &Working, out: &mut Vec<u8>) -> bool {
    if !working.facts.trusted {
        return false;
    }
    match working.request.fields.only(known, &working.head) {
        Some(value) if !value.is_empty() => {
            write::field(out, name, value);
            true
        }
        _ => false,
    }
}
