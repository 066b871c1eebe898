//! What the kernel is to remember of flows that a policy refuses, for longer than connection tracking does.

use super::machine::Live;
use super::policy;
use super::request::Refused;
use super::state::Snapshot;
use super::{Keeper, tables};
use firewall::compile::elements;
use firewall::connections::Opener;
use firewall::nft::Element;
use std::collections::BTreeMap;

impl Keeper {
    /// What the kernel remembers for a policy now. Where it cannot say, it is nothing.
    pub(super) fn remembered(&mut self, of: Option<&Snapshot>) -> Vec<Element> {
        let (Some(of), Ok(kernel)) = (of, &mut self.kernel) else { return Vec::new() };
        let sets = elements::cut_sets(tables::slot(of.slot));
        sets.iter().flat_map(|set| kernel.elements(set).unwrap_or_default()).collect()
    }

    /// Has the kernel remember the flows that peers have opened and a policy refuses, which is in force already: whatever
    /// it was late for is still in the table of connections. `carried` was remembered for the policy before.
    pub(super) fn remember(&mut self, policy: &Snapshot, carried: &[Element]) {
        if let Err(refused) = self.try_remember(policy, carried) {
            let reason = refused.reason;
            self.notices.push(format!("flows that are refused now cannot all be remembered: {reason}"));
        }
    }

    fn try_remember(&mut self, policy: &Snapshot, carried: &[Element]) -> Result<(), Refused> {
        let observed = self.machine.observe(&[])?;
        let (live, _) = self.live(&observed, Some(&policy.compiled))?;
        let refused = self.forbidden(None, &policy.compiled, live);
        let slot = tables::slot(policy.slot);
        let fresh = refused.iter().filter(|live| live.connection.opened_by == Opener::Peer);
        let fresh = fresh.filter_map(|Live { connection, ends: (own, peer), .. }| {
            elements::cut(slot, *peer, connection.protocol, own.port())
        });
        let still = |element: &Element| {
            let flow = elements::cut_flow(element)?;
            (!policy::admits(&policy.compiled, flow)).then_some(flow)
        };
        let carried = carried.iter().filter_map(|element| {
            let (peer, protocol, port) = still(element)?;
            let mut kept = elements::cut(slot, peer, protocol, port)?;
            kept.element.timeout = element.expires.or(kept.element.timeout);
            Some(kept)
        });
        let mut sets: BTreeMap<String, BTreeMap<Vec<u8>, Element>> = BTreeMap::new();
        let mut left_out = 0;
        for live in fresh.chain(carried) {
            let set = sets.entry(live.set).or_default();
            if set.len() < elements::CUT_FLOWS {
                set.entry(live.element.first.clone()).or_insert(live.element);
            } else if !set.contains_key(&live.element.first) {
                left_out += 1;
            }
        }
        for (set, elements) in sets {
            self.kernel()?.renew(&set, &elements.into_values().collect::<Vec<_>>())?;
        }
        match left_out {
            0 => Ok(()),
            more => Err(Refused::no(format!("{more} are more than there is room for"))),
        }
    }
}
