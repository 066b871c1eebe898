//! Redirects: where they lead, and that they do not evidently lead back.

use super::template::template;
use super::{Lowering, settings};
use crate::host::HostPattern;
use crate::path::canonicalize;
use crate::pattern::RoutePattern;
use crate::plan::{Handler, Piece, RedirectHandler, Scheme, Site, SiteAddress, Template, Variable};
use crate::problem::{Problem, shown};
use crate::raw::decode::Text;
use crate::raw::route::Route;
use crate::routes::{Captures, Matched, RouteTable, Unconditional};

/// The statuses that redirect (RFC 9110, 15.4).
const STATUSES: [u16; 5] = [301, 302, 303, 307, 308];

pub(super) fn redirect(
    text: &Text,
    raw: &Route,
    parameters: &[String],
    lowering: &mut Lowering<'_>,
) -> Option<RedirectHandler> {
    let to = template(text, parameters, lowering);
    let status = raw.status.as_ref().map_or(308, |status| settings::as_port(status.value.0));
    if let Some(written) = raw.status.as_ref().filter(|_| !STATUSES.contains(&status)) {
        lowering.report(
            Problem::error(written.at, format!("{status} does not redirect"))
                .label("301, 302, 303, 307 or 308")
                .hint("308 is permanent and keeps the method, 307 is for now and keeps it"),
        );
    }
    let to = to?;
    if let Some((label, hint)) = refusal(text.as_str(), &to) {
        let problem = Problem::error(text.inner(), format!("cannot redirect to {}", shown(text.as_str())));
        lowering.report(problem.label(label).hint_maybe(hint));
        return None;
    }
    Some(RedirectHandler { to, status })
}

fn refusal(written: &str, to: &Template) -> Option<(&'static str, Option<String>)> {
    let literals = to.pieces.iter().filter_map(|piece| match piece {
        Piece::Literal(literal) => Some(literal.as_str()),
        Piece::Variable(_) => None,
    });
    if literals
        .clone()
        .any(|literal| !literal.bytes().all(|b| matches!(b, b'!'..=b'~') && b != b'\\' && b != b'"'))
    {
        let hint = "escape other characters as in a URL, such as %20 for a space";
        return Some(("a space, a control or a character that is not ASCII", Some(hint.to_owned())));
    }
    match to.pieces.first() {
        None => Some(("empty", None)),
        Some(Piece::Literal(literal)) if literal.starts_with("//") => {
            Some(("without a scheme", Some(format!("write \"https:{written}\""))))
        }
        Some(Piece::Literal(literal)) if literal.starts_with('/') => None,
        Some(Piece::Literal(literal)) if is_absolute(literal) => client_chooses_host(to),
        Some(Piece::Variable(Variable::Path | Variable::Uri)) => None,
        Some(Piece::Variable(Variable::Scheme)) if second_is_authority(to) => client_chooses_host(to),
        Some(Piece::Variable(_)) => Some(("neither a path nor a URL", None)),
        Some(Piece::Literal(_)) => {
            Some(("neither a path nor a URL", Some(format!("write \"https://{written}\" or \"/{written}\""))))
        }
    }
}

fn is_absolute(literal: &str) -> bool {
    literal.starts_with("https://") || literal.starts_with("http://")
}

fn second_is_authority(to: &Template) -> bool {
    matches!(to.pieces.get(1), Some(Piece::Literal(literal)) if literal.starts_with("://"))
}

/// A parameter of the path before the path of the URL would let whoever makes a link choose where it leads.
fn client_chooses_host(to: &Template) -> Option<(&'static str, Option<String>)> {
    for piece in &to.pieces {
        match piece {
            Piece::Literal(literal) => {
                let after_scheme = literal.split_once("://").map_or(literal.as_str(), |(_, rest)| rest);
                if after_scheme.contains(['/', '?', '#']) {
                    return None;
                }
            }
            Piece::Variable(Variable::Path | Variable::Uri | Variable::Query) => return None,
            Piece::Variable(Variable::Parameter(_)) => {
                return Some((
                    "a client would choose the host",
                    Some("write the host, then a slash".to_owned()),
                ));
            }
            Piece::Variable(_) => {}
        }
    }
    None
}

/// Refuses redirects that evidently lead to the route that they come from.
pub(super) fn refuse_loops(site: &Site, written: &[&Route], lowering: &mut Lowering<'_>) {
    let table = RouteTable::new(&site.routes);
    for (index, route) in site.routes.iter().enumerate() {
        let Handler::Redirect(redirect) = &route.handler else { continue };
        let Some(text) = written.get(index).and_then(|route| route.redirect.as_ref()) else { continue };
        let conditional = !route.methods.is_empty() || !route.headers.is_empty();
        let Some(rest) = on_this_site(&redirect.to, &site.address).filter(|_| !conditional) else { continue };
        if leads_back(&rest, &route.pattern, index, &table) {
            lowering.report(
                Problem::error(text.value.inner(), "a redirect to itself")
                    .label(format!("the route `{}` answers there, too", route.pattern))
                    .hint("redirect to another place, or narrow the pattern"),
            );
        }
    }
}

/// What follows the scheme and host, where both are the site's own.
fn on_this_site(to: &Template, address: &SiteAddress) -> Option<Vec<Piece>> {
    let mut pieces = to.pieces.clone();
    let Some(Piece::Literal(first)) = pieces.first().cloned() else { return Some(pieces) };
    if first.starts_with('/') {
        return Some(pieces);
    }
    let scheme = match address.scheme {
        Scheme::Https => "https://",
        Scheme::Http => "http://",
    };
    let rest = first.strip_prefix(scheme)?;
    if rest.is_empty() && pieces.get(1) == Some(&Piece::Variable(Variable::Host)) && address.port.is_none() {
        pieces.drain(..2);
        return Some(pieces);
    }
    let Some(HostPattern::Exact(host)) = &address.host else { return None };
    let rest = rest.strip_prefix(host.as_str())?;
    let rest = match address.port {
        Some(port) => rest.strip_prefix(&format!(":{port}"))?,
        None => rest,
    };
    pieces.remove(0);
    if !rest.is_empty() {
        pieces.insert(0, Piece::Literal(rest.to_owned()));
    }
    Some(pieces)
}

fn leads_back(rest: &[Piece], pattern: &RoutePattern, route: usize, table: &RouteTable) -> bool {
    match rest {
        [Piece::Variable(Variable::Uri)]
        | [Piece::Variable(Variable::Path)]
        | [Piece::Variable(Variable::Path), Piece::Variable(Variable::Query)] => true,
        [] => answers("/", route, table),
        [Piece::Literal(literal)] => answers(literal, route, table),
        // `/new{path}` beneath `/`: the path grows without end.
        [Piece::Literal(literal), Piece::Variable(Variable::Path | Variable::Uri)] => {
            let again = format!("{literal}{}/", pattern.literal_prefix());
            answers(&again, route, table) && answers(&format!("{literal}{again}"), route, table)
        }
        _ => false,
    }
}

/// Whether a route answers a path on which no condition is judged.
fn answers(literal: &str, route: usize, table: &RouteTable) -> bool {
    let path = literal.split(['?', '#']).next().unwrap_or("");
    let mut canonical = Vec::new();
    if !path.starts_with('/') || canonicalize(path.as_bytes(), &mut canonical).is_err() {
        return false;
    }
    matches!(table.find(&canonical, &Unconditional, &mut Captures::new()), Matched::Route(index) if index == route)
}
