//! Answering one request: judged, routed, handled, logged.

use super::finish::{Belonging, Owner, RAW};
use super::{After, Client};
use crate::fastcgi::{Found, NoScript};
use crate::forward::{Failure, Forwarding};
use crate::http2::Watch;
use crate::request::{Arrival, Denied, Destination, RequestId, judge};
use crate::respond::{Answer, expand};
use crate::snapshot::{RouteRuntime, SiteRuntime};
use crate::transport::Source;
use crate::worker::active::Active;
use crate::worker::deadlines;
use crate::worker::scratch::{Outcome, Working};
use http1::{BodyLength, ClientNext, Refusal, Request, Version};
use model::plan::{Handler, RedirectHandler, RespondHandler, Scheme, ServiceHandler};
use model::routes::{Matched, RequestFacts};
use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::Poll;
use std::time::Instant;

/// What of a request's body is read and dropped to keep a connection that answered early.
pub(super) const MAX_DRAINED: u64 = 64 << 10;

impl Client {
    /// Answers the request whose head are the first `length` bytes received.
    pub(super) async fn answer(&mut self, working: &mut Working, length: usize) -> After {
        let active = self.worker.active();
        working.begin(&self.stream.received()[..length]);
        self.stream.consume(length);
        working.outcome.bytes_in = length as u64;
        let watch = self.stream.as_http2().map(|stream| stream.watch());
        let decided = {
            let deciding = pin!(self.decide(&active, working));
            while_wanted(watch, deciding).await
        };
        let mut after = decided.unwrap_or_else(|| given_up(working));
        let Some(tunnel) = working.tunnel.take() else {
            working.outcome.bytes_in += working.upload.body_bytes;
            self.finish(&Belonging::of(&active, &working.outcome), working);
            return after;
        };
        // It may last for days, and must not keep what was configured when it began.
        let owner = Owner::of(&active, &working.outcome);
        drop(active);
        let watch = self.stream.as_http2().map(|stream| stream.watch());
        let tunneled = while_wanted(watch, Box::pin(tunnel.run(self, working)).as_mut()).await;
        after = tunneled.unwrap_or_else(|| given_up(working));
        working.outcome.bytes_in += working.upload.body_bytes;
        self.finish(&owner.belonging(), working);
        after
    }

    async fn decide(&mut self, active: &Rc<Active>, working: &mut Working) -> After {
        let snapshot = &active.served.snapshot;
        if let Err(refusal) = working.request.parse(&working.head, &snapshot.head_limits) {
            return self.refuse(working, refusal).await;
        }
        let Working { request, head, exchange, .. } = &mut *working;
        exchange.start(request, head);
        if self.worker.is_draining() {
            exchange.close_client();
        }
        match self.judge(active, working) {
            Ok((Destination::Site(site), encoded_slash)) => {
                self.at_site(active, working, site, encoded_slash).await
            }
            Ok((Destination::Alias(site), _)) => self.redirect_to_site(active, working, site, false).await,
            Ok((Destination::ToHttps(site), _)) => self.redirect_to_site(active, working, site, true).await,
            Err(denied) => self.deny(active, working, denied).await,
        }
    }

    fn judge(&self, active: &Active, working: &mut Working) -> Result<(Destination, bool), Denied> {
        let arrival = Arrival {
            peer: self.place.peer(),
            planned_port: self.port.planned.port,
            local_port: self.port.local.port(),
            secure: self.port.planned.is_secure(),
            sni: self.sni.as_deref(),
        };
        let served = &active.served;
        judge(
            &working.request,
            &working.head,
            &arrival,
            &served.snapshot,
            &*served.identities,
            &mut working.facts,
        )
    }

    async fn refuse(&mut self, working: &mut Working, refusal: Refusal) -> After {
        working.outcome.rule = Some(refusal.rule());
        // What a refused head left behind means nothing.
        working.request = Request::default();
        working.exchange = http1::Exchange::default();
        working.facts.peer = self.place.peer();
        working.facts.client_ip = self.place.peer().ip().to_canonical();
        let mut answer = Answer::status(refusal.status());
        if refusal.status() == 405 {
            answer = answer.with_field(b"Allow", b"GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");
        }
        self.respond(working, answer, None).await
    }

    async fn deny(&mut self, active: &Active, working: &mut Working, denied: Denied) -> After {
        let snapshot = &active.served.snapshot;
        if denied == Denied::UnknownHost && snapshot.sites.is_empty() {
            return self.respond(working, welcome(), None).await;
        }
        working.outcome.rule = Some(denied.rule());
        if denied.status() == 400 {
            working.exchange.close_client();
        }
        self.respond(working, Answer::status(denied.status()), None).await
    }

