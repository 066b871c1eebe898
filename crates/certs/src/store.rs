//! The certificate store: what the plan wants, brought together with the files and the own authority.
//!
//! Every change ends in one new [`Table`]; nothing is changed in place, so a handshake sees all of a change or
//! nothing of it.

use crate::authority::{Authority, AuthorityError};
use crate::event::Event;
use crate::facts::{CertificateFacts, Source};
use crate::own::OwnCertificate;
use crate::pair::Pair;
use crate::problem::{Problem, of_validity};
use crate::resolver::Resolver;
use crate::serving::Serving;
use crate::state::StateFolder;
use crate::table::{CertificateId, Table};
use crate::wanted::{Asked, Assignment, Choice, Wanted};
use crate::watch::WatchedFiles;
use model::host::HostPattern;
use model::plan::{CertificateFiles, Plan};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::error::Error;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::time::SystemTime;

/// How many pairs of files are looked at in one go.
const LOOK: usize = 1000;

/// The certificate store.
pub struct Store {
    state: StateFolder,
    wanted: Wanted,
    /// In the order of [`Wanted::files`].
    files: Vec<WatchedFiles>,
    /// By folder.
    own: BTreeMap<String, (CertificateId, OwnCertificate)>,
    authority: Option<Authority>,
    /// What was last said about there being no authority, so that it is said once.
    complaint: Option<String>,
    assignment: Assignment,
    serving: Arc<Serving>,
    resolver: Arc<Resolver>,
    last_id: u64,
    /// What the last plan asked for.
    asked: Asked,
    /// Which of `files` is looked at next.
    next_look: usize,
}

/// Why there is no store.
#[derive(Debug)]
pub enum StoreError {
    /// A site needs the own authority, and there is none.
    Authority(AuthorityError),
}

impl Store {
    /// Reads and makes the certificates that a plan wants.
    ///
    /// What is wrong with single certificates is in the events and stops nothing: a site whose files are broken is
    /// refused over HTTPS until they are repaired, and every other site is served.
    ///
    /// # Errors
    ///
    /// When a site needs the own authority and its state can be neither read nor written.
    pub fn open(state: StateFolder, plan: &Plan, now: SystemTime) -> Result<(Self, Vec<Event>), StoreError> {
        let mut store = Self {
            state,
            wanted: Wanted::default(),
            files: Vec::new(),
            own: BTreeMap::new(),
            authority: None,
            complaint: None,
            assignment: Assignment::default(),
            serving: Arc::default(),
            resolver: Arc::new(Resolver::new(Table::default())),
            last_id: 0,
            asked: Asked::default(),
            next_look: 0,
        };
        let mut events = Vec::new();
        for event in store.apply(plan, now) {
            match event {
                Event::AuthorityFailed(error) => return Err(StoreError::Authority(error)),
                event => events.push(event),
            }
        }
        Ok((store, events))
    }

    /// What the TLS configuration asks for certificates. It stays the same through every change of the store.
    #[must_use]
    pub fn resolver(&self) -> Arc<Resolver> {
        Arc::clone(&self.resolver)
    }

    /// Which certificate serves which host now. It is another value whenever something changed.
    #[must_use]
    pub fn serving(&self) -> Arc<Serving> {
        Arc::clone(&self.serving)
    }

    /// Takes over another plan. Certificates that both want stay as they are; a host whose new files are broken
    /// keeps the certificate that it had.
    pub fn apply(&mut self, plan: &Plan, now: SystemTime) -> Vec<Event> {
        let asked = Asked::of(plan);
        if asked == self.asked {
            self.asked = asked;
            return self.refresh(now);
        }
        self.asked = asked;
        let mut events = Vec::new();
        let wanted = Wanted::of(plan);
        if self.take_files(&wanted.files, &mut events) {
            self.look(&mut events);
        }
        let shadowed = wanted.shadowed.iter().cloned();
        events.extend(shadowed.map(|(host, site)| Event::Shadowed { host, site }));
        self.wanted = wanted;
        self.rebuild(now, &mut events);
        events
    }

    /// Looks for changed files and for certificates that are due, and serves what is new. Meant to be called every
    /// few seconds; costs two `stat` calls for each pair of files, of which there are at most 1,000 in turn.
    pub fn refresh(&mut self, now: SystemTime) -> Vec<Event> {
        let mut events = Vec::new();
        let (looked_at, mut changed) = self.look(&mut events);
        changed |= self.assignment.own.iter().any(|(folder, names)| !self.has_good(folder, names, now));
        changed |= self.authority.as_ref().is_some_and(|authority| authority.is_ending(now));
        if changed {
            self.rebuild(now, &mut events);
        } else {
            self.report_problems(looked_at, now, &mut events);
        }
        events
    }

