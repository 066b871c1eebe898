//! Facts of the machine that a reader needs to judge the numbers.

use std::fs;
use std::process::Command;

/// The load above which a measurement is worth little.
const BUSY: f64 = 0.5;

/// Names and values, in order.
pub(super) fn facts() -> Vec<(&'static str, String)> {
    vec![
        ("date", output("date", &["-u", "+%Y-%m-%d"])),
        ("processor", processor()),
        (
            "cores",
            std::thread::available_parallelism().map_or_else(|_| "?".to_owned(), |count| count.to_string()),
        ),
        ("memory", memory()),
        ("kernel", fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default().trim().to_owned()),
        ("compiler", output("rustc", &["--version"])),
        ("commit", output("git", &["rev-parse", "--short", "HEAD"])),
    ]
}

/// What would spoil a measurement before it begins.
pub(super) fn check() -> Result<(), String> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    if cores < 2 {
        return Err("two cores are needed: one for the proxy alone, one for the load".to_owned());
    }
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split_whitespace().next().and_then(|first| first.parse::<f64>().ok()).unwrap_or(0.0);
    if load > BUSY {
        println!("note: the machine is busy (load {load}); the numbers will say little");
    }
    Ok(())
}

fn processor() -> String {
    let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let line = text.lines().find(|line| line.starts_with("model name"));
    line.and_then(|line| line.split_once(": ")).map_or_else(|| "?".to_owned(), |(_, name)| name.to_owned())
}

fn memory() -> String {
    let text = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"));
    let size = line.and_then(|rest| rest.trim().trim_end_matches(" kB").parse::<u64>().ok());
    size.map_or_else(|| "?".to_owned(), |size| format!("{:.1} GiB", size as f64 / f64::from(1 << 20)))
}

fn output(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).current_dir(crate::workspace::root()).output();
    output.map_or_else(|_| "?".to_owned(), |output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
