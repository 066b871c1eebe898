//! Switching the firewall off, and saying before what is open then.

use super::Keeper;
use super::answer::{OpenListener, Openings};
use super::caller::Caller;
use super::request::Refused;
use super::state::{Entry, Fate, Standing};
use firewall::compiled::Compiled;
use firewall::observed::{Listener, Observed};
use firewall::packet::{Packet, Way};
use model::plan::InterfaceName;
use std::collections::BTreeSet;
use std::net::IpAddr;

impl Keeper {
    /// What would be open.
    pub(super) fn off_would_open(&mut self) -> Result<Openings, Refused> {
        let enforced = self.kernel()?.read()?.is_some();
        let observed = self.machine.observe(&[])?;
        let closing = match self.in_force()? {
            Some(in_force) => Some(in_force),
            None => self.before()?,
        };
        let listeners = closing.map(|policy| closed_by(&policy.compiled, &observed)).unwrap_or_default();
        let bans = self.bans.list(self.machine.now()).count();
        Ok(Openings { enforced, listeners, bans })
    }

    /// Takes the table out of the kernel, also for the next start of the machine.
    pub(super) fn off(&mut self, caller: &Caller) -> Result<(), Refused> {
        let now = self.machine.now();
        self.kernel()?.remove()?;
        // The packets pass already, so the refusal says what is left: the next start of the machine.
        self.state.stand(Standing::Off).map_err(|error| {
            let refused = Refused::from(error);
            Refused {
                reason: format!("it is off until the next start of the machine: {}", refused.reason),
                ..refused
            }
        })?;
        self.routes_before = None;
        if matches!(self.state.last(), Some(Entry { fate: Fate::Trial { .. } | Fate::Begun, .. })) {
            let reason = format!("{} switched the firewall off", caller.who);
            self.write_down(Fate::RolledBack { at: now, reason });
        }
        Ok(())
    }
}

/// What listens and cannot be reached from everywhere where a policy is in force.
pub(super) fn closed_by(policy: &Compiled, observed: &Observed) -> Vec<OpenListener> {
    let closed = |listener: &&Listener| !policy.judge(&from_afar(listener)).passes();
    let listeners = outward(observed).filter(closed).map(describe).collect::<BTreeSet<_>>();
    listeners.into_iter().map(|(what, program)| OpenListener { what, program }).collect()
}

/// Listeners that other machines can speak to.
fn outward(observed: &Observed) -> impl Iterator<Item = &Listener> {
    observed.listeners.iter().filter(|listener| !listener.local.ip().is_loopback())
}

/// A packet of somebody on the internet.
fn from_afar(listener: &Listener) -> Packet {
    let local = listener.local.ip().to_canonical();
    let documentation = |v4: bool| match v4 {
        true => IpAddr::from([203, 0, 113, 1]),
        false => IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, 1]),
    };
    Packet {
        way: Way::In,
        interface: InterfaceName(String::new()),
        source: documentation(local.is_ipv4()),
        destination: local,
        protocol: listener.protocol,
        key: listener.local.port(),
        source_port: 40_000,
        opens: true,
        user: None,
    }
}

fn describe(listener: &Listener) -> (String, Option<String>) {
    let protocol = if listener.protocol == 17 { "udp" } else { "tcp" };
    (format!("{}/{protocol}", listener.local), listener.program.clone())
}
