//! The decisions between a judged head and its site: canonical host and path, one decision for `Host` and SNI.

use super::Facts;
use super::client_address::{client_ip, is_trusted};
use crate::identity::Identities;
use crate::snapshot::{HostEntry, Snapshot};
use http1::Request;
use model::host::{AuthorityError, parse_authority};
use model::path::{PathError, canonicalize, split_target};

/// Where a request goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Destination {
    /// To the routes of a site.
    Site(usize),
    /// To the name of a site, by redirect.
    Alias(usize),
    /// To HTTPS, by redirect.
    ToHttps(usize),
}

/// Why a request is refused before it is routed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Denied {
    Host(AuthorityError),
    Path(PathError),
    /// No site has this name.
    UnknownHost,
    /// The TLS connection was opened for another name.
    Misdirected,
}

impl Denied {
    pub(crate) fn status(self) -> u16 {
        match self {
            Self::Host(_) | Self::Path(_) => 400,
            Self::UnknownHost | Self::Misdirected => 421,
        }
    }

    pub(crate) fn rule(self) -> &'static str {
        match self {
            Self::Host(error) => error.rule(),
            Self::Path(error) => error.rule(),
            Self::UnknownHost => "unknown-host",
            Self::Misdirected => "misdirected-request",
        }
    }
}

/// What is known of a connection that every request on it shares.
pub(crate) struct Arrival<'c> {
    pub(crate) peer: std::net::SocketAddr,
    /// The port as the plan names it.
    pub(crate) planned_port: u16,
    /// The port that the client connected to.
    pub(crate) local_port: u16,
    pub(crate) secure: bool,
    pub(crate) sni: Option<&'c str>,
}

/// Judges a request whose head is in `head`: fills `facts` and finds its destination.
pub(crate) fn judge(
    request: &Request,
    head: &[u8],
    arrival: &Arrival<'_>,
    snapshot: &Snapshot,
    identities: &dyn Identities,
    facts: &mut Facts,
) -> Result<(Destination, bool), Denied> {
    facts.peer = arrival.peer;
    facts.local_port = arrival.local_port;
    facts.secure = arrival.secure;
    judge_client(request, head, snapshot, facts);
    let authority = parse_authority(request.host.of(head), &mut facts.host).map_err(Denied::Host)?;
    facts.host_port = authority.port;
    let encoded_slash = judge_path(request, head, facts)?;
    let destination = find_site(arrival, snapshot, identities, facts)?;
    Ok((destination, encoded_slash))
}

fn judge_client(request: &Request, head: &[u8], snapshot: &Snapshot, facts: &mut Facts) {
    let trusted = &snapshot.plan.listen.trusted_proxies;
    facts.trusted = !trusted.is_empty() && is_trusted(facts.peer.ip(), trusted);
    facts.client_ip = if facts.trusted {
        client_ip(request, head, facts.peer.ip(), trusted)
    } else {
        facts.peer.ip().to_canonical()
    };
}

fn judge_path(request: &Request, head: &[u8], facts: &mut Facts) -> Result<bool, Denied> {
    facts.target = request.target.path_and_query;
    if request.target.asterisk {
        facts.path.clear();
        facts.path.push(b'*');
        facts.query_length = 0;
        return Ok(false);
    }
    let raw = facts.target.of(head);
    let target = split_target(raw).map_err(Denied::Path)?;
    facts.query_length = raw.len() - target.path.len();
    match canonicalize(target.path, &mut facts.path) {
        Ok(path) => Ok(path.encoded_slash),
        Err(error) => {
            // Half a canonical path says nothing; the log shows what was sent.
            facts.path.clear();
            Err(Denied::Path(error))
        }
    }
}

fn find_site(
    arrival: &Arrival<'_>,
    snapshot: &Snapshot,
    identities: &dyn Identities,
    facts: &Facts,
) -> Result<Destination, Denied> {
    let table = snapshot.ports.get(&arrival.planned_port).ok_or(Denied::UnknownHost)?;
    let entry = table.hosts.find(&facts.host).ok_or(Denied::UnknownHost)?;
    if arrival.secure && arrival.sni != Some(&facts.host) && !identities.agree(arrival.sni, &facts.host) {
        return Err(Denied::Misdirected);
    }
    Ok(match *entry {
        HostEntry::Site(site) => Destination::Site(site),
        HostEntry::Alias(site) => Destination::Alias(site),
        HostEntry::ToHttps(site) => Destination::ToHttps(site),
    })
}
