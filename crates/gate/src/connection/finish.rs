//! The end of a request: it is counted and logged, whatever came of it.

use super::Client;
use crate::log::Record;
use crate::metrics::{ServiceCounters, SiteCounters};
use crate::worker::active::Active;
use crate::worker::clock;
use crate::worker::scratch::{Outcome, Working};
use http1::{Known, Version};
use std::sync::Arc;

/// What of a first line that could not be parsed is logged.
pub(super) const RAW: usize = 256;

/// The host that this machine asks for to see whether a gate answers at all. It is nobody's (RFC 6761 section 6.4), and who
/// asks for it from here is neither counted nor logged.
pub const PROBE_HOST: &str = "portcullis.invalid";

/// To whom a request belongs.
pub(super) struct Belonging<'a> {
    site: &'a Arc<SiteCounters>,
    service: Option<&'a Arc<ServiceCounters>>,
    /// Empty where it belongs to no site.
    site_label: &'a str,
    /// Empty where it belongs to no service.
    service_name: &'a str,
}

impl<'a> Belonging<'a> {
    pub(super) fn of(active: &'a Active, outcome: &Outcome) -> Self {
        let plan = &active.served.snapshot.plan;
        Self {
            site: outcome.site.and_then(|site| active.site_counters.get(site)).unwrap_or(&active.no_site),
            service: outcome.service.and_then(|service| active.service_counters.get(service)),
            site_label: outcome.site.map_or("", |site| plan.sites[site].label.as_str()),
            service_name: outcome.service.map_or("", |service| plan.services[service].name.as_str()),
        }
    }
}

/// The same for a request that outlives its snapshot.
pub(super) struct Owner {
    site: Arc<SiteCounters>,
    service: Option<Arc<ServiceCounters>>,
    site_label: String,
    service_name: String,
}

impl Owner {
    pub(super) fn of(active: &Active, outcome: &Outcome) -> Self {
        let Belonging { site, service, site_label, service_name } = Belonging::of(active, outcome);
        Self {
            site: Arc::clone(site),
            service: service.map(Arc::clone),
            site_label: site_label.to_owned(),
            service_name: service_name.to_owned(),
        }
    }

    pub(super) fn belonging(&self) -> Belonging<'_> {
        let Self { site, service, site_label, service_name } = self;
        Belonging { site, service: service.as_ref(), site_label, service_name }
    }
}

impl Client {
    /// Counts and logs a request.
    pub(super) fn finish(&self, belonging: &Belonging<'_>, working: &Working) {
        let (outcome, facts) = (&working.outcome, &working.facts);
        if outcome.site.is_none() && facts.client_ip.is_loopback() && facts.host == PROBE_HOST {
            return;
        }
        let duration = facts.started.elapsed();
        belonging.site.request(outcome.status, outcome.bytes_in, outcome.bytes_out, duration);
        if let Some(service) = belonging.service {
            service.request(outcome.status, duration);
        }
        self.worker.log.borrow_mut().write(&self.record(belonging, working, duration));
    }

    fn record<'a>(
        &self,
        belonging: &Belonging<'a>,
        working: &'a Working,
        duration: std::time::Duration,
    ) -> Record<'a> {
        let (outcome, facts, request, head) =
            (&working.outcome, &working.facts, &working.request, &working.head);
        let parsed = !request.method.is_empty();
        let field = |known| request.fields.first(known).map(|field| field.value.of(head)).unwrap_or_default();
        Record {
            time: clock::now(),
            id: facts.id,
            client: facts.client_ip,
            method: request.method.of(head),
            host: &facts.host,
            path: path(working, parsed),
            query: if parsed && !facts.path.is_empty() { facts.query_with_mark(head) } else { b"" },
            version: match request.version {
                _ if self.stream.is_http2() => "HTTP/2",
                Version::Http10 => "HTTP/1.0",
                Version::Http11 => "HTTP/1.1",
            },
            secure: self.port.planned.is_secure(),
            tls: match self.stream.tls_version() {
                Some(rustls::ProtocolVersion::TLSv1_2) => "1.2",
                Some(rustls::ProtocolVersion::TLSv1_3) => "1.3",
                _ => "",
            },
            status: outcome.status,
            bytes_in: outcome.bytes_in,
            bytes_out: outcome.bytes_out,
            duration,
            site: belonging.site_label,
            service: belonging.service_name,
            instance: outcome.instance.as_ref().map_or("", |instance| instance.label.as_str()),
            grpc_status: outcome.grpc_status,
            user_agent: field(Known::UserAgent),
            referer: field(Known::Referer),
            rule: outcome.rule,
            error: outcome.error.as_deref(),
        }
    }
}

/// The canonical path; for what was refused before it had one, what was received.
fn path(working: &Working, parsed: bool) -> &[u8] {
    let (facts, request, head) = (&working.facts, &working.request, &working.head);
    if parsed && request.target.asterisk {
        return b"*";
    }
    if parsed {
        return if facts.path.is_empty() { request.target.path_and_query.of(head) } else { &facts.path };
    }
    let end = head.iter().position(|byte| matches!(byte, b'\r' | b'\n')).unwrap_or(head.len());
    &head[..end.min(RAW)]
}
