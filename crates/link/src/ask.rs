//! What a gate may ask of its keeper, and no more. Nothing here is believed: it is bounded here, and judged by the
//! keeper against what it knows itself.

use model::host::HostPattern;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::IpAddr;

/// Bytes of a name or a reason at most.
pub const LONGEST_NAME: usize = 255;
/// Bytes of a chain or a key at most, as PEM.
const LARGEST_PEM: usize = 64 << 10;

/// What a gate may ask for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Ask {
    /// Refuse all packets of an address for a time.
    Ban {
        /// The address.
        address: IpAddr,
        /// How long, in seconds; at least one.
        seconds: u32,
        /// The limit or rule that it broke, for the operator.
        rule: String,
    },
    /// Keep a certificate that was obtained for a host.
    StoreCertificate {
        /// The host, or a wildcard, as it is written.
        host: String,
        /// The chain as PEM.
        chain: Pem,
        /// The key as PEM.
        key: Pem,
    },
    /// Start one more instance of a service that Portcullis runs.
    StartInstance {
        /// The service.
        service: String,
    },
    /// Run the operator's program that publishes a record of a DNS challenge.
    RunDnsHook {
        /// The host that is proved.
        host: String,
        /// The value of the record.
        value: String,
    },
    /// Open a port that is marked for it to an address that proved itself.
    Grant {
        /// The address.
        address: IpAddr,
        /// The port.
        port: u16,
        /// How long, in seconds; at least one.
        seconds: u32,
        /// The proof, which the keeper verifies.
        proof: String,
    },
}

/// A text of PEM, which may be a key.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pem(pub String);

impl fmt::Debug for Pem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pem")
    }
}

/// Why a gate does not get what it asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AskRefused {
    /// The rule that refused.
    pub rule: String,
    /// Why, for the log.
    pub reason: String,
}

impl AskRefused {
    /// A refusal.
    #[must_use]
    pub fn new(rule: &str, reason: impl Into<String>) -> Self {
        Self { rule: rule.to_owned(), reason: reason.into() }
    }
}

impl fmt::Display for AskRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.reason, self.rule)
    }
}

impl std::error::Error for AskRefused {}

impl Ask {
    /// What it is called in logs.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Ban { .. } => "Ban",
            Self::StoreCertificate { .. } => "StoreCertificate",
            Self::StartInstance { .. } => "StartInstance",
            Self::RunDnsHook { .. } => "RunDnsHook",
            Self::Grant { .. } => "Grant",
        }
    }

    /// Whether it is something that can be asked at all, whatever the keeper knows.
    ///
    /// # Errors
    ///
    /// A text is too long or cannot be shown, a time is no time, a host is none.
    pub fn check(&self) -> Result<(), AskRefused> {
        match self {
            Self::Ban { seconds, rule, .. } => time(*seconds).and_then(|()| name(rule)),
            Self::StoreCertificate { host, chain, key } => {
                host_pattern(host)?;
                pem(chain).and_then(|()| pem(key))
            }
            Self::StartInstance { service } => name(service),
            Self::RunDnsHook { host, value } => host_pattern(host).and_then(|()| name(value)),
            Self::Grant { seconds, proof, port, .. } => {
                if *port == 0 {
                    return Err(malformed("there is no port 0"));
                }
                time(*seconds).and_then(|()| name(proof))
            }
        }
    }
}

fn malformed(reason: &str) -> AskRefused {
    AskRefused::new("malformed", reason)
}

fn time(seconds: u32) -> Result<(), AskRefused> {
    if seconds == 0 { Err(malformed("a time has at least one second")) } else { Ok(()) }
}

fn name(text: &str) -> Result<(), AskRefused> {
    let fits =
        (1..=LONGEST_NAME).contains(&text.len()) && text.bytes().all(|byte| (b' '..=b'~').contains(&byte));
    if fits { Ok(()) } else { Err(malformed("a text has 1 to 255 visible ASCII characters")) }
}

fn host_pattern(text: &str) -> Result<(), AskRefused> {
    name(text)?;
    let canonical = HostPattern::parse(text).is_ok_and(|host| host.to_string() == text);
    if canonical { Ok(()) } else { Err(malformed("it is no host in canonical form")) }
}

fn pem(text: &Pem) -> Result<(), AskRefused> {
    if text.0.len() <= LARGEST_PEM { Ok(()) } else { Err(malformed("it is larger than any certificate")) }
}
