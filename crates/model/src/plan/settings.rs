//! The settings that are not about one site or service.

use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use std::path::PathBuf;

/// Where the gate listens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listen {
    /// The local addresses; both families' wildcard by default.
    pub addresses: Vec<IpAddr>,
    /// The port of plain HTTP (redirects and `http://` sites); `None` when it is off.
    pub http: Option<u16>,
    /// The port of HTTPS.
    pub https: u16,
    /// Whether `http` and `https` were written in the file; an unwritten 80 or 443 may become 8080 or 8443 when
    /// the right to bind low ports is missing.
    pub ports_written: bool,
    /// Whether HTTP/2 is served on ports of plain HTTP, to clients that know of it beforehand.
    pub h2c: bool,
    /// Peers whose `Forwarded` and `X-Forwarded-*` fields are believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Peers that begin every connection with a header of the PROXY protocol, which is believed.
    pub proxy_protocol: Vec<IpNet>,
}

impl Default for Listen {
    fn default() -> Self {
        Self {
            addresses: vec![IpAddr::from([0; 4]), IpAddr::from([0; 16])],
            http: Some(80),
            https: 443,
            ports_written: false,
            h2c: false,
            trusted_proxies: Vec::new(),
            proxy_protocol: Vec::new(),
        }
    }
}

/// TLS towards clients.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tls {
    /// The lowest version that is accepted.
    pub min_version: TlsVersion,
    /// Whether HTTP/2 is offered.
    pub http2: bool,
    /// Certificates from files that serve every name they carry.
    pub certificates: Vec<CertificateFiles>,
}

impl Default for Tls {
    fn default() -> Self {
        Self { min_version: TlsVersion::default(), http2: true, certificates: Vec::new() }
    }
}

/// A version of TLS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum TlsVersion {
    /// TLS 1.2 (RFC 5246).
    #[default]
    V1_2,
    /// TLS 1.3 (RFC 8446).
    V1_3,
}

/// A certificate chain and its key, both PEM.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct CertificateFiles {
    /// The chain, leaf first.
    pub certificate: PathBuf,
    /// The private key of the leaf.
    pub key: PathBuf,
}

/// Logs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Log {
    /// Where requests are logged.
    pub access: AccessLog,
    /// How a request is written.
    pub format: LogFormat,
}

/// Where requests are logged.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum AccessLog {
    /// Nowhere.
    Off,
    /// Standard output, the default.
    #[default]
    Stdout,
    /// A file, appended to, opened anew on SIGUSR1.
    File(PathBuf),
}

/// The shape of a line of the access log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum LogFormat {
    /// One JSON object a line.
    #[default]
    Json,
    /// The combined log format of Apache and nginx.
    Combined,
}

/// The operator's socket.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Admin {
    /// Path of the Unix socket; `None` means the default place beneath the state folder.
    pub socket: Option<PathBuf>,
}

/// Where state is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// The folder; `None` means `/var/lib/portcullis` for root and the user's state folder for anybody else.
    pub folder: Option<PathBuf>,
}
