//! Counters, one set for each thread, so that no request waits for another one; added up when somebody asks.

use crate::http2::{Cut, Cuts};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, MetricEncoder, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Upper bounds of the buckets of latencies, in microseconds.
const BUCKETS: [u64; 14] = [
    250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 5_000_000,
    30_000_000,
];

/// A counter that one thread writes and others read.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    /// Adds to the counter. Only the thread that owns it may, which makes it a plain addition.
    fn add(&self, count: u64) {
        self.0.store(self.0.load(Ordering::Relaxed).wrapping_add(count), Ordering::Relaxed);
    }

    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Latencies of a thread.
#[derive(Debug, Default)]
struct Latencies {
    buckets: [Counter; BUCKETS.len() + 1],
    sum: Counter,
}

impl Latencies {
    fn observe(&self, duration: Duration) {
        let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        let bucket = BUCKETS.partition_point(|bound| *bound < micros);
        self.buckets[bucket].add(1);
        self.sum.add(micros);
    }
}

/// The counters of a site on a thread.
#[derive(Debug, Default)]
pub(crate) struct SiteCounters {
    by_class: [Counter; 6],
    bytes_in: Counter,
    bytes_out: Counter,
    latencies: Latencies,
}

impl SiteCounters {
    /// Counts a request.
    pub(crate) fn request(&self, status: u16, bytes_in: u64, bytes_out: u64, duration: Duration) {
        self.by_class[usize::from(status / 100).min(5)].add(1);
        self.bytes_in.add(bytes_in);
        self.bytes_out.add(bytes_out);
        self.latencies.observe(duration);
    }
}

/// The counters of a service on a thread.
#[derive(Debug, Default)]
pub(crate) struct ServiceCounters {
    by_class: [Counter; 6],
    retries: Counter,
    connect_failures: Counter,
    latencies: Latencies,
}

impl ServiceCounters {
    /// Counts a request.
    pub(crate) fn request(&self, status: u16, duration: Duration) {
        self.by_class[usize::from(status / 100).min(5)].add(1);
        self.latencies.observe(duration);
    }

    pub(crate) fn retried(&self) {
        self.retries.add(1);
    }

    pub(crate) fn connect_failed(&self) {
        self.connect_failures.add(1);
    }
}

/// The counters of a stream on a thread.
#[derive(Debug, Default)]
pub(crate) struct StreamCounters {
    ended: Counter,
    failed: Counter,
    refused: Counter,
    connect_failures: Counter,
    bytes_in: Counter,
    bytes_out: Counter,
}

impl StreamCounters {
    /// Counts a connection or session that has ended, and whether it failed.
    pub(crate) fn ended(&self, bytes_in: u64, bytes_out: u64, failed: bool) {
        self.ended.add(1);
        self.failed.add(u64::from(failed));
        self.bytes_in.add(bytes_in);
        self.bytes_out.add(bytes_out);
    }

    /// Counts what was not served.
    pub(crate) fn refused(&self) {
        self.refused.add(1);
    }

    pub(crate) fn connect_failed(&self) {
        self.connect_failures.add(1);
    }
}

/// The counters of all threads.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    sites: Mutex<ByName<SiteCounters>>,
    services: Mutex<ByName<ServiceCounters>>,
    streams: Mutex<ByName<StreamCounters>>,
    refused_connections: AtomicU64,
    failed_handshakes: AtomicU64,
    failed_proxy_headers: AtomicU64,
    /// Connections of HTTP/2 that were cut.
    pub(crate) cuts: Cuts,
}

/// Counters by name and thread.
type ByName<T> = BTreeMap<String, BTreeMap<usize, Arc<T>>>;

impl Metrics {
    /// The counters of a site on a thread; the site without a name counts what belongs to none.
    pub(crate) fn site(&self, name: &str, thread: usize) -> Arc<SiteCounters> {
        counters_of(&self.sites, name, thread)
    }

    /// The counters of a service on a thread.
    pub(crate) fn service(&self, name: &str, thread: usize) -> Arc<ServiceCounters> {
        counters_of(&self.services, name, thread)
    }

