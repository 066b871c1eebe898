//! What a gate says, and what it makes of that who hears it.

use super::{Bench, LONG, Theirs, packet};
use crate::supervision::conversation::Silence;
use link::{
    Answer, Ask, CertificateChange, Channel, HeldSocket, Hello, Numbered, Order, Patience, Told, Trust,
};
use rustix::fs::{MemfdFlags, SealFlags};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

fn notice() -> Vec<u8> {
    packet(&Told::Notice("x".to_owned()))
}

fn ban() -> Ask {
    Ask::Ban { address: [203, 0, 113, 1].into(), seconds: 60, rule: "x".to_owned() }
}

fn sealed(length: u64) -> OwnedFd {
    let memory = rustix::fs::memfd_create("x", MemfdFlags::ALLOW_SEALING).expect("memory");
    rustix::fs::ftruncate(&memory, length).expect("memory");
    let all = SealFlags::SEAL | SealFlags::SHRINK | SealFlags::GROW | SealFlags::WRITE;
    rustix::fs::fcntl_add_seals(&memory, all).expect("memory");
    memory
}

fn unsealed() -> OwnedFd {
    rustix::fs::memfd_create("x", MemfdFlags::ALLOW_SEALING).expect("memory")
}

fn pipe() -> OwnedFd {
    rustix::pipe::pipe().expect("a pipe").0
}

#[test]
fn a_gate_that_says_what_no_gate_says_is_ended() {
    let beside = b"PL\x01\x01";
    let two_sockets = vec![HeldSocket { number: 1, port: 80 }; 2];
    let two_sockets = packet(&Told::Answer { number: 0, answer: Answer::Sockets(two_sockets) });
    for (what, bytes, descriptors) in [
        ("nothing", Vec::new(), vec![]),
        ("one byte", b"P".to_vec(), vec![]),
        ("garbage", vec![0xff; 1000], vec![]),
        ("text", b"GET / HTTP/1.1\r\n\r\n".to_vec(), vec![]),
        ("a head alone", b"PL\x01\x00".to_vec(), vec![]),
        ("another head", b"PL\x02\x00\x02\x01x".to_vec(), vec![]),
        ("a value and a rest", [notice(), vec![0]].concat(), vec![]),
        ("half a value", notice()[..5].to_vec(), vec![]),
        ("a kind that there is not", b"PL\x01\x00\x63".to_vec(), vec![]),
        ("a length without end", b"PL\x01\x00\x02\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01".to_vec(), vec![]),
        ("no text", b"PL\x01\x00\x02\x01\xff".to_vec(), vec![]),
        ("more than a packet", vec![0x50; 40_000], vec![]),
        ("a long notice", packet(&Told::Notice("x".repeat(8193))), vec![]),
        ("memory that is not there", beside.to_vec(), vec![]),
        ("memory", beside.to_vec(), vec![sealed(100)]),
        ("huge memory", beside.to_vec(), vec![sealed(1 << 40)]),
        ("memory that changes", beside.to_vec(), vec![unsealed()]),
        ("a pipe", beside.to_vec(), vec![pipe()]),
        ("a word with a descriptor", notice(), vec![pipe()]),
        ("200 descriptors", notice(), (0..200).map(|_| pipe()).collect()),
        ("sockets that are not there", two_sockets.clone(), vec![]),
        ("more sockets than it says", two_sockets, vec![pipe(), pipe(), pipe()]),
    ] {
        println!("{what}");
        let bench = Bench::new();
        let descriptors: Vec<BorrowedFd<'_>> = descriptors.iter().map(AsFd::as_fd).collect();
        bench.theirs.send(&bytes, &descriptors);
        bench.ends();
    }
}

#[test]
fn answers_to_nothing_and_second_answers_are_nothing() {
    let bench = Bench::new();
    for number in 0..2000_u64 {
        let number = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) | (1 << 40);
        bench
            .theirs
            .tell(&Told::Answer { number, answer: Answer::Refused(link::Refusal { reason: String::new() }) });
    }
    let hello = Hello { protocol: 9, build: "x".repeat(255), draining: true };
    bench.theirs.tell(&Told::Hello(hello));
    let (number, answer) = bench.gate.tell(Order::Ping, &[]).expect("room");
    for reason in ["first", "second"] {
        let answer = Answer::Refused(link::Refusal { reason: reason.to_owned() });
        bench.theirs.tell(&Told::Answer { number, answer });
    }
    let Ok((Answer::Refused(refusal), _)) = answer.recv_timeout(LONG) else { panic!("an answer") };
    assert_eq!(refusal.reason, "first");
    assert_eq!(bench.theirs.number(), number);
    bench.lives();
}

