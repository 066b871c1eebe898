//! Obeying the keeper, one order after the other.

use super::sockets::Held;
use super::{Process, content, orphan, voice, watchdog};
use crate::failure::with_causes;
use gate::{Gate, Patience, ResolverFiles};
use link::{Answer, Channel, Counts, Install, LONGEST_TEXT, Numbered, Order, ReceiveError, Refusal, Told};
use model::plan::Edition;
use std::fs::File;
use std::io::Write;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::sync::Arc;

/// How obeying one keeper ended.
pub(super) enum Obeyed {
    /// The keeper is gone.
    Orphaned,
    /// The gate was told to end, and has.
    Ended,
}

impl Process {
    /// Obeys a keeper until it is gone or says that this is the end.
    pub(super) fn obey(&mut self, channel: &Channel) -> Obeyed {
        loop {
            let received = match channel.receive::<Numbered>() {
                Ok(Some(received)) => received,
                Ok(None) | Err(ReceiveError::Io(_)) => return Obeyed::Orphaned,
                // A keeper of another build says what this one does not know; it notices that nothing comes of it.
                Err(_) => continue,
            };
            let Numbered { number, order } = received.message;
            if let Order::Drain(patience) = order {
                self.hello.draining = true;
                // Where no thread can be had, a later keeper finds nobody here, and the gate ends all the same.
                let _ = orphan::take_leave(Arc::clone(&self.rendezvous), self.hello.clone());
                let cut = self.drain(patience);
                let _ = channel.send(&Told::Answer { number, answer: Answer::Drained { cut } }, &[]);
                return Obeyed::Ended;
            }
            let (answer, descriptors) = self.carry_out(order, received.descriptors);
            // A keeper that is gone is found to be by the next turn.
            let _ = channel.send(&Told::Answer { number, answer }, &descriptors);
        }
    }

    fn drain(&mut self, patience: link::Patience) -> u64 {
        // What is open anywhere takes connections.
        self.held = Held::default();
        let Some(gate) = self.gate.take() else { return 0 };
        gate.drain(match patience.handed_over {
            true => Patience::hand_over(patience.total),
            false => Patience::stop(patience.total),
        }) as u64
    }

    fn carry_out(&mut self, order: Order, mut came: Vec<OwnedFd>) -> (Answer, Vec<BorrowedFd<'_>>) {
        let answer = match order {
            Order::Sockets { after } => {
                let (sockets, descriptors) = self.held.after(after);
                return (Answer::Sockets(sockets), descriptors);
            }
            Order::Take(numbers) => done(self.held.take(numbers, came)),
            Order::Install(install) => done(self.install(*install)),
            Order::Certificates(change) => {
                self.shelf.change(change);
                Answer::Done
            }
            Order::Log => {
                let reopened = self.log.reopen(came.pop().map(Into::into));
                done(reopened.map_err(|error| error.to_string()))
            }
            Order::Texts(texts) => {
                self.texts = texts;
                if let Some(gate) = &self.gate {
                    gate.resolve_with(resolver_files(&self.texts));
                }
                Answer::Done
            }
            Order::Counts => Answer::Counts(self.counts()),
            Order::Metrics => done(self.metrics(came.pop())),
            Order::Confinement => Answer::started(self.report.clone()),
            Order::Ping | Order::Answered { .. } => Answer::Done,
            Order::Start(_) | Order::Drain(_) | Order::Failed { .. } => {
                Answer::Refused(Refusal { reason: "the gate runs already".to_owned() })
            }
        };
        (answer, Vec::new())
    }

    /// Writes all metrics into memory of the keeper's.
    fn metrics(&self, memory: Option<OwnedFd>) -> Result<(), String> {
        let text = self.gate.as_ref().map(Gate::metrics).unwrap_or_default();
        let memory = memory.ok_or("there is nothing to write the metrics into")?;
        File::from(memory).write_all(text.as_bytes()).map_err(|error| error.to_string())
    }

    fn counts(&self) -> Counts {
        let Some(gate) = &self.gate else { return Counts::default() };
        Counts {
            connections: gate.connections() as u64,
            requests: gate.requests(),
            log_lost: self.log.lost(),
        }
    }

    fn install(&mut self, mut install: Install) -> Result<(), String> {
        // What can fail comes first, so that a refusal changes nothing; certificates are no part of what can.
        let given = content::given(&mut install);
        let nothing = Edition::default();
        let before = if install.whole { &nothing } else { &self.edition };
        let edition = install.plan.apply(before).map_err(|error| error.to_string())?;
        let listeners = self.held.listeners(&install.listeners)?;
        let former = self.gate.as_ref().map(Gate::snapshot);
        let content = self
            .shelf
            .content(edition.plan.clone(), given, former.as_deref())
            .map_err(|error| with_causes(&error))?;
        match &self.gate {
            Some(gate) => gate.install(content, &listeners).map_err(|error| with_causes(&error))?,
            None => {
                if let Some(change) = install.certificates.take() {
                    self.shelf.change(change);
                }
                self.start(content, &listeners)?;
            }
        }
        if let Some(change) = install.certificates {
            self.shelf.change(change);
        }
        self.held.keep(&install.listeners);
        self.edition = edition;
        Ok(())
    }

    fn start(&mut self, content: gate::Content, listeners: &[gate::Listener]) -> Result<(), String> {
        let files = resolver_files(&self.texts);
        let started = Gate::start(content, listeners, Some(self.log.clone()), files, self.threads);
        let (gate, told) = started.map_err(|error| with_causes(&error))?;
        voice::pass_on(told, Arc::clone(&self.voice)).map_err(|error| error.to_string())?;
        watchdog::start(&gate, Arc::clone(&self.voice)).map_err(|error| error.to_string())?;
        self.gate = Some(gate);
        Ok(())
    }
}

fn resolver_files(texts: &link::Texts) -> ResolverFiles {
    ResolverFiles { resolv_conf: texts.resolv_conf.clone(), hosts: texts.hosts.clone() }
}

fn done(result: Result<(), String>) -> Answer {
    match result {
        Ok(()) => Answer::Done,
        Err(mut reason) => {
            reason.truncate(reason.floor_char_boundary(LONGEST_TEXT));
            Answer::Refused(Refusal { reason })
        }
    }
}
