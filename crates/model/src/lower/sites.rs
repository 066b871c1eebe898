//! Sites: their names, what is theirs alone, and that no two of them claim one place.

use super::policy::{Direction, Hosts, Kind, Names as Declared, peers};
use super::routes::{self, SiteRoutes};
use super::services::Services;
use super::site_name;
use super::{Lowering, Merged, settings};
use crate::host::HostPattern;
use crate::plan::{ErrorPage, Hsts, Listen, Name, Peer, PlacedSite, Scheme, Site, SiteAddress, StatusClass};
use crate::problem::{Problem, shown};
use crate::raw::decode::{Names, Text};
use crate::raw::site as raw;
use crate::source::{Located, Location};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// The least `max-age` that the preload lists of browsers accept.
const PRELOAD_AGE: Duration = Duration::from_secs(31_536_000);

pub(super) fn sites(
    merged: &Merged,
    listen: &Listen,
    services: &mut Services<'_>,
    hosts: &Hosts,
    names: &mut Declared<'_>,
    lowering: &mut Lowering<'_>,
) -> Vec<PlacedSite> {
    let mut claims = HostClaims::new();
    let mut sites = Vec::new();
    for (name, entry) in &merged.sites {
        sites.extend(site((name, entry), listen, &mut claims, services, hosts, names, lowering));
    }
    for claims in claims.into_values() {
        claims.check(lowering);
    }
    sites
}

/// One site, and what it claims.
pub(super) fn site(
    (name, entry): (&Text, &Located<raw::SiteEntry>),
    listen: &Listen,
    claims: &mut HostClaims,
    services: &mut Services<'_>,
    hosts: &Hosts,
    names: &mut Declared<'_>,
    lowering: &mut Lowering<'_>,
) -> Option<PlacedSite> {
    let address = site_name::site_name(name, listen, lowering);
    // The routes of a site whose name is wrong are judged all the same.
    let judged = address.clone().unwrap_or(SiteAddress { scheme: Scheme::Http, host: None, port: None });
    let mut site = empty(name, judged);
    place(&mut site, name, &entry.value, hosts, names, lowering);
    let claims = claims.entry(site.on.clone()).or_default();
    if let Some(address) = &address {
        claims.add(name, Claim::Site, (address, address.host.as_ref()), listen);
    }
    match &entry.value {
        raw::SiteEntry::Short(target) => {
            routes::routes(&mut site, &SiteRoutes::short(name, target), services, lowering);
        }
        raw::SiteEntry::Long(long) => {
            if address.is_some() {
                keys(&mut site, name, &long.keys, lowering);
                aliases(&mut site, name, &long.keys, listen, claims, lowering);
            }
            routes::routes(&mut site, &SiteRoutes::long(name, entry.at, long), services, lowering);
        }
    }
    let place = lowering.sources.place(name.at);
    address.map(|_| PlacedSite { site: Arc::new(site), place })
}

fn empty(name: &Text, address: SiteAddress) -> Site {
    Site {
        label: name.as_str().to_owned(),
        address,
        aliases: Vec::new(),
        routes: Vec::new(),
        certificate: None,
        hsts: None,
        error_pages: Vec::new(),
        maintenance: None,
        on: None,
        from: vec![Peer::Anywhere],
    }
}

/// The host that serves a site, and who may reach it there.
fn place(
    site: &mut Site,
    name: &Text,
    raw: &raw::SiteEntry,
    hosts: &Hosts,
    names: &mut Declared<'_>,
    lowering: &mut Lowering<'_>,
) {
    let keys = match raw {
        raw::SiteEntry::Long(long) => Some(&long.keys),
        raw::SiteEntry::Short(_) => None,
    };
    let on = keys.and_then(|keys| keys.on.as_ref());
    site.on = on.and_then(|on| names.expect(Kind::Host, &on.value, lowering));
    if let Some(keys) = keys {
        site.from = peers(keys.from.as_ref(), Direction::Inbound, names, lowering);
    }
    let broken = keys.is_some_and(|keys| keys.broken);
    if on.is_some() || broken || hosts.len() < 2 {
        return;
    }
    let which = format!("the hosts of the file are {}", hosts.names());
    let hint = match raw {
        raw::SiteEntry::Short(target) => {
            let name = name.as_str();
            format!(
                "write [site.\"{name}\"] with service = \"{}\" and on = \"...\"; {which}",
                target.as_str()
            )
        }
        raw::SiteEntry::Long(_) => format!("write on = \"...\"; {which}"),
    };
    lowering.report(
        Problem::error(name.at, format!("nothing says which host serves `{}`", name.as_str()))
            .label("`on` is missing")
            .hint(hint),
    );
}

