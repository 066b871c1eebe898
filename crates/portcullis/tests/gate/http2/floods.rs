//! Every flood is cut within its bound, a clean client beside it is served, and memory returns.

#![expect(clippy::print_stderr, reason = "the lines of a table, for those who ask")]

use super::client::{H2, PROMPT, get as path, whole};
use super::frames::{
    CONTINUATION, DATA, END_HEADERS, END_STREAM, ENHANCE_YOUR_CALM, Frames, HEADERS, PING, PRIORITY,
    RST_STREAM, SETTINGS, WINDOW_UPDATE, block, frame, get,
};
use super::requests::gate;
use crate::running::Gate;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;
use testkit::{Recording, eventually};

/// Bytes that a gate may hold more than before, once everything is over.
const LEFT: u64 = 8 << 20;

/// What is said again and again, by its number.
type Piece<'a> = &'a dyn Fn(u32) -> Vec<u8>;

/// Raises a flag when it goes away, also by a panic.
struct Raised<'a>(&'a AtomicBool);

impl Drop for Raised<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// A gate with an instance, and a clean client that is served all the while. With `--nocapture` a line of the table in
/// docs/limits.md is shown.
fn beside_a_clean_client(name: &str, attack: impl FnOnce(&Gate)) -> Recording {
    let instance = Recording::start();
    let gate = gate(&format!("service = \"{}\"\n", instance.address()));
    let clean = H2::of(&gate);
    warm(&gate);
    let before = gate.memory();
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let beside = scope.spawn(|| {
            let mut waited = Vec::new();
            // Once at least, however short the attack is.
            while waited.is_empty() || !over.load(Ordering::Relaxed) {
                let started = Instant::now();
                assert_eq!(clean.get("/clean").status, 200);
                waited.push(started.elapsed());
            }
            waited.sort_unstable();
            waited
        });
        let attacking = Raised(&over);
        attack(&gate);
        drop(attacking);
        let waited = beside.join().unwrap();
        let [most, slowest] = [waited.len() * 99 / 100, waited.len() - 1].map(|place| waited[place]);
        let memory = gate.memory().saturating_sub(before) >> 10;
        eprintln!("| {name} | {} | {most:.1?} | {slowest:.1?} | {memory} KiB |", waited.len());
        assert!(slowest < PROMPT, "a clean client waited {slowest:?}");
    });
    eventually("the memory to return", || (gate.memory() < before + LEFT).then_some(()));
    assert_eq!(instance.problems(), [""; 0]);
    instance
}

/// Serves as many requests at once as an attack asks for: what is kept for the next ones is no leak.
fn warm(gate: &Gate) {
    let clients: Vec<H2> = (0..4).map(|_| H2::of(gate)).collect();
    let started: Vec<_> = clients
        .iter()
        .flat_map(|client| {
            (0..50).map(move |_| (client, client.start(path("/clean").body(()).unwrap(), true)))
        })
        .collect();
    for (client, stream) in started {
        assert_eq!(client.wait(whole(stream.answer)).unwrap().status, 200);
    }
}

/// Repeats what `piece` says until the connection is cut; how often it was said, and the error that we were told.
fn flood(gate: &Gate, start: &[u8], most: u32, piece: impl Fn(u32) -> Vec<u8>) -> (u32, Option<u32>) {
    let mut frames = Frames::connect(gate, &[]);
    frames.send(start);
    let mut reader = frames.again();
    let reading = std::thread::spawn(move || reader.verdict());
    let mut said = 0;
    for number in 0..most {
        if !frames.try_send(&piece(number)) {
            break;
        }
        said += 1;
    }
    frames.end_sending();
    (said, reading.join().unwrap())
}

