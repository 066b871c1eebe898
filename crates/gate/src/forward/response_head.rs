//! The head of a response as the client gets it: written anew from what was judged.

use super::pump::Framing;
use super::request_head::{is_edited, write_edits};
use super::{Forwarding, Through};
use crate::compress::{Compressor, Judged, Verdict, decide};
use crate::grpc::{self, Translator};
use crate::respond::persistence;
use crate::worker::clock;
use crate::worker::scratch::Working;
use http1::{BodyLength, ClientNext, Known, Response, Version, write};
use wire::grpc_web::Form;

/// Writes the head into the lead of `working.download`, and answers with what the body has to go through, if it is
/// not relayed as it comes. `head` is the judged head of the instance.
pub(super) fn write(forwarding: &Forwarding<'_>, working: &mut Working, head: &[u8]) -> Option<Through> {
    let web = web(forwarding, working, head);
    let (verdict, compressor) = match web {
        Some(_) => (Verdict::Untouched, None),
        None => compression(forwarding, working, head),
    };
    let empty = matches!(working.response.body, BodyLength::None | BodyLength::Exact(0));
    let through = match &web {
        Some((form, _)) if !empty => Some(Through::Translator(Translator::of_response(*form))),
        _ => compressor.map(Through::Compressor),
    };
    let encoded = verdict.is_of_encoded();
    let body = working.response.body;
    let old_client = working.request.version == Version::Http10;
    let endless = matches!(body, BodyLength::Chunked | BodyLength::UntilClose) || through.is_some();
    let framing = if endless && !old_client { Framing::Chunked } else { Framing::Plain };
    if (endless && old_client) || working.exchange.client_next() == ClientNext::Close {
        working.exchange.close_client();
    }
    working.download.reset(framing, None);
    let mut out = std::mem::take(&mut working.download.lead);
    let response = &working.response;
    write::status_line(&mut out, Version::Http11, response.status, response.reason.of(head));
    write_fields(forwarding, working, head, encoded, web.is_some(), &mut out);
    if let Some((_, media)) = &web {
        write::field(&mut out, b"Content-Type", media);
    }
    write_edits(&forwarding.route.route.response_headers, working, &mut out);
    write_coding(forwarding, working, head, verdict, &mut out);
    if let Some(hsts) = &forwarding.site.hsts
        && working.facts.secure
    {
        out.extend_from_slice(hsts);
    }
    write_framing(working, framing, encoded || through.is_some(), &mut out);
    write::end(&mut out);
    working.download.lead = out;
    working.outcome.status = working.response.status;
    if working.call {
        let fields = working.response.fields.iter();
        working.outcome.grpc_status =
            grpc::status(fields.map(|field| (field.name.of(head), field.value.of(head))));
    }
    through
}

/// The form of gRPC-Web that a response of gRPC is translated into, and its media type there.
fn web(forwarding: &Forwarding<'_>, working: &Working, head: &[u8]) -> Option<(Form, Vec<u8>)> {
    let form = working.web?;
    let media = form.media(working.response.fields.only(Known::ContentType, head)?)?;
    let edited = is_edited(&forwarding.route.route.response_headers, b"Content-Type");
    (!edited).then_some((form, media))
}

/// Decides about compression. A response whose coding or validator the operator writes is left to the operator.
fn compression(forwarding: &Forwarding<'_>, working: &Working, head: &[u8]) -> (Verdict, Option<Compressor>) {
    let edits = &forwarding.route.route.response_headers;
    if is_edited(edits, b"Content-Encoding") || is_edited(edits, b"ETag") {
        return (Verdict::Untouched, None);
    }
    let Working { request, response, .. } = working;
    let request = Judged { message: request, head: &working.head };
    let verdict = decide(forwarding.handler.compression, &request, &Judged { message: response, head });
    match (verdict, response.body) {
        (Verdict::Encoded(coding), BodyLength::Exact(_) | BodyLength::Chunked | BodyLength::UntilClose) => {
            match Compressor::new(coding, response.content_length) {
                Some(compressor) => (verdict, Some(compressor)),
                None => (Verdict::Varies, None),
            }
        }
        _ => (verdict, None),
    }
}

fn write_fields(
    forwarding: &Forwarding<'_>,
    working: &Working,
    head: &[u8],
    encoded: bool,
    web: bool,
    out: &mut Vec<u8>,
) {
    let edits = &forwarding.route.route.response_headers;
    let mut dated = false;
    for field in working.response.fields.iter() {
        let (name, value) = (field.name.of(head), field.value.of(head));
        let ours = field.hop
            || field.known == Known::ContentLength
            || field.known == Known::ContentType && web
            || is_edited(edits, name);
        let hsts = working.facts.secure
            && forwarding.site.hsts.is_some()
            && name.eq_ignore_ascii_case(b"strict-transport-security");
        let passes = !ours && !hsts;
        if passes && !(encoded && write_of_identity(field.known, name, value, out)) {
            write::field(out, name, value);
        }
        dated |= field.known == Known::Date;
    }
    if !dated {
        write::field(out, b"Date", &clock::http_date());
    }
}

/// Deals with a field that holds for the bytes of the instance alone, once these are encoded, and answers whether it
/// was one. Encoded bytes are no longer the same from answer to answer, so their validator is a weak one (RFC 9110
/// section 8.8.1) and ranges of them mean nothing.
fn write_of_identity(known: Known, name: &[u8], value: &[u8], out: &mut Vec<u8>) -> bool {
    if known == Known::ETag && !value.starts_with(b"W/") {
        write::field(out, name, &[b"W/", value].concat());
        return true;
    }
    name.eq_ignore_ascii_case(b"Accept-Ranges")
}

/// Writes what the client and caches have to know of the coding.
fn write_coding(
    forwarding: &Forwarding<'_>,
    working: &Working,
    head: &[u8],
    verdict: Verdict,
    out: &mut Vec<u8>,
) {
    if let Verdict::Encoded(coding) = verdict {
        write::field(out, b"Content-Encoding", coding.token().as_bytes());
    }
    let passed = !is_edited(&forwarding.route.route.response_headers, b"Vary");
    if verdict != Verdict::Untouched && !(passed && varies(&working.response, head)) {
        write::field(out, b"Vary", b"Accept-Encoding");
    }
}

/// Whether the instance says already that the response depends on `Accept-Encoding`.
fn varies(response: &Response, head: &[u8]) -> bool {
    response
        .fields
        .iter()
        .filter(|field| field.known == Known::Vary && !field.hop)
        .flat_map(|field| field.value.of(head).split(|&byte| byte == b','))
        .map(<[u8]>::trim_ascii)
        .any(|name| name == b"*" || name.eq_ignore_ascii_case(b"accept-encoding"))
}

fn write_framing(working: &Working, framing: Framing, made: bool, out: &mut Vec<u8>) {
    let response = &working.response;
    if response.status == 101 {
        out.extend_from_slice(b"Connection: Upgrade\r\nUpgrade: websocket\r\n");
        return;
    }
    match (response.body, response.content_length) {
        (BodyLength::Exact(length), _) if !made => write::number_field(out, b"Content-Length", length),
        // What the body of a GET would be long, on an answer to HEAD or a 304.
        (BodyLength::None, Some(length)) if response.status != 204 && !made => {
            write::number_field(out, b"Content-Length", length);
        }
        _ if framing == Framing::Chunked => write::field(out, b"Transfer-Encoding", b"chunked"),
        _ => {}
    }
    persistence(out, working.request.version, working.exchange.client_keeps_alive());
}
