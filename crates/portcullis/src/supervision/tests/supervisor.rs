//! What is done about gates that do not what they are told, and that nobody else waits for them.

use super::predecessors::listen;
use super::{Bench, LONG, Sleeper, Theirs};
use crate::supervision::predecessors::Predecessor;
use crate::supervision::{Beginning, Offer, Settings, Supervisor};
use gate::Given;
use link::{Answer, Channel, Hello, Order, PROTOCOL, Refusal, Told};
use model::plan::{Edition, Plan};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};
use testkit::Folder;

/// Longer than anything takes that waits for no gate, and shorter than what a gate has for anything.
const MOMENT: Duration = Duration::from_secs(4);

/// A supervisor, and the gate that it has.
struct Kept {
    supervisor: Arc<Supervisor>,
    gate: Bench,
}

impl Kept {
    fn new() -> Self {
        let gate = Bench::new();
        let supervisor = without_gate(&gate);
        supervisor.state().gate = Some(Arc::clone(&gate.gate));
        Self { supervisor: Arc::new(supervisor), gate }
    }

    /// Has an order under way that the gate has got and does not answer. The value is what comes of it.
    fn is_told<T: Send + 'static>(
        &self,
        give: impl FnOnce(&Supervisor) -> T + Send + 'static,
    ) -> std::thread::JoinHandle<T> {
        let supervisor = Arc::clone(&self.supervisor);
        let given = std::thread::spawn(move || give(&supervisor));
        self.gate.theirs.order();
        given
    }
}

fn without_gate(bench: &Bench) -> Supervisor {
    beginning(bench, false)
}

fn beginning(bench: &Bench, is_first: bool) -> Supervisor {
    let settings = Settings {
        program: "/nonexistent".into(),
        build: "this".to_owned(),
        threads: 1,
        folder: PathBuf::from("/nonexistent"),
        account: None,
    };
    Supervisor::new(settings, bench.ears.clone(), offer(1), None, is_first)
}

fn offer(number: u64) -> Offer {
    let edition = Edition { number, plan: Plan::default() };
    Offer { edition, given: Given::default(), listeners: Vec::new(), serving: Arc::default() }
}

fn refused() -> Answer {
    Answer::Refused(Refusal { reason: "no".to_owned() })
}

/// A gate of a former keeper, and its end of the socket.
fn former(sleeper: &Sleeper, draining: bool) -> (Predecessor, Theirs) {
    let (channel, theirs) = Channel::pair().expect("a socket");
    let hello = Hello { protocol: PROTOCOL, build: "this".to_owned(), draining };
    let place = PathBuf::from("/nonexistent");
    let former = Predecessor { channel, process: sleeper.process(), place, sockets: Vec::new(), hello };
    (former, Theirs(Arc::new(theirs)))
}

#[test]
fn nobody_waits_for_a_gate_that_takes_a_plan_who_does_not_tell_it_what_to_serve() {
    let kept = Kept::new();
    let installed = kept.is_told(|supervisor| supervisor.install(offer(2)));
    let began = Instant::now();
    assert_eq!(kept.supervisor.facts().process, Some(kept.gate.gate.process.pid()));
    assert!(kept.supervisor.counts().is_none());
    assert!(kept.supervisor.metrics().is_none());
    assert!(kept.supervisor.is_well());
    assert_eq!(kept.supervisor.look_around(), None, "it is not asked whether it lives");
    kept.gate.gate.kill();
    kept.supervisor.bury(&kept.gate.gate);
    assert_eq!(kept.supervisor.facts().process, None);
    installed.join().expect("a thread").expect_err("it is gone");
    assert!(began.elapsed() < MOMENT, "{:?}", began.elapsed());
}

