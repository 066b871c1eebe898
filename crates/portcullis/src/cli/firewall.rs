//! The part of the command line that is about packets.

use super::Host;
use crate::span;
use clap::{Args, Subcommand, ValueHint};
use ipnet::IpNet;
use model::plan::TRIAL_SECONDS;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

/// `portcullis plan`.
#[derive(Debug, Args)]
pub(crate) struct Plan {
    /// The configuration, as with --config
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) file: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) host: Host,
    /// Answer for programs
    #[arg(long)]
    pub(crate) json: bool,
}

/// `portcullis apply`.
#[derive(Debug, Args)]
pub(crate) struct Apply {
    /// The configuration, as with --config
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) file: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) host: Host,
    #[command(flatten)]
    pub(crate) how: How,
    /// Answer for programs
    #[arg(long)]
    pub(crate) json: bool,
}

/// How packets are put in force, the same for every command that does so.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Args)]
pub(crate) struct How {
    /// How long the kernel waits for `portcullis confirm` before it goes back, in place of the file's `confirm`
    #[arg(long, value_name = "SPAN", value_parser = trial, conflicts_with = "no_trial")]
    pub(crate) confirm: Option<Duration>,
    /// Put the packets in force for good at once; nothing goes back by itself
    #[arg(long)]
    pub(crate) no_trial: bool,
    #[command(flatten)]
    pub(crate) risks: Risks,
    /// Do not ask
    #[arg(short, long)]
    pub(crate) yes: bool,
}

/// Risks that are taken only by name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Args)]
pub(crate) struct Risks {
    /// You sit at the machine: no connection of yours has to stay open
    #[arg(long)]
    pub(crate) console: bool,
    /// Go on although it cuts the connection that you use
    #[arg(long)]
    pub(crate) cut_my_session: bool,
    /// Go on although nobody can log in over the network afterwards
    #[arg(long)]
    pub(crate) close_last_way_in: bool,
    /// Go on although everybody can reach ssh afterwards, because no rule names its port any more
    #[arg(long)]
    pub(crate) open_ssh: bool,
}

/// `portcullis confirm`.
#[derive(Debug, Args)]
pub(crate) struct Confirm {
    /// You sit at the machine, so there is no connection that could prove the way in
    #[arg(long)]
    pub(crate) console: bool,
    /// Answer for programs
    #[arg(long)]
    pub(crate) json: bool,
}

/// `portcullis rollback`.
#[derive(Debug, Args)]
pub(crate) struct Rollback {
    /// The snapshot to go back to; without it the trial ends, or the confirmed one before the last is taken
    #[arg(value_name = "NUMBER")]
    pub(crate) to: Option<u64>,
    #[command(flatten)]
    pub(crate) how: How,
    /// Answer for programs
    #[arg(long)]
    pub(crate) json: bool,
}

/// `portcullis allow`.
#[derive(Debug, Args)]
pub(crate) struct Allow {
    /// What: 80/tcp, 8000-8100/tcp, 53, ssh, https, icmp/echo-request, gre, all
    #[arg(value_name = "WHAT")]
    pub(crate) what: String,
    #[command(flatten)]
    pub(crate) words: RuleWords,
    #[command(flatten)]
    pub(crate) whose: Whose,
    #[command(flatten)]
    pub(crate) then: Then,
}

/// `portcullis revoke`.
#[derive(Debug, Args)]
pub(crate) struct Revoke {
    /// The rule: its identity, or what it allows in the words of `allow`
    #[arg(value_name = "RULE | WHAT", required_unless_present = "number")]
    pub(crate) rule: Option<String>,
    /// The rule of this number in `portcullis status`
    #[arg(long, value_name = "NUMBER", conflicts_with_all = ["rule", "words", "Whose"])]
    pub(crate) number: Option<usize>,
    #[command(flatten)]
    pub(crate) words: RuleWords,
    #[command(flatten)]
    pub(crate) whose: Whose,
    #[command(flatten)]
    pub(crate) then: Then,
}

/// What a rule says besides what it allows.
#[derive(Clone, Debug, Default, Args)]
#[group(id = "words", multiple = true)]
pub(crate) struct RuleWords {
    /// From whom: an address, a prefix, a name of the file, or anywhere
    #[arg(long, value_name = "PEER", value_delimiter = ',')]
    pub(crate) from: Vec<String>,
    /// Only on this network interface
    #[arg(long, value_name = "INTERFACE")]
    pub(crate) on: Option<String>,
    /// New connections of each source, such as 6/30s
    #[arg(long, value_name = "RATE")]
    pub(crate) limit: Option<String>,
    /// What it is for
    #[arg(long, value_name = "TEXT", value_parser = note)]
    pub(crate) note: Option<String>,
    /// When it ends, such as 2026-12-31T00:00:00Z
    #[arg(long, value_name = "MOMENT")]
    pub(crate) until: Option<String>,
    /// A name for the rule, which stays when the rule changes
    #[arg(long, value_name = "NAME")]
    pub(crate) id: Option<String>,
}

