//! HTTP/2 is loaded by `h2load` of nghttp2: it costs little, and says how many answers were good and how long they were.

use super::Options;
use crate::Outcome;
use std::io::BufRead;
use std::process::Command;
use std::time::Instant;

/// Warms up, waits for its sign, and works for a number of requests that takes about as long as was asked for.
pub(super) fn run(options: &Options) -> Outcome {
    let warm = options.warm.max(1);
    let start = Instant::now();
    load(options, warm)?;
    let rate = warm as f64 / start.elapsed().as_secs_f64();
    println!("ready");
    std::io::stdin().lock().read_line(&mut String::new())?;
    let count = options.requests.unwrap_or((rate * options.seconds) as u64).max(warm);
    let start = Instant::now();
    load(options, count)?;
    let seconds = start.elapsed().as_secs_f64();
    println!("{}", serde_json::json!({ "good": count, "bad": 0, "seconds": seconds }));
    Ok(())
}

/// Sends requests. Anything but an answer of the right status and length to each is an error.
fn load(options: &Options, count: u64) -> Outcome {
    let scheme = if options.trust.is_some() { "https" } else { "http" };
    let mut command = Command::new("h2load");
    command
        .args([
            "-n",
            &count.to_string(),
            "-c",
            &options.connections.to_string(),
            "-m",
            &options.streams.to_string(),
        ])
        .args(["--tls13-ciphers", "TLS_AES_128_GCM_SHA256"])
        .args(["--connect-to", &options.address.to_string()])
        .args(["-H", &format!(":authority: {}", options.host)]);
    if let Some(body) = &options.call {
        command.args(["-H", "content-type: application/grpc", "-H", "te: trailers", "-d"]).arg(body);
    }
    let output = command.arg(format!("{scheme}://{}{}", options.host, options.path)).output()?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let good = said.contains(&format!(" {count} succeeded, 0 failed, 0 errored, 0 timeout"));
    let data = data(&said).unwrap_or_default();
    if good && data == count * options.length as u64 {
        return Ok(());
    }
    Err(format!("not {count} answers of {} bytes: {said}", options.length).into())
}

/// Bytes of bodies: `traffic: 1.00KB (1024) total, … 256B (256) data`.
fn data(said: &str) -> Option<u64> {
    let line = said.lines().find(|line| line.starts_with("traffic:"))?;
    let (_, last) = line.strip_suffix(") data")?.rsplit_once('(')?;
    last.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bytes_of_bodies_are_read() {
        let line = "traffic: 2.94MB (3082752) total, 90.82KB (93000) headers (space savings 55.07%), 304.69KB (312000) data";
        assert_eq!(data(&format!("finished\n{line}\ntime")), Some(312_000));
        assert_eq!(data("nothing"), None);
    }
}