#[test]
fn the_end_of_the_service_does_not_wait_for_a_gate_that_takes_a_plan() {
    let kept = Kept::new();
    let installed = kept.is_told(|supervisor| supervisor.install(offer(2)));
    let supervisor = Arc::clone(&kept.supervisor);
    let ended = std::thread::spawn(move || supervisor.end(Duration::ZERO));
    let drain = kept.gate.theirs.order();
    assert!(matches!(drain.order, Order::Drain(_)));
    kept.gate.theirs.tell(&Told::Answer { number: drain.number, answer: Answer::Drained { cut: 3 } });
    assert_eq!(ended.join().expect("a thread"), 3);
    installed.join().expect("a thread").expect_err("it is gone");
    kept.gate.ends();
}

#[test]
fn the_end_of_the_service_is_the_end_of_a_gate_that_does_not_obey() {
    let kept = Kept::new();
    let began = Instant::now();
    assert_eq!(kept.supervisor.end(Duration::ZERO), 0);
    assert!(began.elapsed() < LONG, "{:?}", began.elapsed());
    kept.gate.ends();
}

#[test]
fn a_gate_that_was_told_to_end_meanwhile_has_its_time_though_it_does_not_say_that_it_lives() {
    let mut kept = Kept::new();
    let looked = kept.is_told(|supervisor| supervisor.look_around());
    let supervisor = Arc::clone(&kept.supervisor);
    let ended = std::thread::spawn(move || supervisor.end(LONG));
    let drain = kept.gate.theirs.order();
    assert!(matches!(drain.order, Order::Drain(_)));
    looked.join().expect("a thread");
    assert!(kept.gate.sleeper.lives());
    kept.gate.theirs.tell(&Told::Answer { number: drain.number, answer: Answer::Drained { cut: 3 } });
    assert_eq!(ended.join().expect("a thread"), 3);
    kept.gate.ends();
}

#[test]
fn a_gate_that_is_killed_is_known_for_one_until_it_has_ended() {
    for was_serving in [true, false] {
        let mut kept = Kept::new();
        let (supervisor, gate) = (&kept.supervisor, Arc::clone(&kept.gate.gate));
        let process = gate.process.pid();
        if was_serving {
            // It takes its time to end, and is not killed at all here.
            supervisor.bury(&gate);
        } else {
            let coming = supervisor.state().gate.take();
            supervisor.state().coming = coming;
            supervisor.bring_up().expect_err("there is no program");
        }
        assert_eq!(supervisor.facts().process, None);
        supervisor.end_overdue(Instant::now());
        assert!(supervisor.has(process));
        gate.kill();
        kept.gate.sleeper.is_killed();
        supervisor.end_overdue(Instant::now());
        assert!(!supervisor.has(process));
    }
}

#[test]
fn a_gate_whose_service_does_not_begin_is_ended_whoever_has_its_supervisor() {
    for (is_first, begins, is_ended) in [(true, false, true), (true, true, false), (false, false, false)] {
        let gate = Bench::new();
        let supervisor = Arc::new(beginning(&gate, is_first));
        supervisor.state().gate = Some(Arc::clone(&gate.gate));
        let beginning = Beginning::of(&supervisor);
        let done = std::thread::spawn(move || if begins { beginning.succeed() } else { drop(beginning) });
        if is_ended {
            let drain = gate.theirs.order();
            assert!(matches!(drain.order, Order::Drain(_)));
            gate.theirs.tell(&Told::Answer { number: drain.number, answer: Answer::Drained { cut: 0 } });
            done.join().expect("a thread");
            gate.ends();
        } else {
            done.join().expect("a thread");
            gate.lives();
            supervisor.leave();
        }
    }
}

#[test]
fn a_gate_that_dies_before_it_serves_is_replaced_with_one_that_does() {
    let gate = Bench::new();
    let supervisor = without_gate(&gate);
    let failure = supervisor.install_first(offer(2)).expect_err("there is no program");
    assert!(failure.reason.starts_with("the gate cannot be started: "), "{}", failure.reason);
    assert_eq!(supervisor.served().0.edition.number, 2);
}

