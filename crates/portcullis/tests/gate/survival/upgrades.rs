//! The program becomes another one, under load.

use super::{ending, gate_process, lives, memory, stop, summary};
use crate::load::{Loaded, setting};
use crate::running::{Gate, Hello, Setup};
use crate::tunnel::Open;
use rustix::process::{Pid, Signal};
use std::fs;
use std::time::{Duration, Instant};
use testkit::load::Client;
use testkit::{Raw, eventually};

const PAUSE: Duration = Duration::from_millis(500);

fn upgrade(gate: &Gate, arguments: &[&str]) {
    let done = gate.ask(&[&["upgrade"], arguments].concat());
    assert_eq!(done.code(), 0, "{}{}\n{}", done.stdout, done.stderr, gate.stderr());
}

#[test]
fn upgrades_under_load_fail_nobody_and_end_no_long_connection() {
    let upgrades = setting("PORTCULLIS_TEST_UPGRADES", 3);
    let loaded = Loaded::up();
    let (gate, keeper) = (&loaded.gate, loaded.gate.id());
    let programs = ["one", "other"].map(|name| gate.folder.join(name).display().to_string());
    for program in &programs {
        fs::copy(env!("CARGO_BIN_EXE_portcullis"), program).unwrap();
    }
    let first = gate_process(gate);
    let mut load = loaded.start();
    let mut times = Vec::new();
    let mut upgraded = |number: usize| {
        let since = Instant::now();
        upgrade(gate, &[&programs[number % 2]]);
        times.push(since.elapsed());
        let status = gate.status();
        assert_eq!((&status["process"], &status["upgrades"]), (&keeper.into(), &(number + 1).into()));
        assert!(ending(&status).contains(&first), "it has the WebSockets: {status}");
    };
    load.disturb(1, PAUSE, &mut upgraded);
    let before = memory(gate);
    load.disturb(upgrades - 1, PAUSE, |number| upgraded(number + 1));
    // All but the one with the WebSockets have nothing that lasts.
    eventually("the end of the other former gates", || (ending(&gate.status()) == [first]).then_some(()));
    let after = memory(gate);
    let report = load.finish();
    println!("{report}memory: {} KiB, then {} KiB", before >> 10, after >> 10);
    println!("an upgrade: {}", summary(times));
    report.assert_nothing_failed();
    let lasting = [Client::WebSocket, Client::Download, Client::Events];
    let lost = report.tally.events.iter().find(|event| lasting.contains(&event.client));
    assert!(lost.is_none(), "{lost:?}\n{report}");
    assert!(after <= before + before / 4 + (8 << 20), "{before} bytes, then {after}");
    eventually("the end of the former gate", || ending(&gate.status()).is_empty().then_some(()));
    stop(gate, &[keeper, first, gate_process(gate)]);
}

#[test]
fn the_gate_that_has_rehearsed_serves_and_how_it_dies_is_known() {
    let hello = Hello::start("app");
    let gate = Gate::up(&format!("[site]\n\"http://a.test\" = \"{}\"\n", hello.address));
    let (former, mut socket) = (gate_process(&gate), Open::new(&gate, "a.test"));
    upgrade(&gate, &[env!("CARGO_BIN_EXE_portcullis")]);
    let rehearsed = gate_process(&gate);
    assert_eq!(ending(&gate.status()), [former], "also where both are of one build");
    assert_ne!(rehearsed, former);
    assert_eq!(gate.status()["requests"], 0, "its rehearsal is none");
    socket.echoes(b"still here");
    testkit::load::kill(rehearsed);
    let died = format!("the gate (process {rehearsed}) died: it was killed (signal 9;");
    eventually("its end in the log", || gate.stderr().contains(&died).then_some(()));
    drop(socket);
    eventually("the end of the former gate", || ending(&gate.status()).is_empty().then_some(()));
    assert!(!gate.stderr().contains("a keeper that is gone had started it"), "{}", gate.stderr());
}