/// Whose rule it is. Where a new one does not say it and the file names hosts, it is of the one group that this host carries.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Whose {
    /// A rule of this group
    #[arg(long, value_name = "GROUP", conflicts_with = "every_host")]
    pub(crate) group: Option<String>,
    /// A rule of every host of the file, which stands in `[firewall]`
    #[arg(long)]
    pub(crate) every_host: bool,
}

/// What follows an edit.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Then {
    /// Go on with `portcullis apply`
    #[arg(long)]
    pub(crate) apply: bool,
    #[command(flatten)]
    pub(crate) host: Host,
    #[command(flatten, next_help_heading = "With --apply")]
    pub(crate) how: How,
}

impl Then {
    /// Whether options say how to apply, and nothing is to be applied.
    pub(crate) fn contradicts_itself(&self) -> bool {
        !self.apply && self.how != How::default()
    }
}

/// `portcullis ban`.
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("whom").required(true).multiple(true))]
pub(crate) struct Ban {
    /// Addresses and prefixes
    #[arg(value_name = "ADDRESS", group = "whom", value_parser = source)]
    pub(crate) sources: Vec<IpNet>,
    /// A file with one address or prefix a line
    #[arg(long, value_name = "FILE", group = "whom", value_hint = ValueHint::FilePath)]
    pub(crate) file: Option<PathBuf>,
    /// How long
    #[arg(long = "for", value_name = "SPAN", value_parser = positive, default_value = "1h", conflicts_with = "permanent")]
    pub(crate) span: Duration,
    /// Until it is taken back
    #[arg(long)]
    pub(crate) permanent: bool,
    /// Why; without it an earlier note stays
    #[arg(long, value_name = "TEXT", value_parser = note)]
    pub(crate) note: Option<String>,
    /// Also where that ends an earlier ban of the same source sooner; without it the later end holds
    #[arg(long)]
    pub(crate) replace: bool,
    /// Answer for programs
    #[arg(long)]
    pub(crate) json: bool,
}

/// `portcullis unban`.
#[derive(Debug, Args)]
pub(crate) struct Unban {
    /// Addresses and prefixes, as `portcullis bans` shows them
    #[arg(value_name = "ADDRESS", required_unless_present = "all", value_parser = source)]
    pub(crate) sources: Vec<IpNet>,
    /// Take every ban back
    #[arg(long, conflicts_with = "sources")]
    pub(crate) all: bool,
    /// Answer for programs
    #[arg(long)]
    pub(crate) json: bool,
}

/// `portcullis bans`.
#[derive(Debug, Args)]
pub(crate) struct Bans {
    /// Answer for programs
    #[arg(long)]
    pub(crate) json: bool,
}

/// `portcullis grant`.
#[derive(Debug, Args)]
pub(crate) struct Grant {
    /// The port: 22, 8080/tcp, 51820/udp; without it the grants are listed
    #[arg(value_name = "PORT")]
    pub(crate) port: Option<String>,
    /// Who may reach it; without it the address that you are logged in from
    #[arg(long, value_name = "ADDRESS", requires = "port", value_parser = one_address)]
    pub(crate) from: Option<IpAddr>,
    /// How long
    #[arg(long = "for", value_name = "SPAN", value_parser = positive, default_value = "2h")]
    pub(crate) span: Duration,
    /// Take the grant back
    #[arg(long, requires = "port")]
    pub(crate) revoke: bool,
    /// Answer for programs
    #[arg(long)]
    pub(crate) json: bool,
}

/// `portcullis history`.
#[derive(Debug, Args)]
pub(crate) struct History {
    /// Answer for programs
    #[arg(long)]
    pub(crate) json: bool,
}

