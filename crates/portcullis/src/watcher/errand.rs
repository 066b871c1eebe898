//! The side that has the rights: it starts a watcher, asks it once, and hears what it says for as long as that may take.

use super::facts::{Facts, Resolved};
use crate::gate_user;
use crate::program::{ITSELF, Part};
use crate::supervision::resolver_texts;
use link::{Channel, Errand, NameFact, PROTOCOL};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::os::fd::OwnedFd;
use std::process::Child;
use std::time::{Duration, Instant};

/// How long all names together may take: the keeper answers nobody meanwhile.
const PATIENCE: Duration = Duration::from_secs(4);
/// Beyond that, for a process that starts and ends.
const STARTING: Duration = Duration::from_secs(2);

/// Has a watcher ask for names, all at once. Those that have no answer in time are not in the result.
pub(crate) fn resolve(names: &BTreeSet<String>) -> io::Result<BTreeMap<String, Resolved>> {
    if names.is_empty() {
        return Ok(BTreeMap::new());
    }
    let deadline = Instant::now() + PATIENCE + STARTING;
    let (channel, theirs) = Channel::pair()?;
    channel.set_patience(STARTING)?;
    let watcher = Watcher::start(theirs)?;
    let errand = Errand {
        protocol: PROTOCOL,
        cage: confine::Cage {
            account: gate_user::other_than_caller(),
            ends_with_parent: true,
            ..confine::Cage::default()
        },
        texts: resolver_texts(),
        names: names.clone(),
        patience: PATIENCE,
    };
    channel.send(&errand, &[]).map_err(|error| io::Error::other(format!("the watcher: {error}")))?;
    let heard = hear(&channel, names, deadline);
    drop(watcher);
    heard
}

/// Everything that a watcher says until it ends, or its time does.
fn hear(
    channel: &Channel,
    names: &BTreeSet<String>,
    deadline: Instant,
) -> io::Result<BTreeMap<String, Resolved>> {
    let broken =
        |reason: &dyn std::fmt::Display| io::Error::other(format!("the watcher is not believed: {reason}"));
    let mut facts = Facts::of(names);
    while !facts.are_complete() && speaks_before(channel, deadline)? {
        let Some(heard) = channel.receive::<NameFact>().map_err(|error| broken(&error))? else { break };
        if !heard.descriptors.is_empty() {
            return Err(broken(&"it hands over files"));
        }
        facts.take(heard.message).map_err(|error| broken(&error))?;
    }
    Ok(facts.into_known())
}

/// Whether the other end says something, or ends, before this moment.
fn speaks_before(channel: &Channel, deadline: Instant) -> io::Result<bool> {
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let timeout = Timespec {
            tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: left.subsec_nanos().into(),
        };
        match poll(&mut [PollFd::new(channel, PollFlags::IN)], Some(&timeout)) {
            Err(rustix::io::Errno::INTR) => {}
            ready => return Ok(ready? > 0),
        }
    }
}

/// A watcher that runs. It ends with the value, whatever it does.
struct Watcher(Child);

impl Watcher {
    fn start(socket: OwnedFd) -> io::Result<Self> {
        Part::Watcher.of(ITSELF, socket).spawn().map(Self)
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        // It has ended already where it did what it should.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
