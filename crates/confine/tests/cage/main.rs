//! What a confined process can and cannot do, tried out. The program starts itself again as the captive: it enters a cage
//! and tries what the test tells it. Needs root, and fails without.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::panic,
    reason = "a program of tests without a harness"
)]

mod attempts;
mod captive;
mod mounts;
mod raw;
mod tests;
mod works;

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    if std::env::var_os(captive::CAGE).is_some() {
        return attempts::serve();
    }
    // What cargo hands on to every harness: options, some with a number, and parts of names.
    let is_name = |argument: &String| !argument.starts_with('-') && argument.parse::<u32>().is_err();
    let wanted: Vec<String> = std::env::args().skip(1).filter(is_name).collect();
    let is_wanted = |name: &str| wanted.is_empty() || wanted.iter().any(|part| name.contains(part.as_str()));
    // Mounts of the tests are seen by nobody else, and end with them.
    let private = rustix::mount::MountPropagationFlags::PRIVATE | rustix::mount::MountPropagationFlags::REC;
    nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWNS).expect("needs root: a mount namespace");
    rustix::mount::mount_change("/", private).expect("needs root: private mounts");
    let mut failed = 0;
    for (name, test) in tests::ALL.iter().chain(mounts::ALL).filter(|(name, _)| is_wanted(name)) {
        let passed = std::panic::catch_unwind(test).is_ok();
        println!("test {name} ... {}", if passed { "ok" } else { "FAILED" });
        failed += u32::from(!passed);
    }
    println!("\ntest result: {failed} failed");
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