    /// The counters of a stream on a thread.
    pub(crate) fn stream(&self, name: &str, thread: usize) -> Arc<StreamCounters> {
        counters_of(&self.streams, name, thread)
    }

    pub(crate) fn refused_connection(&self) {
        self.refused_connections.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn failed_handshake(&self) {
        self.failed_handshakes.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn failed_proxy_header(&self) {
        self.failed_proxy_headers.fetch_add(1, Ordering::Relaxed);
    }

    /// How many requests were answered.
    pub(crate) fn requests(&self) -> u64 {
        let sites = self.sites.lock().unwrap_or_else(PoisonError::into_inner);
        sites.values().flat_map(BTreeMap::values).flat_map(|site| &site.by_class).map(Counter::get).sum()
    }
}

fn counters_of<T: Default>(all: &Mutex<ByName<T>>, name: &str, thread: usize) -> Arc<T> {
    let mut all = all.lock().unwrap_or_else(PoisonError::into_inner);
    Arc::clone(all.entry(name.to_owned()).or_default().entry(thread).or_default())
}

/// Numbers that are not counted here.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Gauges {
    pub(crate) connections: usize,
    pub(crate) log_lost: u64,
}

/// All metrics in the OpenMetrics text format.
pub(crate) fn encode(shared: &Arc<crate::shared::Shared>, log_lost: u64) -> String {
    let mut registry = Registry::with_prefix("portcullis");
    let gauges = Gauges { connections: shared.connections.total(), log_lost };
    registry.register_collector(Box::new(Snapshot { shared: Arc::clone(shared), gauges }));
    let mut out = String::new();
    // Writing to a string cannot fail.
    let _ = text::encode(&mut out, &registry);
    out
}

#[derive(Debug)]
struct Snapshot {
    shared: Arc<crate::shared::Shared>,
    gauges: Gauges,
}

impl Collector for Snapshot {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let metrics = &self.shared.metrics;
        let sites = metrics.sites.lock().unwrap_or_else(PoisonError::into_inner);
        let services = metrics.services.lock().unwrap_or_else(PoisonError::into_inner);
        encode_requests(&mut encoder, "requests", "Requests answered", "site", &sites, |site| {
            &site.by_class
        })?;
        encode_sums(&mut encoder, "received_bytes", "Bytes of requests", "site", &sites, |site| {
            &site.bytes_in
        })?;
        encode_sums(&mut encoder, "sent_bytes", "Bytes of responses", "site", &sites, |site| {
            &site.bytes_out
        })?;
        encode_latencies(&mut encoder, "request_duration_seconds", "site", &sites, |site| &site.latencies)?;
        encode_requests(
            &mut encoder,
            "service_requests",
            "Requests forwarded",
            "service",
            &services,
            |it| &it.by_class,
        )?;
        encode_sums(
            &mut encoder,
            "service_retries",
            "Requests sent once more",
            "service",
            &services,
            |it| &it.retries,
        )?;
        encode_sums(
            &mut encoder,
            "service_connect_failures",
            "Connections not opened",
            "service",
            &services,
            |it| &it.connect_failures,
        )?;
        encode_latencies(&mut encoder, "service_duration_seconds", "service", &services, |it| &it.latencies)?;
        encode_streams(&mut encoder, metrics)?;
        let connections = ConstGauge::new(i64::try_from(self.gauges.connections).unwrap_or(i64::MAX));
        let described =
            encoder.encode_descriptor("connections", "Open client connections", None, MetricType::Gauge)?;
        connections.encode(described)?;
        for (name, help, value) in [
            (
                "refused_connections",
                "Connections above the limit of an address",
                &metrics.refused_connections,
            ),
            ("failed_handshakes", "TLS handshakes that failed", &metrics.failed_handshakes),
            (
                "failed_proxy_headers",
                "Connections of announcing proxies without a whole PROXY header",
                &metrics.failed_proxy_headers,
            ),
        ] {
            encode_one(&mut encoder, name, help, value.load(Ordering::Relaxed))?;
        }
        encode_cuts(&mut encoder, &metrics.cuts)?;
        encode_one(
            &mut encoder,
            "access_log_lost_lines",
            "Lines of the access log that were lost",
            self.gauges.log_lost,
        )
    }
}

