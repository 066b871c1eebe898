//! One instance: its open connections, its requests in flight, its failures.

use super::multiplexed::Multiplexed;
use crate::transport::instance::InstanceStream;
use crate::worker::deadlines::{self, Tick};
use model::plan::{Target, TargetAddress};
use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::rc::Rc;
use std::task::Context;
use std::time::Duration;

/// How often the time for which an instance is left alone doubles.
const MAX_DOUBLINGS: u32 = 5;

/// Where an instance is reached.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Endpoint {
    /// At the first of these addresses that answers.
    Tcp(Vec<SocketAddr>),
    Unix(PathBuf),
}

/// One instance.
#[derive(Debug)]
pub(crate) struct Instance {
    /// Its address as the file has it, and the resolved one for a name.
    pub(crate) label: String,
    /// `Host` for those services that want the instance's own.
    pub(crate) authority: String,
    /// The name that its certificate must carry, unless the service says otherwise.
    pub(super) host: String,
    pub(super) tls: bool,
    /// Whether it is spoken to with HTTP/2.
    pub(crate) http2: bool,
    /// Whether it is spoken to with FastCGI.
    pub(super) fastcgi: bool,
    pub(super) multiplexed: Multiplexed,
    pub(super) endpoint: Endpoint,
    /// Which of several addresses answered last.
    pub(super) preferred: Cell<usize>,
    idle: RefCell<Vec<Idle>>,
    in_flight: Cell<usize>,
    failures: Cell<u32>,
    /// Whether a request tries it again.
    probed: Cell<bool>,
    ejected_until: Cell<Option<Tick>>,
}

#[derive(Debug)]
struct Idle {
    stream: InstanceStream,
    since: Tick,
}

/// A connection to an instance that is in use.
#[derive(Debug)]
pub(crate) struct Lease {
    pub(crate) stream: InstanceStream,
    /// Whether it carried a request before, so that the instance may have closed it meanwhile.
    pub(crate) reused: bool,
}

impl Instance {
    pub(super) fn new(target: &Target, endpoint: Endpoint) -> Self {
        let (host, authority) = match &target.address {
            TargetAddress::Tcp { host, port } if host.contains(':') => {
                (host.clone(), format!("[{host}]:{port}"))
            }
            TargetAddress::Tcp { host, port } => (host.clone(), format!("{host}:{port}")),
            TargetAddress::Unix(_) => ("localhost".to_owned(), "localhost".to_owned()),
        };
        let written = target.to_string();
        let label = match &endpoint {
            Endpoint::Tcp(addresses) if addresses.len() == 1 && addresses[0].ip().to_string() != host => {
                format!("{written} ({})", addresses[0].ip())
            }
            _ => written,
        };
        Self {
            label,
            authority,
            host,
            tls: target.tls,
            http2: target.http2,
            fastcgi: target.fastcgi,
            multiplexed: Multiplexed::default(),
            endpoint,
            preferred: Cell::new(0),
            idle: RefCell::new(Vec::new()),
            in_flight: Cell::new(0),
            failures: Cell::new(0),
            probed: Cell::new(false),
            ejected_until: Cell::new(None),
        }
    }

    /// The idle connection that was used last and is still good, or a stream of one of HTTP/2 that has room.
    pub(crate) fn take_open(&self, context: &mut Context<'_>) -> Option<Lease> {
        if self.http2 {
            return self.multiplexed.take(context, self.tls).map(|stream| Lease { stream, reused: true });
        }
        loop {
            let mut idle = self.idle.borrow_mut().pop()?;
            if !idle.stream.is_stale(context) {
                return Some(Lease { stream: idle.stream, reused: true });
            }
        }
    }

    /// Keeps a connection for the next request, unless `most` are kept already.
    pub(crate) fn give_back(&self, stream: InstanceStream, most: usize) {
        if stream.is_shared() {
            return;
        }
        let mut idle = self.idle.borrow_mut();
        if idle.len() < most {
            idle.push(Idle { stream, since: deadlines::now() });
        }
    }

    /// Closes connections that were idle for too long. The oldest stand first.
    pub(super) fn sweep(&self, timeout: Duration) {
        let now = deadlines::now();
        self.multiplexed.sweep(now, timeout);
        let mut idle = self.idle.borrow_mut();
        let old = idle.partition_point(|idle| now.since(idle.since) > timeout);
        idle.drain(..old);
    }

    pub(super) fn in_flight(&self) -> usize {
        self.in_flight.get()
    }

    /// Whether it failed lately and is left alone.
    pub(super) fn is_ejected(&self) -> bool {
        self.ejected_until.get().is_some_and(|until| until > deadlines::now())
    }

    /// When an instance that failed is tried again, one request does so and the others wait for what it finds.
    pub(super) fn claim_probe(&self, connect_timeout: Duration, now: Tick) {
        if self.failures.get() > 0 {
            self.ejected_until.set(Some(now.after(connect_timeout)));
            self.probed.set(true);
        }
    }

    /// Notes a failure that speaks against the instance and not against a request. Requests that were on their way when it
    /// was ejected fail for the same reason, and only the one that tries it again says something new.
    pub(crate) fn failed(&self, ejection: Duration) {
        self.close_idle();
        if self.is_ejected() && !self.probed.take() {
            return;
        }
        let failures = self.failures.get();
        let time = ejection.saturating_mul(1 << failures.min(MAX_DOUBLINGS));
        self.failures.set(failures.saturating_add(1));
        self.ejected_until.set(Some(deadlines::now().after(time)));
    }

    /// Closes what is idle: one connection was found to be closed by the instance, so the others may be too. Those of
    /// HTTP/2 know it of themselves.
    pub(crate) fn close_idle(&self) {
        self.idle.borrow_mut().clear();
    }

    /// Notes that it answered.
    pub(crate) fn succeeded(&self) {
        if self.failures.get() > 0 {
            self.failures.set(0);
            self.ejected_until.set(None);
            self.probed.set(false);
        }
    }
}

/// Counts a request in flight as long as it lives.
#[derive(Debug)]
pub(crate) struct InFlight(Rc<Instance>);

impl InFlight {
    pub(crate) fn new(instance: &Rc<Instance>) -> Self {
        instance.in_flight.set(instance.in_flight.get() + 1);
        Self(Rc::clone(instance))
    }

    /// The instance that it is at.
    pub(crate) fn instance(&self) -> &Rc<Instance> {
        &self.0
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.in_flight.set(self.0.in_flight.get().saturating_sub(1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_that_fail_together_are_one_failure_and_a_failed_try_is_another() {
        let target = Target::plain(TargetAddress::Tcp { host: "127.0.0.1".into(), port: 1 });
        let instance = Instance::new(&target, Endpoint::Tcp(Vec::new()));
        let ejection = Duration::from_secs(60);
        for _ in 0..20 {
            instance.failed(ejection);
        }
        assert_eq!((instance.failures.get(), instance.is_ejected()), (1, true));
        instance.claim_probe(Duration::from_secs(3), deadlines::now());
        instance.failed(ejection);
        instance.failed(ejection);
        assert_eq!((instance.failures.get(), instance.is_ejected()), (2, true));
        instance.succeeded();
        assert!(!instance.is_ejected());
    }
}
