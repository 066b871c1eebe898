//! `portcullis status`: what the running gate does, for people, programs or Prometheus.
//!
//! The gate decides what there is to tell; this shows any such answer: plain values side by side, lists as tables.

use super::keeping::{Keeping, read};
use super::{locate, orphaned};
use crate::admin::{AskError, Client, GateLock};
use crate::cli::{Common, Status};
use crate::failure::{Exit, Failure};
use crate::keeper::{Finding, Request, Status as Packets, UNSEEN, is_table_there};
use crate::place::{Places, UNKNOWN};
use crate::show;
use crate::table::aligned;
use crate::terminal;
use serde_json::{Map, Value, json};
use std::fmt::Write;

/// What stands in the place of a gate's facts where none runs.
const NOT_RUNNING: &str = "not running (start: `portcullis up`)";
/// What stands there where the keeper was killed.
const WITHOUT_KEEPER: &str =
    "serves without its keeper (`portcullis up` takes it over, `portcullis stop` ends it)";

pub(super) fn run(common: &Common, arguments: &Status) -> Result<Exit, Failure> {
    let places = locate::places(common, None)?;
    let client = Client::new(&places.socket_to_ask());
    if arguments.metrics {
        terminal::print_bytes(&client.metrics()?)?;
        return Ok(Exit::Done);
    }
    let gate = match client.status() {
        // Nor is anything else known of one that gives no sign of life.
        Err(error @ AskError::Silent(..)) => return Err(error.into()),
        gate => gate,
    };
    let packets = match packets(&places) {
        // Their own gate is told of all the same.
        Err(failure) if gate.is_ok() => Some(unseen(failure)?),
        packets => packets?,
    };
    let firewall = packets.as_ref().map(read::<Packets>).transpose()?;
    let is_running = gate.is_ok();
    let gate = match (gate, &firewall) {
        (Ok(gate), _) => gate,
        (Err(AskError::NotRunning(_)), _) if orphaned::is_here(&places) => json!({ "gate": WITHOUT_KEEPER }),
        // A machine may have packets of ours and no gate.
        (Err(AskError::NotRunning(_)), Some(_)) => json!({ "gate": NOT_RUNNING }),
        (Err(error), _) => return Err(error.into()),
    };
    let is_enforced = firewall.as_ref().is_some_and(|packets| packets.enforced);
    if arguments.json {
        let mut answer = gate;
        answer["firewall"] = packets.unwrap_or(Value::Null);
        terminal::print_json(&answer)?;
    } else {
        let running = if is_running { running(&gate) } else { String::new() };
        let firewall = firewall.as_ref().map(|packets| show::status(packets) + "\n").unwrap_or_default();
        terminal::print(firewall.trim_start_matches('\n').to_owned() + &running + &render(&gate))?;
    }
    let is_unseen = firewall.as_ref().is_some_and(|packets| !packets.reachable);
    Ok(match is_running || is_enforced {
        true => Exit::Done,
        false if is_unseen => Exit::Refused,
        false => Exit::No,
    })
}

/// What a gate does whose keeper answers.
fn running(gate: &Value) -> String {
    match gate["draining_seconds"].as_u64() {
        None => "gate  running\n".to_owned(),
        Some(seconds) => format!(
            "gate  draining: no new connections, and requests in flight are cut after {seconds} s more\n"
        ),
    }
}

/// The firewall's part; nothing where neither a gate runs nor a firewall was ever applied.
fn packets(places: &Places) -> Result<Option<Value>, Failure> {
    // Who asks root's gate is told by it.
    if places.socket_to_ask() != places.admin_socket {
        return Keeping::at(places.clone(), false).ask(Request::Status).map(Some);
    }
    places.refuse_in_place_of_root()?;
    let is_known = GateLock::is_taken(&places.state) || places.state.join("firewall").exists();
    // A folder that is lost leaves the table, which goes on deciding.
    if !is_known && !is_table_there() {
        return Ok(None);
    }
    Keeping::at(places.clone(), false).ask(Request::Status).map(Some)
}

/// The firewall's part where nobody would tell it.
fn unseen(failure: Failure) -> Result<Value, Failure> {
    let reason = failure.reason.trim_start_matches(UNKNOWN);
    let problem = Finding { hint: failure.hint, ..Finding::warning(format!("{UNSEEN}{reason}"), "") };
    let packets = Packets { problems: vec![problem], ..Packets::default() };
    serde_json::to_value(packets).map_err(|error| Failure::refused(error.to_string()))
}

/// Plain values first, then one paragraph for each list or object.
fn render(status: &Value) -> String {
    let Some(object) = status.as_object() else { return plain(status) + "\n" };
    let mut text = pairs(object);
    for (name, value) in object {
        let paragraph = match value {
            Value::Array(items) if items.iter().any(Value::is_object) => table(items),
            Value::Object(inner) if !inner.is_empty() => render(&Value::Object(inner.clone())),
            _ => continue,
        };
        // Writing to a string cannot fail.
        let _ = write!(text, "\n{}\n{}", words(name), indented(&paragraph));
    }
    text
}

fn pairs(object: &Map<String, Value>) -> String {
    let simple = |value: &Value| match value {
        Value::Object(inner) => inner.is_empty(),
        Value::Array(items) => !items.iter().any(Value::is_object),
        _ => true,
    };
    let pairs: Vec<_> = object.iter().filter(|(_, value)| simple(value)).collect();
    let width = pairs.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    pairs.iter().fold(String::new(), |mut text, (name, value)| {
        let _ = writeln!(text, "{:width$}  {}", words(name), plain(value));
        text
    })
}

fn table(items: &[Value]) -> String {
    let mut columns: Vec<&String> = Vec::new();
    for name in items.iter().filter_map(Value::as_object).flat_map(Map::keys) {
        if !columns.contains(&name) {
            columns.push(name);
        }
    }
    let header: Vec<String> = columns.iter().map(|name| words(name)).collect();
    let cell = |item: &Value, name: &str| plain(item.get(name).unwrap_or(&Value::Null));
    aligned(&header, items.iter().map(|item| columns.iter().map(|name| cell(item, name))))
}

fn indented(text: &str) -> String {
    text.lines().fold(String::new(), |mut out, line| {
        let _ = writeln!(out, "{}", format!("  {}", line.trim_end()).trim_end());
        out
    })
}

fn words(name: &str) -> String {
    name.replace('_', " ")
}

fn plain(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(items) if items.is_empty() => "-".to_owned(),
        Value::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join(", "),
        Value::Object(inner) if inner.is_empty() => "-".to_owned(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_shown_as_pairs_and_tables() {
        let status = serde_json::json!({
            "process": 7,
            "listening": ["[::]:443", "0.0.0.0:443"],
            "sites": [
                { "site": "example.com", "requests": 12 },
                { "site": "b.test", "requests": 3, "note": "maintenance" },
            ],
            "connections": { "open": 2 },
        });
        insta::assert_snapshot!(render(&status));
    }
}
