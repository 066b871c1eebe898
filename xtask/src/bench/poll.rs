//! An epoll loop's one question: which of the registered descriptors are ready? Level-triggered.

use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::fd::{AsFd, OwnedFd};
use std::io;
use std::time::Duration;

/// Events that one question returns at most.
const BATCH: usize = 256;

/// A set of descriptors, each with a key.
pub(crate) struct Poll {
    epoll: OwnedFd,
    events: Vec<Event>,
}

impl Poll {
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self { epoll: epoll::create(CreateFlags::CLOEXEC)?, events: Vec::with_capacity(BATCH) })
    }

    /// Asks for readability.
    pub(crate) fn add(&self, descriptor: impl AsFd, key: usize) -> io::Result<()> {
        Ok(epoll::add(&self.epoll, descriptor, EventData::new_u64(key as u64), EventFlags::IN)?)
    }

    /// Asks for readability, or for writability in its place.
    pub(crate) fn change(&self, descriptor: impl AsFd, key: usize, write: bool) -> io::Result<()> {
        let flags = if write { EventFlags::OUT } else { EventFlags::IN };
        Ok(epoll::modify(&self.epoll, descriptor, EventData::new_u64(key as u64), flags)?)
    }

    /// Forgets a descriptor. One that is closed is forgotten by itself.
    pub(crate) fn remove(&self, descriptor: impl AsFd) {
        let _ = epoll::delete(&self.epoll, descriptor);
    }

    /// Waits, at most for `timeout`, and puts the keys of what is ready into `ready`.
    pub(crate) fn wait(&mut self, timeout: Option<Duration>, ready: &mut Vec<usize>) -> io::Result<()> {
        ready.clear();
        self.events.clear();
        let timeout = timeout.map(|one| rustix::event::Timespec {
            tv_sec: i64::try_from(one.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: i64::from(one.subsec_nanos()),
        });
        match epoll::wait(&self.epoll, spare_capacity(&mut self.events), timeout.as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        ready.extend(self.events.iter().map(|event| {
            let data = event.data;
            usize::try_from(data.u64()).unwrap_or(usize::MAX)
        }));
        Ok(())
    }
}
