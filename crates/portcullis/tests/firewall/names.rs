//! The story of names in rules: a process without rights asks for them, and their addresses are let through.

use crate::gate_user::{GATE, up_with};
use crate::pair::{Pair, at};
use std::fs;
use std::net::UdpSocket;
use std::path::Path;
use std::thread::{self, JoinHandle};
use testkit::lab::{Host, Reach, Service};

const FILE: &str = r#"
[firewall]
inbound = ["ssh"]
outbound = [{ allow = "8443/tcp", to = "api.shop.test" }]

[listen]
http = 80

[log]
access = "off"
"#;

/// How long the DNS server waits for somebody to ask.
const ASKED: std::time::Duration = std::time::Duration::from_secs(30);

/// Answers one name with one address at `127.0.0.1:53`, until a query for IPv4 was answered; then it says who asked.
fn dns(host: &Host, address: [u8; 4]) -> JoinHandle<Vec<String>> {
    let socket = host.run(|| UdpSocket::bind("127.0.0.1:53")).expect("port 53 of the host");
    socket.set_read_timeout(Some(ASKED)).unwrap();
    let host = host.clone();
    thread::spawn(move || {
        let mut query = [0; 512];
        loop {
            let (length, from) = socket.recv_from(&mut query).expect("a query");
            let question = &query[12..length];
            let end = question.iter().position(|byte| *byte == 0).expect("the end of the name") + 5;
            let wants_v4 = question[end - 4..end - 2] == [0, 1];
            let asker = asker(&host, from.port());
            // RFC 1035 section 4.1: the same number, an answer with recursion, one question, perhaps one record.
            let mut answer =
                [&query[..2], &[0x81, 0x80, 0, 1, 0, wants_v4.into(), 0, 0, 0, 0], &question[..end]].concat();
            if wants_v4 {
                answer.extend([&[0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4][..], &address].concat());
            }
            socket.send_to(&answer, from).unwrap();
            if wants_v4 {
                return asker;
            }
        }
    })
}

/// What the kernel says of the watcher that has a socket with this port: lines of its status.
fn asker(host: &Host, port: u16) -> Vec<String> {
    let sockets = host.run(|| fs::read_to_string("/proc/thread-self/net/udp")).unwrap();
    let suffix = format!(":{port:04X}");
    let of_port = sockets.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let found = of_port.filter(|fields| fields.get(1).is_some_and(|local| local.ends_with(&suffix)));
    let inode = found.map(|fields| fields[9].to_owned()).next().expect("the asker's socket");
    let socket = format!("socket:[{inode}]");
    let processes = fs::read_dir("/proc").unwrap().flatten().map(|entry| entry.path());
    let has_it = |process: &Path| {
        let files = fs::read_dir(process.join("fd")).into_iter().flatten().flatten();
        files
            .filter_map(|file| fs::read_link(file.path()).ok())
            .any(|link| link.as_os_str() == socket.as_str())
    };
    let process = processes.into_iter().find(|process| has_it(process)).expect("the asker");
    let name = fs::read_to_string(process.join("cmdline")).unwrap().replace('\0', " ");
    let status = fs::read_to_string(process.join("status")).unwrap();
    let wanted = ["Uid:", "Gid:", "CapPrm:", "CapBnd:", "NoNewPrivs:", "Seccomp:"];
    let told = status.lines().filter(|line| wanted.iter().any(|name| line.starts_with(name)));
    [name].into_iter().chain(told.map(str::to_owned)).collect()
}

#[test]
fn a_process_without_rights_asks_for_names_and_their_addresses_are_let_through() {
    let pair = Pair::new(FILE);
    let _instances = Service::at(&pair.client, &[at("192.0.2.10", 8443)]);
    let dns = dns(&pair.server.host, [192, 0, 2, 10]);
    let keeper = up_with(&pair, &[("/etc/resolv.conf", "nameserver 127.0.0.1\n"), ("/etc/hosts", "")]);
    pair.server.done(&["apply", "--yes", "--no-trial", "--console"]);

    let asker = dns.join().expect("a query came");
    let same = |one: &str, user: u32| format!("{one}:\t{user}\t{user}\t{user}\t{user}");
    let expected = [
        "portcullis: watcher watcher-process ".to_owned(),
        same("Uid", GATE),
        same("Gid", GATE),
        "CapPrm:\t0000000000000000".to_owned(),
        "CapBnd:\t0000000000000000".to_owned(),
        "NoNewPrivs:\t1".to_owned(),
        "Seccomp:\t2".to_owned(),
    ];
    assert_eq!(asker, expected, "{}", keeper.stderr());
    let reach = |port| pair.server.host.tcp(at("192.0.2.10", port));
    assert_eq!(reach(8443), Reach::Open, "{}", keeper.stderr());
    assert_ne!(reach(8444), Reach::Open);
}