#[test]
fn the_end_of_the_service_takes_a_gate_that_is_being_started_for_its_own() {
    let (gate, folder) = (Bench::new(), Folder::new());
    let mut supervisor = without_gate(&gate);
    supervisor.settings.folder = folder.path().to_owned();
    let place = folder.join("gate-1");
    // Nobody speaks there yet.
    let _socket = listen(&place);
    supervisor.state().place = Some(place.clone());
    let began = Instant::now();
    supervisor.end_with_strangers(Duration::ZERO);
    assert!(began.elapsed() < MOMENT, "{:?}", began.elapsed());
    assert!(place.exists());
}

#[test]
fn nothing_is_started_once_the_service_ends() {
    let gate = Bench::new();
    let supervisor = without_gate(&gate);
    supervisor.end(Duration::ZERO);
    assert_eq!(supervisor.look_around(), None);
    assert_eq!(supervisor.facts().deaths, 0);
    supervisor.install(offer(2)).expect_err("there is no gate");
}

#[test]
fn a_gate_that_refuses_serves_on_and_is_offered_what_it_serves() {
    let kept = Kept::new();
    let supervisor = Arc::clone(&kept.supervisor);
    let installed = std::thread::spawn(move || supervisor.install(offer(2)));
    let number = kept.gate.theirs.number();
    kept.gate.theirs.tell(&Told::Answer { number, answer: refused() });
    let failure = installed.join().expect("a thread").expect_err("it refuses");
    assert_eq!(failure.reason, "no");
    assert_eq!(kept.supervisor.served().0.edition.number, 1);
    kept.gate.lives();
}

#[test]
fn a_gate_of_which_nobody_knows_what_it_serves_is_ended() {
    let kept = Kept::new();
    let supervisor = Arc::clone(&kept.supervisor);
    let installed = std::thread::spawn(move || supervisor.install(offer(2)));
    let number = kept.gate.theirs.number();
    kept.gate.theirs.tell(&Told::Answer { number, answer: Answer::Drained { cut: 0 } });
    installed.join().expect("a thread").expect_err("it is no answer");
    assert_eq!(kept.supervisor.served().0.edition.number, 1, "the next one serves what was served");
    kept.gate.ends();
}

#[test]
fn a_former_gate_that_does_not_obey_is_ended_when_it_is_taken_over() {
    for answers in [vec![refused()], vec![Answer::Done], vec![Answer::Started(report()), refused()]] {
        println!("{answers:?}");
        let (bench, mut sleeper) = (Bench::new(), Sleeper::new());
        let supervisor = without_gate(&bench);
        let (former, theirs) = former(&sleeper, false);
        let gate = std::thread::spawn(move || {
            for answer in answers {
                let number = theirs.number();
                theirs.tell(&Told::Answer { number, answer });
            }
            theirs
        });
        assert!(!supervisor.adopt(former));
        sleeper.is_killed();
        gate.join().expect("the gate");
        assert_eq!(supervisor.facts().process, None);
    }
}

#[test]
fn a_former_gate_ends_in_its_time_or_is_ended() {
    let (bench, mut sleeper) = (Bench::new(), Sleeper::new());
    let supervisor = without_gate(&bench);
    let (former, theirs) = former(&sleeper, true);
    supervisor.send_off_all(vec![former]);
    assert!(matches!(theirs.order().order, Order::Drain(_)));
    let ending = supervisor.state().ending.clone();
    let deadline = ending[0].deadline.get().expect("it has a deadline");
    let longest = supervisor.served().0.edition.plan.limits.handover_timeout + LONG;
    assert!(*deadline <= Instant::now() + longest);
    supervisor.end_overdue(*deadline - Duration::from_millis(1));
    assert!(sleeper.lives());
    supervisor.end_overdue(*deadline);
    sleeper.is_killed();
}

fn report() -> confine::Report {
    confine::Report { layers: Vec::new(), missing: Vec::new() }
}
