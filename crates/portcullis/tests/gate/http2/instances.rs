//! HTTP/2 to instances: few connections, nothing lost, and the same meaning at the end of every way.

use super::client::{H2, get, send, whole};
use super::requests::gate;
use crate::running::{Gate, Hello};
use bytes::Bytes;
use h2::Reason;
use http::{HeaderMap, Request, Response};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use testkit::Recording;
use tokio::sync::Barrier;

/// A gate that speaks HTTP/2 to another gate that serves it.
fn before(behind: &Gate) -> Gate {
    gate(&format!("service = \"h2c://{}\"\n", behind.http))
}

#[test]
fn bodies_come_and_go_whole() {
    let hello = Hello::start("app");
    let behind = gate(&format!("service = \"{}\"\n", hello.address));
    let gate = before(&behind);
    let client = H2::of(&gate);
    for count in [0, 1, 256, 16_384, 65_536, 3_000_000] {
        for query in ["", "?chunked"] {
            let path = format!("/bytes/{count}{query}");
            assert_eq!(client.get(&path).body.len(), count, "{path}");
            assert_eq!(gate.get("a.test", &path).body.len(), count, "{path}");
        }
        let post = || Request::post("http://a.test/upload?json");
        let unknown = client.exchange(post().body(()).unwrap(), Some(&vec![b'x'; count])).unwrap();
        let known = post().header("content-length", count).body(()).unwrap();
        let known = client.exchange(known, Some(&vec![b'x'; count])).unwrap();
        for answer in [unknown, known] {
            let value: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
            assert_eq!(value["length"], count, "{}", answer.text());
        }
    }
    assert_eq!(client.get("/status/204").status, 204);
    assert_eq!(client.get("/status/304").status, 304);
    let head = get("/bytes/1000").method("HEAD").body(()).unwrap();
    let head = client.exchange(head, None).unwrap();
    assert_eq!((head.value("content-length"), head.body.len()), (Some("1000"), 0));
    assert!(behind.log(1).iter().all(|line| line["version"] == "HTTP/2"));
}

#[test]
fn what_arrives_at_the_end_is_strict_and_means_the_same() {
    let instance = Recording::answering(|_| {
        testkit::Answer::raw(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\ngrpc-status: 0\r\n\r\n",
        )
    });
    let behind = gate(&format!("service = \"{}\"\n", instance.address()));
    let gate = before(&behind);
    let client = H2::of(&gate);
    let request = Request::post("http://a.test/a%20b?c=d").header("cookie", "a=1").header("cookie", "b=2");
    let mut stream = client.start(request.header("te", "trailers").body(()).unwrap(), false);
    client.wait(send(&mut stream.body, b"body"));
    let mut trailers = HeaderMap::new();
    trailers.insert("x-sum", "1".parse().unwrap());
    stream.body.send_trailers(trailers).unwrap();
    let answer = client.wait(whole(stream.answer)).unwrap();
    assert_eq!(answer.trailers.unwrap()["grpc-status"], "0");
    let request = &instance.wait_for_requests(1)[0];
    assert_eq!((request.target.as_str(), &request.body[..]), ("/a%20b?c=d", &b"body"[..]));
    assert_eq!(request.value("cookie").as_deref(), Some("a=1; b=2"));
    assert_eq!(request.value("host").as_deref(), Some("a.test"));
    assert_eq!(request.trailers.len(), 1);
    assert_eq!(instance.problems(), [""; 0]);
}

/// An instance that speaks HTTP/2 and answers the streams of each connection as it is told.
struct Instance {
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
    _runtime: tokio::runtime::Runtime,
}

/// What becomes of a stream, by the number of its connection and its own.
#[derive(Clone, Copy)]
enum Fate {
    Answered,
    Refused,
    /// It is given up, after the instance has seen it.
    Broken,
    /// It is answered, and the connection takes no further ones.
    Last,
}

impl Instance {
    fn start(fate: impl Fn(usize, usize) -> Fate + Copy + Send + 'static) -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&connections);
        runtime.spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let number = count.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(serve(socket, number, fate));
            }
        });
        Self { address, connections, _runtime: runtime }
    }

    /// Takes so many streams at once on a connection, and notes how many there were. None is answered before `all` have
    /// come.
    fn counting(streams: u32, most: Arc<AtomicUsize>, all: usize) -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&connections);
        runtime.spawn(async move {
            let come = Arc::new(Barrier::new(all));
            while let Ok((socket, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(serve_together(socket, streams, Arc::clone(&most), Arc::clone(&come)));
            }
        });
        Self { address, connections, _runtime: runtime }
    }

    fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

async fn serve(socket: tokio::net::TcpStream, connection: usize, fate: impl Fn(usize, usize) -> Fate) {
    let Ok(mut h2) = h2::server::handshake(socket).await else { return };
    let mut stream = 0;
    while let Some(Ok((_, mut respond))) = h2.accept().await {
        match fate(connection, stream) {
            Fate::Refused => respond.send_reset(Reason::REFUSED_STREAM),
            Fate::Broken => respond.send_reset(Reason::CANCEL),
            fate => {
                let mut send = respond.send_response(Response::new(()), false).unwrap();
                send.send_data(Bytes::from_static(b"ok"), true).unwrap();
                if matches!(fate, Fate::Last) {
                    h2.graceful_shutdown();
                }
            }
        }
        stream += 1;
    }
}

