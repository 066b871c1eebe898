//! Clients of HTTP/2: some requests at once on each connection.

use super::http1::open;
use super::outcome::{Client, Outcome};
use super::scene::{ANSWER_WITHIN, Ask, Fault, Scene};
use bytes::Bytes;
use h2::Reason;
use h2::client::SendRequest;
use std::cell::Cell;
use std::rc::Rc;
use std::time::{Duration, Instant};
use tokio::time::timeout;

/// A connection, as its streams see it.
#[derive(Clone)]
struct Connection {
    send: SendRequest<Bytes>,
    /// The part of a URI before the target.
    origin: Rc<str>,
    opened: Duration,
    /// Whether there was an answer.
    used: Rc<Cell<bool>>,
}

/// Why a stream asks no more on its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// The load is over.
    Over,
    /// The server had said that it ends.
    Announced,
    /// It had not, and no request was on its way.
    Closed,
    /// A request failed.
    Failed,
}

/// Keeps a connection with its streams, again and again.
pub(super) async fn connections(scene: Rc<Scene>, number: usize) {
    let door = &scene.target.http2[number % scene.target.http2.len()];
    scene.stagger(number, scene.shape.http2, scene.shape.pause).await;
    let served: Rc<[Cell<bool>]> = (0..scene.shape.streams).map(|_| Cell::new(true)).collect();
    while !scene.is_over() {
        let tried = scene.now();
        let note = |opened, fault: Fault| scene.note(Client::Http2, opened, fault.outcome, &fault.text);
        let begun = match open(door, "h2").await {
            Ok(stream) => h2::client::handshake(stream).await.map_err(|error| judge(&error, false, false)),
            Err(fault) => Err(fault),
        };
        let (send, driver) = match begun {
            Ok(begun) => begun,
            Err(fault) => {
                note(tried, fault);
                tokio::time::sleep(scene.shape.pause).await;
                continue;
            }
        };
        let driver = tokio::task::spawn_local(driver);
        let scheme = if door.tls.is_some() { "https" } else { "http" };
        let origin = Rc::from(format!("{scheme}://{}", door.host));
        let connection = Connection { send, origin, opened: scene.now(), used: Rc::default() };
        let streams = (0..served.len()).map(|stream| {
            tokio::task::spawn_local(requests(
                Rc::clone(&scene),
                connection.clone(),
                Rc::clone(&served),
                stream,
            ))
        });
        let mut ends = Vec::new();
        for stream in streams.collect::<Vec<_>>() {
            ends.push(stream.await.expect("a stream does not panic"));
        }
        driver.abort();
        if ends.contains(&End::Announced) {
            note(connection.opened, Fault::new(Outcome::Ended, "GOAWAY"));
        } else if ends.contains(&End::Closed) && !ends.contains(&End::Failed) {
            note(connection.opened, Fault::new(Outcome::Closed, "the connection ended without GOAWAY"));
        }
    }
}

/// Sends one request after the other on streams of a connection.
async fn requests(
    scene: Rc<Scene>,
    mut connection: Connection,
    served: Rc<[Cell<bool>]>,
    stream: usize,
) -> End {
    let note = |opened, fault: Fault| scene.note(Client::Http2, opened, fault.outcome, &fault.text);
    scene.stagger(stream, served.len(), scene.shape.pause).await;
    for number in stream.. {
        if scene.is_over() {
            return End::Over;
        }
        match connection.send.clone().ready().await {
            Ok(send) => connection.send = send,
            Err(error) if is_announced(&error) => return End::Announced,
            Err(_) => return End::Closed,
        }
        let since = Instant::now();
        let exchanged = timeout(ANSWER_WITHIN, connection.exchange(scene.ask(number))).await;
        match exchanged.unwrap_or_else(|_| Err(Fault::new(Outcome::TimedOut, "no answer"))) {
            Ok(()) => {
                let mut first = served[stream].replace(false);
                scene.answered(Client::Http2, since.elapsed(), &mut first);
            }
            Err(fault) => {
                let raced = fault.outcome == Outcome::Raced;
                note(connection.opened, fault);
                return if raced { End::Announced } else { End::Failed };
            }
        }
        tokio::time::sleep(scene.shape.pause).await;
    }
    End::Over
}

impl Connection {
    async fn exchange(&mut self, ask: &Ask) -> Result<(), Fault> {
        let used = self.used.get();
        let request =
            http::Request::builder().method(ask.method).uri(format!("{}{}", self.origin, ask.target));
        let request = request.body(()).expect("a request of a test");
        let before = |error: h2::Error| judge(&error, used, false);
        let (response, mut sending) = self.send.send_request(request, ask.body.is_empty()).map_err(before)?;
        if !ask.body.is_empty() {
            // An answer may come without the body having been taken.
            let _ = sending.send_data(Bytes::from_static(ask.body), true);
        }
        let response = response.await.map_err(before)?;
        self.used.set(true);
        let status = response.status().as_u16();
        let (mut receiving, mut body) = (response.into_body(), Vec::new());
        while let Some(data) = receiving.data().await {
            let data = data.map_err(|error| judge(&error, used, true))?;
            // Only a stream that ended takes no more of it.
            let _ = receiving.flow_control().release_capacity(data.len());
            body.extend_from_slice(&data);
        }
        ask.judge(status, &body)
    }
}

fn is_announced(error: &h2::Error) -> bool {
    error.is_remote() && error.is_go_away() && error.reason() == Some(Reason::NO_ERROR)
}

/// What an error is. `begun` says whether a part of the answer had come.
fn judge(error: &h2::Error, used: bool, begun: bool) -> Fault {
    let refused = error.is_remote() && error.reason() == Some(Reason::REFUSED_STREAM);
    let outcome = match (used, begun) {
        _ if refused || is_announced(error) => Outcome::Raced,
        (_, true) => Outcome::Cut,
        (true, false) => Outcome::Dropped,
        (false, false) => Outcome::Unanswered,
    };
    Fault::new(outcome, error.to_string())
}
