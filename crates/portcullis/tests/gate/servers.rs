//! Servers that people run, behind streams: Redis, and a DNS server over UDP and TCP.

use crate::running::{Gate, Setup, free_address};
use rustix::process::Signal;
use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Command, Stdio};
use testkit::{Folder, PATIENCE, Program, Raw, eventually};

/// A running Redis without files.
struct Redis {
    program: Program,
    address: SocketAddr,
    _folder: Folder,
}

impl Redis {
    fn start() -> Self {
        let (folder, address) = (Folder::new(), free_address());
        let mut command = Command::new("redis-server");
        command.current_dir(folder.path()).args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]);
        let mut program = Program::spawn(command.args(["--port", &address.port().to_string()]));
        program.wait_for_port(address);
        Self { program, address, _folder: folder }
    }
}

fn redis_stream(listen: SocketAddr, instances: &[&Redis]) -> String {
    let instances: Vec<String> = instances.iter().map(|redis| format!("\"{}\"", redis.address)).collect();
    format!(
        "[stream.redis]\nlisten = \"{}\"\ninstances = [{}]\nejection = \"60s\"\n",
        listen.port(),
        instances.join(", ")
    )
}

/// What a program says that has to succeed.
fn run(command: &mut Command) -> String {
    let finished = Program::spawn(command).finish();
    assert_eq!(finished.code(), 0, "{finished:?}");
    finished.stdout
}

fn redis_cli(address: SocketAddr, arguments: &[&str]) -> String {
    run(Command::new("redis-cli").args(["-p", &address.port().to_string()]).args(arguments))
}

