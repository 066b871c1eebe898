//! Who is reloaded and how. The settings are files of xtask/bench/reload; they differ in a field of every answer.

use crate::bench::lab::{Lab, Proxy};
use crate::bench::peer::{Peer, Ports};
use rustix::process::{Pid, Signal, kill_process};
use std::error::Error;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::process::Command;
use std::time::Duration;

/// A proxy that can be reloaded.
pub(super) struct Subject<'a> {
    peer: Peer,
    lab: &'a Lab,
    ports: Ports,
    /// The name and the text of its settings.
    settings: (&'static str, &'static str),
}

impl<'a> Subject<'a> {
    pub(super) const PEERS: [Peer; 4] = [Peer::Portcullis, Peer::Nginx, Peer::Haproxy, Peer::Caddy];

    pub(super) fn new(peer: Peer, lab: &'a Lab, ports: Ports) -> Result<Self, Box<dyn Error>> {
        let settings = match peer {
            Peer::Portcullis => ("portcullis.toml", include_str!("../../../bench/reload/portcullis.toml")),
            Peer::Nginx => ("nginx.conf", include_str!("../../../bench/reload/nginx.conf")),
            Peer::Haproxy => ("haproxy.cfg", include_str!("../../../bench/reload/haproxy.cfg")),
            Peer::Caddy => ("Caddyfile", include_str!("../../../bench/reload/Caddyfile")),
            Peer::Relay => return Err("has nothing to reload".into()),
        };
        Ok(Self { peer, lab, ports, settings })
    }

    pub(super) fn start(&self) -> Result<Proxy, Box<dyn Error>> {
        self.write("v")?;
        let command = match self.peer {
            Peer::Haproxy => {
                let mut command = Command::new("haproxy");
                command.args(["-W", "-db", "-f", &self.lab.path(self.settings.0)]);
                command
            }
            peer => peer.command(self.lab, self.ports),
        };
        self.lab.run(self.peer, &command, self.ports)
    }

    fn write(&self, version: &str) -> Result<(), Box<dyn Error>> {
        let (name, template) = self.settings;
        let text = self.lab.fill_in(template, self.ports).replace("@VERSION@", version);
        Ok(std::fs::write(self.lab.path(name), text)?)
    }

    /// Has it take other settings.
    pub(super) fn reload(&self, proxy: &Proxy, version: &str) -> Result<(), Box<dyn Error>> {
        self.write(version)?;
        let signal = match self.peer {
            Peer::Haproxy => Signal::USR2,
            Peer::Caddy => return self.tell_caddy(),
            _ => Signal::HUP,
        };
        let process = i32::try_from(proxy.process()).ok().and_then(Pid::from_raw);
        Ok(kill_process(process.ok_or("it has no process")?, signal)?)
    }

    fn tell_caddy(&self) -> Result<(), Box<dyn Error>> {
        // It waits for the answer as long as that takes, which may be for ever.
        let mut command = Command::new("timeout");
        command.args([
            "20",
            "caddy",
            "reload",
            "--adapter",
            "caddyfile",
            "--config",
            &self.lab.path(self.settings.0),
        ]);
        command.args(["--address", &format!("127.0.0.1:{}", self.ports.h2c)]);
        // It may hear nothing, because the reload ends the server that it asks. Whether it took effect is seen by clients.
        command.env("HOME", self.lab.path("")).output()?;
        Ok(())
    }

    /// Whether a new connection is answered by settings of this version.
    pub(super) fn answers_as(&self, version: &str) -> bool {
        self.answer().is_ok_and(|answer| {
            let mut lines = answer.lines().filter_map(|line| line.split_once(": "));
            lines.any(|(name, value)| name.eq_ignore_ascii_case("x-version") && value == version)
        })
    }

    fn answer(&self) -> std::io::Result<String> {
        let patience = Duration::from_secs(5);
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, self.ports.plain));
        let mut stream = TcpStream::connect_timeout(&address, patience)?;
        stream.set_read_timeout(Some(patience))?;
        stream.write_all(b"GET /static256 HTTP/1.1\r\nHost: plain.test\r\nConnection: close\r\n\r\n")?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        Ok(String::from_utf8_lossy(&answer).into_owned())
    }
}
