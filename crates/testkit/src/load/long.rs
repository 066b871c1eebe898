//! Answers that take long: a download that is read slowly, and a stream of events.

use super::http1::Connection;
use super::outcome::{Client, Outcome};
use super::scene::{ANSWER_WITHIN, Fault, Scene};
use std::rc::Rc;
use std::time::{Duration, Instant};
use tokio::time::timeout;

/// Between two pieces of the download.
const READ_PAUSE: Duration = Duration::from_millis(20);

/// Fetches the long answer, again and again. It counts as answered for every piece.
pub(super) async fn download(scene: Rc<Scene>) {
    let mut first = true;
    while !scene.is_over() {
        let target = scene.target.download.clone();
        if let Some((mut connection, length)) = begin(&scene, Client::Download, &target).await {
            let (opened, mut left) = (connection.opened, length.unwrap_or_default());
            while left > 0 && !scene.is_over() {
                match piece(&mut connection).await {
                    Ok(piece) if piece.len() as u64 <= left => {
                        left -= piece.len() as u64;
                        scene.answered(Client::Download, READ_PAUSE, &mut first);
                        tokio::time::sleep(READ_PAUSE).await;
                    }
                    Ok(_) => {
                        scene.note(Client::Download, opened, Outcome::WrongBody, "more bytes than announced");
                        break;
                    }
                    Err(fault) => {
                        scene.note(Client::Download, opened, fault.outcome, &fault.text);
                        break;
                    }
                }
            }
        }
        tokio::time::sleep(READ_PAUSE).await;
    }
}

/// Reads events, again and again.
pub(super) async fn events(scene: Rc<Scene>) {
    let mut first = true;
    while !scene.is_over() {
        let target = scene.target.events.clone();
        if let Some((mut connection, _)) = begin(&scene, Client::Events, &target).await {
            let opened = connection.opened;
            if let Err(fault) = numbered(&scene, &mut connection, &mut first).await {
                scene.note(Client::Events, opened, fault.outcome, &fault.text);
            }
        }
        tokio::time::sleep(READ_PAUSE).await;
    }
}

/// Reads events that must be numbered from 1 on. The framing of chunks stands between them and is passed over.
async fn numbered(scene: &Scene, connection: &mut Connection, first: &mut bool) -> Result<(), Fault> {
    let (mut text, mut expected) = (String::new(), 1_u64);
    while !scene.is_over() {
        let since = Instant::now();
        text += &String::from_utf8_lossy(&piece(connection).await?);
        while let Some((event, rest)) = text.split_once("\n\n") {
            let number = event.rsplit_once("data: ").and_then(|(_, number)| number.parse::<u64>().ok());
            if number != Some(expected) {
                return Err(Fault::new(
                    Outcome::WrongBody,
                    format!("event {expected} is missing: {event:?}"),
                ));
            }
            expected += 1;
            scene.answered(Client::Events, since.elapsed(), first);
            text = rest.to_owned();
        }
    }
    Ok(())
}

/// Asks, and reads the head of the answer; with the length of what follows.
async fn begin(scene: &Scene, client: Client, target: &str) -> Option<(Connection, Option<u64>)> {
    let door = scene.target.http1.first()?;
    let mut connection = Connection::open(scene, client, door).await?;
    connection.send("GET", target, "", b"").await;
    let head = timeout(ANSWER_WITHIN, connection.head()).await;
    let head = head.unwrap_or_else(|_| Err(Fault::new(Outcome::TimedOut, "no answer")));
    match head {
        Ok(head) if head.status == 200 => {
            Some((connection, head.value("content-length").and_then(|text| text.parse().ok())))
        }
        Ok(head) => {
            scene.note(client, connection.opened, Outcome::WrongStatus, &format!("status {}", head.status));
            None
        }
        Err(fault) => {
            scene.note(client, connection.opened, fault.outcome, &fault.text);
            None
        }
    }
}

async fn piece(connection: &mut Connection) -> Result<Vec<u8>, Fault> {
    let piece = timeout(ANSWER_WITHIN, connection.piece()).await;
    piece.unwrap_or_else(|_| Err(Fault::new(Outcome::TimedOut, "nothing more comes")))
}
