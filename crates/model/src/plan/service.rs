//! Services and the addresses of their instances.

use super::policy::Name;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::time::Duration;

/// The place of a service in [`super::Plan::services`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ServiceIndex(pub usize);

/// A named application behind the gate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Service {
    /// Its name in the file, or the address as written where a route names one directly.
    pub name: String,
    /// Where it runs; never empty.
    pub instances: Vec<Target>,
    /// How an instance is chosen.
    pub balance: Balance,
    /// TLS towards instances whose target is `https://`.
    pub tls: InstanceTls,
    /// The scripts of an application that is spoken to with FastCGI; present where all its instances are, and only there.
    pub fastcgi: Option<FastCgi>,
    /// What the instance sees as `Host`.
    pub host: InstanceHost,
    /// How long a connection to an instance may take to open, TLS included.
    pub connect_timeout: Duration,
    /// From the end of the request to the head of the response (504).
    pub response_timeout: Duration,
    /// Silence of an instance in the middle of a response body.
    pub read_timeout: Duration,
    /// Idle connections kept open to each instance by each thread.
    pub keep_alive: usize,
    /// How long an idle connection to an instance is kept.
    pub keep_alive_timeout: Duration,
    /// How long an instance that failed is left alone; doubles with every failure in a row, up to 32 times.
    pub ejection: Duration,
    /// Whether connections begin with a header of the PROXY protocol that names the client, and of which version. Such
    /// a connection serves one client and is not kept for others.
    pub proxy_protocol: Option<ProxyProtocol>,
    /// The host where it runs; `None`: unknown, or this one where an instance has an address of this machine.
    pub on: Option<Name>,
    /// The groups that it carries: their rules hold on its host.
    pub groups: Vec<Name>,
}

impl Service {
    /// A service with every default, as a route makes that names an address.
    #[must_use]
    pub fn with_defaults(name: String, instances: Vec<Target>) -> Self {
        Self {
            name,
            instances,
            balance: Balance::default(),
            tls: InstanceTls::default(),
            fastcgi: None,
            host: InstanceHost::default(),
            connect_timeout: Duration::from_secs(3),
            response_timeout: Duration::from_secs(60),
            read_timeout: Duration::from_secs(300),
            keep_alive: 64,
            keep_alive_timeout: Duration::from_secs(30),
            ejection: Duration::from_secs(1),
            proxy_protocol: None,
            on: None,
            groups: Vec::new(),
        }
    }
}

/// A version of the PROXY protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ProxyProtocol {
    /// Version 1, a line of text.
    V1,
    /// Version 2, binary.
    V2,
}

/// How an instance is chosen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Balance {
    /// One after the other.
    #[default]
    RoundRobin,
    /// The one with fewer requests in flight, of two chosen at random.
    LeastRequests,
    /// Always the same one for a client's address, as long as it is there. Streams only.
    Source,
}

/// TLS towards instances.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct InstanceTls {
    /// Whether the certificate is verified; on unless the file says otherwise.
    pub verify: bool,
    /// A PEM file of authorities to trust instead of the system's.
    pub authorities: Option<PathBuf>,
    /// The name that the certificate must carry, and the SNI; the host of the target by default.
    pub server_name: Option<String>,
}

impl Default for InstanceTls {
    fn default() -> Self {
        Self { verify: true, authorities: None, server_name: None }
    }
}

/// The scripts of an application that is spoken to with FastCGI.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct FastCgi {
    /// The folder of the scripts, where the application sees it.
    pub root: PathBuf,
    /// The script of a folder, for a path that ends in `/`.
    pub index: String,
    /// The script of the root, relative to it, for every path that names none.
    pub fallback: Option<String>,
    /// How the name of a script ends: a dot and something behind it.
    pub extension: String,
    /// Whether a script has to be a file beneath the root on this machine.
    pub check: bool,
}

/// What the instance sees as `Host`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum InstanceHost {
    /// What the client asked for.
    #[default]
    Client,
    /// The host and port of the target.
    Instance,
    /// A fixed value.
    Fixed(String),
}

/// Where an instance is reached and how it is spoken to.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Target {
    /// The address.
    pub address: TargetAddress,
    /// Whether TLS is spoken.
    pub tls: bool,
    /// Whether HTTP/2 is spoken: `h2c://`, or what a service says of all its instances.
    pub http2: bool,
    /// Whether FastCGI is spoken, without TLS and HTTP/2.
    pub fastcgi: bool,
}

impl Target {
    /// An address where HTTP/1.1 is spoken, without TLS.
    #[must_use]
    pub fn plain(address: TargetAddress) -> Self {
        Self { address, tls: false, http2: false, fastcgi: false }
    }
}

/// The address of an instance.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum TargetAddress {
    /// A host, by canonical name (never an address in brackets) or address, and a port.
    Tcp {
        /// A DNS name in lower case, or an IP address as text without brackets.
        host: String,
        /// The port, never 0.
        port: u16,
    },
    /// The path of a Unix socket.
    Unix(PathBuf),
}

impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.tls {
            f.write_str("https://")?;
        } else if self.http2 && matches!(self.address, TargetAddress::Tcp { .. }) {
            f.write_str("h2c://")?;
        }
        if self.fastcgi {
            let of_socket = matches!(self.address, TargetAddress::Unix(_));
            f.write_str(if of_socket { "fastcgi+" } else { "fastcgi://" })?;
        }
        match &self.address {
            TargetAddress::Tcp { host, port } if host.contains(':') => write!(f, "[{host}]:{port}"),
            TargetAddress::Tcp { host, port } => write!(f, "{host}:{port}"),
            TargetAddress::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}