    async fn redirect_to_site(
        &mut self,
        active: &Active,
        working: &mut Working,
        site: usize,
        to_https: bool,
    ) -> After {
        working.outcome.site = Some(site);
        let site = &active.served.snapshot.sites[site];
        let location = self.location(active, working, site, to_https);
        self.respond(working, Answer::redirect(308, &location), Some(site)).await
    }

    fn location(&self, active: &Active, working: &Working, site: &SiteRuntime, to_https: bool) -> Vec<u8> {
        let listen = &active.served.snapshot.plan.listen;
        let facts = &working.facts;
        let named =
            if to_https { None } else { site.address.host.as_ref().filter(|host| !host.is_wildcard()) };
        let host = named.map_or(facts.host.as_str(), |host| host.name().as_str());
        let (scheme, usual, planned) = match site.address.scheme {
            Scheme::Https => ("https", 443, site.address.port.unwrap_or(listen.https)),
            Scheme::Http => ("http", 80, site.address.port.or(listen.http).unwrap_or(80)),
        };
        let port = self.worker.shared.real_port(planned);
        let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
        let mut location =
            if port == usual { format!("{scheme}://{host}") } else { format!("{scheme}://{host}:{port}") };
        if !working.request.target.asterisk {
            location.push_str(&String::from_utf8_lossy(&facts.path));
        }
        let mut location = location.into_bytes();
        location.extend_from_slice(facts.query_with_mark(&working.head));
        location
    }

    async fn at_site(
        &mut self,
        active: &Rc<Active>,
        working: &mut Working,
        number: usize,
        encoded_slash: bool,
    ) -> After {
        working.outcome.site = Some(number);
        let site = &active.served.snapshot.sites[number];
        if let Some(page) = &site.maintenance {
            let mut answer = Answer::status(503).with_field(b"Retry-After", b"120");
            answer.content_type = "text/html; charset=utf-8";
            answer.body = page.bytes().to_vec();
            working.outcome.rule = Some("maintenance");
            return self.respond(working, answer, Some(site)).await;
        }
        let Working { request, head, facts, .. } = &mut *working;
        let view = RequestView { request, head };
        let matched = site.table.find(&facts.path, &view, &mut facts.captures);
        let bypasses = |route: usize| {
            let allowed = site.routes[route].route.encoded_slashes;
            let mut scratch = Vec::new();
            !(allowed && site.table.encoded_slash_is_harmless(route, &facts.path, &view, &mut scratch))
        };
        match matched {
            Matched::Route(route) if encoded_slash && bypasses(route) => {
                working.outcome.rule = Some("encoded-slash");
                working.exchange.close_client();
                self.respond(working, Answer::status(400), Some(site)).await
            }
            Matched::Route(route) => self.at_route(active, working, site, &site.routes[route]).await,
            Matched::AddSlash => self.add_slash(working, site).await,
            Matched::MethodNotAllowed => {
                let allowed = site.table.allowed_methods(&working.facts.path).join(", ");
                working.outcome.rule = Some("method");
                let answer = Answer::status(405).with_field(b"Allow", allowed.as_bytes());
                self.respond(working, answer, Some(site)).await
            }
            Matched::NotFound => {
                working.outcome.rule = Some("no-route");
                self.respond(working, Answer::status(404), Some(site)).await
            }
        }
    }

    /// Redirects to the same path with a slash.
    async fn add_slash(&mut self, working: &mut Working, site: &SiteRuntime) -> After {
        let location =
            [&working.facts.path, &b"/"[..], working.facts.query_with_mark(&working.head)].concat();
        self.respond(working, Answer::redirect(308, &location), Some(site)).await
    }

    /// No script of the service answers.
    async fn no_script(&mut self, working: &mut Working, forwarding: &Forwarding<'_>, no: NoScript) -> After {
        working.outcome.rule = Some(no.rule());
        if let Some(reason) = no.reason() {
            let plan = &forwarding.service().plan;
            let root = plan.fastcgi.as_ref().map(|fastcgi| fastcgi.root.display().to_string());
            let root = root.unwrap_or_default();
            self.tell(format!("service {}: cannot look for scripts in {root}: {reason}", plan.name));
        }
        self.respond(working, Answer::status(no.status()), Some(forwarding.site)).await
    }

