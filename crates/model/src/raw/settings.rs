//! The sections that are not about one site or service: `[listen]`, `[tls]`, `[log]`, `[admin]`, `[state]`.

use super::address::{Address, Network};
use super::choice::choice;
use super::decode::{Decode, Decoder, List, Text};
use super::section::section;
use super::tree::{Node, Value};
use super::units::{Count, Off, Or};
use crate::problem::Problem;

/// A port.
pub(crate) type Port = Count<1, 65535>;

/// The port of HTTPS, which has no `"off"`: it is opened where a site needs it, and nowhere else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct HttpsPort(pub(crate) u64);

impl Decode for HttpsPort {
    fn expected() -> String {
        Port::expected()
    }

    fn schema() -> serde_json::Value {
        Port::schema()
    }

    fn kind() -> String {
        Port::kind()
    }

    fn decode(node: &Node, decoder: &mut Decoder<'_>) -> Option<Self> {
        if matches!(&node.value, Value::Text(text) if text == "off") {
            decoder.report(
                Problem::error(node.at, "`https` has no \"off\"")
                    .label("a port is expected")
                    .hint("leave the key out: the port is opened only where an https:// site needs it"),
            );
            return None;
        }
        Port::decode(node, decoder).map(|port| Self(port.0))
    }
}

section! {
    /// Where the gate listens.
    pub(crate) struct Listen = "`[listen]`", later [];
    /// The local addresses.
    addresses: List<Address> = r#"["0.0.0.0", "::"]"#,
    /// The port of plain HTTP: redirects to HTTPS, and sites written with `http://`.
    http: Or<Port, Off> = "80",
    /// The port of HTTPS.
    https: HttpsPort = "443",
    /// Whether HTTP/2 is served on ports of plain HTTP too, to clients that know of it beforehand.
    h2c: bool = "false",
    /// Peers whose `Forwarded` and `X-Forwarded-*` fields are believed.
    trusted_proxies: List<Network> = "[]",
    /// Peers that begin every connection with a header of the PROXY protocol, version 1 or 2, which is believed; without one their connections are closed.
    proxy_protocol: List<Network> = "[]",
}

section! {
    /// TLS towards clients.
    pub(crate) struct Tls = "`[tls]`", later [];
    /// The lowest version that is accepted.
    min_version: TlsVersion = "\"1.2\"",
    /// Whether HTTP/2 is offered.
    http2: bool = "true",
    /// Certificates from files, each served for every name that it carries.
    certificates: List<Certificate> = "[]",
}

choice! {
    /// A version of TLS.
    pub(crate) enum TlsVersion { V1_2 = "1.2", V1_3 = "1.3" }
}

section! {
    /// A certificate from files.
    pub(crate) struct Certificate = "a certificate", later [];
    /// The PEM file of the chain, leaf first; required.
    certificate: Text,
    /// The PEM file of the leaf's private key; required.
    key: Text,
}

section! {
    /// Logs.
    pub(crate) struct Log = "`[log]`", later [];
    /// Where requests are logged: `"off"`, `"stdout"`, or the path of a file, with a slash in it.
    access: Text = "\"stdout\"",
    /// How a request is written.
    format: LogFormat = "\"json\"",
}

choice! {
    /// The shape of a line of the access log.
    pub(crate) enum LogFormat { Json = "json", Combined = "combined" }
}

section! {
    /// The operator's socket.
    pub(crate) struct Admin = "`[admin]`", later [];
    /// The path of the Unix socket; beneath the state folder where it is not written.
    socket: Text,
}

section! {
    /// Where state is kept.
    pub(crate) struct State = "`[state]`", later [];
    /// The folder; `/var/lib/portcullis` for root and the user's own state folder otherwise.
    folder: Text,
}