#[test]
fn the_exit_code_tells_a_program_that_cannot_be_used_from_one_that_does_not_serve() {
    let hello = Hello::start("app");
    let gate = Gate::up(&format!("[site]\n\"http://a.test\" = \"{}\"\n", hello.address));
    for (program, code, said) in
        [("/nosuch", 3, "/nosuch cannot be used: "), ("/bin/true", 1, "may be no Portcullis")]
    {
        let refused = gate.ask(&["upgrade", program]);
        assert_eq!(refused.code(), code, "{}", refused.stderr);
        assert!(refused.stderr.contains(said), "{}", refused.stderr);
    }
}

#[test]
fn a_former_gate_ends_with_its_time() {
    let hello = Hello::start("app");
    let gate = Setup { copied: true, ..Setup::default() }.up(&format!(
        "[limits]\nhandover_timeout = \"1s\"\n[site]\n\"http://a.test\" = \"{}\"\n",
        hello.address
    ));
    let former = gate_process(&gate);
    let mut socket = Open::new(&gate, "a.test");
    upgrade(&gate, &[env!("CARGO_BIN_EXE_portcullis")]);
    socket.ends();
    eventually("the end of the former gate", || ending(&gate.status()).is_empty().then_some(()));
    assert_ne!(gate_process(&gate), former);
}

#[test]
fn former_gates_are_known_to_every_later_keeper_and_end_with_the_service() {
    let hello = Hello::start("app");
    let mut gate = Gate::up(&format!(
        "[limits]\ndrain_timeout = \"1s\"\n[site]\n\"http://a.test\" = \"{}\"\n",
        hello.address
    ));
    let mut open = Vec::new();
    let mut processes = Vec::new();
    for _ in 0..3 {
        processes.push(gate_process(&gate));
        open.push(Open::new(&gate, "a.test"));
        let copy = gate.folder.join(format!("portcullis-{}", open.len()));
        fs::copy(env!("CARGO_BIN_EXE_portcullis"), &copy).unwrap();
        upgrade(&gate, &[copy.to_str().unwrap()]);
    }
    gate.kill_keeper();
    gate.start_keeper();
    let mut known = ending(&gate.status());
    known.retain(|process| processes.contains(process));
    known.sort_unstable();
    processes.sort_unstable();
    assert_eq!(known, processes, "{}", gate.stderr());
    open.iter_mut().for_each(|socket| socket.echoes(b"still here"));
    processes.push(gate_process(&gate));
    stop(&gate, &processes);
}

#[test]
fn a_program_whose_file_was_replaced_is_upgraded_to_the_new_one_without_a_name() {
    let hello = Hello::start("app");
    let gate = Setup { copied: true, ..Setup::default() }
        .up(&format!("[site]\n\"http://a.test\" = \"{}\"\n", hello.address));
    let (former, mut socket) = (gate_process(&gate), Open::new(&gate, "a.test"));
    fs::copy(env!("CARGO_BIN_EXE_portcullis"), gate.folder.join("portcullis.dpkg-new")).unwrap();
    fs::rename(gate.folder.join("portcullis.dpkg-new"), gate.folder.join("portcullis")).unwrap();
    upgrade(&gate, &[]);
    socket.echoes(b"still here");
    assert_ne!(gate_process(&gate), former);
    let program = fs::read_link(format!("/proc/{}/exe", gate.id())).unwrap();
    assert_eq!(program, fs::canonicalize(gate.folder.join("portcullis")).unwrap());
}

/// The processes of all gates of a state folder, whoever keeps them.
fn all_gates(gate: &Gate) -> Vec<u32> {
    let entries = fs::read_dir(gate.folder.join("state/admin")).unwrap();
    let notes = entries.filter_map(|entry| fs::read_link(entry.unwrap().path()).ok());
    notes.filter_map(|note| note.to_str()?.split_once('.')?.0.parse().ok()).collect()
}

/// Whether every thread of a process leaves it to the kernel to keep the signals that ask for something.
fn holds_signals(process: u32) -> bool {
    // SIGHUP, SIGINT, SIGUSR1 and SIGTERM, each the bit below its number (proc_pid_status(5)).
    const ALL: u64 = 1 | 1 << 1 | 1 << 9 | 1 << 14;
    let mut threads = fs::read_dir(format!("/proc/{process}/task")).unwrap();
    threads.all(|thread| {
        let status = fs::read_to_string(thread.unwrap().path().join("status")).unwrap_or_default();
        let blocked = status.lines().find_map(|line| line.strip_prefix("SigBlk:\t"));
        blocked.is_none_or(|blocked| u64::from_str_radix(blocked, 16).unwrap() & ALL == ALL)
    })
}

