//! The frame: base chains that are the same for every policy, and the sets that live on when a policy is replaced.

use super::rule::{
    ESTABLISHED, ICMP, ICMP6, INVALID, LOCAL, Part, Position, RELATED, Sentence, TCP, UNTRACKED, rule,
};
use super::{InSlot, Slot, names, sets};
use crate::addresses::Family;
use crate::nft::{Base, Chain, ChainKind, Field, Hook, Rule, Table};

/// Counters of the frame.
const COUNTERS: [&str; 6] =
    ["frame_banned", "frame_denied", "frame_forged", "frame_invalid", "frame_local", "frame_refused"];

/// The set that says which families the trial is in force for.
pub(super) const TRIAL: &str = "trial";

/// Which slots hold a generation.
#[derive(Clone, Copy)]
pub(super) struct Generations {
    steady: Slot,
    trial: Option<Slot>,
}

impl Generations {
    pub(super) fn of(steady: &InSlot<'_>, trial: Option<&InSlot<'_>>) -> Self {
        let trial = trial.map(|trial| trial.slot);
        assert_ne!(Some(steady.slot), trial, "a trial needs the other slot");
        Self { steady: steady.slot, trial }
    }

    /// Rules that lead on to the generation in force; the last one always does.
    pub(super) fn goto(self, condition: &Sentence, chain: &str) -> Vec<Rule> {
        let trial = self.trial.map(|slot| condition.clone().family_in(TRIAL).goto(&names::of(slot, chain)));
        let steady = condition.clone().goto(&names::of(self.steady, chain));
        trial.into_iter().chain([steady]).collect()
    }
}

/// A filter base chain.
const fn filter(hook: Hook, priority: i32, accept: bool) -> Option<Base> {
    Some(Base { kind: ChainKind::Filter, hook, priority, accept })
}

/// Writes the frame.
pub(super) fn write(table: &mut Table, steady: &InSlot<'_>, trial: Option<&InSlot<'_>>) {
    let generations = Generations::of(steady, trial);
    write_sets(table);
    table.counters.extend(COUNTERS.map(str::to_owned));
    let bases = [
        ("raw", filter(Hook::Prerouting, -300, true), raw(generations)),
        ("raw_out", filter(Hook::Output, -300, true), raw_out(generations)),
        ("inbound", filter(Hook::Prerouting, -110, false), inbound(generations)),
        ("outbound", filter(Hook::Output, -110, false), outbound(generations)),
    ];
    for (name, base, rules) in bases {
        table.chains.insert(name.to_owned(), Chain { base, rules });
    }
    table.chain("invalid", invalid());
    table.chain("replies", replies());
    table.chain("mirror", mirror(generations));
}

fn write_sets(table: &mut Table) {
    for family in Family::BOTH {
        let address = sets::address(family);
        let grant = vec![address, Field::Protocol, Field::Port];
        let drain = vec![address, Field::Port, Field::Protocol, Field::Port];
        for (what, set) in [
            ("ban", sets::live(vec![address])),
            ("ban_net", sets::live_intervals(address)),
            ("grant", sets::live(grant)),
            ("drain", sets::live(drain)),
        ] {
            table.sets.insert(names::live(what, family), set);
        }
    }
    table.sets.insert(TRIAL.to_owned(), sets::families());
}

/// Bans and forged loopback addresses, before connection tracking spends memory on them.
fn raw(generations: Generations) -> Vec<Rule> {
    let mut rules = vec![rule().in_by_loopback().accept()];
    for position in [Position::Source, Position::Destination] {
        let v4 = rule().family(Family::V4).prefix(Family::V4, position, 127 << 24, 8);
        let v6 = rule().family(Family::V6).prefix(Family::V6, position, 1, 128);
        rules.extend([v4, v6].map(|forged| forged.count("frame_forged").discard()));
    }
    rules.extend(banned(&rule(), Position::Source));
    rules.extend(generations.goto(&rule(), "raw"));
    rules
}

