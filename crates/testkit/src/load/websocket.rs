//! Clients of WebSockets (RFC 6455): a message now and then, which must come back.

use super::http1::{Connection, Idle};
use super::outcome::{Client, Outcome};
use super::scene::{ANSWER_WITHIN, Fault, Scene};
use std::rc::Rc;
use std::time::Instant;
use tokio::time::timeout;

/// Any four bytes: nobody on the way could be confused by these messages.
const MASK: [u8; 4] = [7, 1, 3, 9];
const FIELDS: &str = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                      Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
/// The answer to that key, in lower case (section 1.3).
const ACCEPT: &str = "s3pplmbitxaq9kygzzhzrbk+xoo=";
/// The first bytes of a whole message and of a close (section 5.2).
const BINARY: u8 = 0x82;
const CLOSE: u8 = 0x88;

/// Keeps a WebSocket open, again and again.
pub(super) async fn echoes(scene: Rc<Scene>, number: usize) {
    let door = &scene.target.http1[number % scene.target.http1.len()];
    scene.stagger(number, scene.shape.websockets, scene.shape.echo_pause).await;
    let mut first = true;
    while !scene.is_over() {
        if let Some(mut connection) = Connection::open(&scene, Client::WebSocket, door).await {
            let opened = connection.opened;
            if let Err(fault) = messages(&scene, &mut connection, number, &mut first).await {
                scene.note(Client::WebSocket, opened, fault.outcome, &fault.text);
            }
        }
        tokio::time::sleep(scene.shape.pause).await;
    }
}

async fn messages(
    scene: &Scene,
    connection: &mut Connection,
    number: usize,
    first: &mut bool,
) -> Result<(), Fault> {
    in_time(handshake(scene, connection)).await?;
    for message in 0.. {
        if scene.is_over() {
            break;
        }
        let since = Instant::now();
        in_time(echo(connection, format!("message {message} of {number}").as_bytes())).await?;
        scene.answered(Client::WebSocket, since.elapsed(), first);
        match connection.idle(scene.shape.echo_pause).await {
            Idle::GoesOn => {}
            Idle::Byte(CLOSE) => return Err(Fault::new(Outcome::Ended, "a close frame")),
            Idle::Byte(byte) => {
                return Err(Fault::new(Outcome::WrongBody, format!("byte {byte:#x} out of turn")));
            }
            Idle::Closed(text) => return Err(Fault::new(Outcome::Closed, text)),
        }
    }
    Ok(())
}

async fn in_time(work: impl Future<Output = Result<(), Fault>>) -> Result<(), Fault> {
    timeout(ANSWER_WITHIN, work).await.unwrap_or_else(|_| Err(Fault::new(Outcome::TimedOut, "no answer")))
}

async fn handshake(scene: &Scene, connection: &mut Connection) -> Result<(), Fault> {
    connection.send("GET", &scene.target.websocket, FIELDS, b"").await;
    let head = connection.head().await?;
    match (head.status, head.value("sec-websocket-accept").as_deref()) {
        (101, Some(ACCEPT)) => Ok(()),
        (101, _) => Err(Fault::new(Outcome::WrongBody, format!("no handshake: {}", head.text))),
        (status, _) => Err(Fault::new(Outcome::WrongStatus, format!("status {status}"))),
    }
}

/// Sends a short message and waits for it.
async fn echo(connection: &mut Connection, payload: &[u8]) -> Result<(), Fault> {
    let length = u8::try_from(payload.len()).expect("a short message");
    let masked = payload.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask);
    let frame: Vec<u8> = [BINARY, 0x80 | length].into_iter().chain(MASK).chain(masked).collect();
    // That nobody takes it is seen when nothing comes back.
    let _ = connection.write(&frame).await;
    let received = connection.body(2 + payload.len()).await?;
    if received[..2] == [BINARY, length] && received[2..] == *payload {
        return Ok(());
    }
    Err(Fault::new(Outcome::WrongBody, format!("another message: {}", received.escape_ascii())))
}
