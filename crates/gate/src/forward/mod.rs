//! Forwarding a request to an instance and its response back: one task owns both connections, and one machine says
//! what becomes of them.

mod attempt;
mod ending;
mod failure;
mod gather;
mod interim;
mod pump;
mod relay;
mod removal;
mod request_head;
mod response_head;
mod stall;
mod tunnel;

use attempt::Sending;
pub(crate) use failure::{Failure, Step};
pub(crate) use gather::Gathered;
pub(crate) use pump::{Blocked, Pump};
pub(crate) use stall::{Patience, Stall};
pub(crate) use tunnel::Tunnel;

use crate::compress::Compressor;
use crate::connection::Client;
use crate::fastcgi::{Refused, Variables};
use crate::grpc;
use crate::service::{ConnectError, InFlight, Instance, Lease, ServiceRuntime};
use crate::snapshot::{RouteRuntime, SiteRuntime};
use crate::transport::Source;
use crate::worker::active::Active;
use crate::worker::scratch::Working;
use http1::InstanceNext;
use http1::Upgrade;
use http1::http2::trailer_fields;
use model::path::skip_segments;
use model::plan::ServiceHandler;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::Poll;
use wire::fastcgi::Params;

/// Connections that are opened for one request at most, each to another instance.
const MAX_CONNECTS: usize = 3;
/// How often a request that an instance has not looked at is sent again.
const MAX_REFUSALS: usize = 5;

/// What the body of a response goes through on its way to the client.
#[derive(Debug)]
pub(crate) enum Through {
    Compressor(Compressor),
    /// gRPC becomes gRPC-Web.
    Translator(grpc::Translator),
}

/// A request on its way to a service.
pub(crate) struct Forwarding<'a> {
    pub(crate) active: &'a Active,
    pub(crate) site: &'a SiteRuntime,
    pub(crate) route: &'a RouteRuntime,
    pub(crate) handler: &'a ServiceHandler,
}

