//! A request on its way from the judged head to the route that answers it: one host, one path, one client address,
//! decided here once and read everywhere else.

mod address_text;
mod client_address;
mod id;
mod judge;

pub(crate) use address_text::write_ip;
pub(crate) use client_address::is_trusted;
pub(crate) use id::{RequestId, random};
pub(crate) use judge::{Arrival, Denied, Destination, judge};

use http1::Span;
use model::routes::Captures;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Instant;

/// What is decided of a request before it is routed. Reused from request to request.
#[derive(Debug)]
pub(crate) struct Facts {
    pub(crate) id: RequestId,
    pub(crate) started: Instant,
    /// The canonical host, without port.
    pub(crate) host: String,
    /// The port that the client named in `Host`.
    pub(crate) host_port: Option<u16>,
    /// The port that the client connected to.
    pub(crate) local_port: u16,
    pub(crate) secure: bool,
    /// The canonical path; `*` for a request about the server as a whole.
    pub(crate) path: Vec<u8>,
    /// Where path and query stand in the head.
    pub(crate) target: Span,
    /// The length of the query with its question mark, at the end of the target.
    pub(crate) query_length: usize,
    /// Who is at the other end of the connection.
    pub(crate) peer: SocketAddr,
    /// Whom the request is from: the peer, or whom a trusted proxy names.
    pub(crate) client_ip: IpAddr,
    /// Whether the peer is a trusted proxy.
    pub(crate) trusted: bool,
    pub(crate) captures: Captures,
}

impl Default for Facts {
    fn default() -> Self {
        let nobody = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
        Self {
            id: RequestId::default(),
            started: Instant::now(),
            host: String::new(),
            host_port: None,
            local_port: 0,
            secure: false,
            path: Vec::new(),
            target: Span::default(),
            query_length: 0,
            peer: SocketAddr::new(nobody, 0),
            client_ip: nobody,
            trusted: false,
            captures: Captures::new(),
        }
    }
}

impl Facts {
    pub(crate) fn scheme(&self) -> &'static str {
        if self.secure { "https" } else { "http" }
    }

    /// The query with its question mark, or nothing.
    pub(crate) fn query_with_mark<'h>(&self, head: &'h [u8]) -> &'h [u8] {
        let target = self.target.of(head);
        &target[target.len() - self.query_length..]
    }
}
