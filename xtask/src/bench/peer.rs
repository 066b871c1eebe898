//! Who is measured and how each is started. The settings of each are a file of xtask/bench.

use super::case::Case;
use super::client::Mode;
use super::lab::Lab;
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::Command;

/// The core of the proxy alone.
pub(super) const PROXY_CORE: usize = 0;
/// The core of the client and the backend.
pub(super) const LOAD_CORE: usize = 1;

/// Who is measured.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Peer {
    Portcullis,
    Nginx,
    Haproxy,
    Caddy,
    /// A TCP relay: the floor
    Relay,
}

/// Where a peer listens.
#[derive(Clone, Copy)]
pub(super) struct Ports {
    pub(super) plain: u16,
    pub(super) tls: u16,
    /// Of HTTP/2 without TLS.
    pub(super) h2c: u16,
    /// What comes here is relayed as it is, over TCP and UDP.
    pub(super) stream: u16,
}

impl Ports {
    /// Free ones, as a peer uses them.
    pub(super) fn free(peer: Peer) -> io::Result<Self> {
        let plain = free()?;
        // The relay has one port, where it does to everything what others do to streams.
        let stream = if peer == Peer::Relay { plain } else { free()? };
        Ok(Self { plain, tls: free()?, h2c: free()?, stream })
    }
}

/// A port that was free a moment ago.
pub(super) fn free() -> io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

impl Peer {
    pub(super) const ALL: [Self; 5] =
        [Self::Portcullis, Self::Nginx, Self::Haproxy, Self::Caddy, Self::Relay];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Portcullis => "Portcullis",
            Self::Nginx => "nginx",
            Self::Haproxy => "HAProxy",
            Self::Caddy => "Caddy",
            Self::Relay => "TCP relay",
        }
    }

    /// Whether it can do the work of a case.
    pub(super) fn can(self, case: &Case) -> bool {
        match self {
            Self::Portcullis | Self::Nginx => true,
            // In Debian it knows HTTP alone.
            Self::Caddy => !case.stream,
            Self::Haproxy => !case.is_file() && case.mode != Mode::Datagrams,
            Self::Relay => !case.is_file() && !case.tls && !case.is_call() && case.mode != Mode::Datagrams,
        }
    }

    /// The name and the text of its settings, before places are filled in.
    pub(super) fn settings(self) -> (&'static str, &'static str) {
        match self {
            Self::Portcullis => ("portcullis.toml", include_str!("../../bench/portcullis.toml")),
            Self::Nginx => ("nginx.conf", include_str!("../../bench/nginx.conf")),
            Self::Haproxy => ("haproxy.cfg", include_str!("../../bench/haproxy.cfg")),
            Self::Caddy => ("Caddyfile", include_str!("../../bench/Caddyfile")),
            Self::Relay => ("", ""),
        }
    }

    /// The program and its arguments; it stays in the foreground.
    pub(super) fn command(self, lab: &Lab, ports: Ports) -> Command {
        let settings = lab.path(self.settings().0);
        let (program, arguments): (&Path, Vec<String>) = match self {
            Self::Portcullis => {
                (&lab.portcullis, vec!["up".into(), settings, "--threads".into(), "1".into()])
            }
            Self::Nginx => (Path::new("nginx"), vec!["-c".into(), settings, "-p".into(), lab.path("")]),
            Self::Haproxy => (Path::new("haproxy"), vec!["-db".into(), "-f".into(), settings]),
            Self::Caddy => {
                let adapter =
                    vec!["run".into(), "--adapter".into(), "caddyfile".into(), "--config".into(), settings];
                (Path::new("caddy"), adapter)
            }
            Self::Relay => (&lab.xtask, relay(lab, ports)),
        };
        let mut command = Command::new(program);
        command
            .args(arguments)
            .env("GOMAXPROCS", "1")
            .env("XDG_DATA_HOME", lab.path(""))
            .env("HOME", lab.path(""));
        command
    }

    /// What it says about its version, in one line; an error when it is not installed.
    pub(super) fn version(self, lab: &Lab) -> Result<String, String> {
        let (program, argument): (&Path, &str) = match self {
            Self::Portcullis => (&lab.portcullis, "--version"),
            Self::Nginx => (Path::new("nginx"), "-v"),
            Self::Haproxy => (Path::new("haproxy"), "-v"),
            Self::Caddy => (Path::new("caddy"), "version"),
            Self::Relay => return Ok("part of xtask, tokio current-thread".to_owned()),
        };
        let output = Command::new(program).arg(argument).output();
        let output = output.map_err(|error| format!("{}: {}: {error}", self.name(), program.display()))?;
        let text = [output.stdout, output.stderr].concat();
        let text = String::from_utf8_lossy(&text);
        Ok(text.lines().next().unwrap_or_default().trim().to_owned())
    }
}

fn relay(lab: &Lab, ports: Ports) -> Vec<String> {
    let listen = format!("127.0.0.1:{}", ports.plain);
    let backend = format!("127.0.0.1:{}", lab.backend_port);
    vec!["bench-relay".into(), "--listen".into(), listen, "--backend".into(), backend]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_settings_of_portcullis_are_a_plan_without_a_warning() {
        let (_, template) = Peer::Portcullis.settings();
        let marks = [
            ("@FOLDER@", "/srv"),
            ("@PLAIN@", "8080"),
            ("@TLS@", "8443"),
            ("@H2C@", "8081"),
            ("@STREAM@", "5432"),
            ("@BACKEND@", "3000"),
            ("@CALLS@", "3001"),
        ];
        let text = marks.iter().fold(template.to_owned(), |text, (mark, value)| text.replace(mark, value));
        let compiled = model::compile_text("/etc/portcullis.toml", &text);
        assert!(
            compiled.plan.is_some() && compiled.problems.is_empty(),
            "{}",
            compiled.problems.render(false)
        );
    }
}
