//! What the kernel is to remember of flows that a policy refuses, for longer than connection tracking does.

use super::machine::Live;
use super::request::Refused;
use super::state::Snapshot;
use super::{Keeper, flows, policy, tables};
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
    /// was opened before it is still in the table of connections. `carried` was remembered for the policy before.
    pub(super) fn remember(&mut self, snapshot: &Snapshot, carried: &[Element]) {
        if let Err(refused) = self.try_remember(snapshot, carried) {
            let reason = refused.reason;
            self.notices.push(format!("flows that are refused now cannot all be remembered: {reason}"));
        }
    }

    fn try_remember(&mut self, snapshot: &Snapshot, carried: &[Element]) -> Result<(), Refused> {
        let interfaces = policy::interfaces(&self.machine.interfaces(&[])?, &snapshot.compiled);
        let live = flows::united(Vec::new(), &self.machine.flows()?, &interfaces, &[]);
        let fresh = self.forbidden(None, &snapshot.compiled, &live);
        let (sets, left_out) = wanted(snapshot, &fresh, carried);
        for (set, elements) in sets {
            self.kernel()?.renew(&set, &elements.into_values().collect::<Vec<_>>())?;
        }
        match left_out {
            0 => Ok(()),
            more => Err(Refused::no(format!("{more} are more than there is room for"))),
        }
    }
}

/// The elements of each set by their keys, and how many more there are than fit. What is fresh has precedence.
fn wanted(
    snapshot: &Snapshot,
    fresh: &[Live],
    carried: &[Element],
) -> (BTreeMap<String, BTreeMap<Vec<u8>, Element>>, usize) {
    let slot = tables::slot(snapshot.slot);
    let opened = fresh.iter().filter(|live| live.connection.opened_by == Opener::Peer);
    let opened = opened.filter_map(|Live { connection, ends: (own, peer), .. }| {
        elements::cut(slot, *peer, connection.protocol, own.port())
    });
    // The port that was asked for is not known any more where it was translated; the one that answers stands in for it.
    let still = |element: &Element| {
        let (peer, protocol, port) = elements::cut_flow(element)?;
        let mut kept = elements::cut(slot, peer, protocol, port)?;
        kept.element.timeout = element.expires.or(kept.element.timeout);
        (!policy::admits(&snapshot.compiled, (peer, protocol, port))).then_some(kept)
    };
    let (mut sets, mut left_out) = (BTreeMap::<String, BTreeMap<Vec<u8>, Element>>::new(), 0);
    for live in opened.chain(carried.iter().filter_map(still)) {
        let set = sets.entry(live.set).or_default();
        if set.len() < elements::CUT_FLOWS {
            set.entry(live.element.first.clone()).or_insert(live.element);
        } else if !set.contains_key(&live.element.first) {
            left_out += 1;
        }
    }
    (sets, left_out)
}
