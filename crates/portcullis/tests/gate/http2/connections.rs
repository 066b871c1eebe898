//! The connections to an instance, frame by frame: who opens them, who waits, and what becomes of requests when one ends.

use super::client::{H2, Stream, whole};
use super::frames::{END_HEADERS, END_STREAM, Frames, GOAWAY, HEADERS, SETTINGS, block, frame};
use super::requests::gate;
use crate::running::Gate;
use http::Request;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, sync_channel};
use testkit::PATIENCE;

/// An instance whose connections are taken one by one.
struct Instance {
    address: SocketAddr,
    accepted: Receiver<TcpStream>,
}

impl Instance {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, accepted) = sync_channel(64);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if sender.send(stream.unwrap()).is_err() {
                    return;
                }
            }
        });
        Self { address, accepted }
    }

    /// A gate before it, with more of the service's settings.
    fn gate(&self, settings: &str) -> Gate {
        gate(&format!(
            "service = \"app\"\n[service.app]\ninstances = [\"h2c://{}\"]\nconnect_timeout = \"60s\"\n{settings}",
            self.address
        ))
    }

    /// The next connection, on which nothing was said.
    fn next(&self) -> Frames {
        Frames::accepted(self.accepted.recv_timeout(PATIENCE).expect("another connection"))
    }
}

/// Begins a connection on which so many streams may be open at once.
fn begin(connection: &mut Frames, streams: u32) {
    let most = [&3_u16.to_be_bytes()[..], &streams.to_be_bytes()].concat();
    connection.send(&[frame(SETTINGS, 0, 0, &most), frame(SETTINGS, 1, 0, &[])].concat());
}

/// Waits for the next request, and answers with its stream.
fn request(connection: &mut Frames) -> u32 {
    connection.find(HEADERS).expect("a request").stream
}

/// Answers a request by a name that tells who did.
fn answer(connection: &mut Frames, stream: u32, by: &str) {
    let fields = block(&[(":status", "200"), ("x-by", by)]);
    connection.send(&frame(HEADERS, END_STREAM | END_HEADERS, stream, &fields));
}

/// Sends a request that must not be sent twice.
fn post(client: &H2) -> Stream {
    let request = Request::post("http://a.test/").header("content-length", "0");
    client.start(request.body(()).unwrap(), true)
}

/// Who answered.
fn by(client: &H2, stream: Stream) -> String {
    let answer = client.wait(whole(stream.answer)).unwrap();
    answer.value("x-by").map_or_else(|| answer.status.to_string(), str::to_owned)
}

#[test]
fn connections_are_opened_at_once_where_each_takes_one_request() {
    // Whether they are kept for others, or there are as many already.
    for settings in ["", "keep_alive = 1\n"] {
        let instance = Instance::start();
        let gate = instance.gate(settings);
        let client = H2::of(&gate);
        let first = post(&client);
        let mut connection = instance.next();
        begin(&mut connection, 1);
        let stream = request(&mut connection);
        let further: Vec<_> = (0..5).map(|_| post(&client)).collect();
        // All have come before anything is said on any.
        let connections: Vec<_> = further.iter().map(|_| instance.next()).collect();
        for mut connection in connections {
            begin(&mut connection, 1);
            let stream = request(&mut connection);
            answer(&mut connection, stream, "a further one");
        }
        for stream in further {
            assert_eq!(by(&client, stream), "a further one", "{settings:?}");
        }
        answer(&mut connection, stream, "the first");
        assert_eq!(by(&client, first), "the first", "{settings:?}");
    }
}

#[test]
fn a_connection_that_opens_slowly_holds_nobody_who_has_another() {
    let instance = Instance::start();
    let gate = instance.gate("");
    let client = H2::of(&gate);
    let opening = [post(&client), post(&client)];
    let mut quick = instance.next();
    begin(&mut quick, 2);
    let streams = [request(&mut quick), request(&mut quick)];
    // The third opens a connection and the fourth waits for it, until there is room on the other.
    let third = post(&client);
    let mut slow = instance.next();
    let fourth = post(&client);
    for stream in streams {
        answer(&mut quick, stream, "quick");
    }
    let stream = request(&mut quick);
    answer(&mut quick, stream, "quick");
    assert_eq!(by(&client, fourth), "quick");
    let fifth = post(&client);
    let stream = request(&mut quick);
    answer(&mut quick, stream, "quick");
    assert_eq!(by(&client, fifth), "quick");
    begin(&mut slow, 2);
    let stream = request(&mut slow);
    answer(&mut slow, stream, "slow");
    assert_eq!(by(&client, third), "slow");
    for stream in opening {
        assert_eq!(by(&client, stream), "quick");
    }
}

#[test]
fn who_waits_for_a_connection_that_fails_is_told_at_once() {
    let instance = Instance::start();
    let gate = instance.gate("");
    let client = H2::of(&gate);
    let waiting: Vec<_> = (0..20).map(|_| post(&client)).collect();
    std::thread::spawn(move || instance.accepted.into_iter().for_each(drop));
    for stream in waiting {
        assert_eq!(by(&client, stream), "502 Bad Gateway");
    }
}

/// Two requests on a connection, which says that it takes none behind the first.
fn ending(client: &H2, instance: &Instance) -> (Frames, [Stream; 2]) {
    let requests = [post(client), post(client)];
    let mut connection = instance.next();
    begin(&mut connection, 10);
    assert_eq!([request(&mut connection), request(&mut connection)], [1, 3]);
    connection.send(&frame(GOAWAY, 0, 0, &[0, 0, 0, 1, 0, 0, 0, 0]));
    (connection, requests)
}

#[test]
fn a_request_behind_the_last_of_an_ending_connection_is_sent_elsewhere_and_the_last_completes() {
    let instance = Instance::start();
    let gate = instance.gate("");
    let client = H2::of(&gate);
    let (mut ending, [last, behind]) = ending(&client, &instance);
    let mut next = instance.next();
    begin(&mut next, 10);
    let stream = request(&mut next);
    answer(&mut next, stream, "the next");
    assert_eq!(by(&client, behind), "the next");
    answer(&mut ending, 1, "the ending");
    assert_eq!(by(&client, last), "the ending");
}

#[test]
fn what_an_ending_connection_may_have_looked_at_is_not_sent_again() {
    let instance = Instance::start();
    let gate = instance.gate("");
    let client = H2::of(&gate);
    let (ending, [last, behind]) = ending(&client, &instance);
    let mut next = instance.next();
    begin(&mut next, 10);
    assert_eq!(request(&mut next), 1);
    drop(ending);
    assert_eq!(by(&client, last), "502 Bad Gateway");
    answer(&mut next, 1, "the next");
    assert_eq!(by(&client, behind), "the next");
    let after = post(&client);
    assert_eq!(request(&mut next), 3, "nothing came in between");
    answer(&mut next, 3, "the next");
    assert_eq!(by(&client, after), "the next");
}