    async fn at_route(
        &mut self,
        active: &Rc<Active>,
        working: &mut Working,
        site: &SiteRuntime,
        route: &RouteRuntime,
    ) -> After {
        if let (BodyLength::Exact(length), Some(most)) = (working.request.body, route.body_limit)
            && length > most
        {
            working.outcome.rule = Some("body-limit");
            working.exchange.close_client();
            return self.respond(working, Answer::status(413), Some(site)).await;
        }
        match &route.route.handler {
            Handler::Service(handler) => {
                let forwarding = Forwarding { active, site, route, handler };
                self.forward(working, forwarding, handler).await
            }
            Handler::Files(_) => self.files(active, working, site, route).await,
            Handler::Redirect(handler) => self.redirect(working, site, route, handler).await,
            Handler::Respond(handler) => self.fixed(working, site, route, handler).await,
        }
    }

    pub(super) async fn forward(
        &mut self,
        working: &mut Working,
        forwarding: Forwarding<'_>,
        handler: &ServiceHandler,
    ) -> After {
        working.outcome.service = Some(handler.service.0);
        working.script = None;
        if let Some(scripts) = &forwarding.service().scripts {
            let (_, path) = forwarding.split_path(&working.facts.path);
            match scripts.find(path, working.facts.started) {
                Ok(Found::Script(script)) => working.script = Some(script),
                Ok(Found::AddSlash) => return self.add_slash(working, forwarding.site).await,
                Err(no) => return self.no_script(working, &forwarding, no).await,
            }
        }
        let forwarded = forwarding.run(self, working).await;
        if working.tunnel.is_some() {
            return After::Close;
        }
        // An instance that answers early may leave a part of the request's body unsent.
        let Working { upload, exchange, translator, gathered, .. } = &mut *working;
        match (translator, gathered) {
            (None, None) => upload.abandon(&mut self.stream),
            (None, Some(gathered)) => upload.abandon(gathered),
            (Some(translator), _) => {
                upload.abandon(&mut translator.over(&mut exchange.request, &mut self.stream));
            }
        }
        working.outcome.bytes_out = working.download.sent;
        match forwarded {
            Ok(()) => self.after_response(working).await,
            Err(failure) => self.failed(working, &forwarding, failure).await,
        }
    }

    async fn failed(
        &mut self,
        working: &mut Working,
        forwarding: &Forwarding<'_>,
        failure: Failure,
    ) -> After {
        let started = working.download.started();
        working.outcome.rule = failure.rule();
        if failure.is_of_instance() || started {
            working.outcome.error = Some(failure.to_string());
        }
        if failure.is_of_instance() {
            self.tell(notice(working, forwarding, &failure));
        }
        let status = failure.status();
        if started || status == 499 {
            // A response that was broken off must not look complete. Where it ends with the connection, only a reset
            // says so.
            if started
                && working.request.version == Version::Http10
                && let Some(socket) = self.stream.socket()
            {
                let _ = socket.set_zero_linger();
            }
            working.outcome.status = if started { working.outcome.status } else { status };
            return After::Abort;
        }
        working.exchange.close_client();
        let mut answer = Answer::status(status);
        if failure.is_of_instance() {
            let id = working.facts.id.digits();
            answer.body.extend_from_slice(b"request id: ");
            answer.body.extend_from_slice(&id);
            answer.body.push(b'\n');
            answer = answer.with_field(b"X-Request-Id", &id);
        }
        self.respond(working, answer, Some(forwarding.site)).await
    }

    async fn redirect(
        &mut self,
        working: &mut Working,
        site: &SiteRuntime,
        route: &RouteRuntime,
        handler: &RedirectHandler,
    ) -> After {
        let mut location = Vec::new();
        expand(&handler.to, &working.facts, &working.request, &working.head, &mut location);
        let answer = Answer::redirect(handler.status, &location);
        self.respond_with(working, answer, Some(site), &route.route.response_headers).await
    }

    async fn fixed(
        &mut self,
        working: &mut Working,
        site: &SiteRuntime,
        route: &RouteRuntime,
        handler: &RespondHandler,
    ) -> After {
        let mut answer = Answer { status: handler.status, ..Answer::default() };
        expand(&handler.body, &working.facts, &working.request, &working.head, &mut answer.body);
        let answer = answer.with_field(b"Content-Type", handler.content_type.as_bytes());
        let answer = answer.with_field(b"X-Content-Type-Options", b"nosniff");
        self.respond_with(working, answer, Some(site), &route.route.response_headers).await
    }

