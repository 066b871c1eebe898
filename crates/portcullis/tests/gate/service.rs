//! The service manager, played by the test: what it is told, what it keeps, and what it gives to the next keeper.

use crate::running::{command, free_address};
use command_fds::{CommandFdExt, FdMapping};
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags};
use rustix::process::{Pid, Signal};
use std::collections::BTreeMap;
use std::io::IoSliceMut;
use std::mem::MaybeUninit;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixDatagram;
use testkit::{Folder, PATIENCE, Program, Raw, eventually, without_accounts};

/// A service manager with one service.
struct Manager {
    folder: Folder,
    socket: UnixDatagram,
    /// What it keeps, by name.
    store: BTreeMap<String, Vec<OwnedFd>>,
}

impl Manager {
    fn new() -> Self {
        let folder = Folder::new();
        let socket = UnixDatagram::bind(folder.join("notify")).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Self { folder, socket, store: BTreeMap::new() }
    }

    fn configure(&self, http: SocketAddr) {
        let port = http.port();
        self.folder.write(
            "portcullis.toml",
            format!(
                "[listen]\naddresses = [\"127.0.0.1\"]\nhttp = {port}\n[log]\naccess = \"off\"\n\
                 [site.\":{port}\"]\nrespond = \"here\"\n"
            ),
        );
    }

    /// Starts the service with what is kept.
    fn start(&self) -> Program {
        let kept: Vec<_> = self
            .store
            .iter()
            .flat_map(|(name, sockets)| sockets.iter().map(move |one| (name, one)))
            .collect();
        let names: Vec<&str> = kept.iter().map(|(name, _)| name.as_str()).collect();
        let mappings = kept
            .iter()
            .zip(3..)
            .map(|((_, socket), child_fd)| FdMapping { parent_fd: socket.try_clone().unwrap(), child_fd });
        // The number of a process is known when it runs.
        let script = "export LISTEN_PID=$$; exec \"$@\"";
        let mut shell = without_accounts("/bin/sh");
        shell
            .current_dir(self.folder.path())
            .env_clear()
            .env("NOTIFY_SOCKET", self.folder.join("notify"))
            .env("WATCHDOG_USEC", "400000")
            .env("LISTEN_FDS", kept.len().to_string())
            .env("LISTEN_FDNAMES", names.join(":"))
            .args(["-c", script, "sh", env!("CARGO_BIN_EXE_portcullis")])
            .args(["up", "--state", "state", "--threads", "2", "portcullis.toml"])
            .fd_mappings(mappings.collect())
            .unwrap();
        Program::spawn(&mut shell)
    }

    /// The next thing that it is told but that the service lives, done as it is told.
    fn hear(&mut self) -> String {
        loop {
            let (text, sockets) = self.receive();
            let name = text.split('\n').find_map(|line| line.strip_prefix("FDNAME=")).unwrap_or_default();
            if text.starts_with("FDSTORE=1\n") {
                assert!(text.ends_with("\nFDPOLL=0") && !sockets.is_empty(), "{text}");
                self.store.entry(name.to_owned()).or_default().extend(sockets);
            } else if text.starts_with("FDSTOREREMOVE=1\n") {
                assert!(self.store.remove(name).is_some(), "{name} is not kept");
            }
            if text != "WATCHDOG=1" {
                return text
                    .split_once("MONOTONIC_USEC=")
                    .map_or(text.as_str(), |(before, _)| before)
                    .to_owned();
            }
        }
    }

    fn hear_until(&mut self, last: &str) -> Vec<String> {
        let mut heard = Vec::new();
        while heard.last().is_none_or(|text| text != last) {
            heard.push(self.hear());
        }
        heard
    }

    fn receive(&self) -> (String, Vec<OwnedFd>) {
        let (mut text, mut space) = ([0; 1000], [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(100))]);
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let received = rustix::net::recvmsg(
            &self.socket,
            &mut [IoSliceMut::new(&mut text)],
            &mut control,
            RecvFlags::CMSG_CLOEXEC,
        );
        let length = received.expect("the service says something in time").bytes;
        let sockets = control.drain().flat_map(|message| match message {
            RecvAncillaryMessage::ScmRights(sockets) => sockets.collect::<Vec<_>>(),
            _ => Vec::new(),
        });
        (String::from_utf8(text[..length].to_vec()).unwrap(), sockets.collect())
    }
}