fn encode_streams(encoder: &mut DescriptorEncoder<'_>, metrics: &Metrics) -> fmt::Result {
    type Of = fn(&StreamCounters) -> &Counter;
    let families: [(&str, &str, Of); 6] = [
        ("stream_connections", "Connections and sessions that have ended", |it| &it.ended),
        ("stream_failures", "Those of them that failed", |it| &it.failed),
        ("stream_refused", "Connections and datagrams above a limit", |it| &it.refused),
        ("stream_connect_failures", "Connections to instances not opened", |it| &it.connect_failures),
        ("stream_received_bytes", "Bytes of clients", |it| &it.bytes_in),
        ("stream_sent_bytes", "Bytes to clients", |it| &it.bytes_out),
    ];
    let streams = metrics.streams.lock().unwrap_or_else(PoisonError::into_inner);
    for (name, help, of) in families {
        encode_sums(encoder, name, help, "stream", &streams, of)?;
    }
    Ok(())
}

fn encode_cuts(encoder: &mut DescriptorEncoder<'_>, cuts: &Cuts) -> fmt::Result {
    let help = "Connections of HTTP/2 that were cut";
    let mut family = encoder.encode_descriptor("http2_cut_connections", help, None, MetricType::Counter)?;
    for cut in Cut::ALL {
        let labels = [("rule", cut.rule())];
        ConstCounter::new(cuts.count(cut)).encode(family.encode_family(&labels)?)?;
    }
    Ok(())
}

fn encode_one(encoder: &mut DescriptorEncoder<'_>, name: &str, help: &str, value: u64) -> fmt::Result {
    ConstCounter::new(value).encode(encoder.encode_descriptor(name, help, None, MetricType::Counter)?)
}

fn encode_requests<T>(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    label: &str,
    all: &ByName<T>,
    of: impl Fn(&T) -> &[Counter; 6],
) -> fmt::Result {
    let mut family = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
    for (value, threads) in all {
        for class in 1..6 {
            let count: u64 = threads.values().map(|thread| of(thread)[class].get()).sum();
            let labels =
                [(label, value.as_str()), ("status", ["", "1xx", "2xx", "3xx", "4xx", "5xx"][class])];
            if count > 0 {
                ConstCounter::new(count).encode(family.encode_family(&labels)?)?;
            }
        }
    }
    Ok(())
}

fn encode_sums<T>(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    label: &str,
    all: &ByName<T>,
    of: impl Fn(&T) -> &Counter,
) -> fmt::Result {
    let mut family = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
    for (value, threads) in all {
        let count: u64 = threads.values().map(|thread| of(thread).get()).sum();
        ConstCounter::new(count).encode(family.encode_family(&[(label, value.as_str())])?)?;
    }
    Ok(())
}

fn encode_latencies<T>(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    label: &str,
    all: &ByName<T>,
    of: impl Fn(&T) -> &Latencies,
) -> fmt::Result {
    let mut family =
        encoder.encode_descriptor(name, "How long requests took", None, MetricType::Histogram)?;
    for (value, threads) in all {
        let labels = [(label, value.as_str())];
        let encoder: MetricEncoder<'_> = family.encode_family(&labels)?;
        encode_histogram(encoder, threads.values().map(|thread| of(thread)))?;
    }
    Ok(())
}

fn encode_histogram<'l>(
    mut encoder: MetricEncoder<'_>,
    threads: impl Iterator<Item = &'l Latencies>,
) -> fmt::Result {
    let (mut counts, mut sum) = ([0; BUCKETS.len() + 1], 0);
    for thread in threads {
        for (count, bucket) in counts.iter_mut().zip(&thread.buckets) {
            *count += bucket.get();
        }
        sum += thread.sum.get();
    }
    let bounds = BUCKETS.iter().map(|bound| *bound as f64 / 1e6).chain([f64::INFINITY]);
    let buckets: Vec<(f64, u64)> = bounds.zip(counts).collect();
    encoder.encode_histogram::<[(&str, &str); 0]>(sum as f64 / 1e6, counts.iter().sum(), &buckets, None)
}
