//! Filling a template with facts of a request. Values are copied, never read for variables again.

use crate::request::Facts;
use http1::Request;
use model::plan::{Piece, Template, Variable};
use std::io::Write as _;

/// Fills a template.
pub(crate) fn expand(template: &Template, facts: &Facts, request: &Request, head: &[u8], out: &mut Vec<u8>) {
    for piece in &template.pieces {
        match piece {
            Piece::Literal(text) => out.extend_from_slice(text.as_bytes()),
            Piece::Variable(variable) => value(variable, facts, request, head, out),
        }
    }
}

fn value(variable: &Variable, facts: &Facts, request: &Request, head: &[u8], out: &mut Vec<u8>) {
    // Writing to a vector cannot fail.
    let _ = match variable {
        Variable::Host if facts.host.contains(':') => write!(out, "[{}]", facts.host),
        Variable::Host => write!(out, "{}", facts.host),
        Variable::Port => write!(out, "{}", facts.local_port),
        Variable::Method => out.write_all(request.method.of(head)),
        Variable::Scheme => write!(out, "{}", facts.scheme()),
        Variable::Path => out.write_all(&facts.path),
        Variable::Query => out.write_all(facts.query_with_mark(head)),
        Variable::Uri => out.write_all(&facts.path).and_then(|()| out.write_all(facts.query_with_mark(head))),
        Variable::ClientIp => write!(out, "{}", facts.client_ip),
        Variable::PeerIp => write!(out, "{}", facts.peer.ip()),
        Variable::RequestId => write!(out, "{}", facts.id),
        Variable::Parameter(position) => {
            out.write_all(facts.captures.segment(*position, &facts.path).unwrap_or_default())
        }
    };
}