#[test]
fn a_flood_of_notices_is_dropped_and_the_gate_heard() {
    let bench = Bench::new();
    let text = format!("\r\nportcullis: all is well\x1b[2J{}", "\u{7}".repeat(8000));
    for _ in 0..1500 {
        bench.theirs.tell(&Told::Notice(text.clone()));
    }
    bench.lives();
    // Nobody took them here; what does not wait for whoever does is gone.
    assert_eq!(bench.notices.try_iter().count(), 64);
}

#[test]
fn a_flood_of_asks_is_answered_busy_and_costs_the_keeper_nothing() {
    let bench = Bench::new();
    let theirs = Theirs(Arc::clone(&bench.theirs.0));
    let flood = std::thread::spawn(move || {
        for number in 0..1000 {
            theirs.tell(&Told::Ask { number, ask: ban() });
        }
    });
    let channel = Channel::new(bench.theirs.0.try_clone().expect("a descriptor"), Trust::Keeper);
    let (mut busy, begun) = (0, Instant::now());
    while busy + 64 < 1000 {
        let received = channel.receive::<Numbered>().expect("an answer").expect("a keeper");
        let Order::Answered { refused: Some(refused), .. } = received.message.order else {
            panic!("an answer")
        };
        assert_eq!(refused.rule, "busy");
        busy += 1;
        assert!(begun.elapsed() < LONG);
    }
    flood.join().expect("the gate");
    assert_eq!(bench.asks.try_iter().count(), 64);
    bench.lives();
}

#[test]
fn what_is_asked_is_bounded_before_it_is_judged() {
    let bench = Bench::new();
    let long = || "x".repeat(256);
    for (ask, reason) in [
        (
            Ask::Ban { address: [0; 4].into(), seconds: 0, rule: "x".to_owned() },
            "a time has at least one second",
        ),
        (
            Ask::Ban { address: [0; 4].into(), seconds: 1, rule: long() },
            "a text has 1 to 255 visible ASCII characters",
        ),
        (Ask::StartInstance { service: "a\nb".to_owned() }, "a text has 1 to 255 visible ASCII characters"),
        (
            Ask::RunDnsHook { host: "../../etc".to_owned(), value: "x".to_owned() },
            "it is no host in canonical form",
        ),
        (
            Ask::RunDnsHook { host: "A.test".to_owned(), value: "x".to_owned() },
            "it is no host in canonical form",
        ),
        (
            Ask::Grant { address: [0; 4].into(), port: 0, seconds: 1, proof: "x".to_owned() },
            "there is no port 0",
        ),
    ] {
        bench.theirs.tell(&Told::Ask { number: 7, ask });
        let asked = bench.asks.recv_timeout(LONG).expect("it is asked");
        let (_, refused) = asked.answer(|_| panic!("it is judged")).expect_err("refused");
        assert_eq!((refused.rule.as_str(), refused.reason.as_str()), ("malformed", reason));
    }
    bench.theirs.tell(&Told::Ask { number: 8, ask: ban() });
    bench.asks.recv_timeout(LONG).expect("it is asked").answer(|_| Ok(())).expect("granted");
}

#[test]
fn a_gate_that_asks_and_never_reads_is_ended() {
    let bench = Bench::new();
    bench.gate.channel.set_patience(Duration::from_millis(100)).expect("a socket");
    let theirs = Theirs(Arc::clone(&bench.theirs.0));
    std::thread::spawn(move || {
        for number in 0..20_000 {
            theirs.tell(&Told::Ask { number, ask: ban() });
        }
    });
    bench.ends();
}

#[test]
fn a_gate_that_never_reads_its_orders_is_stuck() {
    let bench = Bench::new();
    bench.gate.channel.set_patience(Duration::from_millis(100)).expect("a socket");
    let told = (0..100_000).map(|_| bench.gate.tell(Order::Ping, &[]).map(drop)).find(Result::is_err);
    assert_eq!(told, Some(Err(Silence::Stuck)));
}

#[test]
fn a_gate_that_goes_in_the_middle_of_an_order_leaves_nobody_waiting() {
    let patience = Patience { total: LONG, handed_over: false };
    for order in [
        Order::Sockets { after: 0 },
        Order::Drain(patience),
        Order::Take(vec![1]),
        Order::Certificates(CertificateChange::default()),
        Order::Log,
        Order::Texts(link::Texts::default()),
        Order::Counts,
        Order::Metrics,
        Order::Ping,
    ] {
        let mut bench = Bench::new();
        let theirs = std::mem::replace(&mut bench.theirs, Theirs(Arc::new(pipe())));
        let gate = std::thread::spawn(move || drop(theirs.order()));
        let answer = bench.gate.ask(order, &[], LONG);
        assert_eq!(answer.map(drop), Err(Silence::Gone));
        gate.join().expect("the gate");
        bench.ends();
    }
}
