//! A running gate, its folder, its log, and the commands that ask it.

use rustix::process::Signal;
use std::fs;
use std::io::Read;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicU16, Ordering};
use testkit::strict::{Response, Source};
use testkit::tls::Tls;
use testkit::{Finished, Folder, Program, Raw, eventually, without_accounts};

/// How a gate is started.
pub(crate) struct Setup {
    /// Further lines of `[listen]`.
    pub(crate) listen: &'static str,
    /// Further lines of `[log]`.
    pub(crate) log: &'static str,
    /// Files beside the configuration, with their content.
    pub(crate) files: &'static [(&'static str, &'static str)],
    pub(crate) threads: usize,
    /// Whether a copy of the program is run, `portcullis` beside the configuration.
    pub(crate) copied: bool,
    /// Lines of a shell, run in the folder, that prepare for the program and end in words that start it. None: it is
    /// started by the test.
    pub(crate) shell: Option<&'static str>,
}

impl Default for Setup {
    fn default() -> Self {
        Self { listen: "", log: "", files: &[], threads: 2, copied: false, shell: None }
    }
}

/// A gate that runs until the value goes away.
pub(crate) struct Gate {
    program: Option<Program>,
    /// What was killed. Each keeps alive what it has started.
    killed: Vec<Program>,
    start: Vec<String>,
    pub(crate) folder: Folder,
    pub(crate) http: SocketAddr,
    pub(crate) https: SocketAddr,
    head: String,
}

impl Gate {
    /// Starts a gate with everything of a configuration but `[listen]` and `[log]`. `{http}` and `{https}` in it
    /// stand for the ports.
    pub(crate) fn up(configuration: &str) -> Self {
        Setup::default().up(configuration)
    }

    /// Starts a gate with a site of plain HTTP for every host, with this as its table.
    pub(crate) fn any_host(site: &str) -> Self {
        Self::up(&format!("[site.\":{{http}}\"]\n{site}"))
    }

    /// Starts a gate that forwards every request of plain HTTP to one address.
    pub(crate) fn before(instance: SocketAddr) -> Self {
        Self::before_target(&instance.to_string())
    }

    /// Starts a gate that forwards every request of plain HTTP to one target.
    pub(crate) fn before_target(target: &str) -> Self {
        Self::any_host(&format!("service = \"{target}\"\n"))
    }

    /// A raw connection to the port of plain HTTP.
    pub(crate) fn raw(&self) -> Raw {
        Raw::connect(self.http)
    }

    /// Asks for a target over a connection of its own.
    pub(crate) fn get(&self, host: &str, target: &str) -> Response {
        self.raw().get(host, target)
    }

    /// A client that trusts the gate's own authority.
    pub(crate) fn tls(&self) -> Tls {
        Tls::trusting(self.ask(&["cert", "trust"]).stdout)
    }

    /// Runs a command with the gate's state folder to its end.
    pub(crate) fn ask(&self, arguments: &[&str]) -> Finished {
        Program::spawn(command(&self.folder).args(arguments).args([
            "--state",
            "state",
            "--config",
            "portcullis.toml",
        ]))
        .finish()
    }

    fn program(&self) -> &Program {
        self.program.as_ref().expect("it was not waited for")
    }

    /// Waits until the gate ends by itself; with its access log.
    pub(crate) fn finish(mut self) -> (Finished, String) {
        let finished = self.program.take().expect("it was not waited for").finish();
        (finished, self.log_text())
    }

    /// Writes another configuration; `[listen]` and `[log]` stay.
    pub(crate) fn write(&self, configuration: &str) {
        self.folder.write("portcullis.toml", self.head.clone() + &self.with_ports(configuration));
    }

    /// Writes another configuration and has the gate take it.
    pub(crate) fn reload(&self, configuration: &str) {
        self.write(configuration);
        let done = self.ask(&["reload"]);
        assert_eq!(done.code(), 0, "{}{}", done.stdout, done.stderr);
    }

    /// The same without a command: a request to the admin socket.
    pub(crate) fn reload_quickly(&self, configuration: &str) {
        self.write(configuration);
        let mut admin = Raw::connect_unix(&self.folder.join("state/admin/socket"));
        admin.send("POST /reload HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n");
        let response = last_response(&mut admin, "POST");
        assert_eq!(response.status, 200, "{}", response.text());
    }

    /// The value of the metric whose line has all of these words in it.
    pub(crate) fn metric(&self, words: &[&str]) -> f64 {
        self.metrics(words)[0]
    }

