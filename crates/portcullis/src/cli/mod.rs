//! The command line, defined once: parsing, help, completions and manual pages all come from here.
//!
//! Nothing here acts or reads a file; a command takes its part of these values.

mod firewall;
mod machine;

pub(crate) use firewall::{
    Allow, Apply, Ban, Bans, Confirm, Firewall, Grant, History, How, Plan, Revoke, Risks, Rollback,
    RuleWords, Then, Unban, Whose, source,
};

pub(crate) use machine::{Doctor, InstallService, Logs};

use clap::{Args, Parser, Subcommand, ValueHint};
use clap_complete::Shell;
use std::net::IpAddr;
use std::path::PathBuf;

/// The gate of a Linux server: one file says what is reachable, one program makes it so.
///
/// Portcullis is a reverse proxy that speaks HTTPS, serves static files, passes streams of TCP and UDP on, and keeps
/// the machine's firewall. The quickest start needs no file:
///
///     portcullis up example.com=localhost:3000
#[derive(Debug, Parser)]
#[command(name = "portcullis", version, verbatim_doc_comment, max_term_width = 100)]
#[command(disable_help_subcommand = true, arg_required_else_help = true, after_help = EXIT_CODES)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) common: Common,
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXIT_CODES: &str = "\
Exit codes: 0 done, 1 the answer is no or the file has problems, 2 wrong usage,
3 the machine refused (rights, a port in use), 70 a bug of ours.";

const EVERY_COMMAND: &str = "Options of every command";

/// Options that every command understands.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Common {
    /// The configuration [default: ./portcullis.toml, then /etc/portcullis/portcullis.toml]
    #[arg(short, long, global = true, value_name = "FILE", value_hint = ValueHint::FilePath)]
    #[arg(help_heading = EVERY_COMMAND)]
    pub(crate) config: Option<PathBuf>,
    /// The folder of certificates and of the running gate's socket, in place of the one in the file
    #[arg(long, global = true, value_name = "FOLDER", value_hint = ValueHint::DirPath)]
    #[arg(help_heading = EVERY_COMMAND)]
    pub(crate) state: Option<PathBuf>,
}

/// The commands, in the order in which a person meets them.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the gate in the foreground
    Up(Up),
    /// Say everything that is wrong with the configuration, and whether its files can be read
    Check(Check),
    /// Say what would change on this machine: rules, what becomes reachable, connections that would be cut
    Plan(Plan),
    /// Put the configuration in force, packets on trial: they go back by themselves unless confirmed
    Apply(Apply),
    /// Keep the packets that are on trial
    Confirm(Confirm),
    /// Go back to the packets before
    Rollback(Rollback),
    /// List what was applied, by whom, and what became of it
    History(History),
    /// Give the running gate the changed configuration; refuses where packets would change
    Reload(Reload),
    /// Show what the running gate does, and whether the firewall is enforced
    Status(Status),
    /// Say whether this machine is fit for the gate, and what to do about what is not
    Doctor(Doctor),
    /// Show requests and messages, from the access log or the journal
    Logs(Logs),
    /// Have another program, or a newer file of this one, take over without losing a connection
    Upgrade(Upgrade),
    /// Ask the running gate to finish its requests, and wait for its end
    Stop(Stop),
    /// Write a rule into the file that lets somebody in
    Allow(Allow),
    /// Take a rule out of the file
    Revoke(Revoke),
    /// Refuse every packet of a source, at once and for a time
    Ban(Ban),
    /// Take a ban back
    Unban(Unban),
    /// List the bans
    Bans(Bans),
    /// Open a port for one address and a time, without a change of the file
    Grant(Grant),
    /// The firewall as a whole: adopt, restore, off, show
    #[command(subcommand)]
    Firewall(Firewall),
    /// Certificates: what is there, what is in one, how to trust our own authority
    #[command(subcommand)]
    Cert(Cert),
    /// Run a small backend that answers with what it received
    #[command(after_long_help = HELLO_PATHS)]
    Hello(Hello),
    /// Make the gate a service of systemd: units, users, folders, a first configuration
    InstallService(InstallService),
    /// Print the JSON Schema of the configuration
    Schema,
    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Print the manual page, or write one page for every command into a folder
    Man {
        /// The folder for all pages; without it the main page goes to standard output
        #[arg(value_name = "FOLDER", value_hint = ValueHint::DirPath)]
        folder: Option<PathBuf>,
    },
}

/// Which host of the file this machine is.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Host {
    /// The host of the file that this machine is, where neither its name nor its addresses say so
    #[arg(long = "host", value_name = "NAME")]
    pub(crate) name: Option<String>,
}

