//! The journal of systemd, by journalctl(1): what the service wrote to standard output and standard error.

use super::entry::{Last, Wanted};
use crate::cli::Logs;
use crate::failure::{Exit, Failure};
use crate::terminal;
use std::io::{self, BufRead, BufReader};
use std::process::{Child, Command, Stdio};

const UNIT: &str = "--unit=portcullis.service";
/// How journalctl ends a list where it was asked for its place.
const CURSOR: &str = "-- cursor: ";

pub(super) fn show(wanted: &Wanted, arguments: &Logs) -> Result<Exit, Failure> {
    if !std::path::Path::new("/run/systemd/system").is_dir() {
        return Err(Failure::no("there is no journal here: systemd does not run this machine").with_hint(
            "messages are where the supervisor or the terminal of the gate has them; [log] access = \"/path\" writes \
             requests to a file",
        ));
    }
    if wanted.selects() {
        return selected(wanted, arguments);
    }
    let mut command = journalctl("short-iso", arguments);
    command.arg(format!("--lines={}", arguments.lines));
    if arguments.follow {
        command.arg("--follow");
    }
    let status = command.status().map_err(|error| not_started(&error))?;
    Ok(if status.success() { Exit::Done } else { Exit::Refused })
}

/// The last lines of those that are wanted, and what comes after them.
fn selected(wanted: &Wanted, arguments: &Logs) -> Result<Exit, Failure> {
    let mut last = Last::new(arguments.lines);
    let mut cursor = None;
    let mut past = journalctl("cat", arguments);
    read(past.arg("--show-cursor"), |line| {
        match line.strip_prefix(CURSOR) {
            Some(place) => cursor = Some(place.to_owned()),
            None if wanted.takes(&line) => last.push(line),
            None => {}
        }
        true
    })?;
    if last.is_empty() && arguments.lines > 0 {
        let so_far = if arguments.follow { " so far" } else { "" };
        terminal::say(format_args!("the journal has no line of that kind{so_far}\n"));
    }
    terminal::print(last.text())?;
    if arguments.follow {
        let mut coming = journalctl("cat", arguments);
        match cursor {
            Some(cursor) => coming.arg(format!("--after-cursor={cursor}")),
            None => coming.arg("--lines=0"),
        };
        read(coming.arg("--follow"), |line| !wanted.takes(&line) || terminal::print_line(&line))?;
    }
    Ok(Exit::Done)
}

fn journalctl(output: &str, arguments: &Logs) -> Command {
    let mut command = Command::new("journalctl");
    command.args([UNIT, "--quiet", "--no-pager", "--output", output]).stdin(Stdio::null());
    if let Some(ago) = arguments.since {
        command.arg(format!("--since=-{}s", ago.as_secs()));
    }
    command
}

/// Hands each line over, until there are no more or none are wanted any more.
fn read(command: &mut Command, mut take: impl FnMut(String) -> bool) -> Result<(), Failure> {
    let mut child = command.stdout(Stdio::piped()).spawn().map_err(|error| not_started(&error))?;
    let outcome = lines(&mut child, &mut take);
    // It has ended, or what it would say is not wanted any more.
    let _ = child.kill();
    let _ = child.wait();
    outcome.map_err(|error| Failure::refused(format!("cannot read what journalctl says: {error}")))
}

fn lines(child: &mut Child, take: &mut impl FnMut(String) -> bool) -> io::Result<()> {
    let Some(output) = child.stdout.take() else { return Ok(()) };
    for line in BufReader::new(output).split(b'\n') {
        if !take(String::from_utf8_lossy(&line?).into_owned()) {
            break;
        }
    }
    Ok(())
}

fn not_started(error: &io::Error) -> Failure {
    let failure = Failure::refused(format!("cannot run journalctl: {error}"));
    match error.kind() {
        io::ErrorKind::NotFound => failure.with_hint(
            "the journal is read by it, and it comes with systemd; [log] access = \"/path\" writes requests to a file",
        ),
        _ => failure,
    }
}
