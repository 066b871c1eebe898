//! Development tasks: what continuous integration checks, fuzzing, and measuring. This file only dispatches.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a task for people on a terminal")]

mod bench;
mod ci;
mod fuzz;
mod package;
mod step;
mod supply;
mod tidy;
mod workspace;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// What a task ends with: nothing, or a sentence that says why it failed.
type Outcome = Result<(), Box<dyn std::error::Error>>;

#[derive(Parser)]
#[command(name = "xtask", about = "Development tasks of Portcullis")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Everything that continuous integration checks
    Ci(ci::Options),
    /// Rules of the repository that the compiler does not know
    Tidy,
    /// Licences, bans and lowest versions of what we build on (deny.toml)
    Supply,
    /// Feed generated input to parsers; without a target, each of them
    Fuzz(fuzz::Options),
    /// The Debian package and the RPM, and a test of them in a fresh Debian
    Package(package::Options),
    /// CPU per request and memory per connection beside nginx, HAProxy and Caddy
    Bench(bench::Options),
    /// Time per packet and time to load, beside ufw and linear nftables
    BenchFirewall(bench::firewall::Options),
    /// What clients see of reloads, beside nginx, HAProxy and Caddy
    BenchReload(bench::reloads::Options),
    /// Many sites: start and reload, beside nginx, HAProxy and Caddy
    BenchSites(bench::sites::Options),
    /// A load generator that checks every answer
    #[command(hide = true)]
    BenchClient(bench::client::Options),
    /// A backend with prepared answers
    #[command(hide = true)]
    BenchBackend(bench::backend::Options),
    /// A TCP relay: the least that a proxy on this runtime can cost
    #[command(hide = true)]
    BenchRelay(bench::relay::Options),
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().task {
        Task::Ci(options) => ci::run(&options),
        Task::Tidy => tidy::run(),
        Task::Supply => supply::run(),
        Task::Fuzz(options) => fuzz::run(&options),
        Task::Package(options) => package::run(&options),
        Task::Bench(options) => bench::run(&options),
        Task::BenchFirewall(options) => bench::firewall::run(&options),
        Task::BenchReload(options) => bench::reloads::run(&options),
        Task::BenchSites(options) => bench::sites::run(&options),
        Task::BenchClient(options) => bench::client::run(&options),
        Task::BenchBackend(options) => bench::backend::run(&options),
        Task::BenchRelay(options) => bench::relay::run(&options),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error}");
            ExitCode::FAILURE
        }
    }
}
