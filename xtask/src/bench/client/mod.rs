//! A load generator that costs little and checks every answer: one thread, keep-alive, one request in flight on each
//! connection. It measures nothing but the number of good and bad answers; whoever starts it reads the clocks.
//!
//! It connects and warms up, prints `ready`, waits for a line on standard input, works, and prints one line of JSON.

mod answer;
mod connection;
mod datagrams;
mod h2load;
mod load;

use crate::Outcome;
use datagrams::Datagrams;
use load::{Load, Tally};
use std::io::{self, BufRead};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// What the client does.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Mode {
    /// Requests on connections that stay open
    KeepAlive,
    /// A connection with a full handshake for each request
    Handshakes,
    /// Datagrams that come back as they were sent
    Datagrams,
    /// Connections that stay open and silent after one request each
    Idle,
    /// Requests of HTTP/2, many at once on each connection
    Http2,
}

#[derive(Clone, clap::Args)]
pub(crate) struct Options {
    #[arg(long)]
    pub(crate) address: SocketAddr,
    /// The host that is asked for, and the name of the certificate
    #[arg(long)]
    pub(crate) host: String,
    #[arg(long)]
    pub(crate) path: String,
    /// Bytes of body that a good answer has
    #[arg(long)]
    pub(crate) length: usize,
    /// A certificate to trust; with it TLS is spoken
    #[arg(long)]
    pub(crate) trust: Option<std::path::PathBuf>,
    /// Requests at once on a connection of HTTP/2
    #[arg(long, default_value_t = 16)]
    pub(crate) streams: usize,
    /// A file with the message of a call of gRPC
    #[arg(long)]
    pub(crate) call: Option<std::path::PathBuf>,
    #[arg(long, value_enum, default_value_t = Mode::KeepAlive)]
    pub(crate) mode: Mode,
    #[arg(long, default_value_t = 64)]
    pub(crate) connections: usize,
    /// Seconds to work for
    #[arg(long, default_value_t = 1.0)]
    pub(crate) seconds: f64,
    /// Answers to work for, in place of seconds
    #[arg(long)]
    pub(crate) requests: Option<u64>,
    /// Answers before it is ready
    #[arg(long, default_value_t = 0)]
    pub(crate) warm: u64,
}

/// What makes work for a proxy.
trait Generator {
    /// Works until `enough` says so, then waits for the answers that are still missing. Everybody is asked for at least one
    /// answer on the first call.
    fn work(&mut self, enough: &dyn Fn(&Tally) -> bool) -> io::Result<Tally>;
}

/// Runs the protocol that the module describes.
pub(crate) fn run(options: &Options) -> Outcome {
    if options.mode == Mode::Http2 {
        return h2load::run(options);
    }
    let mut load: Box<dyn Generator> = match options.mode {
        Mode::Datagrams => Box::new(Datagrams::new(options)?),
        _ => Box::new(Load::new(options)?),
    };
    let warm = if options.mode == Mode::Idle { 0 } else { options.warm };
    let before = load.work(&|tally| tally.good + tally.bad >= warm.max(options.connections as u64))?;
    refuse_bad(&before)?;
    println!("ready");
    io::stdin().lock().read_line(&mut String::new())?;
    if options.mode == Mode::Idle {
        return Ok(());
    }
    let start = Instant::now();
    let end = start + Duration::from_secs_f64(options.seconds);
    let tally = match options.requests {
        Some(count) => load.work(&|tally| tally.good + tally.bad >= count)?,
        None => load.work(&|_| Instant::now() >= end)?,
    };
    let seconds = start.elapsed().as_secs_f64();
    println!("{}", serde_json::json!({ "good": tally.good, "bad": tally.bad, "seconds": seconds }));
    Ok(())
}

fn refuse_bad(tally: &Tally) -> Outcome {
    match &tally.fault {
        Some(fault) => Err(format!("{} bad answers; the first: {fault}", tally.bad).into()),
        None => Ok(()),
    }
}
