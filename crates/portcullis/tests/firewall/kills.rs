//! Killed at any moment of an apply: the old or the new policy, never none and never half of one, without a packet that
//! leaks or is refused on the way.

use crate::pair::{CLIENT, Pair, SERVER};
use rustix::process::Signal;
use std::thread;
use std::time::{Duration, Instant};
use testkit::Program;
use testkit::lab::Prober;
use testkit::load::kill;

/// Kills of each kind; the number of the environment is for those who want to know.
fn kills() -> u32 {
    std::env::var("PORTCULLIS_KILLS").map_or(8, |text| text.parse().unwrap())
}

/// The moments of the kills: from where an apply has read what there is, to beyond its end.
fn moments(span: Duration) -> impl Iterator<Item = Duration> {
    let last = kills() - 1;
    (0..=last).map(move |round| span * (4 * last + 7 * round) / (10 * last))
}

/// The name of a policy and the port that only this one opens.
type Policy = (&'static str, u16);

const A: Policy = ("policy-a", 3001);
const B: Policy = ("policy-b", 3002);

/// Both policies allow port 1000 and refuse port 2000.
fn file((name, port): Policy) -> String {
    format!(
        "[firewall]\ninbound = [\n  \"22/tcp\",\n  {{ allow = \"1000/udp\", id = \"probed\" }},\n  \
         {{ allow = \"{port}/udp\", id = \"{name}\" }},\n]\n"
    )
}

#[test]
fn an_apply_that_is_killed_leaves_the_old_or_the_new_policy() {
    let pair = Pair::new("");
    pair.server.apply(&file(A));
    let span = timed(&pair, B);
    let prober = Prober {
        from: &pair.client,
        source: CLIENT[0].parse().unwrap(),
        to: &pair.server.host,
        target: SERVER[0].parse().unwrap(),
        allowed: 1000,
        denied: 2000,
        per_millisecond: 1,
    };
    let (seen, tally) = prober.during(|| {
        let kinds = [&["--no-trial"][..], &[]];
        let rounds = moments(span).flat_map(|after| kinds.map(|kind| (after, kind)));
        rounds
            .zip([A, A, B, B].into_iter().cycle())
            .map(|((after, kind), policy)| {
                let apply = begin(&pair, policy, kind);
                // The moment of the kill, and no wait for anything.
                thread::sleep(after);
                apply.signal(Signal::KILL);
                let _ = apply.finish();
                in_force(&pair, after)
            })
            .collect::<String>()
    });
    assert!(tally.leaked.is_empty(), "{:?} of {}", tally.leaked, tally.sent);
    // A packet that is within the rules at the very moment when the kernel changes generations may be lost, and is
    // sent again; that something is refused for a while is another matter.
    let is_alone = |some: &[Duration]| some[2] - some[0] > Duration::from_millis(20);
    assert!(tally.refused.windows(3).all(is_alone), "{:?} of {}", tally.refused, tally.sent);
    assert!(tally.sent > 100, "{}", tally.sent);
    println!("an apply takes {span:?}; in force after each kill: {seen}");
}

#[test]
fn a_gate_that_is_killed_in_an_apply_leaves_the_old_or_the_new_policy() {
    let pair = Pair::new("");
    pair.server.apply(&file(A));
    let gate = pair.server.up();
    let span = timed(&pair, B);
    drop(gate);
    let seen = moments(span).zip([A, B].into_iter().cycle()).map(|(after, policy)| {
        let gate = pair.server.up();
        let apply = begin(&pair, policy, &["--no-trial"]);
        thread::sleep(after);
        // What serves goes on, and would be taken over; here it ends with the value.
        kill(gate.id());
        let _ = apply.finish();
        in_force(&pair, after)
    });
    println!("an apply takes {span:?}; in force after each kill: {}", seen.collect::<String>());
}

fn begin(pair: &Pair, policy: Policy, kind: &[&str]) -> Program {
    pair.server.write(&file(policy));
    let mut command = pair.server.command(&["apply", "--yes", "--console"]);
    pair.server.host.start(command.args(kind))
}

/// How long an apply takes that is not killed.
fn timed(pair: &Pair, policy: Policy) -> Duration {
    let started = Instant::now();
    assert_eq!(begin(pair, policy, &["--no-trial"]).finish().code(), 0);
    started.elapsed()
}

/// The policy that is in force after a kill; a trial is ended first.
fn in_force(pair: &Pair, after: Duration) -> char {
    let status = pair.server.status();
    assert_eq!(status["enforced"], true, "killed after {after:?}: {status}");
    if !status["trial"].is_null() {
        pair.server.done(&["rollback"]);
    }
    let table = pair.server.done(&["firewall", "show"]);
    match [A, B].map(|(name, _)| table.contains(&format!("_o_{name} {{"))) {
        [true, false] => 'a',
        [false, true] => 'b',
        _ => panic!("killed after {after:?}: {table}"),
    }
}
