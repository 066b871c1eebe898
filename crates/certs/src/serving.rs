//! Which certificate serves which host, as it is handed from the process that keeps the certificates to the one that
//! serves them.

use crate::pair::Pair;
use crate::resolver::Resolver;
use crate::table::{CertificateId, Served, Table};
use model::host::HostPattern;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

/// A host of a certificate; `None` is any host.
pub type Host = Option<HostPattern>;

/// Which certificate serves which host.
#[derive(Clone, Debug, Default)]
pub struct Serving {
    /// By host.
    pub hosts: BTreeMap<Host, CertificateId>,
    /// What clients get that ask for no name.
    pub nameless: Option<CertificateId>,
    /// Every certificate of `hosts` and `nameless`.
    pub pairs: HashMap<CertificateId, Arc<Pair>>,
}

/// What is different.
#[derive(Clone, Debug, Default)]
pub struct Change {
    /// Whether everything that was there before is forgotten first.
    pub whole: bool,
    /// Certificates that were not there.
    pub new: Vec<(CertificateId, Arc<Pair>)>,
    /// Hosts with the certificate that serves them from now on, `None` where none does any more.
    pub hosts: Vec<(Host, Option<CertificateId>)>,
    /// What clients get that ask for no name.
    pub nameless: Option<CertificateId>,
}

impl Serving {
    /// All of it, for somebody who has nothing.
    #[must_use]
    pub fn whole(&self) -> Change {
        Change { whole: true, ..Self::default().change_to(self) }
    }

    /// What somebody who has this needs to have the other; the nameless one always.
    #[must_use]
    pub fn change_to(&self, other: &Self) -> Change {
        let gone = self.hosts.keys().filter(|host| !other.hosts.contains_key(*host));
        let different = other.hosts.iter().filter(|(host, id)| self.hosts.get(*host) != Some(*id));
        let hosts = gone.map(|host| (host.clone(), None));
        let hosts = hosts.chain(different.map(|(host, id)| (host.clone(), Some(*id)))).collect();
        let new = other.pairs.iter().filter(|(id, _)| !self.pairs.contains_key(*id));
        let new = new.map(|(id, pair)| (*id, Arc::clone(pair))).collect();
        Change { whole: false, new, hosts, nameless: other.nameless }
    }

    /// Becomes what a change says. A host whose certificate never came is served by none.
    pub fn apply(&mut self, change: Change) {
        if change.whole {
            *self = Self::default();
        }
        self.pairs.extend(change.new);
        for (host, id) in change.hosts {
            match id.filter(|id| self.pairs.contains_key(id)) {
                Some(id) => self.hosts.insert(host, id),
                None => self.hosts.remove(&host),
            };
        }
        self.nameless = change.nameless.filter(|id| self.pairs.contains_key(id));
        let used: HashSet<_> = self.hosts.values().copied().chain(self.nameless).collect();
        self.pairs.retain(|id, _| used.contains(id));
    }

    /// The same, as handshakes ask.
    #[must_use]
    pub fn table(&self) -> Table {
        let served =
            |id: CertificateId| self.pairs.get(&id).map(|pair| Served { id, pair: Arc::clone(pair) });
        let mut table = Table::default();
        for (host, id) in &self.hosts {
            if let Some(served) = served(*id) {
                table.hosts.insert(host.as_ref(), served);
            }
        }
        table.nameless = self.nameless.and_then(served);
        table
    }
}

/// What the process that serves certificates has of them.
#[derive(Debug)]
pub struct Mirror {
    serving: Serving,
    resolver: Arc<Resolver>,
}

impl Default for Mirror {
    fn default() -> Self {
        Self { serving: Serving::default(), resolver: Arc::new(Resolver::new(Table::default())) }
    }
}

impl Mirror {
    /// What the TLS configuration asks for certificates. It stays the same through every change.
    #[must_use]
    pub fn resolver(&self) -> Arc<Resolver> {
        Arc::clone(&self.resolver)
    }

    /// Serves what a change says from now on.
    pub fn apply(&mut self, change: Change) {
        self.serving.apply(change);
        self.resolver.replace(self.serving.table());
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use rustls_pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

    fn serving(hosts: &[(&str, u64)], nameless: Option<u64>) -> Serving {
        let pair =
            || Arc::new(Pair::new(Vec::new(), PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(vec![0]))));
        let ids = hosts.iter().map(|(_, id)| *id).chain(nameless).map(CertificateId::from);
        Serving {
            hosts: hosts
                .iter()
                .map(|(host, id)| (Some(HostPattern::parse(host).unwrap()), CertificateId::from(*id)))
                .collect(),
            nameless: nameless.map(CertificateId::from),
            pairs: ids.map(|id| (id, pair())).collect(),
        }
    }

    fn same(one: &Serving, other: &Serving) -> bool {
        let ids = |serving: &Serving| serving.pairs.keys().copied().collect::<HashSet<_>>();
        one.hosts == other.hosts && one.nameless == other.nameless && ids(one) == ids(other)
    }

    #[test]
    fn a_change_leads_from_any_state_to_any_other() {
        let states = [
            serving(&[], None),
            serving(&[("a.test", 1), ("b.test", 2)], Some(1)),
            serving(&[("a.test", 3), ("*.c.test", 2)], None),
            serving(&[("b.test", 2)], Some(4)),
        ];
        for from in &states {
            for to in &states {
                let mut mirror = from.clone();
                mirror.apply(from.change_to(to));
                assert!(same(&mirror, to), "{from:?} to {to:?}");
                let mut fresh = from.clone();
                fresh.apply(to.whole());
                assert!(same(&fresh, to), "{from:?} replaced by {to:?}");
            }
        }
    }

    #[test]
    fn only_what_is_new_is_sent() {
        let from = serving(&[("a.test", 1), ("b.test", 2)], None);
        let to = serving(&[("a.test", 1), ("b.test", 3)], None);
        let change = from.change_to(&to);
        assert_eq!((change.new.len(), change.hosts.len()), (1, 1));
    }
}
