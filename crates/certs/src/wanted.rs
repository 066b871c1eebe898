//! Which certificate each host of a plan gets. Pure: a plan and the facts about the files come in.

use crate::certificate::Certificate;
use crate::names::{covers, of_address};
use model::host::{HostName, HostPattern};
use model::plan::{CertificateFiles, Plan, Scheme, Site, SiteAddress, StreamTls};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::time::SystemTime;

/// What a plan wants.
#[derive(Debug, Default)]
pub(crate) struct Wanted {
    /// Every pair of files once, in the order of the plan.
    pub(crate) files: Vec<CertificateFiles>,
    /// How many of `files`, from the first, serve every name they carry.
    shared: usize,
    /// Every host of every HTTPS site once, in the order of the plan.
    hosts: Vec<WantedHost>,
    /// Hosts that two sites want to have different files for: the host and the second site.
    pub(crate) shadowed: Vec<(Option<HostPattern>, String)>,
    /// Where each of `files` stands.
    places: HashMap<CertificateFiles, usize>,
    /// Where each of `hosts` stands.
    known: HashMap<Option<HostPattern>, usize>,
}

#[derive(Debug)]
struct WantedHost {
    /// `None` is any host.
    pattern: Option<HostPattern>,
    /// The site's own files, as a place in [`Wanted::files`].
    files: Option<usize>,
    /// The label of the site.
    site: String,
}

/// All of a plan that certificates depend on.
#[derive(Debug, Default)]
pub(crate) struct Asked {
    shared: Vec<CertificateFiles>,
    sites: Vec<Arc<Site>>,
    streams: Vec<(String, Vec<HostPattern>)>,
}

impl Asked {
    pub(crate) fn of(plan: &Plan) -> Self {
        let streams = plan.streams.iter().filter(|stream| stream.tls == StreamTls::Terminate);
        Self {
            shared: plan.tls.certificates.clone(),
            sites: plan.sites.iter().map(|site| Arc::clone(&site.site)).collect(),
            streams: streams.map(|stream| (stream.name.clone(), stream.hosts.clone())).collect(),
        }
    }
}

impl PartialEq for Asked {
    fn eq(&self, other: &Self) -> bool {
        let is_alike =
            |(one, other): (&Arc<Site>, &Arc<Site>)| Arc::ptr_eq(one, other) || asks(one) == asks(other);
        (&self.shared, &self.streams, self.sites.len()) == (&other.shared, &other.streams, other.sites.len())
            && self.sites.iter().zip(&other.sites).all(is_alike)
    }
}

/// What of a site its certificate depends on.
fn asks(site: &Site) -> (&SiteAddress, &[HostPattern], Option<&CertificateFiles>, &str) {
    (&site.address, &site.aliases, site.certificate.as_ref(), &site.label)
}

/// Where a host gets its certificate from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Choice {
    /// Files, as a place in [`Wanted::files`].
    Files(usize),
    /// The own authority, by the name of the folder.
    Own(String),
}

/// Which certificate each host gets.
#[derive(Debug, Default)]
pub(crate) struct Assignment {
    /// By host; `None` is any host.
    pub(crate) hosts: BTreeMap<Option<HostPattern>, Choice>,
    /// What clients without SNI get.
    pub(crate) nameless: Option<Choice>,
    /// What the own authority has to issue: names by folder.
    pub(crate) own: BTreeMap<String, Vec<HostPattern>>,
    /// The sites that each choice serves, by their label.
    pub(crate) used_for: BTreeMap<Choice, BTreeSet<String>>,
    /// Names that sites want from their own files and that these do not carry.
    pub(crate) missing: BTreeMap<usize, Vec<HostPattern>>,
}

/// The folder of the certificate for everything that has no name: addresses, and any host.
const NAMELESS: &str = "_default";

impl Wanted {
    pub(crate) fn of(plan: &Plan) -> Self {
        let mut wanted = Self::default();
        for files in &plan.tls.certificates {
            wanted.place(files);
        }
        wanted.shared = wanted.files.len();
        for site in plan.sites.iter().filter(|site| site.address.scheme == Scheme::Https) {
            let files = site.certificate.as_ref().map(|files| wanted.place(files));
            let aliases = site.aliases.iter().map(|alias| Some(alias.clone()));
            for pattern in std::iter::once(site.address.host.clone()).chain(aliases) {
                wanted.add(pattern, files, &site.label);
            }
        }
        for stream in plan.streams.iter().filter(|stream| stream.tls == StreamTls::Terminate) {
            for host in &stream.hosts {
                wanted.add(Some(host.clone()), None, &stream.name);
            }
        }
        wanted
    }

    /// The place of files in the list; they are added when they are not in it.
    fn place(&mut self, files: &CertificateFiles) -> usize {
        if let Some(index) = self.places.get(files) {
            return *index;
        }
        let index = self.files.len();
        self.files.push(files.clone());
        self.places.insert(files.clone(), index);
        index
    }

    fn add(&mut self, pattern: Option<HostPattern>, files: Option<usize>, site: &str) {
        if let Some(index) = self.known.get(&pattern) {
            if files.is_some() && self.hosts[*index].files != files {
                self.shadowed.push((pattern, site.to_owned()));
            }
            return;
        }
        self.known.insert(pattern.clone(), self.hosts.len());
        self.hosts.push(WantedHost { pattern, files, site: site.to_owned() });
    }

