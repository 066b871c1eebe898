//! Text with variables of the request, parsed once. What a client sends is only ever a value, never parsed again.

use serde::{Deserialize, Serialize};

/// Text with variables of the request.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Template {
    /// The pieces in order; no two literals stand side by side.
    pub pieces: Vec<Piece>,
}

/// A piece of a [`Template`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Piece {
    /// Text as it is.
    Literal(String),
    /// A fact of the request.
    Variable(Variable),
}

/// A fact of the request that a template may use, written `{name}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Variable {
    /// `{host}`: the canonical host without port.
    Host,
    /// `{port}`: the port that the client connected to.
    Port,
    /// `{method}`.
    Method,
    /// `{scheme}`: `http` or `https`.
    Scheme,
    /// `{path}`: the canonical path, with its leading slash.
    Path,
    /// `{query}`: the query with its question mark, or nothing.
    Query,
    /// `{uri}`: path and query.
    Uri,
    /// `{client_ip}`: the client's address, from a trusted proxy where there is one.
    ClientIp,
    /// `{peer_ip}`: the address of the connection.
    PeerIp,
    /// `{request_id}`.
    RequestId,
    /// `{param.NAME}`: a segment that `{NAME}` of the route's pattern matched. By position in the pattern.
    Parameter(usize),
}
