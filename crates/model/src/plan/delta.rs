//! From one plan to the next one: a large plan changes in few places as a rule, and only those are sent.
//!
//! It is for the gate, which needs neither the policy nor the places in the file nor the files of certificates.

use super::{Admin, Limits, Listen, Log, PlacedSite, Plan, Policy, Service, Site, State, Stream, Tls};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

/// A plan and the number that its keeper gave it, so that two processes know that they mean the same one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Edition {
    /// 0 is the plan without anything, which both know.
    pub number: u64,
    /// The plan.
    pub plan: Plan,
}

/// What leads from one edition to another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delta {
    before: u64,
    number: u64,
    listen: Listen,
    tls: Tls,
    limits: Limits,
    log: Log,
    admin: Admin,
    state: State,
    sites: Vec<Piece<Arc<Site>>>,
    services: Vec<Piece<Arc<Service>>>,
    streams: Vec<Piece<Stream>>,
}

/// A part of a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Piece<T> {
    /// These of the former list.
    Kept(Range<usize>),
    /// Another one.
    New(T),
}

/// Why a delta does not lead on from an edition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mismatch {
    /// It is about another edition.
    Edition {
        /// The one that it leads on from.
        expected: u64,
        /// The one that was there.
        found: u64,
    },
    /// It keeps what was not there.
    Kept,
    /// A route leads to a service that is not there.
    Service,
}

impl Plan {
    /// What the gate needs of a plan.
    #[must_use]
    pub fn for_gate(&self) -> Self {
        let site = |site: &PlacedSite| PlacedSite { site: Arc::clone(&site.site), place: Default::default() };
        Self {
            listen: self.listen.clone(),
            tls: without_files(&self.tls),
            limits: self.limits.clone(),
            log: self.log.clone(),
            admin: self.admin.clone(),
            state: self.state.clone(),
            sites: self.sites.iter().map(site).collect(),
            services: self.services.clone(),
            streams: self.streams.clone(),
            policy: Policy::default(),
        }
    }
}

impl Delta {
    /// What leads from one edition to another.
    #[must_use]
    pub fn between(old: &Edition, new: &Edition) -> Self {
        let (before, number) = (old.number, new.number);
        let (old, new) = (&old.plan, &new.plan);
        let sites = |plan: &Plan| plan.sites.iter().map(|site| Arc::clone(&site.site)).collect::<Vec<_>>();
        Self {
            before,
            number,
            listen: new.listen.clone(),
            tls: without_files(&new.tls),
            limits: new.limits.clone(),
            log: new.log.clone(),
            admin: new.admin.clone(),
            state: new.state.clone(),
            sites: pieces(&sites(old), &sites(new), |site| &site.label),
            services: pieces(&old.services, &new.services, |service| &service.name),
            streams: pieces(&old.streams, &new.streams, |stream| &stream.name),
        }
    }

    /// The edition that follows from the one that it leads on from, as [`Plan::for_gate`] has it.
    ///
    /// # Errors
    ///
    /// It is not that one, or what was read is not what [`Delta::between`] made.
    pub fn apply(self, old: &Edition) -> Result<Edition, Mismatch> {
        if self.before != old.number {
            return Err(Mismatch::Edition { expected: self.before, found: old.number });
        }
        let before: Vec<_> = old.plan.sites.iter().map(|site| Arc::clone(&site.site)).collect();
        let place = |site| PlacedSite { site, place: Default::default() };
        let plan = Plan {
            listen: self.listen,
            tls: self.tls,
            limits: self.limits,
            log: self.log,
            admin: self.admin,
            state: self.state,
            sites: joined(self.sites, &before)?.into_iter().map(place).collect(),
            services: joined(self.services, &old.plan.services)?,
            streams: joined(self.streams, &old.plan.streams)?,
            policy: Policy::default(),
        };
        let mut services =
            plan.sites.iter().flat_map(|site| &site.routes).filter_map(|route| route.handler.service());
        if services.any(|service| service.0 >= plan.services.len()) {
            return Err(Mismatch::Service);
        }
        Ok(Edition { number: self.number, plan })
    }
}

fn without_files(tls: &Tls) -> Tls {
    Tls { certificates: Vec::new(), ..tls.clone() }
}

/// The new list by what it has of the old one. Looks first where the last one that was kept leads to expect the next.
fn pieces<T: Clone + PartialEq>(old: &[T], new: &[T], name: impl Fn(&T) -> &str) -> Vec<Piece<T>> {
    let mut pieces: Vec<Piece<T>> = Vec::new();
    let mut places: Option<HashMap<&str, usize>> = None;
    let mut next = 0;
    for one in new {
        let is_it = |place: &usize| old.get(*place) == Some(one);
        let mut by_name = || {
            let index = || old.iter().enumerate().map(|(place, known)| (name(known), place)).collect();
            places.get_or_insert_with(index).get(name(one)).copied()
        };
        let Some(place) = Some(next).filter(is_it).or_else(|| by_name().filter(is_it)) else {
            pieces.push(Piece::New(one.clone()));
            // It took the place of the one that would have been next, as a rule.
            next += 1;
            continue;
        };
        next = place + 1;
        match pieces.last_mut() {
            Some(Piece::Kept(kept)) if kept.end == place => kept.end = next,
            _ => pieces.push(Piece::Kept(place..next)),
        }
    }
    pieces
}

/// The list that pieces stand for.
fn joined<T: Clone>(pieces: Vec<Piece<T>>, old: &[T]) -> Result<Vec<T>, Mismatch> {
    let mut list = Vec::new();
    for piece in pieces {
        match piece {
            Piece::Kept(range) => list.extend_from_slice(old.get(range).ok_or(Mismatch::Kept)?),
            Piece::New(one) => list.push(one),
        }
    }
    Ok(list)
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Edition { expected, found } => {
                write!(f, "a change of plan {expected} came where plan {found} is in force")
            }
            Self::Kept => f.write_str("a change of the plan keeps what is not there"),
            Self::Service => f.write_str("a change of the plan leads to a service that is not there"),
        }
    }
}

impl std::error::Error for Mismatch {}