/// What is the site's alone.
fn keys(site: &mut Site, name: &Text, raw: &raw::SiteKeys, lowering: &mut Lowering<'_>) {
    if let Some(pair) = &raw.certificate {
        https_only("certificate", pair.at, site, lowering);
        site.certificate = settings::certificate(pair, lowering);
    }
    if let Some(written) = &raw.hsts {
        https_only("hsts", written.at, site, lowering);
        site.hsts = hsts(written, name, site, lowering);
    }
    if let Some(pages) = &raw.error_pages {
        site.error_pages = error_pages(&pages.value, lowering);
    }
    site.maintenance = raw.maintenance.as_ref().and_then(|page| lowering.path(&page.value));
}

fn https_only(key: &str, at: Location, site: &Site, lowering: &mut Lowering<'_>) {
    if site.address.scheme == Scheme::Http {
        lowering.report(
            Problem::error(at, format!("`{key}` on a site of plain HTTP"))
                .label("would not be used")
                .hint("leave `http://` out of the site's name to serve it with HTTPS"),
        );
    }
}

fn hsts(raw: &Located<raw::Hsts>, name: &Text, site: &Site, lowering: &mut Lowering<'_>) -> Option<Hsts> {
    if site.address.host.as_ref().is_some_and(|host| host.name().is_address()) {
        let problem = Problem::error(raw.at, "browsers ignore `hsts` of an IP address");
        lowering.report(
            problem.label("would not be used").related(name.at, "an address").note("RFC 6797, 8.1.1"),
        );
    }
    let long = match &raw.value {
        raw::Hsts::Short(age) => {
            return Some(Hsts { max_age: age.0, include_subdomains: false, preload: false });
        }
        raw::Hsts::Long(long) => long,
    };
    let Some(max_age) = &long.max_age else {
        if !long.broken {
            let problem = Problem::error(raw.at, "`hsts` without `max_age`").label("`max_age` is missing");
            lowering.report(problem.hint("write max_age = \"1y\""));
        }
        return None;
    };
    let flag = |written: &Option<Located<bool>>| written.as_ref().is_some_and(|flag| flag.value);
    let hsts = Hsts {
        max_age: max_age.value.0,
        include_subdomains: flag(&long.include_subdomains),
        preload: flag(&long.preload),
    };
    refuse_preload(&hsts, long, lowering);
    Some(hsts)
}

fn refuse_preload(hsts: &Hsts, raw: &raw::HstsKeys, lowering: &mut Lowering<'_>) {
    let accepted = hsts.include_subdomains && hsts.max_age >= PRELOAD_AGE;
    if let Some(preload) = raw.preload.as_ref().filter(|_| hsts.preload && !accepted) {
        lowering.report(
            Problem::error(preload.at, "`preload` that browsers would not accept")
                .label("needs more")
                .hint("write include_subdomains = true and max_age = \"1y\" or more"),
        );
    }
}

fn error_pages(raw: &Names<Text>, lowering: &mut Lowering<'_>) -> Vec<ErrorPage> {
    let mut pages = Vec::new();
    for (status, page) in &raw.list {
        let class = status_class(status.as_str());
        if class.is_none() {
            lowering.report(
                Problem::error(status.at, format!("`{}` is not an error status", status.as_str()))
                    .label("400 to 599, `4xx` or `5xx`"),
            );
        }
        let path = lowering.path(&page.value);
        pages.extend(class.zip(path).map(|(status, page)| ErrorPage { status, page }));
    }
    pages
}

fn status_class(text: &str) -> Option<StatusClass> {
    match text {
        "4xx" => Some(StatusClass::Class(4)),
        "5xx" => Some(StatusClass::Class(5)),
        _ if text.len() == 3 => {
            text.parse().ok().filter(|status| (400..=599).contains(status)).map(StatusClass::Exact)
        }
        _ => None,
    }
}

