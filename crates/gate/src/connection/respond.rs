//! Sending an answer of our own.

use super::answer::MAX_DRAINED;
use super::{After, Client};
use crate::grpc;
use crate::respond::{Answer, expand};
use crate::snapshot::SiteRuntime;
use crate::worker::scratch::Working;
use http1::{BodyReader, ClientNext, write};
use model::plan::HeaderEdit;

impl Client {
    /// Sends an answer of our own.
    pub(super) async fn respond(
        &mut self,
        working: &mut Working,
        answer: Answer,
        site: Option<&SiteRuntime>,
    ) -> After {
        self.respond_with(working, answer, site, &[]).await
    }

    /// Sends an answer of our own with the changes that a route makes to its responses.
    pub(super) async fn respond_with(
        &mut self,
        working: &mut Working,
        mut answer: Answer,
        site: Option<&SiteRuntime>,
        edits: &[HeaderEdit],
    ) -> After {
        let logged = answer.status;
        if answer.status >= 300 && grpc::is_call(&working.request, &working.head) {
            working.outcome.grpc_status = Some(u32::from(grpc::code(answer.status)));
            answer = grpc::refusal(&answer, grpc::web_form(&working.request, &working.head));
        } else if let Some(page) = site.and_then(|site| site.error_pages.find(answer.status)) {
            answer.body = page.bytes().to_vec();
            answer.content_type = "text/html; charset=utf-8";
        }
        close_unless_drained(working);
        if self.is_draining() {
            working.exchange.close_client();
        }
        let keep_alive = working.exchange.client_next() != ClientNext::Close;
        let further = further_lines(working, site, edits);
        let to_head = working.request.method.of(&working.head) == b"HEAD";
        let mut out = std::mem::take(&mut working.download.lead);
        out.clear();
        answer.write(&mut out, working.request.version, keep_alive, to_head, &further);
        // A call is told more in its own terms; the log keeps ours.
        working.outcome.status = logged;
        let sent = self.send(&out).await;
        working.outcome.bytes_out = out.len() as u64;
        working.download.lead = out;
        match sent {
            Ok(()) => self.after_response(working).await,
            Err(_) => After::Abort,
        }
    }
}

/// A body that is long, or of unknown length, is not waited for: the connection ends with the answer.
pub(super) fn close_unless_drained(working: &mut Working) {
    match &working.exchange.request {
        BodyReader::Done => {}
        BodyReader::Exact(left) if *left <= MAX_DRAINED => {}
        _ => working.exchange.close_client(),
    }
}

/// The lines that a site and a route add to a response.
pub(super) fn further_lines(working: &Working, site: Option<&SiteRuntime>, edits: &[HeaderEdit]) -> Vec<u8> {
    let mut lines = Vec::new();
    if let Some(hsts) = site.and_then(|site| site.hsts.as_deref())
        && working.facts.secure
    {
        lines.extend_from_slice(hsts);
    }
    for edit in edits {
        if let HeaderEdit::Set { name, value } = edit {
            let mut text = Vec::new();
            expand(value, &working.facts, &working.request, &working.head, &mut text);
            let _ = write::checked_field(&mut lines, name.as_bytes(), &text);
        }
    }
    lines
}
