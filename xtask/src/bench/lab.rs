//! The world of a measurement: a folder with certificate, files and settings, a backend, and proxies that are started
//! in it. Everything that is started ends with the value that holds it.

use super::backend::LARGE;
use super::case::{CALL, Case, FILE};
use super::peer::{LOAD_CORE, PROXY_CORE, Peer, Ports};
use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256};
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

type Failure = Box<dyn std::error::Error>;

/// How long a proxy may take to listen, and to end.
const PATIENCE: Duration = Duration::from_secs(20);

/// Programs of the workspace that are run.
pub(super) struct Programs {
    /// What is measured.
    pub(super) portcullis: PathBuf,
    /// Client, backend and relay.
    pub(super) xtask: PathBuf,
}

/// The folder and the backend.
pub(super) struct Lab {
    folder: TempDir,
    /// They end with the lab.
    _backends: [Started; 2],
    pub(super) backend_port: u16,
    /// Where calls of gRPC are answered.
    calls_port: u16,
    pub(super) portcullis: PathBuf,
    pub(super) xtask: PathBuf,
}

impl Lab {
    /// Makes the folder and starts the backend.
    pub(super) fn new(programs: Programs) -> Result<Self, Failure> {
        let Programs { portcullis, xtask } = programs;
        let folder = tempfile::Builder::new().prefix("portcullis-bench-").tempdir()?;
        let mut command = pinned(LOAD_CORE, &Command::new(&xtask));
        let mut backend = Started::new(command.arg("bench-backend").stdout(Stdio::piped()))?;
        let mut line = String::new();
        let output = backend.child.stdout.take().ok_or("the backend has no output")?;
        BufReader::new(output).read_line(&mut line)?;
        let calls_port = super::peer::free()?;
        let mut calls = pinned(LOAD_CORE, &Command::new(&portcullis));
        calls.args(["hello", "--port", &calls_port.to_string()]).stderr(Stdio::null());
        let lab = Self {
            folder,
            _backends: [backend, Started::new(&mut calls)?],
            backend_port: line.trim().parse()?,
            calls_port,
            portcullis,
            xtask,
        };
        lab.fill()?;
        Ok(lab)
    }

