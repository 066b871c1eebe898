//! `[service.NAME]`.

use super::choice::choice;
use super::decode::{List, OneOrMany, Text};
use super::limits::Wait;
use super::section::section;
use super::units::{Count, DAY, Time};

section! {
    /// A named application behind the gate.
    pub(crate) struct Service = "a service", later ["run", "scale", "health", "user"];
    /// The targets where it runs, at least one; required.
    instances: List<Text>,
    /// How an instance is chosen: one after the other, or the less busy one of two chosen at random.
    balance: Balance = "\"round-robin\"",
    /// What an instance sees as `Host`: `"client"` is what was asked for, `"instance"` the target, any other text itself.
    host: Text = "\"client\"",
    /// The version of HTTP that all instances speak: `"2"` multiplexes requests over few connections, by ALPN over TLS and by prior knowledge without.
    http: HttpVersion = "\"1.1\"",
    /// TLS towards instances whose target is `https://`.
    tls: InstanceTls,
    /// The scripts of an application whose targets are `fastcgi://` or `fastcgi+unix:`; required there.
    fastcgi: FastCgi,
    /// Begins every connection with a header of the PROXY protocol that names the client; such a connection serves one request.
    proxy_protocol: ProxyProtocol = "\"off\"",
    /// How long a connection to an instance may take to open, TLS included.
    connect_timeout: Wait = "\"3s\"",
    /// From the end of the request to the head of the response; then 504.
    response_timeout: Wait = "\"60s\"",
    /// Silence of an instance in the middle of a response body.
    read_timeout: Wait = "\"5m\"",
    /// Idle connections kept open to each instance by each thread; none with FastCGI unless written, since each holds a process of PHP-FPM.
    keep_alive: Count<0, 65_536> = "64",
    /// How long an idle connection to an instance is kept.
    keep_alive_timeout: Wait = "\"30s\"",
    /// How long an instance that failed is left alone; doubles with every failure in a row, up to 32 times.
    ejection: Time<0, DAY> = "\"1s\"",
    /// The host where it runs; found by its instances unless written.
    on: Text,
    /// The groups that it carries: their rules hold on its host.
    groups: OneOrMany<Text> = "[]",
}

choice! {
    /// How an instance is chosen.
    pub(crate) enum Balance { RoundRobin = "round-robin", LeastRequests = "least-requests" }
}

choice! {
    /// A version of HTTP.
    pub(crate) enum HttpVersion { V1_1 = "1.1", V2 = "2" }
}

choice! {
    /// A version of the PROXY protocol.
    pub(crate) enum ProxyProtocol { Off = "off", V1 = "v1", V2 = "v2" }
}

section! {
    /// The scripts of an application that is spoken to with FastCGI.
    pub(crate) struct FastCgi = "the `fastcgi` of a service", later [];
    /// The folder of the scripts, where the application sees it; required.
    root: Text,
    /// The script for a path that ends in `/`.
    index: Text = "\"index.php\"",
    /// The script of the root for every path that names none, the front controller; `"off"`: 404.
    fallback: Text = "\"index.php\"",
    /// How the name of a script ends, in these letters.
    extension: Text = "\".php\"",
    /// Whether a script has to be a file beneath `root` on this machine; `false` where the application runs elsewhere.
    check: bool = "true",
}

section! {
    /// TLS towards instances.
    pub(crate) struct InstanceTls = "the `tls` of a service", later [];
    /// Whether the certificate is verified.
    verify: bool = "true",
    /// The PEM file of authorities to trust instead of the system's.
    authorities: Text,
    /// The name that the certificate must carry; the host of the target where it is not written.
    server_name: Text,
}