/// Refuses what has a banned address at a position.
fn banned(condition: &Sentence, position: Position) -> Vec<Rule> {
    let mut rules = Vec::new();
    for family in Family::BOTH {
        for what in ["ban", "ban_net"] {
            let of_family = condition.clone().family(family);
            let banned = of_family.address_in(family, position, &names::live(what, family));
            rules.push(banned.count("frame_banned").discard());
        }
    }
    rules
}

fn raw_out(generations: Generations) -> Vec<Rule> {
    let mut rules = vec![rule().out_by_loopback().accept()];
    rules.extend(generations.goto(&rule(), "raw_out"));
    rules
}

fn inbound(generations: Generations) -> Vec<Rule> {
    let mut rules = vec![rule().in_by_loopback().accept(), rule().state(INVALID).jump("invalid")];
    rules.extend(related());
    rules.push(rule().state(ESTABLISHED).reply().goto("replies"));
    for family in Family::BOTH {
        let address = Part::Address(family, Position::Source);
        let grant = [address, Part::Protocol, Part::DestinationPort];
        let drain = [address, Part::SourcePort, Part::Protocol, Part::DestinationPort];
        // Without the address's type a grant would also open what is routed through this host.
        for (what, parts) in [("grant", &grant[..]), ("drain", &drain[..])] {
            let live = rule().family(family).parts_in(parts, &names::live(what, family));
            rules.push(live.destination_type(LOCAL).accept());
        }
    }
    rules.extend(generations.goto(&rule(), "in"));
    rules
}

/// Errors about a connection that is tracked (RFC 1191, RFC 8201). Redirects are related too, and are none: whoever sends
/// them would choose the way of the connection's packets.
fn related() -> [Rule; 3] {
    errors().map(|error| error.state(RELATED).accept())
}

/// Destination unreachable, time exceeded, parameter problem (RFC 792); and of IPv6 packet too big besides (RFC 4443).
fn errors() -> [Sentence; 3] {
    [
        rule().family(Family::V4).protocol(ICMP).icmp_type(3),
        rule().family(Family::V4).protocol(ICMP).icmp_types(11, 12),
        rule().family(Family::V6).protocol(ICMP6).icmp_types(1, 4),
    ]
}

/// Errors about connections to administration ports are invalid to connection tracking, which does not know them; without
/// these errors a path with a small MTU would stall ssh. They go on to the essentials.
fn invalid() -> Vec<Rule> {
    let back = errors().map(Sentence::back);
    back.into_iter().chain([rule().count("frame_invalid").discard()]).collect()
}

/// Answers pass, unless a container gives them to a client of a published port: then the policy is asked whether the
/// client may still reach that port.
fn replies() -> Vec<Rule> {
    vec![
        rule().without_destination_nat().accept(),
        rule().destination_type(LOCAL).accept(),
        rule().goto("mirror"),
    ]
}

/// What is asked about an answer: may the one who opened the connection still reach what it opened? Whoever is banned
/// gets none.
fn mirror(generations: Generations) -> Vec<Rule> {
    let mut rules = banned(&rule(), Position::Original);
    for family in Family::BOTH {
        let address = Part::Address(family, Position::Original);
        let grant = [address, Part::Protocol, Part::OriginalDestinationPort];
        let drain = [address, Part::OriginalSourcePort, Part::Protocol, Part::OriginalDestinationPort];
        for (what, parts) in [("grant", &grant[..]), ("drain", &drain[..])] {
            rules.push(rule().family(family).parts_in(parts, &names::live(what, family)).accept());
        }
    }
    rules.extend(generations.goto(&rule(), "mirror"));
    rules
}

fn outbound(generations: Generations) -> Vec<Rule> {
    let mut rules = generations.goto(&rule().out_by_loopback(), "local");
    rules.extend(related());
    rules.push(rule().reply().goto("mirror"));
    // Answers of administration ports, which no connection says are answers.
    rules.extend(banned(&rule().state(UNTRACKED).protocol(TCP), Position::Destination));
    for family in Family::BOTH {
        let address = Part::Address(family, Position::Destination);
        let drain = [address, Part::DestinationPort, Part::Protocol, Part::SourcePort];
        rules.push(rule().family(family).parts_in(&drain, &names::live("drain", family)).accept());
    }
    rules.extend(generations.goto(&rule(), "out"));
    rules
}
