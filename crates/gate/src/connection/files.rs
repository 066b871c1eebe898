//! Answering from files.

use super::respond::{close_unless_drained, further_lines};
use super::{After, Client};
use crate::files::{Conditions, Content, FileAnswer, FileRequest};
use crate::forward::Forwarding;
use crate::respond::{Answer, persistence};
use crate::snapshot::{RouteRuntime, SiteRuntime};
use crate::worker::active::Active;
use crate::worker::clock;
use crate::worker::scratch::Working;
use http1::{ClientNext, Known, Version, write};
use model::plan::{FilesHandler, Handler};

impl Client {
    /// Answers from the files of a route.
    pub(super) async fn files(
        &mut self,
        active: &Active,
        working: &mut Working,
        site: &SiteRuntime,
        route: &RouteRuntime,
    ) -> After {
        let request = file_request(working);
        let number = working.outcome.site.unwrap_or_default();
        let answer = active.files[number][route.files].answer(
            &request,
            &self.worker.file_cache,
            working.facts.started,
        );
        let edits = &route.route.response_headers;
        match answer {
            FileAnswer::Otherwise => {
                let Handler::Files(FilesHandler { otherwise: Some(otherwise), .. }) = &route.route.handler
                else {
                    return self.respond(working, Answer::status(404), Some(site)).await;
                };
                let handler = &otherwise.handler;
                let forwarding = Forwarding { active, site, route, handler };
                Box::pin(self.forward(working, forwarding, handler)).await
            }
            FileAnswer::Content(content) => self.content(working, site, route, content).await,
            FileAnswer::Redirect { location } => {
                self.respond_with(working, Answer::redirect(308, &location), Some(site), edits).await
            }
            FileAnswer::Refused { status, lines, rule } => {
                working.outcome.rule = Some(rule);
                let answer = Answer { lines, ..Answer::status(status) };
                self.respond_with(working, answer, Some(site), edits).await
            }
        }
    }

    async fn content(
        &mut self,
        working: &mut Working,
        site: &SiteRuntime,
        route: &RouteRuntime,
        content: Content,
    ) -> After {
        close_unless_drained(working);
        let keep_alive = working.exchange.client_next() != ClientNext::Close;
        let mut head = std::mem::take(&mut working.download.lead);
        head.clear();
        write::status_line(&mut head, Version::Http11, content.status, b"");
        write::field(&mut head, b"Date", &clock::http_date());
        head.extend_from_slice(content.lines());
        head.extend_from_slice(&further_lines(working, Some(site), &route.route.response_headers));
        persistence(&mut head, working.request.version, keep_alive);
        write::end(&mut head);
        working.outcome.status = content.status;
        let (sent, done) = self.send_answer(&head, &content.body).await;
        working.outcome.bytes_out = sent;
        working.download.lead = head;
        match done {
            Ok(()) => self.after_response(working).await,
            Err(error) => {
                working.outcome.error = Some(error.to_string());
                After::Abort
            }
        }
    }
}

fn file_request(working: &Working) -> FileRequest<'_> {
    let (request, head) = (&working.request, &working.head[..]);
    let value = |known| request.fields.only(known, head);
    FileRequest {
        method: request.method.of(head),
        path: &working.facts.path,
        query: working.facts.query_with_mark(head),
        conditions: Conditions {
            if_match: value(Known::IfMatch),
            if_unmodified_since: value(Known::IfUnmodifiedSince),
            if_none_match: value(Known::IfNoneMatch),
            if_modified_since: value(Known::IfModifiedSince),
            range: value(Known::Range),
            if_range: value(Known::IfRange),
        },
        accept_encoding: value(Known::AcceptEncoding),
    }
}