impl Forwarding<'_> {
    pub(crate) fn service(&self) -> &Rc<ServiceRuntime> {
        &self.active.services[self.handler.service.0]
    }

    /// The canonical path as what is taken off, and what is forwarded.
    pub(crate) fn split_path<'p>(&self, path: &'p [u8]) -> (&'p [u8], &'p [u8]) {
        match self.route.strip {
            0 => (b"", path),
            count => match skip_segments(path, count) {
                b"" => (path, b"/"),
                rest => (&path[..path.len() - rest.len()], rest),
            },
        }
    }

    /// Forwards the request and the response. When this answers with an error, nothing of a response was sent
    /// unless the error says so.
    pub(crate) async fn run(&self, client: &mut Client, working: &mut Working) -> Result<(), Failure> {
        let service = self.service();
        let (mut lease, in_flight, mut sending) = self.first_answer(client, working).await?;
        // A reload has to be seen also while nothing moves.
        let _watching = client.watch_installs();
        if working.response.status == 101 {
            return Box::pin(tunnel::begin(client, working, (lease, in_flight), self, &mut sending)).await;
        }
        let relayed = relay::run(client, working, &mut lease, self, &mut sending).await;
        if relayed.is_ok() && working.call && working.outcome.grpc_status.is_none() {
            let trailers = trailer_fields(working.exchange.response.trailers());
            working.outcome.grpc_status = grpc::status(trailers);
        }
        let leftover = !lease.stream.received().is_empty();
        let sent = sending.done && sending.broken.is_none();
        // An instance that was asked to switch protocols may have read what follows in its own way.
        let plain = !Self::wants_websocket(working);
        let shared = plain && !service.announces();
        let reusable = sent && shared && working.exchange.instance_next(leftover) == InstanceNext::Reuse;
        let keep = (relayed.is_ok() && reusable).then_some(service.plan.keep_alive);
        if lease.stream.as_fastcgi().is_none() {
            if let Some(most) = keep {
                in_flight.instance().give_back(lease.stream, most);
            }
        } else if relayed.is_ok() {
            Box::pin(self.hear_out(client, working, lease, in_flight, keep)).await;
        } else {
            self.tell_said(client, working, &mut lease);
        }
        relayed
    }

    /// Sends the request to one instance after the other, as far as that is safe, until one answers with a head.
    async fn first_answer(
        &self,
        client: &mut Client,
        working: &mut Working,
    ) -> Result<(Lease, InFlight, Sending), Failure> {
        let service = self.service();
        working.tried.clear();
        let is_call = grpc::is_call(&working.request, &working.head);
        let web = self.handler.grpc_web.then(|| grpc::web_form(&working.request, &working.head));
        working.web = web.flatten();
        if grpc::needs_http2(&working.request, &working.head, working.web.is_some()) {
            // Those that cannot answer it are not tried.
            working.tried.extend(service.without_http2());
            if !service.plan.instances.iter().any(|target| target.http2) {
                return Err(Failure::NoCalls);
            }
        }
        gather::run(client, working, self).await?;
        let (mut retried, mut refusals) = (false, 0);
        let mut last: Option<Failure> = None;
        loop {
            let (mut lease, instance) = match self.lease(client, working).await {
                Ok(leased) => leased,
                // What went wrong before says more than that nothing is left to try.
                Err(failure) => return Err(last.unwrap_or(failure)),
            };
            if Self::wants_websocket(working) && !lease.stream.takes_websockets() {
                return Err(Failure::NoWebSocket);
            }
            let in_flight = InFlight::new(&instance);
            // Whoever names the media type must not get the patience of calls from what can have none.
            working.call = is_call && instance.http2;
            // Anew for each attempt: the head may name the instance, and may be gone from the lead when a body that
            // turned out to be empty was sent behind it.
            working.translator = working.web.and_then(grpc::Translator::of_request);
            if let Some(gathered) = &mut working.gathered {
                gathered.rewind();
            }
            request_head::write(self, &instance, working);
            self.begin_fastcgi(client, working, &mut lease)?;
            let failure = match attempt::run(client, working, &mut lease, self).await {
                Ok(sending) => {
                    instance.succeeded();
                    return Ok((lease, in_flight, sending));
                }
                Err(failure) => failure,
            };
            self.tell_said(client, working, &mut lease);
            let refused = lease.stream.is_refused();
            if failure.speaks_against_instance() && !lease.reused && !refused {
                instance.failed(service.plan.ejection);
            }
            let read = working.translator.as_ref().is_some_and(grpc::Translator::has_started);
            let untouched = !working.upload.started() || refused;
            // Of the idle connections none is left afterwards; a shared one lives on, and may break the next stream, too.
            let was_idle = lease.reused && !lease.stream.is_shared();
            let once_more = if refused { refusals < MAX_REFUSALS } else { !retried || was_idle };
            let again = failure.step() == Some(Step::Exchange)
                && once_more
                && working.exchange.may_retry(untouched)
                && (working.upload.body_bytes == 0 || working.gathered.is_some())
                && !read;
            if !again {
                return Err(failure);
            }
            self.active.service_counters[self.handler.service.0].retried();
            if lease.reused || refused {
                // The instance closed an idle connection just now, or takes no more requests on this one: it may well
                // be alive.
                working.tried.retain(|tried| !Rc::ptr_eq(tried, &instance));
                instance.close_idle();
            }
            refusals += usize::from(refused);
            retried |= !refused && !was_idle;
            last = Some(failure);
        }
    }

    /// Tells an application what it does not learn from the head.
    fn begin_fastcgi(&self, client: &Client, working: &Working, lease: &mut Lease) -> Result<(), Failure> {
        let (Some(stream), Some(script)) = (lease.stream.as_fastcgi(), &working.script) else {
            return Ok(());
        };
        let variables = Variables {
            facts: &working.facts,
            head: &working.head,
            script,
            prefix: self.split_path(&working.facts.path).0,
            ends: client.ends(working),
            http2: client.stream.is_http2(),
            version: working.request.version,
        };
        let mut params = Params::begin(self.service().plan.keep_alive > 0);
        variables.write(&mut params).map_err(|_| Failure::FastCgi(Refused::LongVariable))?;
        stream.begin(params);
        Ok(())
    }

    /// A connection to an instance that was not tried yet: an open one, or a new one.
    async fn lease(&self, client: &Client, working: &mut Working) -> Result<(Lease, Rc<Instance>), Failure> {
        let service = self.service();
        let mut failed: Option<(Rc<Instance>, ConnectError)> = None;
        for _ in 0..MAX_CONNECTS {
            let Some(instance) = service.choose(&working.tried) else { break };
            working.tried.push(Rc::clone(&instance));
            working.outcome.instance = Some(Rc::clone(&instance));
            let shared = !service.announces();
            if shared && let Some(open) = poll_fn(|context| Poll::Ready(instance.take_open(context))).await {
                return Ok((open, instance));
            }
            let ends = service.announces().then(|| client.ends(working));
            // Seldom needed and large, so it has no part in what each request has.
            let connected = Box::pin(service.connect(&instance, ends)).await;
            match connected {
                Ok(lease) => return Ok((lease, instance)),
                Err(error) => {
                    instance.failed(service.plan.ejection);
                    self.active.service_counters[self.handler.service.0].connect_failed();
                    failed = Some((instance, error));
                }
            }
        }
        Err(match failed {
            Some((_, error)) => Failure::Connect(error),
            None if service.is_unresolved() => Failure::Unresolved,
            None => Failure::NoInstance,
        })
    }

    /// Whether the client asked to switch to WebSocket.
    pub(crate) fn wants_websocket(working: &Working) -> bool {
        working.request.upgrade == Upgrade::WebSocket
    }
}