    /// What becomes of the connection once a response is sent.
    pub(super) async fn after_response(&mut self, working: &mut Working) -> After {
        match working.exchange.client_next() {
            // The library drops what still comes of a stream that was answered.
            _ if self.stream.is_http2() => After::Close,
            ClientNext::Close => After::Close,
            // The head of this answer was sent before the end began; the next one would announce it, if there were time.
            ClientNext::KeepAlive if self.worker.idle_end() <= deadlines::now() => After::Close,
            ClientNext::KeepAlive => After::KeepAlive,
            ClientNext::Drain => self.drain_body(working).await,
        }
    }

    /// Reads and drops the rest of a request's body, if that is little.
    async fn drain_body(&mut self, working: &mut Working) -> After {
        let timeout = self.worker.active().served.snapshot.plan.limits.read_timeout;
        self.deadline.set(timeout);
        let reader = &mut working.exchange.request;
        let mut dropped = 0;
        let drained = poll_fn(|context| {
            loop {
                while !self.stream.received().is_empty() && !reader.is_done() {
                    let Ok(decoded) = reader.decode(self.stream.received()) else {
                        return Poll::Ready(false);
                    };
                    dropped += decoded.consumed as u64;
                    self.stream.consume(decoded.consumed);
                }
                if reader.is_done() || dropped > MAX_DRAINED {
                    return Poll::Ready(reader.is_done());
                }
                match self.stream.poll_fill(context, true) {
                    Poll::Ready(Ok(count)) if count > 0 => {}
                    Poll::Pending if !self.deadline.is_due() => return Poll::Pending,
                    _ => return Poll::Ready(false),
                }
            }
        });
        if drained.await { After::KeepAlive } else { After::Close }
    }
}

impl Working {
    fn begin(&mut self, head: &[u8]) {
        self.head.clear();
        self.head.extend_from_slice(head);
        self.outcome = Outcome::default();
        self.facts.started = Instant::now();
        self.facts.id = RequestId::new();
        self.facts.host.clear();
        self.facts.path.clear();
        self.facts.query_length = 0;
        self.upload.reset_lead();
        self.download.reset_lead();
    }

    pub(super) fn begin_unparsed(&mut self, received: &[u8], peer: SocketAddr) {
        self.begin(&received[..received.len().min(RAW)]);
        self.request = Request::default();
        self.facts.peer = peer;
        self.facts.client_ip = peer.ip().to_canonical();
    }
}

/// Works, unless the client gives up the request; only a stream of HTTP/2 can say so. The work stays where it is: it is
/// large, and would be copied for each request.
async fn while_wanted<T>(mut watch: Option<Watch>, mut work: Pin<&mut impl Future<Output = T>>) -> Option<T> {
    poll_fn(|context| {
        if let Some(watch) = &mut watch
            && watch.poll_given_up(context).is_ready()
        {
            return Poll::Ready(None);
        }
        work.as_mut().poll(context).map(Some)
    })
    .await
}

/// Notes that the client gave up its request before it was answered to the end.
fn given_up(working: &mut Working) -> After {
    working.outcome.bytes_out = working.download.sent;
    if !working.download.started() {
        working.outcome.status = 499;
    }
    working.outcome.error = Some("the client gave up the request".to_owned());
    After::Abort
}

/// What the operator is told of a request that an instance failed. The path is canonical, so it is plain text.
fn notice(working: &Working, forwarding: &Forwarding<'_>, failure: &Failure) -> String {
    let facts = &working.facts;
    let service = &forwarding.service().plan.name;
    let instance =
        working.outcome.instance.as_ref().map_or("no instance", |instance| instance.label.as_str());
    let path = String::from_utf8_lossy(&facts.path);
    let (host, id, status) = (&facts.host, facts.id, failure.status());
    format!("{status} for {host}{path} (request {id}): service {service}, {instance}: {failure}")
}

/// A request as routing sees it.
struct RequestView<'a> {
    request: &'a Request,
    head: &'a [u8],
}

impl RequestFacts for RequestView<'_> {
    fn method(&self) -> &[u8] {
        self.request.method.of(self.head)
    }

    fn header_is(&self, name: &str, value: Option<&str>) -> bool {
        let mut found = self.request.fields.named(name.as_bytes(), self.head);
        match (found.next(), value) {
            (None, _) => false,
            (Some(_), None) => true,
            (Some(field), Some(value)) => {
                found.next().is_none() && field.value.of(self.head) == value.as_bytes()
            }
        }
    }
}

/// What a gate without sites says.
fn welcome() -> Answer {
    let mut answer = Answer::status(200);
    answer.body = b"Portcullis is running, and no site is configured yet.\n\n\
        Write two lines into portcullis.toml and run `portcullis reload`:\n\n\
        [site]\n\"example.com\" = \"localhost:3000\"\n"
        .to_vec();
    answer
}
