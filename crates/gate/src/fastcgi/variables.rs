//! The variables of CGI (RFC 3875 section 4.1) that do not come from a field: which script, which server, which client.

use super::Script;
use crate::request::{Facts, write_ip};
use crate::service::Ends;
use http1::Version;
use std::net::IpAddr;
use wire::fastcgi::{LongPair, Params};

/// What the variables of a request are made from.
#[derive(Debug)]
pub(crate) struct Variables<'a> {
    pub(crate) facts: &'a Facts,
    /// The judged head of the client.
    pub(crate) head: &'a [u8],
    pub(crate) script: &'a Script,
    /// What is taken off the path before it is looked up in the root.
    pub(crate) prefix: &'a [u8],
    pub(crate) ends: Ends,
    pub(crate) http2: bool,
    pub(crate) version: Version,
}

impl Variables<'_> {
    /// Writes them.
    pub(crate) fn write(&self, params: &mut Params) -> Result<(), LongPair> {
        let Self { facts, script, prefix, .. } = self;
        let query = facts.query_with_mark(self.head);
        let (root, name, path_info) = (&script.root[..], &script.name[..], &script.path_info[..]);
        params.pair(b"GATEWAY_INTERFACE", &[b"CGI/1.1"])?;
        params.pair(b"SERVER_SOFTWARE", &[b"portcullis"])?;
        params.pair(b"SERVER_PROTOCOL", &[self.protocol()])?;
        params.pair(b"SERVER_NAME", &[&server_name(&facts.host)])?;
        params.pair(b"SERVER_ADDR", &[&ip(self.ends.local.ip())])?;
        params.pair(b"SERVER_PORT", &[facts.local_port.to_string().as_bytes()])?;
        params.pair(b"REMOTE_ADDR", &[&ip(self.ends.client.ip())])?;
        if self.ends.client.port() != 0 {
            params.pair(b"REMOTE_PORT", &[self.ends.client.port().to_string().as_bytes()])?;
        }
        params.pair(b"REQUEST_URI", &[&facts.path, query])?;
        params.pair(b"QUERY_STRING", &[query.strip_prefix(b"?").unwrap_or_default()])?;
        params.pair(b"DOCUMENT_ROOT", &[root])?;
        params.pair(b"SCRIPT_FILENAME", &[root, name])?;
        params.pair(b"SCRIPT_NAME", &[prefix, name])?;
        params.pair(b"DOCUMENT_URI", &[prefix, name, path_info])?;
        if !path_info.is_empty() {
            params.pair(b"PATH_INFO", &[path_info])?;
            params.pair(b"PATH_TRANSLATED", &[root, path_info])?;
        }
        // PHP that was built to insist on it takes a request for a direct one without.
        params.pair(b"REDIRECT_STATUS", &[b"200"])
    }

    fn protocol(&self) -> &'static [u8] {
        match self.version {
            _ if self.http2 => b"HTTP/2.0",
            Version::Http10 => b"HTTP/1.0",
            Version::Http11 => b"HTTP/1.1",
        }
    }
}

fn server_name(host: &str) -> Vec<u8> {
    if host.contains(':') { format!("[{host}]").into_bytes() } else { host.as_bytes().to_vec() }
}

fn ip(address: IpAddr) -> Vec<u8> {
    let mut text = Vec::with_capacity(16);
    write_ip(&mut text, address.to_canonical());
    text
}
