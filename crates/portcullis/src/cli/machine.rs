//! The commands about the machine that the gate runs on: its service, its health, its logs.

use clap::Args;

/// `portcullis install-service`.
#[derive(Debug, Args)]
pub(crate) struct InstallService {
    /// Say what would be done, and do nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Take the units away; configuration, state, logs and users stay
    #[arg(long)]
    pub(crate) uninstall: bool,
}

/// `portcullis doctor`.
#[derive(Debug, Args)]
pub(crate) struct Doctor {
    /// Answer for programs
    #[arg(long)]
    pub(crate) json: bool,
}

/// `portcullis logs`.
#[derive(Debug, Args)]
pub(crate) struct Logs {
    /// Go on with what is written from now on, until interrupted
    #[arg(short, long)]
    pub(crate) follow: bool,
    /// The last lines, of those that fit
    #[arg(short = 'n', long, value_name = "N", default_value_t = 50)]
    pub(crate) lines: usize,
    /// What is not older: 90s, 15m, 2h, 3d
    #[arg(long, value_name = "TIME", value_parser = ago)]
    pub(crate) since: Option<std::time::Duration>,
    /// What the gate itself says, in place of requests
    #[arg(long, conflicts_with_all = ["site", "status", "rule"])]
    pub(crate) messages: bool,
    /// Requests of a site, as the file names it
    #[arg(long, value_name = "NAME")]
    pub(crate) site: Option<String>,
    /// Requests that were answered with a status or a class of them: 404, 5xx
    #[arg(long, value_name = "STATUS", value_parser = status)]
    pub(crate) status: Option<std::ops::RangeInclusive<u16>>,
    /// Requests that a rule refused, such as no-route
    #[arg(long, value_name = "RULE")]
    pub(crate) rule: Option<String>,
}

/// `15m` as a time that has passed.
fn ago(text: &str) -> Result<std::time::Duration, &'static str> {
    const WRONG: &str = "write a number and a unit: 90s, 15m, 2h, 3d";
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match &text[digits.len()..] {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        _ => return Err(WRONG),
    };
    let number: u64 = digits.parse().map_err(|_| WRONG)?;
    number.checked_mul(unit).map(std::time::Duration::from_secs).ok_or(WRONG)
}

/// `404` or `5xx` as the statuses that it means.
fn status(text: &str) -> Result<std::ops::RangeInclusive<u16>, &'static str> {
    const WRONG: &str = "write a status or a class: 404, 5xx";
    if let Some(class) = text.strip_suffix("xx") {
        let class: u16 = class.parse().map_err(|_| WRONG)?;
        return if (1..=5).contains(&class) { Ok(class * 100..=class * 100 + 99) } else { Err(WRONG) };
    }
    let status: u16 = text.parse().map_err(|_| WRONG)?;
    if (100..=599).contains(&status) { Ok(status..=status) } else { Err(WRONG) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_statuses_are_read_or_refused() {
        for (text, seconds) in
            [("90s", Some(90)), ("15m", Some(900)), ("2h", Some(7200)), ("3d", Some(259_200))]
        {
            assert_eq!(ago(text).ok().map(|time| time.as_secs()), seconds, "{text}");
        }
        for text in ["", "s", "5", "5w", "-5m", "5 m", "99999999999999999999s", "18446744073709551615d"] {
            assert!(ago(text).is_err(), "{text}");
        }
        assert_eq!(status("404"), Ok(404..=404));
        assert_eq!(status("5xx"), Ok(500..=599));
        for text in ["", "xx", "6xx", "0xx", "99", "600", "4x", "abc"] {
            assert!(status(text).is_err(), "{text}");
        }
    }
}
