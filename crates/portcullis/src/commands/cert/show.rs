//! `portcullis cert show`.

use super::found::{self, Found};
use super::{names, source, to_json};
use crate::cli::Common;
use crate::day;
use crate::failure::{Exit, Failure};
use crate::terminal;
use certs::CertificateFacts;
use std::fmt::Write;
use std::time::SystemTime;

pub(super) fn run(common: &Common, host: &str, json: bool) -> Result<Exit, Failure> {
    let list = found::find(common, SystemTime::now())?;
    let found = find(&list.good, host).ok_or_else(|| none(&list, host))?;
    if json {
        terminal::print_json(&to_json(found))?;
    } else {
        terminal::print(describe(found))?;
    }
    Ok(Exit::Done)
}

/// Why there is none: its files, where it is asked for in files.
fn none(list: &Found, host: &str) -> Failure {
    let asked = list.broken.iter().find(|broken| broken.used_for.iter().any(|site| site == host));
    let Some(broken) = asked else {
        return Failure::no(format!("there is no certificate for {host}"))
            .with_hint("`portcullis cert list` shows the names that there are");
    };
    let failure = Failure::no(format!("there is no certificate for {host}: {}", broken.problem));
    Failure { hint: broken.hint.clone(), ..failure }
}

/// The certificate that serves the site of this name, or one with this very name, or else one with a wildcard in place of its first label.
fn find<'a>(list: &'a [CertificateFacts], host: &str) -> Option<&'a CertificateFacts> {
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    let wildcard = host.split_once('.').map(|(_, parent)| format!("*.{parent}"));
    let carries = |name: &str| list.iter().find(|facts| names(facts).iter().any(|carried| carried == name));
    let serves = list.iter().find(|facts| facts.used_for.contains(&host));
    serves.or_else(|| carries(&host)).or_else(|| wildcard.and_then(|wildcard| carries(&wildcard)))
}

fn describe(facts: &CertificateFacts) -> String {
    let mut text = String::new();
    let mut line = |name: &str, value: &str| {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{name:<12} {value}");
    };
    line("names", &names(facts).join(", "));
    line("issuer", &facts.issuer);
    line("valid from", &day::format(facts.validity.not_before));
    line("valid until", &day::format(facts.validity.not_after));
    line("sha-256", &facts.fingerprint.to_string());
    line("from", source(facts));
    line("certificate", &facts.files.certificate.display().to_string());
    line("serves", &if facts.used_for.is_empty() { "-".to_owned() } else { facts.used_for.join(", ") });
    for problem in &facts.problems {
        line("problem", &problem.to_string());
        line("hint", &problem.hint());
    }
    text
}