#[test]
fn redis_answers_a_hundred_thousand_commands_at_once() {
    const COMMANDS: usize = 100_000;
    let (redis, listen) = (Redis::start(), free_address());
    let _gate = Gate::up(&redis_stream(listen, &[&redis]));
    assert_eq!(redis_cli(listen, &["set", "key", "value"]), "OK\n");
    let mut all = String::new();
    for number in 0..COMMANDS {
        let _ = write!(all, "SET key-{number} value-{number}\r\n");
    }
    let mut command = Command::new("redis-cli");
    command.args(["-p", &listen.port().to_string(), "--pipe"]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(all.as_bytes()).unwrap();
    let said = String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap();
    assert!(said.contains(&format!("errors: 0, replies: {COMMANDS}")), "{said}");
    assert_eq!(redis_cli(listen, &["dbsize"]), format!("{}\n", COMMANDS + 1));
    let large = "x".repeat(100_000);
    assert_eq!(redis_cli(listen, &["set", "large", &large]), "OK\n");
    assert_eq!(redis_cli(listen, &["get", "large"]).trim_end(), large);
}

#[test]
fn a_subscriber_of_redis_hears_on_after_a_reload() {
    let (redis, listen) = (Redis::start(), free_address());
    let configuration = redis_stream(listen, &[&redis]);
    let gate = Gate::up(&configuration);
    let mut subscriber = Raw::connect(listen);
    let subscribed = b"*3\r\n$9\r\nsubscribe\r\n$4\r\nnews\r\n:1\r\n";
    assert_eq!(subscriber.send("SUBSCRIBE news\r\n").exactly(subscribed.len()), subscribed);
    for text in ["one", "two", "six"] {
        gate.reload(&format!("{configuration}idle_timeout = \"{}m\"\n", text.len()));
        assert_eq!(redis_cli(listen, &["publish", "news", text]), "1\n");
        let message = format!("*3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$3\r\n{text}\r\n");
        assert_eq!(subscriber.exactly(message.len()), message.as_bytes());
    }
}

#[test]
fn redis_is_reached_over_tls_with_a_name_and_without() {
    let (redis, listen) = (Redis::start(), free_address());
    let names = "tls = \"terminate\"\nhosts = [\"redis.test\", \"cache.test\"]\n";
    let gate = Gate::up(&(redis_stream(listen, &[&redis]) + names));
    gate.folder.write("trust.pem", gate.ask(&["cert", "trust"]).stdout);
    let trust = gate.folder.join("trust.pem").display().to_string();
    for name in [&[][..], &["--sni", "cache.test"]] {
        let arguments = [&["--tls", "--cacert", &trust], name, &["ping"]].concat();
        assert_eq!(redis_cli(listen, &arguments), "PONG\n", "{name:?}");
    }
}

/// Whether a connection still has its Redis.
fn is_answered(connection: &mut TcpStream) -> bool {
    connection.set_read_timeout(Some(PATIENCE)).unwrap();
    let asked = connection.write_all(b"PING\r\n").is_ok();
    asked && connection.read_exact(&mut [0; 7]).is_ok()
}

#[test]
fn clients_of_a_killed_redis_find_the_other_one() {
    let (first, second, listen) = (Redis::start(), Redis::start(), free_address());
    // One thread, so that the two take turns.
    let gate = Setup { threads: 1, ..Setup::default() }.up(&redis_stream(listen, &[&first, &second]));
    let mut open: Vec<TcpStream> = (0..4).map(|_| TcpStream::connect(listen).unwrap()).collect();
    assert!(open.iter_mut().all(is_answered));
    first.program.signal(Signal::KILL);
    for _ in 0..10 {
        assert_eq!(redis_cli(listen, &["ping"]), "PONG\n");
    }
    open.retain_mut(is_answered);
    assert_eq!(open.len(), 2, "the other half of the connections has noticed nothing");
    let lines = gate.log(12);
    let of_first = lines.iter().filter(|line| line["instance"] == first.address.to_string());
    assert_eq!(of_first.count(), 2, "{lines:?}");
}

/// A running DNS server that answers from what is given to it alone.
struct Dns {
    _program: Program,
    address: SocketAddr,
}

impl Dns {
    fn start() -> Self {
        let address = free_address();
        let port = address.port().to_string();
        let mut command = Command::new("dnsmasq");
        command.args([
            "--keep-in-foreground",
            "--conf-file=/dev/null",
            "--no-resolv",
            "--no-hosts",
            "--user=root",
        ]);
        command.args(["--pid-file=", "--listen-address=127.0.0.1", "--bind-interfaces", "--log-facility=-"]);
        command.args([
            "--edns-packet-max=4096",
            "--dns-forward-max=1000",
            "--host-record=small.test,192.0.2.1",
        ]);
        // Fifteen strings of 200 bytes: more than a datagram of 1500 bytes, and less than 4096.
        command.arg(format!("--txt-record=large.test{}", format!(",{}", "x".repeat(200)).repeat(15)));
        let mut program = Program::spawn(command.args(["--port", &port]));
        program.wait_for_port(address);
        Self { _program: program, address }
    }
}

fn dig(listen: SocketAddr, arguments: &[&str]) -> String {
    let port = listen.port().to_string();
    run(Command::new("dig").args(["@127.0.0.1", "-p", &port, "+time=5", "+tries=3"]).args(arguments))
}

#[test]
fn a_dns_server_answers_over_udp_and_tcp() {
    let (dns, listen) = (Dns::start(), free_address());
    let stream = |transport: &str| {
        let (port, instance) = (listen.port(), dns.address);
        format!(
            "[stream.dns-{transport}]\nlisten = \"{port}/{transport}\"\ninstances = [\"{instance}\"]\n\
            idle_timeout = \"2s\"\n"
        )
    };
    let gate = Gate::up(&(stream("udp") + &stream("tcp")));
    assert_eq!(dig(listen, &["small.test", "+short"]), "192.0.2.1\n");
    assert_eq!(dig(listen, &["small.test", "+short", "+tcp"]), "192.0.2.1\n");
    // Large answers: whole in one datagram where the client takes it, over TCP where it does not.
    let large =
        format!("{}\n", [format!("\"{}\"", "x".repeat(200))].concat().repeat(15).replace("\"\"", "\" \""));
    for size in ["+bufsize=4096", "+bufsize=512"] {
        assert_eq!(dig(listen, &["large.test", "TXT", "+short", size]), large, "{size}");
    }
    assert!(dig(listen, &["large.test", "TXT", "+bufsize=512", "+ignore"]).contains(" tc "), "not truncated");
    // One port of a client again and again is one session, and each query of the others is one of its own.
    let from = format!("127.0.0.1#{}", free_address().port());
    for _ in 0..3 {
        assert_eq!(dig(listen, &["-b", &from, "small.test", "+short", "+notcp"]), "192.0.2.1\n");
    }
    let folder = Folder::new();
    folder.write("queries", "small.test +short\n".repeat(300));
    let queries = folder.join("queries").display().to_string();
    assert_eq!(dig(listen, &["-f", &queries]).matches("192.0.2.1").count(), 300);
    eventually("the end of all sessions", || {
        let text = gate.log_text();
        (text.lines().filter(|line| line.contains("\"udp\"")).count() >= 300).then_some(())
    });
}