    /// The values of all metrics whose lines have all of these words in them; there is one at least.
    pub(crate) fn metrics(&self, words: &[&str]) -> Vec<f64> {
        let metrics = self.ask(&["status", "--metrics"]).stdout;
        let lines = metrics
            .lines()
            .filter(|line| !line.starts_with('#') && words.iter().all(|word| line.contains(word)));
        let values: Vec<f64> = lines.filter_map(|line| line.rsplit(' ').next()?.parse().ok()).collect();
        assert!(!values.is_empty(), "{words:?} in {metrics}");
        values
    }

    /// What `status` knows.
    pub(crate) fn status(&self) -> serde_json::Value {
        let mut admin = Raw::connect_unix(&self.folder.join("state/admin/socket"));
        admin.send("GET /status HTTP/1.1\r\nHost: localhost\r\n\r\n");
        serde_json::from_slice(&last_response(&mut admin, "GET").body).unwrap()
    }

    /// The process that faces the network; none while it is replaced.
    pub(crate) fn gate_process(&self) -> Option<u32> {
        u32::try_from(self.status()["gate_process"].as_u64()?).ok()
    }

    /// The process that was started.
    pub(crate) fn keeper(&self) -> u32 {
        self.program().id()
    }

    /// What it has said to its operator until now.
    pub(crate) fn stderr(&self) -> String {
        self.program().stderr()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        self.program().signal(signal);
    }

    /// Everything in the access log.
    pub(crate) fn log_text(&self) -> String {
        fs::read_to_string(self.folder.join("access.log")).unwrap_or_default()
    }

    /// Waits until the access log has so many lines, and parses them.
    pub(crate) fn log(&self, lines: usize) -> Vec<serde_json::Value> {
        let text = eventually(&format!("{lines} lines in the access log"), || {
            Some(self.log_text()).filter(|text| text.lines().count() >= lines)
        });
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {line}")))
            .collect()
    }

    /// The process that was started.
    pub(crate) fn id(&self) -> u32 {
        self.program().id()
    }

    /// Kills the process that was started (SIGKILL), and nothing that it had started.
    pub(crate) fn kill_keeper(&mut self) {
        testkit::load::kill(self.id());
        self.killed.extend(self.program.take());
    }

    /// Starts it again, as a service manager would.
    pub(crate) fn start_keeper(&mut self) {
        let program = start(&self.folder, &self.start);
        assert!(program.1, "{}", program.0.stderr());
        self.program = Some(program.0);
    }

    /// The resident memory of all its processes in bytes.
    pub(crate) fn memory(&self) -> u64 {
        testkit::process::memory(&testkit::process::family(self.program().id()))
    }

    /// How many descriptors are open.
    pub(crate) fn descriptors(&self) -> usize {
        fs::read_dir(format!("/proc/{}/fd", self.program().id())).unwrap().count()
    }

    fn with_ports(&self, configuration: &str) -> String {
        with_ports(configuration, self.http, self.https)
    }
}

impl Drop for Gate {
    /// No test may make the gate say that it has a bug.
    fn drop(&mut self) {
        if let Some(program) = &self.program
            && !std::thread::panicking()
        {
            assert!(!program.stderr().contains("internal error"), "{}", program.stderr());
        }
    }
}

impl Setup {
    /// Starts a gate, as [`Gate::up`] does.
    pub(crate) fn up(self, configuration: &str) -> Gate {
        (0..5).find_map(|_| self.try_up(configuration)).expect("free ports")
    }

    fn try_up(&self, configuration: &str) -> Option<Gate> {
        let folder = Folder::new();
        for (name, content) in self.files {
            folder.write(name, content);
        }
        let (http, https) = (free_address(), free_address());
        let head = format!(
            "[listen]\naddresses = [\"127.0.0.1\"]\nhttp = {}\nhttps = {}\n{}\n[log]\naccess = \"./access.log\"\n{}\n",
            http.port(),
            https.port(),
            self.listen,
            self.log
        );
        folder.write("portcullis.toml", head.clone() + &with_ports(configuration, http, https));
        let threads = self.threads.to_string();
        let program = if self.copied {
            let copy = folder.join("portcullis");
            fs::copy(env!("CARGO_BIN_EXE_portcullis"), &copy).unwrap();
            copy.display().to_string()
        } else {
            env!("CARGO_BIN_EXE_portcullis").to_owned()
        };
        let arguments = [&program, "up", "--state", "state", "--threads", &threads, "portcullis.toml"];
        let mut arguments: Vec<String> = arguments.map(str::to_owned).into();
        if let Some(shell) = self.shell {
            let script = format!("{shell} \"$@\"");
            arguments.splice(0..0, ["/bin/sh", "-ec", &script, "sh"].map(str::to_owned));
        }
        let (program, is_up) = start(&folder, &arguments);
        let (program, killed) = (Some(program), Vec::new());
        is_up.then_some(Gate { program, killed, start: arguments, folder, http, https, head })
    }
}