    /// Decides. `leaf` tells what is in files, `None` when they cannot be served.
    pub(crate) fn assign<'a>(
        &self,
        leaf: impl Fn(usize) -> Option<&'a Certificate>,
        now: SystemTime,
    ) -> Assignment {
        let mut assignment = Assignment { hosts: self.shared_names(&leaf, now), ..Assignment::default() };
        let chosen: Vec<_> = self.hosts.iter().map(|host| choose(host, &assignment.hosts)).collect();
        for (host, choice) in self.hosts.iter().zip(chosen) {
            assignment.note(host, &choice, &leaf);
            assignment.hosts.insert(host.pattern.clone(), choice);
        }
        assignment.nameless = self.nameless(&assignment.hosts, leaf);
        assignment
    }

    /// The names of the shared files. The first that carries a name serves it, but a valid one before one that is not.
    fn shared_names<'a>(
        &self,
        leaf: &impl Fn(usize) -> Option<&'a Certificate>,
        now: SystemTime,
    ) -> BTreeMap<Option<HostPattern>, Choice> {
        let mut names = BTreeMap::new();
        let (valid, invalid): (Vec<_>, Vec<_>) = (0..self.shared)
            .filter_map(|index| Some((index, leaf(index)?)))
            .partition(|(_, leaf)| leaf.validity.contains(now));
        for (index, leaf) in valid.into_iter().chain(invalid) {
            for name in &leaf.names {
                names.entry(Some(name.clone())).or_insert(Choice::Files(index));
            }
        }
        names
    }

    /// What clients without SNI get: the certificate of an address or of any host, one from files first, because
    /// somebody chose it.
    fn nameless<'a>(
        &self,
        hosts: &BTreeMap<Option<HostPattern>, Choice>,
        leaf: impl Fn(usize) -> Option<&'a Certificate>,
    ) -> Option<Choice> {
        let is_served = |choice: &&Choice| match choice {
            Choice::Files(index) => leaf(*index).is_some(),
            Choice::Own(_) => true,
        };
        let unnamed = self.hosts.iter().filter(|host| is_nameless(host.pattern.as_ref()));
        let mut choices: Vec<_> =
            unnamed.filter_map(|host| hosts.get(&host.pattern)).filter(is_served).collect();
        choices.sort_by_key(|choice| matches!(choice, Choice::Own(_)));
        choices.first().map(|choice| (*choice).clone())
    }
}

/// Where one host gets its certificate from: its own files, shared ones that cover it, the own authority.
fn choose(host: &WantedHost, shared: &BTreeMap<Option<HostPattern>, Choice>) -> Choice {
    if let Some(index) = host.files {
        return Choice::Files(index);
    }
    let exact = shared.get(&host.pattern);
    let covering = exact.or_else(|| shared.get(&Some(wildcard_above(host.pattern.as_ref()?)?)));
    covering.cloned().unwrap_or_else(|| Choice::Own(folder(host.pattern.as_ref())))
}

/// The wildcard that covers a name.
fn wildcard_above(pattern: &HostPattern) -> Option<HostPattern> {
    let HostPattern::Exact(name) = pattern else { return None };
    let (_, parent) = name.as_str().split_once('.')?;
    HostName::parse(parent).ok().filter(|parent| !parent.is_address()).map(HostPattern::Wildcard)
}

impl Assignment {
    /// Notes what follows from a choice.
    fn note<'a>(
        &mut self,
        host: &WantedHost,
        choice: &Choice,
        leaf: impl Fn(usize) -> Option<&'a Certificate>,
    ) {
        self.used_for.entry(choice.clone()).or_default().insert(host.site.clone());
        match (choice, &host.pattern) {
            (Choice::Files(index), Some(wanted)) => {
                let carries = |leaf: &Certificate| leaf.names.iter().any(|name| covers(name, wanted));
                if leaf(*index).is_some_and(|leaf| !leaf.names.is_empty() && !carries(leaf)) {
                    self.missing.entry(*index).or_default().push(wanted.clone());
                }
            }
            (Choice::Files(_), None) => {}
            (Choice::Own(folder), pattern) => {
                let names = self.own.entry(folder.clone()).or_default();
                names.extend(pattern.clone().map_or_else(loopback, |pattern| vec![pattern]));
                names.sort();
                names.dedup();
            }
        }
    }
}

/// The names of a certificate for any host: those that everybody can use on this machine.
fn loopback() -> Vec<HostPattern> {
    let localhost = HostPattern::parse("localhost").ok();
    let addresses = [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
    localhost.into_iter().chain(addresses.into_iter().filter_map(of_address)).collect()
}

fn is_nameless(pattern: Option<&HostPattern>) -> bool {
    pattern.is_none_or(|pattern| pattern.name().is_address())
}

/// The folder of a host's certificate. Host names have no character that a file name could not have; a leading
/// underscore is doubled, so that none is taken for a wildcard or for [`NAMELESS`].
fn folder(pattern: Option<&HostPattern>) -> String {
    match pattern {
        Some(pattern) if !pattern.name().is_address() => match pattern {
            HostPattern::Wildcard(base) => format!("_wildcard.{base}"),
            HostPattern::Exact(name) if name.as_str().starts_with('_') => format!("_{name}"),
            HostPattern::Exact(name) => name.to_string(),
        },
        _ => NAMELESS.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn no_two_hosts_share_a_folder_but_those_without_name() {
        let hosts = [
            "a.test",
            "*.a.test",
            "_wildcard.a.test",
            "__wildcard.a.test",
            "_default",
            "default",
            "10.0.0.1",
        ];
        let folders: BTreeSet<_> =
            hosts.iter().map(|host| folder(Some(&HostPattern::parse(host).unwrap()))).collect();
        assert_eq!(folders.len(), hosts.len());
        assert_eq!(folder(None), folder(Some(&HostPattern::parse("::1").unwrap())));
        assert!(folders.iter().all(|folder| !folder.contains(['/', '*', ':'])));
    }
}