/// `portcullis up`.
#[derive(Debug, Args)]
pub(crate) struct Up {
    /// The configuration, or sites to serve without one: example.com=localhost:3000
    #[arg(value_name = "FILE | HOST=TARGET")]
    pub(crate) what: Vec<String>,
    /// Threads that serve; one for each core by default
    #[arg(long, value_name = "N", value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..=1024))]
    pub(crate) threads: Option<usize>,
    #[command(flatten)]
    pub(crate) host: Host,
    /// Put the packets of the file in force without a question, where none were confirmed before
    #[arg(short, long)]
    pub(crate) yes: bool,
    /// Bring up a gate for the next keeper; asked for by `portcullis upgrade` alone
    #[arg(long, hide = true)]
    pub(crate) rehearse: bool,
    /// Write messages to standard error as JSON, one object a line
    #[arg(long)]
    pub(crate) json: bool,
}

/// `portcullis check`.
#[derive(Debug, Args)]
pub(crate) struct Check {
    /// The configuration, as with --config
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) file: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) host: Host,
    /// Answer for programs
    #[arg(long)]
    pub(crate) json: bool,
}

/// `portcullis reload`.
#[derive(Debug, Args)]
pub(crate) struct Reload {
    /// The configuration, as with --config; without it, the one that the gate was started with
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) file: Option<PathBuf>,
    /// Also where the file has no site and no stream, so that those that are served end
    #[arg(long)]
    pub(crate) allow_empty: bool,
}

/// `portcullis status`.
#[derive(Debug, Args)]
pub(crate) struct Status {
    /// Answer for programs
    #[arg(long, conflicts_with = "metrics")]
    pub(crate) json: bool,
    /// Print the metrics in the OpenMetrics text format
    #[arg(long)]
    pub(crate) metrics: bool,
}

/// `portcullis upgrade`.
#[derive(Debug, Args)]
pub(crate) struct Upgrade {
    /// The program that takes over; without it, the file that the running one was started from
    #[arg(value_name = "PROGRAM", value_hint = ValueHint::FilePath)]
    pub(crate) program: Option<PathBuf>,
}

/// `portcullis stop`.
#[derive(Debug, Args)]
pub(crate) struct Stop {
    /// How long to wait for the end; 0 does not wait
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    pub(crate) wait: u64,
}

/// `portcullis cert`.
#[derive(Debug, Subcommand)]
pub(crate) enum Cert {
    /// List every certificate that is kept or named in the configuration
    List {
        /// Answer for programs
        #[arg(long)]
        json: bool,
    },
    /// Show one certificate: names, issuer, dates, fingerprint
    Show {
        /// The host name
        host: String,
        /// Answer for programs
        #[arg(long)]
        json: bool,
    },
    /// Print the certificate of our own authority, or put it where this system's programs trust it
    Trust {
        /// Install it into the trust store of this system (needs root)
        #[arg(long)]
        install: bool,
    },
}

/// `portcullis hello`.
#[derive(Clone, Debug, Args)]
pub(crate) struct Hello {
    /// The port; 0 takes a free one and prints it
    #[arg(short, long, value_name = "PORT", default_value_t = 3000, conflicts_with = "unix")]
    pub(crate) port: u16,
    /// The local address
    #[arg(short, long, value_name = "ADDRESS", default_value = "127.0.0.1", conflicts_with = "unix")]
    pub(crate) address: IpAddr,
    /// Listen on a Unix socket instead
    #[arg(short, long, value_name = "PATH", value_hint = ValueHint::FilePath)]
    pub(crate) unix: Option<PathBuf>,
    /// What this instance calls itself
    #[arg(short, long, value_name = "NAME", default_value = "hello", value_parser = instance_name)]
    pub(crate) name: String,
    /// Send every byte of a connection back instead of speaking HTTP
    #[arg(long)]
    pub(crate) tcp_echo: bool,
    /// Send every datagram back; the port is one of UDP
    #[arg(long, conflicts_with_all = ["unix", "tcp_echo"])]
    pub(crate) udp_echo: bool,
    /// How many threads serve
    #[arg(short, long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub(crate) threads: u16,
}

/// The name goes into a field of every answer.
fn instance_name(text: &str) -> Result<String, &'static str> {
    let fits = (1..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
    if fits { Ok(text.to_owned()) } else { Err("a name has 1 to 64 visible ASCII characters") }
}

const HELLO_PATHS: &str = "\
Paths:
  /               a greeting, and what was received
  /headers        the header fields as they came
  /upload         takes a body and answers with its length and SHA-256
  /ws             WebSocket echo
  /status/CODE    that status
  /delay/MS       answers after MS milliseconds
  /bytes/N        N bytes; ?chunked sends them in chunks
  /stream/N       N server-sent events, one every ?ms=100
  /static256      a prepared answer of 256 bytes
  /slow-headers   sends the head of its answer a byte at a time
  /hang           never answers
  /close          closes the connection without an answer

Any other path is answered like /. `Accept: application/json` or ?json asks for JSON.";

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }
}