/// The gate of a keeper.
fn gate_of(keeper: &Program) -> u32 {
    let family = testkit::process::family(keeper.id());
    family.into_iter().find(|process| *process != keeper.id()).expect("a gate")
}

fn kill(process: u32) {
    rustix::process::kill_process(Pid::from_raw(process.cast_signed()).unwrap(), Signal::KILL).unwrap();
}

#[test]
fn the_service_manager_is_told_how_it_is_and_keeps_the_sockets() {
    let mut manager = Manager::new();
    let (first, second) = (free_address(), free_address());
    manager.configure(first);
    let keeper = manager.start();
    let [first_name, second_name] = [first, second].map(|address| format!("portcullis-{}", address.port()));
    let keep = |name: &str| format!("FDSTORE=1\nFDNAME={name}\nFDPOLL=0");
    let forget = |name: &str| format!("FDSTOREREMOVE=1\nFDNAME={name}");
    let serving = "STATUS=serving 1 site on 1 port".to_owned();
    assert_eq!(manager.hear_until("READY=1"), [keep(&first_name), serving.clone(), "READY=1".to_owned()]);
    // Whoever is told that it serves finds it so.
    assert_eq!(Raw::connect(first).get("a.test", "/").text(), "here");
    eventually("a sign of life", || (manager.receive().0 == "WATCHDOG=1").then_some(()));

    let environment = std::fs::read(format!("/proc/{}/environ", gate_of(&keeper)));
    assert_eq!(environment.expect("this test needs root").escape_ascii().to_string(), "");

    manager.configure(second);
    let asked = ["reload", "--state", "state", "portcullis.toml"];
    let done = Program::spawn(command(&manager.folder).args(asked)).finish();
    assert_eq!(done.code(), 0, "{}", done.stderr);
    let mut heard = manager.hear_until("READY=1");
    assert_eq!(heard.remove(0), "RELOADING=1\n");
    heard.sort();
    let mut expected = [keep(&second_name), forget(&first_name), "READY=1".to_owned(), serving];
    expected.sort();
    assert_eq!(heard, expected);
    assert_eq!(manager.store.keys().collect::<Vec<_>>(), [&second_name]);

    let stopped = Program::spawn(command(&manager.folder).args(["stop", "--state", "state"])).finish();
    assert_eq!(stopped.code(), 0, "{}", stopped.stderr);
    let heard = manager.hear_until(&forget(&second_name));
    assert!(heard.iter().any(|text| text.starts_with("STOPPING=1\nEXTEND_TIMEOUT_USEC=")), "{heard:?}");
    assert_eq!(keeper.finish().code(), 0);
}

#[test]
fn who_connects_while_neither_keeper_nor_gate_runs_is_answered() {
    let mut manager = Manager::new();
    let address = free_address();
    manager.configure(address);
    let keeper = manager.start();
    manager.hear_until("READY=1");
    let gate = gate_of(&keeper);
    kill(keeper.id());
    kill(gate);
    eventually("the end of the gate", || {
        let stat = std::fs::read_to_string(format!("/proc/{gate}/stat")).unwrap_or_default();
        (stat.is_empty() || stat.contains(") Z ")).then_some(())
    });
    // Until then it holds the state, and a service manager would not start the next one.
    let _ = keeper.finish();

    let mut waiting: Vec<Raw> = (0..50)
        .map(|_| {
            let mut client = Raw::connect(address);
            client.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
            client
        })
        .collect();
    let next = manager.start();
    for client in &mut waiting {
        assert_eq!(client.response("GET").text(), "here");
    }
    let heard = manager.hear_until("READY=1");
    assert_eq!(heard.len(), 2, "what is kept already is not kept anew: {heard:?}");
    assert_eq!(manager.store.values().map(Vec::len).collect::<Vec<_>>(), [1]);
    drop(next);
}
