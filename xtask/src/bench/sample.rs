//! One measurement: a client is driven through its protocol, and the clocks are read while nothing moves.

use super::case::Case;
use super::client::Mode;
use super::clock::{self, Core};
use super::lab::{Lab, Proxy};
use super::peer::PROXY_CORE;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

type Failure = Box<dyn std::error::Error>;

/// How much work a client does.
#[derive(Clone, Copy)]
pub(super) enum Work {
    Seconds(f64),
    Requests(u64),
}

/// What a measurement found.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sample {
    /// Processor time of all processes of the proxy, per answer, in µs.
    pub(super) cpu: f64,
    /// Answers in a second.
    pub(super) rate: f64,
    /// Busy time of the proxy's core by the time of its processes; 1 when nobody else worked there.
    pub(super) alone: f64,
    /// The part of the core's time that the host took.
    pub(super) stolen: f64,
}

/// A client that is ready and waits for its sign.
pub(super) struct Client {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Client {
    /// Starts it and waits until every connection stands and all is warm.
    pub(super) fn start(mut command: Command) -> Result<Self, Failure> {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let input = child.stdin.take();
        let output = BufReader::new(child.stdout.take().ok_or("the client has no output")?);
        let mut client = Self { child, input, output };
        match client.line()?.trim() {
            "ready" => Ok(client),
            other => Err(format!("the client did not get ready: {other}").into()),
        }
    }

    fn line(&mut self) -> std::io::Result<String> {
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        Ok(line)
    }

    /// Lets it work; good answers and seconds. A bad answer is an error.
    pub(super) fn work(mut self) -> Result<(f64, f64), Failure> {
        let mut input = self.input.take().ok_or("the client has no input")?;
        input.write_all(b"go\n")?;
        let result: serde_json::Value = serde_json::from_str(&self.line()?)?;
        self.child.wait()?;
        let number = |key: &str| result[key].as_f64().ok_or_else(|| format!("the client says no `{key}`"));
        match number("bad")? {
            0.0 => Ok((number("good")?, number("seconds")?)),
            bad => Err(format!("{bad} bad answers").into()),
        }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        drop(self.input.take());
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Starts a client for a case that is to do some work.
pub(super) fn client(lab: &Lab, case: &Case, proxy: &Proxy, work: Work) -> Result<Client, Failure> {
    let mut command = lab.client(case, proxy.ports);
    let mode = match case.mode {
        Mode::Handshakes => "handshakes",
        Mode::Datagrams => "datagrams",
        Mode::Http2 => "http2",
        Mode::KeepAlive | Mode::Idle => "keep-alive",
    };
    let warm = if case.length > 100_000 || case.mode == Mode::Handshakes { 200 } else { 5000 };
    // As many at once as with HTTP/1.1.
    let streams = if case.length > 100_000 { 2 } else { 16 };
    command.args(["--streams", &streams.to_string()]);
    command.args([
        "--mode",
        mode,
        "--connections",
        &case.connections.to_string(),
        "--warm",
        &warm.to_string(),
    ]);
    match work {
        Work::Seconds(seconds) => command.args(["--seconds", &seconds.to_string()]),
        Work::Requests(count) => command.args(["--requests", &count.to_string()]),
    };
    Client::start(command)
}

/// Measures one case on one proxy.
pub(super) fn sample(lab: &Lab, case: &Case, proxy: &Proxy, work: Work) -> Result<Sample, Failure> {
    let client = client(lab, case, proxy, work)?;
    settle();
    let processes = clock::family(proxy.process());
    let (core, before) = (Core::now(PROXY_CORE), clock::processor_time(&processes));
    let (answers, seconds) = client.work()?;
    let spent = clock::processor_time(&processes).saturating_sub(before) as f64;
    let core = Core::now(PROXY_CORE).since(core);
    if answers < 1.0 || spent < 1.0 {
        return Err("nothing was measured".into());
    }
    Ok(Sample {
        cpu: spent / answers / 1000.0,
        rate: answers / seconds,
        alone: core.busy as f64 / spent,
        stolen: core.stolen as f64 / (core.total.max(1) as f64),
    })
}

/// Resident memory per idle connection in KiB: of a fresh proxy that has served a few connections, and then all.
pub(super) fn memory(lab: &Lab, case: &Case, proxy: &Proxy) -> Result<f64, Failure> {
    let idle = |connections: usize| {
        let mut command = lab.client(case, proxy.ports);
        command.args(["--mode", "idle", "--connections", &connections.to_string()]);
        Client::start(command)
    };
    drop(idle(100)?);
    settle();
    let processes = clock::family(proxy.process());
    let before = clock::resident(&processes);
    let open = idle(case.connections)?;
    settle();
    let after = clock::resident(&processes);
    drop(open);
    Ok(after.saturating_sub(before) as f64 / case.connections as f64)
}

/// Logs that are written a moment later and descriptors that are closed belong to what was, not to what comes.
fn settle() {
    std::thread::sleep(Duration::from_millis(1000));
}
