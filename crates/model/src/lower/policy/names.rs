//! The names that the file declares for groups, networks and hosts: one namespace. What a name means is not decided
//! here, only what it is and whether there is anything behind it.

use super::super::{Lowering, Merged};
use crate::plan::{Name, Peer};
use crate::problem::{Problem, closest, shown};
use crate::raw::decode::Text;
use crate::source::Location;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Words that stand for peers and can be no names.
pub(super) const RESERVED: [(&str, Peer); 5] = [
    ("anywhere", Peer::Anywhere),
    ("internet", Peer::Internet),
    ("my-ip", Peer::MyIp),
    ("this-host", Peer::ThisHost),
    ("containers", Peer::Containers),
];

/// What a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Kind {
    Group,
    Network,
    Host,
}

impl Kind {
    fn noun(self) -> &'static str {
        match self {
            Self::Group => "group",
            Self::Network => "network",
            Self::Host => "host",
        }
    }
}

/// A declared name.
#[derive(Clone, Debug)]
pub(super) struct Declared {
    pub(super) kind: Kind,
    pub(super) at: Location,
    /// Whether it stands for no address at all.
    pub(super) empty: bool,
}

/// Every name of the file.
pub(in super::super) struct Names<'a> {
    declared: BTreeMap<&'a str, Declared>,
    /// The declared names in small letters.
    folded: HashMap<String, &'a str>,
    services: BTreeSet<&'a str>,
    /// Names that are declared by what could not be read.
    lost: BTreeSet<&'a str>,
    /// Groups that a host or a service carries.
    carried: BTreeSet<&'a str>,
    /// Services that a rule names.
    used_services: BTreeSet<String>,
}

impl<'a> Names<'a> {
    pub(in super::super) fn new(merged: &'a Merged, lowering: &mut Lowering<'_>) -> Self {
        let lost = merged.lost_names.iter().chain(&merged.lost_services);
        let mut names = Self {
            declared: BTreeMap::new(),
            folded: HashMap::new(),
            services: merged.services.iter().map(|(name, _)| name.as_str()).collect(),
            lost: lost.map(String::as_str).collect(),
            carried: BTreeSet::new(),
            used_services: BTreeSet::new(),
        };
        for (name, _) in &merged.groups {
            names.declare(Kind::Group, name, false, lowering);
        }
        for (name, prefixes) in &merged.networks {
            names.declare(Kind::Network, name, prefixes.value.0.is_empty(), lowering);
        }
        for (name, host) in &merged.hosts {
            let empty = host.value.addresses.as_ref().is_none_or(|addresses| addresses.value.0.is_empty());
            names.declare(Kind::Host, name, empty && !host.value.broken, lowering);
        }
        names.note_members(merged);
        names
    }

    /// Notes which groups are carried, and which of them have no member with an address.
    fn note_members(&mut self, merged: &'a Merged) {
        let mut with_members = BTreeSet::new();
        let mut unclear = false;
        for (name, host) in &merged.hosts {
            let groups = host.value.groups.iter().flat_map(|groups| &groups.value.0);
            let groups: BTreeSet<&str> = groups.map(|group| group.value.as_str()).collect();
            if self.declared.get(name.as_str()).is_some_and(|host| !host.empty) {
                with_members.extend(groups.iter().copied());
            }
            self.carried.extend(groups);
            unclear |= host.value.broken;
        }
        for (_, service) in &merged.services {
            let groups = service.value.groups.iter().flat_map(|groups| &groups.value.0);
            self.carried.extend(groups.map(|group| group.value.as_str()));
            unclear |= service.value.broken;
        }
        for (name, declared) in &mut self.declared {
            if declared.kind == Kind::Group {
                declared.empty = !unclear && !with_members.contains(name);
            }
        }
        if unclear || !merged.lost_names.is_empty() || !merged.lost_services.is_empty() {
            self.carried.extend(self.declared.keys());
        }
    }

