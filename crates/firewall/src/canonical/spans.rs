//! Rules laid out by protocol: which keys of which protocol each of them is about.

use crate::addresses::Family;
use crate::rule::{RuleView, icmp};
use model::plan::{Traffic, Transport};
use std::collections::{BTreeMap, BTreeSet};

/// Protocols whose packets carry a key, in each family, besides its ICMP.
pub(crate) const KEYED: [u8; 5] = [
    Transport::Tcp.number(),
    Transport::Udp.number(),
    Transport::Sctp.number(),
    Transport::Dccp.number(),
    Transport::UdpLite.number(),
];

/// Keys that a rule is about; both ends belong to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Span {
    /// The rule's place in the order of the file.
    pub(super) rule: usize,
    pub(super) first: u16,
    pub(super) last: u16,
}

/// Rules of one family by protocol.
#[derive(Debug, Default)]
pub(super) struct Layout {
    /// By keyed protocol; the spans of one rule do not touch.
    pub(super) keyed: BTreeMap<u8, Vec<Span>>,
    /// By other protocols that are named.
    pub(super) plain: BTreeMap<u8, BTreeSet<usize>>,
    /// Rules for every protocol.
    pub(super) all: BTreeSet<usize>,
}

impl Layout {
    /// Lays out the rules of a family; rules without peers of that family are left out.
    pub(super) fn of(rules: &[&RuleView], family: Family) -> Self {
        let mut layout = Self::default();
        for protocol in KEYED.into_iter().chain([icmp(family)]) {
            layout.keyed.insert(protocol, Vec::new());
        }
        for (rule, view) in rules.iter().enumerate().filter(|(_, view)| !view.peers.of(family).is_empty()) {
            for &traffic in &view.traffic {
                layout.add(rule, family, traffic);
            }
        }
        layout.keyed.values_mut().for_each(join);
        layout
    }

    fn add(&mut self, rule: usize, family: Family, traffic: Traffic) {
        match traffic {
            Traffic::All => {
                self.all.insert(rule);
                for spans in self.keyed.values_mut() {
                    spans.push(Span { rule, first: 0, last: u16::MAX });
                }
            }
            Traffic::Ports { transport, first, last } => {
                self.add_span(transport.number(), Span { rule, first, last });
            }
            Traffic::Icmp { v6, first, last } if v6 == (family == Family::V6) => {
                self.add_span(icmp(family), Span { rule, first, last });
            }
            Traffic::Icmp { .. } => {}
            // The number of a protocol with keys means all of them.
            Traffic::Protocol(number) if self.keyed.contains_key(&number) => {
                self.add_span(number, Span { rule, first: 0, last: u16::MAX });
            }
            Traffic::Protocol(number) => {
                self.plain.entry(number).or_default().insert(rule);
            }
        }
    }

    fn add_span(&mut self, protocol: u8, span: Span) {
        self.keyed.entry(protocol).or_default().push(span);
    }
}

/// Joins spans of the same rule that overlap or touch, so that a rule enters and leaves a key once.
fn join(spans: &mut Vec<Span>) {
    spans.sort_unstable();
    spans.dedup_by(|next, before| {
        let joins = next.rule == before.rule && next.first <= before.last.saturating_add(1);
        if joins {
            before.last = before.last.max(next.last);
        }
        joins
    });
}