    /// A place in the folder.
    pub(super) fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_string_lossy().into_owned()
    }

    fn fill(&self) -> Result<(), Failure> {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let certificate = CertificateParams::new(vec!["secure.test".to_owned()])?.self_signed(&key)?;
        fs::write(self.path("certificate.pem"), certificate.pem())?;
        fs::write(self.path("key.pem"), key.serialize_pem())?;
        fs::write(self.path("haproxy.pem"), certificate.pem() + &key.serialize_pem())?;
        let message = [&[0][..], &(CALL as u32 - 5).to_be_bytes(), &[b'x'; CALL - 5]].concat();
        fs::write(self.path("call"), message)?;
        fs::create_dir(self.path("files"))?;
        fs::write(self.path("files/small.bin"), vec![b'x'; FILE])?;
        fs::write(self.path("files/large.bin"), vec![b'x'; LARGE])?;
        Ok(())
    }

    /// Starts a proxy on its core and waits until it listens.
    pub(super) fn start(&self, peer: Peer) -> Result<Proxy, Failure> {
        self.start_under(peer, &[])
    }

    /// Starts a proxy under another program, such as a profiler.
    pub(super) fn start_under(&self, peer: Peer, wrapper: &[&str]) -> Result<Proxy, Failure> {
        let ports = Ports::free(peer)?;
        let (name, template) = peer.settings();
        if !name.is_empty() {
            fs::write(self.path(name), self.fill_in(template, ports))?;
        }
        self.run(peer, &wrapped(wrapper, peer.command(self, ports)), ports)
    }

    /// Starts a proxy on its core whose settings are written.
    pub(super) fn run(&self, peer: Peer, command: &Command, ports: Ports) -> Result<Proxy, Failure> {
        let mut command = pinned(PROXY_CORE, command);
        let output = File::create(self.path(&format!("{}-output.log", peer.name())))?;
        command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output);
        let mut proxy = Proxy { started: Started::new(&mut command)?, ports };
        proxy.wait_until_open().map_err(|error| {
            let said = fs::read_to_string(self.path(&format!("{}-output.log", peer.name())));
            format!("{}: {error}\n{}", peer.name(), said.unwrap_or_default())
        })?;
        Ok(proxy)
    }

    /// Settings with the places filled in.
    pub(super) fn fill_in(&self, template: &str, ports: Ports) -> String {
        template
            .replace("@FOLDER@", self.path("").trim_end_matches('/'))
            .replace("@PLAIN@", &ports.plain.to_string())
            .replace("@TLS@", &ports.tls.to_string())
            .replace("@STREAM@", &ports.stream.to_string())
            .replace("@H2C@", &ports.h2c.to_string())
            .replace("@CALLS@", &self.calls_port.to_string())
            .replace("@BACKEND@", &self.backend_port.to_string())
    }

    /// The load generator for a case, on its core.
    pub(super) fn client(&self, case: &Case, ports: Ports) -> Command {
        let mut command = pinned(LOAD_CORE, &Command::new(&self.xtask));
        let (port, host) = match case {
            Case { tls: true, .. } => (ports.tls, "secure.test"),
            Case { stream: true, .. } => (ports.stream, "plain.test"),
            _ if case.is_call() => (ports.h2c, "plain.test"),
            _ => (ports.plain, "plain.test"),
        };
        command
            .args(["bench-client", "--host", host, "--path", case.path])
            .args(["--address", &format!("127.0.0.1:{port}")])
            .args(["--length", &case.length.to_string()]);
        if case.tls {
            command.args(["--trust", &self.path("certificate.pem")]);
        }
        if case.is_call() {
            command.args(["--call", &self.path("call")]);
        }
        command
    }
}

/// The same command on one core.
fn pinned(core: usize, command: &Command) -> Command {
    let core = core.to_string();
    let mut pinned = Command::new("taskset");
    pinned.args(["-c", &core]).arg(command.get_program()).args(command.get_args());
    pinned.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    pinned
}

fn wrapped(wrapper: &[&str], command: Command) -> Command {
    let Some((program, arguments)) = wrapper.split_first() else { return command };
    let mut outer = Command::new(program);
    outer.args(arguments).arg(command.get_program()).args(command.get_args());
    outer.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    outer
}

/// A proxy that runs.
pub(super) struct Proxy {
    started: Started,
    pub(super) ports: Ports,
}

impl Proxy {
    /// Its first process.
    pub(super) fn process(&self) -> u32 {
        self.started.child.id()
    }

    /// How its first process ended, if it did.
    pub(super) fn end(&mut self) -> std::io::Result<Option<ExitStatus>> {
        self.started.child.try_wait()
    }

    fn wait_until_open(&mut self) -> Result<(), Failure> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, self.ports.plain));
        let end = Instant::now() + PATIENCE;
        while Instant::now() < end {
            if let Some(status) = self.end()? {
                return Err(format!("ended with {status}").into());
            }
            if TcpStream::connect(address).is_ok() {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Err("does not listen".into())
    }
}

/// A child process that ends with this value.
struct Started {
    child: Child,
}

impl Started {
    fn new(command: &mut Command) -> std::io::Result<Self> {
        Ok(Self { child: command.spawn()? })
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        if let Some(process) = i32::try_from(self.child.id()).ok().and_then(rustix::process::Pid::from_raw) {
            let _ = rustix::process::kill_process(process, rustix::process::Signal::TERM);
        }
        let end = Instant::now() + PATIENCE;
        while Instant::now() < end && matches!(self.child.try_wait(), Ok(None)) {
            std::thread::sleep(Duration::from_millis(10));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