    /// Every certificate of the store.
    #[must_use]
    pub fn list(&self, now: SystemTime) -> Vec<CertificateFacts> {
        let files = (0..self.files.len()).filter_map(|index| self.facts_of_files(index, now));
        let own = self.own.iter().map(|(folder, (_, own))| self.facts_of_own(folder, own, now));
        files.chain(own).collect()
    }

    /// The pairs of files with which nothing was wrong when they were looked at last: they need no other look.
    #[must_use]
    pub fn files_in_order(&self) -> HashSet<CertificateFiles> {
        let good = self.files.iter().filter(|watched| watched.is_in_order());
        good.map(|watched| watched.files.clone()).collect()
    }

    /// The own authority, when a site needs it. [`Authority::open`] makes one where nothing needs it yet.
    #[must_use]
    pub fn authority(&self) -> Option<&Authority> {
        self.authority.as_ref()
    }

    /// Where a host gets its certificate from; `None` where no site has it.
    pub(crate) fn choice(&self, host: &HostPattern) -> Option<&Choice> {
        self.assignment.hosts.get(&Some(host.clone()))
    }

    /// Where certificates are kept.
    pub(crate) fn state(&self) -> &StateFolder {
        &self.state
    }

    fn next_id(&mut self) -> CertificateId {
        self.last_id += 1;
        CertificateId(self.last_id)
    }

    /// Keeps the files that are known, and reads the others. Answers whether any was known, and may have changed.
    fn take_files(&mut self, wanted: &[CertificateFiles], events: &mut Vec<Event>) -> bool {
        let known = self.files.drain(..).map(|watched| (watched.files.clone(), watched));
        let mut known: HashMap<_, _> = known.collect();
        let new: Vec<_> = wanted.iter().filter(|files| !known.contains_key(*files)).cloned().collect();
        let new: Vec<_> = new.into_iter().map(|files| (files, self.next_id())).collect();
        let new_files = new.len();
        let mut new = WatchedFiles::open_all(&new, events).into_iter();
        let files = wanted.iter().filter_map(|files| known.remove(files).or_else(|| new.next()));
        self.files = files.collect();
        self.next_look = 0;
        new_files < self.files.len()
    }

    /// Looks for changes of the files whose turn it is. Answers which those were, and whether anything else is served now.
    fn look(&mut self, events: &mut Vec<Event>) -> (Range<usize>, bool) {
        let start = if self.next_look < self.files.len() { self.next_look } else { 0 };
        let end = self.files.len().min(start + LOOK);
        self.next_look = end;
        let mut changed = false;
        for index in start..end {
            let id = self.next_id();
            changed |= self.files[index].refresh(id, events);
        }
        (start..end, changed)
    }

    /// Decides anew which certificate serves which host, obtains what is missing, and replaces the table.
    fn rebuild(&mut self, now: SystemTime, events: &mut Vec<Event>) {
        let leaf = |index: usize| self.files[index].loaded.as_ref().map(|(_, loaded)| &loaded.leaf);
        self.assignment = self.wanted.assign(leaf, now);
        self.obtain_own(now, events);
        self.report_problems(0..self.files.len(), now, events);
        let serving = self.assigned();
        self.resolver.replace(serving.table());
        self.serving = Arc::new(serving);
    }

    /// Makes the certificates of the own authority what the assignment says.
    fn obtain_own(&mut self, now: SystemTime, events: &mut Vec<Event>) {
        let wanted = std::mem::take(&mut self.assignment.own);
        self.own.retain(|folder, _| wanted.contains_key(folder));
        if !wanted.is_empty() {
            self.open_authority(now, events);
        }
        for (folder, names) in &wanted {
            self.obtain(folder, names, now, events);
        }
        self.assignment.own = wanted;
    }

    fn open_authority(&mut self, now: SystemTime, events: &mut Vec<Event>) {
        if self.authority.as_ref().is_some_and(|authority| !authority.is_ending(now)) {
            return;
        }
        match Authority::open(&self.state, now) {
            Ok((authority, made)) => {
                let not_replaced = |event: &Event| matches!(event, Event::AuthorityNotReplaced { .. });
                let complaint = made.iter().find(|event| not_replaced(event)).map(ToString::to_string);
                if complaint.is_none() || self.complaint != complaint {
                    events.extend(made);
                }
                self.authority = Some(authority);
                self.complaint = complaint;
            }
            Err(error) => {
                let complaint = error.source().map(ToString::to_string);
                if self.complaint != complaint {
                    events.push(Event::AuthorityFailed(error));
                }
                self.complaint = complaint;
            }
        }
    }

