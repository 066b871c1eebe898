//! A plaintext request allocates nothing in steady state: counted for the whole process, with routing, access log and
//! metrics on. Holds the one allocator of the workspace that is not a crate's, for counting alone.
#![expect(unsafe_code, reason = "an allocator can only be written so; it counts and hands everything on")]
#![expect(clippy::unwrap_used, reason = "a test")]

mod without_keys;

use gate::{AccessLog, Gate, Patience, ResolverFiles};
use std::alloc::{GlobalAlloc, Layout, System};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
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

fn start(log: &AccessLog) -> (Gate, SocketAddr) {
    let content = without_keys::content(&format!("[site]\n\"http://shop.test\" = \"{}\"\n", backend()));
    let listener = without_keys::listener();
    let local = listener.local();
    let (gate, _) =
        Gate::start(content, &[listener], Some(log.clone()), ResolverFiles::default(), 1).unwrap();
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

/// Requests of a round; they fill the buffers of the log many times over.
const ROUND: u64 = 3000;
/// Rounds until one allocates nothing. The first fills pools. In any, the thread that writes the log may get no processor
/// for so long that more of its buffers are on their way than ever before; these are made, and there for the next round.
const ROUNDS: u64 = 20;

#[test]
fn a_plaintext_request_allocates_nothing_in_steady_state() {
    let folder = tempfile::tempdir().unwrap();
    let place = model::plan::AccessLog::File(folder.path().join("access.log"));
    let log = AccessLog::start(AccessLog::open(&place).unwrap()).unwrap();
    let (gate, address) = start(&log);
    let mut client = TcpStream::connect(address).unwrap();
    client.set_nodelay(true).unwrap();
    let mut buffer = [0; 4096];
    let mut round = || {
        log.sync(Duration::from_secs(60));
        let before = ALLOCATIONS.load(Ordering::Relaxed);
        for _ in 0..ROUND {
            request(&mut client, &mut buffer);
        }
        ALLOCATIONS.load(Ordering::Relaxed) - before
    };
    let mut allocations = Vec::new();
    while allocations.last() != Some(&0) {
        assert!((allocations.len() as u64) < ROUNDS, "{allocations:?} in rounds of {ROUND} requests");
        allocations.push(round());
    }
    let count = ROUND * allocations.len() as u64;
    assert!(gate.requests() >= count - 1, "the last one is counted after it is answered");
    drop(client);
    gate.drain(Patience::stop(Duration::from_secs(5)));
}
