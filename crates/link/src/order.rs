//! What the keeper tells a gate.

use model::host::HostPattern;
use model::plan::Delta;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// An order with the number that its answer carries.
#[derive(Debug, Serialize, Deserialize)]
pub struct Numbered {
    /// Counted up by the keeper.
    pub number: u64,
    /// The order.
    pub order: Order,
}

/// What the keeper tells a gate. The first two stay as they are in every version of the protocol: they are what a
/// keeper needs of a gate that another build left behind.
#[derive(Debug, Serialize, Deserialize)]
pub enum Order {
    /// Hand over listening sockets, those with a number above this one, as many as fit.
    Sockets {
        /// The number of the last one that came.
        after: u64,
    },
    /// Take no more connections, end those that are open, then the process.
    Drain(Patience),
    /// How to run; the first order of a new gate. The socket on which a later keeper is awaited comes with it.
    Start(Start),
    /// Take these listening sockets, which come with it in the same order.
    Take(Vec<u64>),
    /// Serve this from now on.
    Install(Box<Install>),
    /// Serve these certificates from now on.
    Certificates(CertificateChange),
    /// Write the access log to what comes with it; to nothing, where nothing comes.
    Log,
    /// The machine resolves names otherwise now.
    Texts(Texts),
    /// Count what is there.
    Counts,
    /// Write all metrics, in the OpenMetrics text format, into the memory that comes with it.
    Metrics,
    /// Say that you live.
    Ping,
    /// Say how you are confined.
    Confinement,
    /// What a program says that was asked to rehearse, and cannot.
    Failed {
        /// Why.
        reason: String,
    },
    /// What came of what the gate asked for.
    Answered {
        /// The number of the gate's question.
        number: u64,
        /// Nothing, or why not.
        refused: Option<crate::AskRefused>,
    },
}

/// How long a gate takes to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Patience {
    /// When the last connection is cut.
    pub total: Duration,
    /// Whether another gate has the listeners from now on, so that there is no hurry.
    pub handed_over: bool,
}

/// How a gate runs.
#[derive(Debug, Serialize, Deserialize)]
pub struct Start {
    /// Of the keeper; another one is not spoken to.
    pub protocol: u16,
    /// Which build the gate is, for a later keeper.
    pub build: String,
    /// The user of the keeper: a later one that is somebody else, and not root, is not obeyed.
    pub keeper: u32,
    /// Threads that serve.
    pub threads: u16,
    /// How names are resolved.
    pub texts: Texts,
    /// How it confines itself before anything else.
    pub cage: confine::Cage,
}

/// The files that say how names are resolved, as they are on the machine: a gate cannot read them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Texts {
    /// resolv.conf(5).
    pub resolv_conf: Vec<u8>,
    /// hosts(5).
    pub hosts: Vec<u8>,
}

/// Everything that a gate serves.
#[derive(Debug, Serialize, Deserialize)]
pub struct Install {
    /// What leads to the plan from the one before; from none, for a gate that has none.
    pub plan: Delta,
    /// Whether the gate forgets the plan that it has first.
    pub whole: bool,
    /// The pages that it names: each path with what is in the file.
    pub pages: Vec<(PathBuf, Arc<[u8]>)>,
    /// The authorities that it trusts for instances: each path with what is in the file.
    pub authorities: Vec<(PathBuf, Arc<[u8]>)>,
    /// The authorities that this machine trusts, as DER, where instances need them.
    pub roots: Vec<Vec<u8>>,
    /// Certificates that come with it.
    pub certificates: Option<CertificateChange>,
    /// The listeners of exactly this plan.
    pub listeners: Vec<Listener>,
}

/// What is spoken on a listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Protocol {
    /// Plain HTTP.
    Http,
    /// HTTPS, and what TLS streams bring to it.
    Https,
    /// TCP of streams.
    Tcp,
    /// UDP of a stream.
    Udp,
}

/// A listener of a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listener {
    /// The port as the plan names it.
    pub port: u16,
    /// What is spoken on it.
    pub protocol: Protocol,
    /// The only address that the plan names for it.
    pub address: Option<IpAddr>,
    /// Where it is bound.
    pub local: SocketAddr,
    /// The numbers of its sockets.
    pub sockets: Vec<u64>,
}

/// What is different about certificates.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CertificateChange {
    /// Whether everything that was there before is forgotten first.
    pub whole: bool,
    /// Certificates that were not there.
    pub new: Vec<Certificate>,
    /// Which certificate serves a host from now on, `None` where none does any more. No host is any host.
    pub hosts: Vec<(Option<HostPattern>, Option<u64>)>,
    /// Which certificate serves clients that ask for no name.
    pub nameless: Option<u64>,
}

/// A certificate and its key.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Certificate {
    /// The keeper's number of it.
    pub id: u64,
    /// The chain as DER, the leaf first.
    pub chain: Vec<Vec<u8>>,
    /// The private key as DER.
    pub key: Key,
}

/// A private key as DER.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Key {
    /// RSA alone (RFC 8017).
    Pkcs1(Vec<u8>),
    /// An elliptic curve (RFC 5915).
    Sec1(Vec<u8>),
    /// Any (RFC 5958).
    Pkcs8(Vec<u8>),
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Never the key.
        f.debug_struct("Certificate").field("id", &self.id).finish_non_exhaustive()
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key")
    }
}
