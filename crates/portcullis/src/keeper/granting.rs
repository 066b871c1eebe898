//! Requests about grants.

use super::Keeper;
use super::answer::GrantInForce;
use super::caller::Caller;
use super::grants::{self, MOST};
use super::request::{Grant, Granted, Refused};
use super::{bans, policy};
use std::net::IpAddr;

/// A grant is for a visit; what lasts longer is a rule.
const LONGEST: u64 = 30 * 86_400;

impl Keeper {
    /// Opens a port for an address.
    pub(super) fn grant(&mut self, asked: &Grant, caller: &Caller) -> Result<GrantInForce, Refused> {
        if asked.seconds > LONGEST {
            return Err(Refused::no("a grant lasts at most 30 days")
                .with_hint("`portcullis allow` writes a rule, also with an end"));
        }
        if !self.is_there() {
            self.kernel()?;
            return Err(Refused::no("the firewall is not enforced, so everything is open already")
                .with_hint("`portcullis apply` puts the policy in force"));
        }
        let now = self.machine.now();
        if self.grants.list(now).count() >= MOST {
            return Err(Refused::no(format!("{MOST} grants are in force"))
                .with_hint("`portcullis grant PORT --from ADDRESS --revoke` takes one back"));
        }
        let granted = canonical(asked.granted);
        self.refuse_in_vain(granted.address, now)?;
        let grant = GrantInForce { granted, until: now + asked.seconds, who: caller.who.clone() };
        let before = self.grants.get(&granted, now).cloned();
        self.grants.add(&self.state, grant.clone(), now).map_err(Refused::unchanged)?;
        let element = grants::element(&granted, Some(asked.seconds));
        if let Err(error) = self.kernel()?.renew(grants::set_of(&granted), &[element]) {
            let put_back = match before {
                Some(before) => self.grants.add(&self.state, before, now),
                None => self.grants.remove(&self.state, &granted, now),
            };
            self.notices.extend(put_back.err().map(|error| crate::failure::with_causes(&error)));
            return Err(error.into());
        }
        Ok(grant)
    }

    /// Bans and deny lists come before grants, so a grant to one of theirs would open nothing.
    fn refuse_in_vain(&mut self, address: IpAddr, now: u64) -> Result<(), Refused> {
        if let Some(ban) = self.bans.of(address, now) {
            return Err(Refused::no(format!("{address} is banned, and bans come before grants"))
                .with_hint(format!("`portcullis unban {}` takes the ban back", bans::shown(&ban.source))));
        }
        let denied =
            self.in_force()?.is_some_and(|in_force| policy::denies(&in_force.compiled, &address.into()));
        if denied {
            return Err(Refused::no(format!("{address} is on a deny list, and those come before grants"))
                .with_hint("take it off `deny` in [firewall], and `portcullis apply`"));
        }
        Ok(())
    }

    /// Takes a grant back.
    pub(super) fn ungrant(&mut self, granted: &Granted) -> Result<(), Refused> {
        let granted = canonical(*granted);
        let now = self.machine.now();
        if self.grants.get(&granted, now).is_none() {
            return Err(Refused::no(format!(
                "nothing is granted to {} at port {}",
                granted.address, granted.port
            ))
            .with_hint("`portcullis grant` lists the grants"));
        }
        let enforced = self.is_there();
        if enforced {
            self.kernel()?.forget(grants::set_of(&granted), &[grants::element(&granted, None)])?;
        }
        if let Err(error) = self.grants.remove(&self.state, &granted, now) {
            self.give_lists_again();
            return Err(Refused::unchanged(error));
        }
        if enforced && let Some(in_force) = self.in_force()? {
            self.remember(&in_force, &[]);
        }
        Ok(())
    }
}

/// IPv4 within IPv6 is IPv4 on the wire.
fn canonical(granted: Granted) -> Granted {
    Granted { address: granted.address.to_canonical(), ..granted }
}
