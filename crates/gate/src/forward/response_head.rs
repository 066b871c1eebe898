//! The head of a response as the client gets it: written anew from what was judged.

use super::Forwarding;
use super::pump::Framing;
use super::request_head::{is_edited, write_edits};
use crate::respond::persistence;
use crate::worker::clock;
use crate::worker::scratch::Working;
use http1::{BodyLength, ClientNext, Known, Version, write};

/// Writes the head into the lead of `working.download`. `head` is the judged head of the instance.
pub(super) fn write(forwarding: &Forwarding<'_>, working: &mut Working, head: &[u8]) {
    let body = working.response.body;
    let old_client = working.request.version == Version::Http10;
    let endless = matches!(body, BodyLength::Chunked | BodyLength::UntilClose);
    let framing = if endless && !old_client { Framing::Chunked } else { Framing::Plain };
    if (endless && old_client) || working.exchange.client_next() == ClientNext::Close {
        working.exchange.close_client();
    }
    working.download.reset(framing, None);
    let mut out = std::mem::take(&mut working.download.lead);
    let response = &working.response;
    write::status_line(&mut out, Version::Http11, response.status, response.reason.of(head));
    write_fields(forwarding, working, head, &mut out);
    write_edits(&forwarding.route.route.response_headers, working, &mut out);
    if let Some(hsts) = &forwarding.site.hsts
        && working.facts.secure
    {
        out.extend_from_slice(hsts);
    }
    write_framing(working, framing, &mut out);
    write::end(&mut out);
    working.download.lead = out;
    working.outcome.status = working.response.status;
}

fn write_fields(forwarding: &Forwarding<'_>, working: &Working, head: &[u8], out: &mut Vec<u8>) {
    let edits = &forwarding.route.route.response_headers;
    let mut dated = false;
    for field in working.response.fields.iter() {
        let name = field.name.of(head);
        let ours = field.hop || field.known == Known::ContentLength || is_edited(edits, name);
        let hsts = working.facts.secure
            && forwarding.site.hsts.is_some()
            && name.eq_ignore_ascii_case(b"strict-transport-security");
        if !ours && !hsts {
            write::field(out, name, field.value.of(head));
        }
        dated |= field.known == Known::Date;
    }
    if !dated {
        write::field(out, b"Date", &clock::http_date());
    }
}

fn write_framing(working: &Working, framing: Framing, out: &mut Vec<u8>) {
    let response = &working.response;
    if response.status == 101 {
        out.extend_from_slice(b"Connection: Upgrade\r\nUpgrade: websocket\r\n");
        return;
    }
    match (response.body, response.content_length) {
        (BodyLength::Exact(length), _) => write::number_field(out, b"Content-Length", length),
        // What the body of a GET would be long, on an answer to HEAD or a 304.
        (BodyLength::None, Some(length)) if response.status != 204 => {
            write::number_field(out, b"Content-Length", length);
        }
        _ if framing == Framing::Chunked => write::field(out, b"Transfer-Encoding", b"chunked"),
        _ => {}
    }
    persistence(out, working.request.version, working.exchange.client_keeps_alive());
}
