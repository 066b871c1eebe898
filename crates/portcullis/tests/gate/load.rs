//! A gate under constant load while something is done to it: what a client sees of a reload.

use crate::running::{Gate, Hello, Setup};
use crate::tunnel::Open;
use std::time::Duration;
use testkit::load::{self, Client, Door, Load, Outcome, Shape, Target};

/// A number for a run that is longer or shorter than usual.
pub(crate) fn setting(name: &str, usual: usize) -> usize {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(usual)
}

/// What is measured: 50 times and 100 WebSockets, where nothing else is said.
pub(crate) fn times() -> usize {
    setting("PORTCULLIS_TEST_RELOADS", 50)
}

fn shape() -> Shape {
    let websockets = setting("PORTCULLIS_TEST_WEBSOCKETS", 100);
    // More of them say less each, so that the gate has the processor.
    let echo_pause = Duration::from_millis(1000).max(Duration::from_millis(4) * websockets as u32);
    Shape { websockets, echo_pause, ..Shape::default() }
}

/// A gate and the application behind it.
pub(crate) struct Loaded {
    pub(crate) gate: Gate,
    pub(crate) hello: Hello,
}

impl Loaded {
    /// Starts both.
    pub(crate) fn up() -> Self {
        load::raise_descriptor_limit();
        let hello = Hello::start("app");
        let gate = Setup { listen: "h2c = true", ..Setup::default() }.up(&configuration(&hello, 0));
        Self { gate, hello }
    }

    /// Loads a configuration that differs from the one of any other number: in a route that everybody uses, in a
    /// service that is added or taken away, in a site likewise.
    pub(crate) fn reload(&self, number: usize) {
        self.gate.reload_quickly(&configuration(&self.hello, number));
    }

    /// Load over every protocol, plain and TLS in turns.
    pub(crate) fn start(&self) -> Load {
        let door = |address, host: &str, tls| Door { address, host: host.to_owned(), tls };
        let plain = door(self.gate.http, "a.test", None);
        let secure = door(self.gate.https, "b.test", Some(self.gate.tls()));
        let target = Target {
            http1: vec![plain.clone(), secure.clone()],
            http2: vec![plain, secure],
            get: "/static256".to_owned(),
            post: "/upload".to_owned(),
            websocket: "/ws".to_owned(),
            download: "/bytes/100000000000".to_owned(),
            events: "/stream/1000000000?ms=50".to_owned(),
        };
        Load::start(target, shape())
    }
}

fn configuration(hello: &Hello, number: usize) -> String {
    let routes = format!(
        "\"/\" = {{ service = \"app\", response_headers = {{ set = {{ X-Version = \"{number}\" }} }} }}\n"
    );
    let further = format!("[site.\"http://further{number}.test\"]\nservice = \"{}\"\n", hello.address);
    format!(
        "[limits]\nconnections_per_address = 10000\n[service.app]\ninstances = [\"{}\"]\n\
         [site.\"http://a.test\".routes]\n{routes}[site.\"b.test\".routes]\n{routes}{}",
        hello.address,
        if number.is_multiple_of(2) { "" } else { &further }
    )
}

#[test]
fn reloads_under_load_lose_nothing() {
    let loaded = Loaded::up();
    let (times, pause) = (times(), Duration::from_millis(50));
    let mut load = loaded.start();
    // What is taken for the first time is kept for good; growth is what comes after.
    load.disturb(times / 10, pause, |number| loaded.reload(number + 1));
    let before = loaded.gate.memory();
    load.disturb(times - times / 10, pause, |number| loaded.reload(times / 10 + number + 1));
    let after = loaded.gate.memory();
    let report = load.finish();
    println!("{report}memory: {} KiB, then {} KiB", before >> 10, after >> 10);
    report.assert_nothing_was_lost();
    for client in Client::ALL {
        assert!(report.tally.count(client, Outcome::Answered) > 0, "{client:?}: {report}");
    }
    let most = before + before / 4 + (8 << 20);
    assert!(after <= most, "{before} bytes after {} reloads, {after} after {times}", times / 10);
    let status: serde_json::Value =
        serde_json::from_str(&loaded.gate.ask(&["status", "--json"]).stdout).unwrap();
    assert_eq!(status["reloads"], times);
}

#[test]
fn a_websocket_keeps_nothing_of_the_configuration_that_it_was_opened_with() {
    let hello = Hello::start("app");
    let many = |version: usize| {
        let site = |number| {
            format!(
                "[site.\"http://{number}.test\"]\nservice = \"app\"\n\
                 response_headers = {{ set = {{ X-Version = \"{version}\" }} }}\n"
            )
        };
        let sites: String = (0..1000).map(site).collect();
        format!("[service.app]\ninstances = [\"{}\"]\n{sites}", hello.address)
    };
    let gate = Gate::up(&many(0));
    let mut open = Vec::new();
    let mut reload = |version| {
        gate.reload_quickly(&many(version));
        let mut socket = Open::new(&gate, "1.test");
        socket.echoes(b"message");
        open.push(socket);
    };
    (1..5).for_each(&mut reload);
    let before = gate.memory();
    (5..25).for_each(&mut reload);
    let after = gate.memory();
    println!("memory: {} KiB, then {} KiB", before >> 10, after >> 10);
    // Twenty snapshots of a thousand sites are several times as much.
    assert!(after <= before + (8 << 20), "{before} bytes, then {after}");
    open.iter_mut().for_each(|socket| socket.echoes(b"still here"));
}