    fn declare(&mut self, kind: Kind, name: &'a Text, empty: bool, lowering: &mut Lowering<'_>) {
        let written = name.as_str();
        if RESERVED.iter().any(|(word, _)| word.eq_ignore_ascii_case(written)) {
            lowering.report(
                Problem::error(name.at, format!("`{written}` cannot be the name of a {}", kind.noun()))
                    .label("this word has a meaning of its own"),
            );
            return;
        }
        if !is_name(written) {
            lowering.report(
                Problem::error(
                    name.at,
                    format!("{} cannot be the name of a {}", shown(written), kind.noun()),
                )
                .label("letters, digits, `-` and `_`, a letter first, at most 63"),
            );
            return;
        }
        let same = self.folded.get(&written.to_ascii_lowercase());
        if let Some((other, first)) = same.and_then(|other| Some((*other, self.declared.get(other)?))) {
            let title = match (first.kind == kind, other == written) {
                (true, true) => format!("the {} `{written}` is written twice", kind.noun()),
                (true, false) => format!("`{written}` and `{other}` are one name"),
                (false, _) => format!("`{written}` is both a {} and a {}", first.kind.noun(), kind.noun()),
            };
            let plain = first.kind == kind && other == written;
            let hint = "groups, networks and hosts share their names; capital letters make no difference";
            lowering.report(
                Problem::error(name.at, title)
                    .label("again here")
                    .related(first.at, "first here")
                    .hint_maybe((!plain).then(|| hint.to_owned())),
            );
            return;
        }
        self.folded.insert(written.to_ascii_lowercase(), written);
        self.declared.insert(written, Declared { kind, at: name.at, empty });
    }

    /// What a name stands for, where it is declared.
    pub(super) fn get(&self, name: &str) -> Option<&Declared> {
        self.declared.get(name)
    }

    /// Whether a name belongs to what could not be read, so that nothing is said about it.
    pub(super) fn is_lost(&self, name: &str) -> bool {
        self.lost.contains(name)
    }

    /// Whether a host or a service carries a group.
    pub(super) fn is_carried(&self, group: &str) -> bool {
        self.carried.contains(group)
    }

    /// A service that a rule names.
    pub(super) fn service(&mut self, name: &str) -> bool {
        self.used_services.insert(name.to_owned());
        self.services.contains(name)
    }

    /// The services that rules name.
    pub(in super::super) fn used_services(&self) -> &BTreeSet<String> {
        &self.used_services
    }

    /// Whether a service has this name.
    pub(super) fn has_service(&self, name: &str) -> bool {
        self.services.contains(name)
    }

    /// The nearest name of a service, where a guess is worth its time.
    pub(super) fn near_service(&self, name: &str, guess: bool) -> Option<&'a str> {
        closest(name, self.services.iter().copied().filter(|_| guess))
    }

    /// The nearest word that may stand as a peer; the declared names are looked through where that is worth its time.
    pub(super) fn near_peer(&self, name: &str, guess: bool) -> Option<&str> {
        let reserved = RESERVED.iter().map(|(word, _)| *word);
        let declared = self.declared.keys().copied().filter(|_| guess);
        closest(name, reserved.chain(declared))
    }

    /// The declared names of a kind, in alphabetical order.
    pub(super) fn of_kind(&self, kind: Kind) -> impl Iterator<Item = &'a str> + '_ {
        self.declared.iter().filter(move |(_, declared)| declared.kind == kind).map(|(name, _)| *name)
    }

    /// A name that must be of one kind; reports one that is not.
    pub(in super::super) fn expect(
        &self,
        kind: Kind,
        text: &Text,
        lowering: &mut Lowering<'_>,
    ) -> Option<Name> {
        let name = text.as_str();
        let found = self.declared.get(name);
        if found.is_some_and(|found| found.kind == kind) {
            return Some(Name(name.to_owned()));
        }
        if self.is_lost(name) {
            return None;
        }
        let noun = kind.noun();
        if name.is_empty() {
            lowering.report(Problem::error(text.at, format!("a {noun} without a name")).label("empty"));
            return None;
        }
        let problem = Problem::error(text.inner(), format!("there is no {noun} `{name}`"));
        if let Some(found) = found {
            let label = format!("this is a {}", found.kind.noun());
            lowering.report(problem.label(label).related(found.at, "declared here"));
            return None;
        }
        let names: Vec<&str> = self.of_kind(kind).collect();
        let hint = match names.as_slice() {
            [] if kind == Kind::Network => format!("write {name} = [\"192.0.2.0/24\"] in [network]"),
            [] => format!("declare [{noun}.{name}]"),
            names => format!("the {noun}s of the file are {}", names.join(", ")),
        };
        let guess = lowering.may_guess();
        lowering.report(match closest(name, names.iter().copied().filter(|_| guess)) {
            Some(near) => problem.label(format!("did you mean `{near}`?")),
            None => problem.label("not declared").hint(hint),
        });
        None
    }
}

/// Letters, digits, `-` and `_`, a letter first, at most 63.
fn is_name(name: &str) -> bool {
    let bytes = name.as_bytes();
    bytes.len() <= 63
        && bytes.first().is_some_and(u8::is_ascii_alphabetic)
        && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}