/// Answers once all have come.
async fn serve_together(
    socket: tokio::net::TcpStream,
    streams: u32,
    most: Arc<AtomicUsize>,
    come: Arc<Barrier>,
) {
    let mut builder = h2::server::Builder::new();
    let Ok(mut h2) = builder.max_concurrent_streams(streams).handshake::<_, Bytes>(socket).await else {
        return;
    };
    let open = Arc::new(AtomicUsize::new(0));
    while let Some(Ok((_, mut respond))) = h2.accept().await {
        most.fetch_max(open.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        let (open, come) = (Arc::clone(&open), Arc::clone(&come));
        tokio::spawn(async move {
            come.wait().await;
            open.fetch_sub(1, Ordering::SeqCst);
            let _ = respond.send_response(Response::new(()), true);
        });
    }
}

#[test]
fn requests_share_a_connection() {
    let instance = Instance::start(|_, _| Fate::Answered);
    let gate = gate(&format!("service = \"h2c://{}\"\n", instance.address));
    for _ in 0..50 {
        assert_eq!(gate.get("a.test", "/").text(), "ok");
    }
    assert!(instance.connections() <= 2, "{} connections for two threads", instance.connections());
}

#[test]
fn a_request_that_the_instance_has_not_looked_at_is_sent_again() {
    let instance = Instance::start(|connection, stream| match (connection, stream) {
        (0, 0) => Fate::Refused,
        _ => Fate::Answered,
    });
    let gate = gate(&format!("service = \"h2c://{}\"\nbody = \"1KiB\"\n", instance.address));
    let client = H2::of(&gate);
    let post = Request::post("http://a.test/").header("content-length", "0").body(()).unwrap();
    assert_eq!(client.exchange(post, None).unwrap().text(), "ok");
}

#[test]
fn a_request_that_an_instance_gives_up_each_time_is_sent_twice_at_most() {
    static SEEN: AtomicUsize = AtomicUsize::new(0);
    let instance = Instance::start(|_, _| {
        SEEN.fetch_add(1, Ordering::SeqCst);
        Fate::Broken
    });
    let gate = gate(&format!("service = \"h2c://{}\"\n", instance.address));
    for number in 1..=3 {
        assert_eq!(gate.get("a.test", "/").status, 502);
        assert!(SEEN.load(Ordering::SeqCst) <= 2 * number, "{SEEN:?} after {number}");
    }
}

#[test]
fn a_connection_that_ends_gracefully_costs_no_request() {
    let instance = Instance::start(|_, stream| if stream % 5 == 4 { Fate::Last } else { Fate::Answered });
    let gate = gate(&format!("service = \"h2c://{}\"\n", instance.address));
    let client = H2::of(&gate);
    for number in 0..40 {
        let post = Request::post("http://a.test/").body(()).unwrap();
        assert_eq!(client.exchange(post, None).unwrap().status, 200, "{number}");
    }
    assert!(instance.connections() >= 4, "{}", instance.connections());
}

#[test]
fn requests_at_once_survive_graceful_ends_and_refusals() {
    // Each connection takes seven and goes, and each refuses its third.
    let instance = Instance::start(|_, stream| match stream {
        2 => Fate::Refused,
        6 => Fate::Last,
        _ => Fate::Answered,
    });
    let gate = gate(&format!("service = \"h2c://{}\"\n", instance.address));
    let client = H2::of(&gate);
    let mut answers = tokio::task::JoinSet::new();
    client.wait(async {
        for _ in 0..90 {
            let request = get("/").method("POST").header("content-length", "0").body(()).unwrap();
            let stream = client.start_now(request).await;
            answers.spawn(async move { whole(stream.answer).await.unwrap().status });
        }
        while let Some(status) = answers.join_next().await {
            assert_eq!(status.unwrap(), 200);
        }
    });
}

#[test]
fn an_instance_gets_no_more_at_once_than_it_takes() {
    let most = Arc::new(AtomicUsize::new(0));
    let instance = Instance::counting(3, Arc::clone(&most), 30);
    let gate = gate(&format!("service = \"h2c://{}\"\n", instance.address));
    let client = H2::of(&gate);
    let mut answers = tokio::task::JoinSet::new();
    client.wait(async {
        for _ in 0..30 {
            let stream = client.start_now(get("/").body(()).unwrap()).await;
            answers.spawn(async move { whole(stream.answer).await.unwrap().status });
        }
        while let Some(status) = answers.join_next().await {
            assert_eq!(status.unwrap(), 200);
        }
    });
    assert!(most.load(Ordering::SeqCst) <= 3, "{most:?} at once on a connection");
    assert!((10..=30).contains(&instance.connections()), "{}", instance.connections());
}

#[test]
fn an_instance_that_does_not_speak_it_is_a_502() {
    let instance = Recording::start();
    let gate = gate(&format!("service = \"h2c://{}\"\n", instance.address()));
    assert_eq!(gate.get("a.test", "/").status, 502);
}