/// The answer of the admin socket, after the signs of life that come before one that takes long.
fn last_response(admin: &mut Raw, method: &str) -> Response {
    loop {
        let response = admin.response(method);
        if response.status >= 200 {
            return response;
        }
    }
}

/// Starts a program with arguments. Whether it came up; it did not where a port is taken.
fn start(folder: &Folder, arguments: &[String]) -> (Program, bool) {
    let mut program = Program::spawn(of(&arguments[0], folder).args(&arguments[1..]));
    let socket = folder.join("state/admin/socket");
    let is_up = program.wait_until("the admin socket", |program| {
        let taken = program.stderr().contains("cannot listen");
        let up = std::os::unix::net::UnixStream::connect(&socket).is_ok();
        (taken || up).then_some(up)
    });
    (program, is_up)
}

fn with_ports(configuration: &str, http: SocketAddr, https: SocketAddr) -> String {
    configuration.replace("{http}", &http.port().to_string()).replace("{https}", &https.port().to_string())
}

/// The program, in a folder and without the caller's settings.
pub(crate) fn command(folder: &Folder) -> Command {
    of(env!("CARGO_BIN_EXE_portcullis"), folder)
}

fn of(program: &str, folder: &Folder) -> Command {
    let mut command = without_accounts(program);
    command.current_dir(folder.path()).env_clear().env("COLUMNS", "100");
    if program == "/bin/sh" {
        command.env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
    }
    command
}

/// An address of the loopback that nobody uses, and that the kernel gives to nobody who asks for any.
pub(crate) fn free_address() -> SocketAddr {
    const FIRST: u16 = 10_000;
    const COUNT: u16 = 22_000;
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let start = (std::process::id() as u16).wrapping_mul(251) % COUNT;
    loop {
        let port = FIRST + (start + NEXT.fetch_add(1, Ordering::Relaxed) % COUNT) % COUNT;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        if TcpListener::bind(address).is_ok() {
            return address;
        }
    }
}

/// A running `portcullis hello`.
pub(crate) struct Hello {
    pub(crate) address: SocketAddr,
    pub(crate) program: Program,
    _folder: Folder,
}

impl Hello {
    pub(crate) fn start(name: &str) -> Self {
        Self::with(&["--name", name])
    }

    /// An echo of TCP.
    pub(crate) fn echo() -> Self {
        Self::with(&["--tcp-echo"])
    }

    /// An echo of UDP.
    pub(crate) fn datagrams() -> Self {
        Self::with(&["--udp-echo"])
    }

    fn with(arguments: &[&str]) -> Self {
        let folder = Folder::new();
        let mut program = Program::spawn(command(&folder).args(["hello", "--port", "0"]).args(arguments));
        let address = program.wait_until("its address", |program| {
            let stderr = program.stderr();
            let (_, rest) = stderr.split_once("://")?;
            rest.split_once('\n')?.0.parse().ok()
        });
        Self { address, program, _folder: folder }
    }
}

/// The strict responses that these bytes are, interim ones left out.
pub(crate) fn responses(bytes: &[u8]) -> Vec<Response> {
    let mut source = Source::new(bytes);
    let mut found = Vec::new();
    while !source.at_end().unwrap() {
        let response = Response::read(&mut source, "GET")
            .unwrap_or_else(|broken| panic!("{broken} in {}", bytes.escape_ascii()));
        if response.status >= 200 {
            found.push(response);
        }
    }
    found
}

/// A request of plain text.
pub(crate) fn request(method: &str, target: &str, fields: &str) -> String {
    format!("{method} {target} HTTP/1.1\r\nHost: a.test\r\n{fields}\r\n")
}

/// The path of a file of this workspace's crates.
pub(crate) fn of_crate(path: &str) -> String {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..").join(path).display().to_string()
}

/// Reads whatever is left of a stream, for bodies that are not kept.
pub(crate) fn drain(mut stream: impl Read) -> u64 {
    std::io::copy(&mut stream, &mut std::io::sink()).unwrap_or_default()
}