#[test]
fn frames_that_move_nothing_are_cut() {
    let ping = |_| frame(PING, 0, 0, &[0; 8]);
    let settings = |_| frame(SETTINGS, 0, 0, &[]);
    let priority = |_| frame(PRIORITY, 0, 1, &[0, 0, 0, 3, 1]);
    let update = |_| frame(WINDOW_UPDATE, 0, 0, &1_u32.to_be_bytes());
    let unknown = |_| frame(0xee, 0, 0, b"x");
    let data = |_| frame(DATA, 0, 1, b"");
    let post = [(":method", "POST"), (":scheme", "http"), (":authority", "a.test"), (":path", "/flood")];
    let post = frame(HEADERS, END_HEADERS, 1, &block(&post));
    let floods: [(&str, &[u8], Piece<'_>); 6] = [
        ("PING", b"", &ping),
        ("SETTINGS", b"", &settings),
        ("PRIORITY", b"", &priority),
        ("WINDOW_UPDATE", b"", &update),
        ("unknown", b"", &unknown),
        ("empty DATA", &post, &data),
    ];
    for (name, start, piece) in floods {
        beside_a_clean_client(name, |gate| {
            let (said, verdict) = flood(gate, start, 1_000_000, piece);
            assert!(said < 100_000, "{said} frames of {name}");
            assert_eq!(verdict, Some(ENHANCE_YOUR_CALM), "{name}");
            // The library has a bound of its own for empty frames of data.
            let rule = if name == "empty DATA" { "http2-" } else { "http2-control-frames" };
            assert_eq!(cut(gate, rule), 1.0, "{name}");
            eventually("a line", || gate.stderr().contains(&format!("from 127.0.0.1: {rule}")).then_some(()));
        });
    }
}

/// How many connections were cut by the rules that begin like this.
fn cut(gate: &Gate, rule: &str) -> f64 {
    gate.metrics(&["portcullis_http2_cut_connections_total", &format!("rule=\"{rule}")]).into_iter().sum()
}

#[test]
fn a_flood_whose_answers_nobody_reads_is_cut() {
    beside_a_clean_client("answers that nobody reads", |gate| {
        let mut frames = Frames::connect(gate, &[]);
        let ping = frame(PING, 0, 0, &[0; 8]).repeat(100);
        let said = (0..10_000).take_while(|_| frames.try_send(&ping)).count();
        assert!(said < 10_000, "{said} times a hundred frames");
    });
}

#[test]
fn rapid_resets_are_cut_and_hardly_reach_an_instance() {
    let instance = beside_a_clean_client("rapid resets", |gate| {
        let (said, verdict) = flood(gate, b"", 100_000, |number| {
            let stream = 2 * number + 1;
            let head = frame(HEADERS, END_HEADERS | END_STREAM, stream, &get("/rapid"));
            [head, frame(RST_STREAM, 0, stream, &8_u32.to_be_bytes())].concat()
        });
        assert!(said < 50_000, "{said} requests");
        assert_eq!(verdict, Some(ENHANCE_YOUR_CALM));
        // The library has a bound of its own for those that nobody has looked at yet.
        assert_eq!(cut(gate, "http2-"), 1.0);
    });
    let rapid = instance.requests().iter().filter(|request| request.target == "/rapid").count();
    assert!(rapid <= 200, "{rapid} requests reached the instance");
}

#[test]
fn resets_that_we_are_made_to_send_are_cut() {
    let post = |stream, length: &str| {
        let fields = [
            (":method", "POST"),
            (":scheme", "http"),
            (":authority", "a.test"),
            (":path", "/made"),
            ("content-length", length),
        ];
        frame(HEADERS, END_HEADERS, stream, &block(&fields))
    };
    let no_increment = |stream| [post(stream, "9"), frame(WINDOW_UPDATE, 0, stream, &[0; 4])].concat();
    let overflow = |stream| {
        let update = frame(WINDOW_UPDATE, 0, stream, &0x7fff_ffff_u32.to_be_bytes());
        [post(stream, "9"), update].concat()
    };
    let too_much = |stream| [post(stream, "1"), frame(DATA, 0, stream, b"12")].concat();
    let too_little = |stream| [post(stream, "3"), frame(DATA, END_STREAM, stream, b"12")].concat();
    let itself = |stream: u32| {
        let priority = frame(PRIORITY, 0, stream, &[&stream.to_be_bytes()[..], &[1]].concat());
        [post(stream, "9"), priority].concat()
    };
    let after_end = |stream| {
        let head = frame(HEADERS, END_HEADERS | END_STREAM, stream, &get("/made"));
        [head, frame(DATA, 0, stream, b"x")].concat()
    };
    let floods: [(&str, Piece<'_>); 6] = [
        ("no increment", &no_increment),
        ("overflow", &overflow),
        ("too much", &too_much),
        ("too little", &too_little),
        ("itself", &itself),
        ("after the end", &after_end),
    ];
    for (name, piece) in floods {
        let instance = beside_a_clean_client(&format!("made resets: {name}"), |gate| {
            let (said, verdict) = flood(gate, b"", 200_000, |number| piece(2 * number + 1));
            assert!(said < 200_000, "{name}: {said} requests");
            assert!(verdict.is_none_or(|error| error > 0), "{name}: {verdict:?}");
        });
        let made = instance.requests().iter().filter(|request| request.target == "/made").count();
        assert!(made <= 300, "{name}: {made} requests reached the instance");
    }
}

#[test]
fn a_head_that_never_ends_is_cut() {
    beside_a_clean_client("a head without end", |gate| {
        let start = frame(HEADERS, END_STREAM, 1, &get("/"));
        let (said, verdict) = flood(gate, &start, 1_000_000, |_| frame(CONTINUATION, 0, 1, &[0x8f]));
        assert!(said < 50_000, "{said} frames");
        assert_eq!(verdict, Some(ENHANCE_YOUR_CALM));
        assert_eq!(cut(gate, "http2-flood"), 1.0);
    });
}

#[test]
fn many_small_fields_are_refused_and_not_kept() {
    for (count, fields) in [(4000, "tiny"), (4000, "cookie"), (300, "tiny")] {
        let instance = beside_a_clean_client(&format!("{count} fields: {fields}"), |gate| {
            let before = gate.memory();
            let sent = std::cell::Cell::new(0_u64);
            let connections: Vec<_> = (0..4)
                .map(|_| {
                    // The window stays shut, so that whatever is answered waits.
                    let mut frames = Frames::connect(gate, &[(4, 0)]);
                    for number in 0..50 {
                        let mut payload = get("/bomb");
                        if fields == "tiny" {
                            payload.extend(vec![0x8f; count]);
                        } else {
                            // A crumb enters the table once and is named again in one byte each time.
                            payload.extend([0x40, 6]);
                            payload.extend(b"cookie");
                            payload.extend([1, b'a']);
                            payload.extend(vec![0xbe; count]);
                        }
                        sent.set(sent.get() + payload.len() as u64);
                        let head = frame(HEADERS, END_HEADERS | END_STREAM, 2 * number + 1, &payload);
                        if !frames.try_send(&head) {
                            break;
                        }
                    }
                    frames
                })
                .collect();
            let held = gate.memory().saturating_sub(before);
            eprintln!("{held} bytes are held of {} that were sent", sent.get());
            assert!(held < LEFT, "{held} bytes are held");
            drop(connections);
        });
        assert!(instance.requests().iter().all(|request| request.target != "/bomb"), "{count} {fields}");
    }
}
