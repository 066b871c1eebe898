//! A client of HTTP/2 that keeps to the rules: the library's, on a runtime of the test's own.

use crate::running::Gate;
use bytes::Bytes;
use h2::client::{self, ResponseFuture, SendRequest};
use h2::{RecvStream, SendStream};
use http::{HeaderMap, Request, StatusCode};
use rustls::pki_types::ServerName;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use testkit::PATIENCE;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::runtime::Runtime;
use tokio_rustls::TlsConnector;

/// A whole answer.
#[derive(Debug)]
pub(super) struct Whole {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
    pub(super) trailers: Option<HeaderMap>,
}

impl Whole {
    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(super) fn value(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// A connection.
pub(super) struct H2 {
    runtime: Runtime,
    sender: SendRequest<Bytes>,
}

/// One request on its way.
pub(super) struct Stream {
    pub(super) answer: ResponseFuture,
    pub(super) body: SendStream<Bytes>,
}

impl H2 {
    /// A connection to the port of plain HTTP.
    pub(super) fn of(gate: &Gate) -> Self {
        Self::connect(gate.http)
    }

    pub(super) fn connect(address: SocketAddr) -> Self {
        let runtime = runtime();
        let sender = runtime.block_on(async {
            let socket = TcpStream::connect(address).await.unwrap();
            handshake(socket).await
        });
        Self { runtime, sender }
    }

    /// A connection to the port of TLS, that trusts the gate's own authority.
    pub(super) fn over_tls(gate: &Gate, name: &str) -> Self {
        let config = Arc::new(gate.tls().offering(&["h2"]).into_config());
        let (runtime, name) = (runtime(), ServerName::try_from(name.to_owned()).unwrap());
        let sender = runtime.block_on(async {
            let socket = TcpStream::connect(gate.https).await.unwrap();
            let stream = TlsConnector::from(config).connect(name, socket).await.unwrap();
            assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
            handshake(stream).await
        });
        Self { runtime, sender }
    }

    /// Waits for something, not for ever.
    pub(super) fn wait<T>(&self, what: impl Future<Output = T>) -> T {
        self.runtime
            .block_on(async { tokio::time::timeout(PATIENCE, what).await })
            .expect("an answer in time")
    }

    /// Waits until another request may be sent.
    pub(super) fn is_open(&self) -> bool {
        let sender = self.sender.clone();
        self.wait(async { sender.ready().await.is_ok() })
    }

    pub(super) fn start(&self, request: Request<()>, ends: bool) -> Stream {
        let sender = self.sender.clone();
        let mut sender = self.wait(sender.ready()).unwrap();
        let (answer, body) = sender.send_request(request, ends).unwrap();
        Stream { answer, body }
    }

    /// Sends a request without a body, from within the runtime.
    pub(super) async fn start_now(&self, request: Request<()>) -> Stream {
        let mut sender = self.sender.clone().ready().await.unwrap();
        let (answer, body) = sender.send_request(request, true).unwrap();
        Stream { answer, body }
    }

    /// Sends a request with a body, if there is one, and reads the whole answer.
    pub(super) fn exchange(&self, request: Request<()>, body: Option<&[u8]>) -> Result<Whole, h2::Error> {
        let mut stream = self.start(request, body.is_none());
        if let Some(body) = body {
            self.wait(send(&mut stream.body, body));
            // The answer may have come before the end.
            let _ = stream.body.send_data(Bytes::new(), true);
        }
        self.wait(whole(stream.answer))
    }

    /// The answer to a simple request.
    pub(super) fn get(&self, path: &str) -> Whole {
        self.exchange(get(path).body(()).unwrap(), None).unwrap()
    }
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
}

async fn handshake<S>(stream: S) -> SendRequest<Bytes>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    // The library would cut a connection on which many small frames wait to be read.
    let mut builder = client::Builder::new();
    let (sender, connection) = builder.data_frame_budget(64 << 20).handshake(stream).await.unwrap();
    tokio::spawn(connection);
    sender
}

/// A request for a path.
pub(super) fn get(path: &str) -> http::request::Builder {
    Request::builder().uri(format!("http://a.test{path}"))
}

/// Sends data as the window opens.
pub(super) async fn send(stream: &mut SendStream<Bytes>, mut data: &[u8]) {
    while !data.is_empty() {
        stream.reserve_capacity(data.len());
        let Some(Ok(room)) = poll_fn(|context| stream.poll_capacity(context)).await else { return };
        let (now, rest) = data.split_at(room.min(data.len()));
        if stream.send_data(Bytes::copy_from_slice(now), false).is_err() {
            return;
        }
        data = rest;
    }
}

/// Reads the next data of a body.
pub(super) async fn piece(body: &mut RecvStream) -> Option<Result<Bytes, h2::Error>> {
    let data = body.data().await?;
    if let Ok(data) = &data {
        let _ = body.flow_control().release_capacity(data.len());
    }
    Some(data)
}

/// Reads a whole answer.
pub(super) async fn whole(answer: ResponseFuture) -> Result<Whole, h2::Error> {
    let (parts, mut receiving) = answer.await?.into_parts();
    let mut body = Vec::new();
    while let Some(data) = piece(&mut receiving).await {
        body.extend_from_slice(&data?);
    }
    let trailers = receiving.trailers().await?;
    Ok(Whole { status: parts.status, headers: parts.headers, body, trailers })
}

/// How long a clean client waits for an answer while others misbehave.
pub(super) const PROMPT: Duration = Duration::from_secs(2);