#[test]
fn who_asks_for_the_end_while_a_program_takes_over_gets_it() {
    // The other program is there after some of them, and listens after a few more; where somebody else is spoken with, the
    // former one has a second to come to an end with that.
    for (milliseconds, is_spoken_with) in
        [(0, true), (0, false), (5, false), (20, false), (60, false), (200, false)]
    {
        let gate = Gate::any_host("routes = { \"/\" = { respond = \"here\" } }\n");
        let socket = gate.folder.join("state/admin/socket");
        let _other = is_spoken_with.then(|| Raw::connect_unix(&socket));
        let mut admin = Raw::connect_unix(&socket);
        let request = "{\"program\":null}";
        admin.send(format!(
            "POST /upgrade HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n{request}",
            request.len()
        ));
        let response = admin.response("POST");
        assert_eq!(response.status, 202, "{}", response.text());
        assert!(holds_signals(gate.id()));
        let gates = all_gates(&gate);
        assert_eq!(gates.len(), 2, "{gates:?}");
        drop(admin);
        // Not to wait for anything: another moment is tested.
        std::thread::sleep(Duration::from_millis(milliseconds));
        gate.signal(Signal::TERM);
        let (ended, _) = gate.finish();
        println!("{milliseconds} ms, {is_spoken_with}: {}", ended.stderr);
        assert_eq!(ended.code(), 0, "{}", ended.stderr);
        assert!(ended.stderr.ends_with("stopped\n"), "{}", ended.stderr);
        for process in gates {
            eventually(&format!("the end of process {process}"), || (!lives(process)).then_some(()));
        }
    }
}

/// The rehearsal that a keeper has started.
fn rehearsal_of(keeper: u32) -> Option<u32> {
    let processes = fs::read_dir("/proc").unwrap().filter_map(|entry| {
        let process = entry.unwrap().file_name().to_str()?.parse::<u32>().ok()?;
        let read = |name: &str| fs::read_to_string(format!("/proc/{process}/{name}")).ok();
        let (stat, command) = (read("stat")?, read("cmdline")?);
        let parent = stat.rsplit_once(") ")?.1.split(' ').nth(1)?.parse::<u32>().ok()?;
        (parent == keeper && command.contains("--rehearse")).then_some(process)
    });
    processes.into_iter().next()
}

#[test]
fn the_end_while_a_program_rehearses_is_the_end_of_its_gate_too() {
    let hello = Hello::start("app");
    let gate = Gate::up(&format!("[site]\n\"http://a.test\" = \"{}\"\n", hello.address));
    let (serving, mut socket) = (gate_process(&gate), Open::new(&gate, "a.test"));
    let mut idle = gate.raw();
    idle.get("a.test", "/");
    let mut admin = Raw::connect_unix(&gate.folder.join("state/admin/socket"));
    admin.send("POST /upgrade HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n");
    let rehearsal = eventually("a rehearsal", || rehearsal_of(gate.id()));
    let tell = |signal| {
        let process = Pid::from_raw(rehearsal.cast_signed()).unwrap();
        rustix::process::kill_process(process, signal).unwrap();
    };
    tell(Signal::STOP);
    gate.signal(Signal::TERM);
    // It is looked for other gates at once, and this one is not there yet.
    idle.rest();
    tell(Signal::CONT);
    eventually("the end of the rehearsal", || rehearsal_of(gate.id()).is_none().then_some(()));
    socket.echoes(b"still here");
    let left = all_gates(&gate).into_iter().filter(|process| *process != serving && lives(*process));
    assert_eq!(left.collect::<Vec<_>>(), [0; 0], "{}", gate.stderr());
    drop(socket);
    let (ended, _) = gate.finish();
    assert!(ended.stderr.ends_with("stopped\n"), "{}", ended.stderr);
    assert!(!lives(serving));
}
