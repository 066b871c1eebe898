//! Interim responses (RFC 9110 section 15.2): `100 Continue` and `103 Early Hints`.

use super::Forwarding;
use super::failure::Failure;
use super::request_head::is_edited;
use crate::connection::Client;
use crate::service::Lease;
use crate::transport::Source;
use crate::worker::scratch::Working;
use http1::{Version, write};

/// Passes an interim response on, or drops it where the client would not understand it.
pub(super) async fn relay(
    client: &mut Client,
    working: &mut Working,
    lease: &mut Lease,
    forwarding: &Forwarding<'_>,
    length: usize,
) -> Result<(), Failure> {
    let response = &working.response;
    let wanted = match response.status {
        100 => working.exchange.take_continue(),
        103 => working.request.version == Version::Http11,
        _ => false,
    };
    let mut interim = Vec::new();
    if wanted {
        let head = lease.stream.received();
        write::status_line(&mut interim, Version::Http11, response.status, b"");
        let edits = &forwarding.route.route.response_headers;
        for field in response.fields.iter().filter(|field| !field.hop && !field.known.is_framing()) {
            if is_edited(edits, field.name.of(head)) {
                continue;
            }
            write::field(&mut interim, field.name.of(head), field.value.of(head));
        }
        write::end(&mut interim);
    }
    lease.stream.consume(length);
    if wanted { client.send(&interim).await.map_err(Failure::Client) } else { Ok(()) }
}
