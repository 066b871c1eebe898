//! A plaintext request allocates nothing in steady state: counted for the whole process, with routing, access log and
//! metrics on. Holds the one allocator of the workspace that is not a crate's, for counting alone.
#![expect(unsafe_code, reason = "an allocator can only be written so; it counts and hands everything on")]
#![expect(clippy::unwrap_used, reason = "a test")]

use gate::{
    AccessLog, Content, Gate, Given, Identities, Listener, Patience, PlannedPort, ResolverFiles, Snapshot,
};
use rustls::ServerConfig;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use std::alloc::{GlobalAlloc, Layout, System};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Counts what is asked of the system's allocator.
struct Counting;

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

// SAFETY: every call is handed to the system's allocator unchanged, which keeps the contract; counting touches no
// memory but an atomic.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller's promises are passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promises are passed on.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller's promises are passed on.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[derive(Debug)]
struct Nobody;

impl ResolvesServerCert for Nobody {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        None
    }
}

impl Identities for Nobody {
    fn agree(&self, _: Option<&str>, _: &str) -> bool {
        false
    }

    fn certificate(&self, _: &str) -> Option<Arc<CertifiedKey>> {
        None
    }
}

const REQUEST: &[u8] =
    b"GET /api/products/1?x=y HTTP/1.1\r\nHost: shop.test\r\nUser-Agent: counting/1.0\r\nAccept: */*\r\n\r\n";
const RESPONSE: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello";

/// Answers every request with the same bytes, without allocating.
fn backend() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            std::thread::spawn(move || {
                let mut buffer = [0; 4096];
                // A request of this test is sent at once and so arrives at once.
                while stream.read(&mut buffer).is_ok_and(|count| count > 0) {
                    stream.write_all(RESPONSE).unwrap();
                }
            });
        }
    });
    address
}

fn start(log: &std::path::Path) -> (Gate, SocketAddr) {
    let file = format!("[site]\n\"http://shop.test\" = \"{}\"\n", backend());
    let compiled = model::compile_text("portcullis.toml", &file);
    let snapshot = Snapshot::new(compiled.plan.unwrap(), &Given::default()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let tls = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let tls = tls.with_no_client_auth().with_cert_resolver(Arc::new(Nobody));
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    socket.set_nonblocking(true).unwrap();
    let local = socket.local_addr().unwrap();
    let listener = Listener::new(PlannedPort::of_sites(80, false), local, vec![socket]);
    let log =
        AccessLog::start(AccessLog::open(&model::plan::AccessLog::File(log.to_owned())).unwrap()).unwrap();
    let content = Content { snapshot, tls, identities: Arc::new(Nobody), given: Given::default() };
    let (gate, _) = Gate::start(content, &[listener], Some(log), ResolverFiles::default(), 1).unwrap();
    (gate, local)
}

fn request(client: &mut TcpStream, buffer: &mut [u8]) {
    client.write_all(REQUEST).unwrap();
    let mut read = 0;
    while !buffer[..read].ends_with(b"hello") {
        let count = client.read(&mut buffer[read..]).unwrap();
        assert!(count > 0, "the gate answers");
        read += count;
    }
    assert!(buffer.starts_with(b"HTTP/1.1 200 OK\r\n"));
}

#[test]
fn a_plaintext_request_allocates_nothing_in_steady_state() {
    let folder = tempfile::tempdir().unwrap();
    let (gate, address) = start(&folder.path().join("access.log"));
    let mut client = TcpStream::connect(address).unwrap();
    client.set_nodelay(true).unwrap();
    let mut buffer = [0; 4096];
    // The first requests fill pools, and enough of them also the buffers of the log.
    for _ in 0..3000 {
        request(&mut client, &mut buffer);
    }
    let before = ALLOCATIONS.load(Ordering::Relaxed);
    for _ in 0..3000 {
        request(&mut client, &mut buffer);
    }
    let allocations = ALLOCATIONS.load(Ordering::Relaxed) - before;
    assert!(gate.requests() >= 5999, "the last one is counted after it is answered");
    assert_eq!(allocations, 0, "in 3000 requests");
    drop(client);
    gate.drain(Patience::stop(Duration::from_secs(5)));
}