/// `portcullis firewall`.
#[derive(Debug, Subcommand)]
pub(crate) enum Firewall {
    /// Show what another firewall on this machine admits, as rules of the file, and take over from it
    Adopt {
        /// Answer for programs
        #[arg(long)]
        json: bool,
        /// Switch the other firewall off once the own policy is confirmed
        #[arg(long)]
        disable: bool,
        /// Do not ask
        #[arg(short, long, requires = "disable")]
        yes: bool,
    },
    /// Put the confirmed packets in force again, without the file, names or the network; for the start of the machine
    Restore,
    /// Take our table out of the kernel: what it closed is open afterwards
    Off {
        /// Do not ask
        #[arg(short, long)]
        yes: bool,
    },
    /// Print the table as the kernel has it, in the language of nft
    Show {
        /// The table that the file would make, in place of the one in force
        #[arg(long)]
        planned: bool,
    },
}

fn trial(text: &str) -> Result<Duration, String> {
    let span = span::parse(text)?;
    if TRIAL_SECONDS.contains(&span.as_secs()) {
        return Ok(span);
    }
    let [least, most] = [TRIAL_SECONDS.start(), TRIAL_SECONDS.end()].map(|seconds| span::text(*seconds));
    Err(format!("must be {least} to {most}; --no-trial does without a trial"))
}

fn positive(text: &str) -> Result<Duration, String> {
    span::parse(text).and_then(|span| {
        if span.is_zero() { Err("this must be longer than nothing".to_owned()) } else { Ok(span) }
    })
}

/// An address or a prefix.
pub(crate) fn source(text: &str) -> Result<IpNet, String> {
    let network = text.parse::<IpAddr>().map(IpNet::from).or_else(|_| text.parse::<IpNet>());
    let most = |address: IpAddr| if address.is_ipv4() { 32 } else { 128 };
    network.map(canonical).map_err(|_| match text.split_once('/') {
        Some((address, length)) if length.parse::<u16>().is_ok() => match address.parse::<IpAddr>() {
            Ok(address) => format!("a prefix of this family has a length of at most {}", most(address)),
            Err(_) => NO_SOURCE.to_owned(),
        },
        _ => NO_SOURCE.to_owned(),
    })
}

const NO_SOURCE: &str = "this is neither an address nor a prefix";

/// IPv4 within IPv6 (RFC 4291, 2.5.5.2), as programs with one socket for both write it, is IPv4 on the wire.
fn canonical(network: IpNet) -> IpNet {
    const BEFORE: u8 = 96;
    let v4 = match network {
        IpNet::V6(six) => six.addr().to_ipv4_mapped().zip(six.prefix_len().checked_sub(BEFORE)),
        IpNet::V4(_) => None,
    };
    let v4 = v4.and_then(|(address, length)| IpNet::new(address.into(), length).ok());
    v4.unwrap_or(network).trunc()
}

fn one_address(text: &str) -> Result<IpAddr, &'static str> {
    text.parse().map_err(|_| match source(text) {
        Ok(_) => {
            "a grant is for one address: `portcullis allow PORT --from PREFIX --until MOMENT` is for a prefix"
        }
        Err(_) => "this is no address",
    })
}

fn note(text: &str) -> Result<String, &'static str> {
    let fits = text.chars().count() <= 200 && !text.chars().any(char::is_control);
    if fits { Ok(text.to_owned()) } else { Err("a note is one line of at most 200 characters") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_addresses_and_prefixes() {
        for (text, shown) in [
            ("192.0.2.1", "192.0.2.1/32"),
            ("192.0.2.1/24", "192.0.2.0/24"),
            ("2001:db8::1", "2001:db8::1/128"),
            ("2001:db8::1/32", "2001:db8::/32"),
            ("::ffff:192.0.2.1", "192.0.2.1/32"),
            ("::ffff:192.0.2.1/120", "192.0.2.0/24"),
            ("::ffff:192.0.2.1/95", "::fffe:0:0/95"),
        ] {
            assert_eq!(source(text).map(|network| network.to_string()).as_deref(), Ok(shown));
        }
        let long = |text| source(text).expect_err("a length that is out of range");
        assert_eq!(long("10.0.0.0/33"), "a prefix of this family has a length of at most 32");
        assert_eq!(long("2001:db8::/129"), "a prefix of this family has a length of at most 128");
        for (text, said) in [("10.0.0.0/8", "--until"), ("10.0.0", "no address")] {
            assert!(one_address(text).is_err_and(|reason| reason.contains(said)), "{text}");
        }
        for text in ["", "a", "192.0.2.1/33", "192.0.2.1:80", "192.0.2", "/8"] {
            assert!(source(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_trial_is_neither_nothing_nor_for_ever() {
        assert_eq!(trial("60s"), Ok(Duration::from_secs(60)));
        for text in ["0", "0s", "1h1s"] {
            assert!(trial(text).is_err(), "{text}");
        }
    }
}