fn aliases(
    site: &mut Site,
    name: &Text,
    raw: &raw::SiteKeys,
    listen: &Listen,
    claims: &mut Claims,
    lowering: &mut Lowering<'_>,
) {
    let Some(list) = raw.aliases.as_ref().filter(|list| !list.value.is_empty()) else { return };
    if !matches!(site.address.host, Some(HostPattern::Exact(_))) {
        lowering.report(
            Problem::error(list.at, "aliases of a site that has not one host")
                .label("redirected where?")
                .related(name.at, "more than one host")
                .hint("aliases are redirected to the site's name, which must be one host then"),
        );
        return;
    }
    for text in &list.value {
        match HostPattern::parse(text.value.as_str()) {
            Ok(alias) => {
                claims.add(&text.value, Claim::Alias, (&site.address, Some(&alias)), listen);
                site.aliases.push(alias);
            }
            Err(error) => {
                let scheme = text.value.as_str().contains(':') || text.value.as_str().contains('/');
                let hint = scheme
                    .then(|| "an alias is a host alone; it takes scheme and port from its site".to_owned());
                let title = format!("{} cannot be an alias", shown(text.value.as_str()));
                let problem = Problem::error(text.value.inner(), title).label(error.to_string());
                lowering.report(problem.hint_maybe(hint));
            }
        }
    }
}

/// What takes a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Claim {
    Site,
    Alias,
    /// The redirect from HTTP that comes with HTTPS.
    Redirect,
}

/// Something that takes a place, where it is written, and as what.
type Taker = (Claim, Location, String);

/// Two hosts may serve one name, each on its own ports.
pub(super) type HostClaims = BTreeMap<Option<Name>, Claims>;

/// Which port and host is taken by what.
#[derive(Default)]
pub(super) struct Claims {
    taken: BTreeMap<(u16, Option<HostPattern>), Vec<Taker>>,
    /// The scheme of each port, and the first site that says so.
    schemes: BTreeMap<u16, (Scheme, Location)>,
    mixed: Vec<Problem>,
}

impl Claims {
    fn add(
        &mut self,
        name: &Text,
        claim: Claim,
        (address, host): (&SiteAddress, Option<&HostPattern>),
        listen: &Listen,
    ) {
        let mut take = |port: u16, claim: Claim| {
            let place = self.taken.entry((port, host.cloned())).or_default();
            place.push((claim, name.at, name.as_str().to_owned()));
        };
        let Some(port) = site_name::port(address, listen) else { return };
        take(port, claim);
        if let (Scheme::Https, true, Some(http)) = (address.scheme, port == listen.https, listen.http) {
            take(http, Claim::Redirect);
        }
        self.speak(port, address.scheme, name.at);
    }

    /// Notes what a port speaks; one port cannot speak both.
    fn speak(&mut self, port: u16, scheme: Scheme, at: Location) {
        let (first, first_at) = *self.schemes.entry(port).or_insert((scheme, at));
        if first != scheme {
            let title = format!("port {port} would have to speak both HTTPS and plain HTTP");
            let problem = Problem::error(at, title).label("here").related(first_at, "speaks the other");
            self.mixed.push(problem.hint("write http:// before both names or before none, or another port"));
        }
    }

    /// Reports every place that is taken twice.
    fn check(self, lowering: &mut Lowering<'_>) {
        lowering.problems.extend(self.mixed);
        for places in self.taken.values() {
            let Some((first, others)) = places.split_first() else { continue };
            for other in others {
                if (first.0, other.0) != (Claim::Redirect, Claim::Redirect) {
                    lowering.report(collision(first, other));
                }
            }
        }
    }
}

fn collision(first: &Taker, second: &Taker) -> Problem {
    let (claim, at, name) = second;
    let spelling = format!("`{name}` and `{}` are one host", first.2);
    let problem =
        |title: String| Problem::error(*at, title).label("again here").related(first.1, "first here");
    match (first.0, claim) {
        (Claim::Site, Claim::Site) if *name == first.2 => {
            problem(format!("the site `{name}` is written twice"))
        }
        (Claim::Alias, Claim::Alias) if *name == first.2 => {
            problem(format!("the alias `{name}` is written twice"))
        }
        (Claim::Site, Claim::Site) => problem("the same site is written twice".to_owned()).note(spelling),
        (Claim::Alias, Claim::Alias) => problem("the same alias is written twice".to_owned()).note(spelling),
        (Claim::Redirect, _) | (_, Claim::Redirect) => {
            Problem::error(*at, "plain HTTP of this host is answered already")
                .label("also here")
                .related(first.1, "here")
                .note("a site with HTTPS redirects plain HTTP of its host and aliases to itself")
                .hint("remove the site of plain HTTP, or give it another port")
        }
        (Claim::Site | Claim::Alias, _) => problem(format!("`{name}` is both a site and an alias"))
            .hint("an alias is only redirected; remove one of them"),
    }
}