    fn obtain(&mut self, folder: &str, names: &[HostPattern], now: SystemTime, events: &mut Vec<Event>) {
        let Some(authority) = &self.authority else { return };
        if self.has_good(folder, names, now) {
            return;
        }
        if !self.own.contains_key(folder) {
            let public = names.iter().filter(|host| !host.name().is_local());
            events.extend(public.map(|host| Event::PublicName { host: host.clone() }));
        }
        if let Some(own) = OwnCertificate::obtain(&self.state, authority, (folder, names), now, events) {
            let id = self.next_id();
            self.own.insert(folder.to_owned(), (id, own));
        }
    }

    /// Whether the own authority's certificate in a folder serves these names until further notice.
    fn has_good(&self, folder: &str, names: &[HostPattern], now: SystemTime) -> bool {
        let own = self.own.get(folder).map(|(_, own)| own);
        own.zip(self.authority.as_ref()).is_some_and(|(own, authority)| own.is_good(authority, names, now))
    }

    /// What serves each host now; a host whose new files are broken keeps what it had.
    fn assigned(&self) -> Serving {
        let mut serving = Serving::default();
        for (host, choice) in &self.assignment.hosts {
            let before = || self.before(host.as_ref());
            if let Some((id, pair)) = self.served(choice).or_else(before) {
                serving.hosts.insert(host.clone(), id);
                serving.pairs.insert(id, pair);
            }
        }
        if let Some((id, pair)) = self.assignment.nameless.as_ref().and_then(|choice| self.served(choice)) {
            serving.nameless = Some(id);
            serving.pairs.insert(id, pair);
        }
        serving
    }

    /// What served a host until now, also as one of a wildcard.
    fn before(&self, host: Option<&HostPattern>) -> Option<(CertificateId, Arc<Pair>)> {
        let table = self.resolver.table();
        let served = table.hosts.find(&host?.to_string())?;
        Some((served.id, Arc::clone(&served.pair)))
    }

    fn served(&self, choice: &Choice) -> Option<(CertificateId, Arc<Pair>)> {
        let (id, loaded) = match choice {
            Choice::Files(index) => self.files[*index].loaded.as_ref().map(|(id, loaded)| (id, loaded))?,
            Choice::Own(folder) => self.own.get(folder).map(|(id, own)| (id, &own.loaded))?,
        };
        Some((*id, Arc::clone(&loaded.pair)))
    }

    fn report_problems(&mut self, which: Range<usize>, now: SystemTime, events: &mut Vec<Event>) {
        for index in which {
            let problems = self.problems_of_files(index, now);
            self.files[index].report(problems, events);
        }
    }

    fn problems_of_files(&self, index: usize, now: SystemTime) -> Vec<Problem> {
        let missing = self.assignment.missing.get(&index).into_iter().flatten();
        let missing = missing.map(|name| Problem::NameMissing { name: name.clone() });
        self.files[index].problems(now).into_iter().chain(missing).collect()
    }

    fn used_for(&self, choice: &Choice) -> Vec<String> {
        self.assignment.used_for.get(choice).into_iter().flatten().cloned().collect()
    }

    fn facts_of_files(&self, index: usize, now: SystemTime) -> Option<CertificateFacts> {
        let watched = &self.files[index];
        let (_, loaded) = watched.loaded.as_ref()?;
        Some(CertificateFacts {
            names: loaded.leaf.names.clone(),
            source: Source::Files,
            issuer: loaded.leaf.issuer.clone(),
            validity: loaded.leaf.validity,
            fingerprint: loaded.fingerprint,
            files: watched.files.clone(),
            used_for: self.used_for(&Choice::Files(index)),
            problems: self.problems_of_files(index, now),
        })
    }

    fn facts_of_own(&self, folder: &str, own: &OwnCertificate, now: SystemTime) -> CertificateFacts {
        let loaded = &own.loaded;
        CertificateFacts {
            names: loaded.leaf.names.clone(),
            source: Source::OwnAuthority(own.folder.clone()),
            issuer: loaded.leaf.issuer.clone(),
            validity: loaded.leaf.validity,
            fingerprint: loaded.fingerprint,
            files: own.files(),
            used_for: self.used_for(&Choice::Own(folder.to_owned())),
            problems: of_validity(&loaded.leaf.validity, now).into_iter().collect(),
        }
    }
}

impl StoreError {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::Authority(error) => error.hint(),
        }
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").field("state", &self.state).finish_non_exhaustive()
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Authority(error) => error.fmt(f),
        }
    }
}

impl Error for StoreError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Authority(error) => error.source(),
        }
    }
}
