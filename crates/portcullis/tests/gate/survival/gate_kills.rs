//! The process that serves is killed under load.

use super::{gate_process, stop, summary};
use crate::load::{Loaded, setting};
use std::time::{Duration, Instant};
use testkit::load::{Outcome, kill};

/// Longer than the life of a gate that cannot serve.
const PAUSE: Duration = Duration::from_secs(3);
/// More kills than make a crash loop have so much between them that they make none.
const MANY: (usize, Duration) = (20, Duration::from_secs(16));

#[test]
fn a_gate_that_is_killed_is_replaced_and_only_what_it_had_accepted_is_cut() {
    let kills = setting("PORTCULLIS_TEST_GATE_KILLS", 5);
    let loaded = Loaded::up();
    let mut load = loaded.start();
    let mut times = Vec::new();
    load.disturb(kills, if kills > MANY.0 { MANY.1 } else { PAUSE }, |_| {
        let former = gate_process(&loaded.gate);
        kill(former);
        let since = Instant::now();
        // It waits at the listener until somebody takes it.
        assert_eq!(loaded.gate.get("a.test", "/static256").status, 200);
        times.push(since.elapsed());
        assert_ne!(gate_process(&loaded.gate), former);
    });
    let report = load.finish();
    println!("{report}");
    println!("from a kill to an answer: {}", summary(times));
    report.assert_only_accepted_were_cut();
    assert_eq!(report.tally.total(Outcome::Refused), 0);
    let status = loaded.gate.status();
    assert_eq!(status["gate_deaths"], kills);
    assert_eq!(status["process"], loaded.gate.id());
    stop(&loaded.gate, &[loaded.gate.id(), gate_process(&loaded.gate)]);
}
