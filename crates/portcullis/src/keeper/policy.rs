//! The policy of this machine: what `firewall` makes of a plan and of what was observed. The only place that calls it for
//! decisions, so that the rest of the keeper is about order and records.

use super::answer::{Change, Finding, Reach, RuleChange, Weight};
use super::caller::{Caller, Session as Carried};
use super::machine::Live;
use super::request::{Refused, Risks};
use super::tables::{self, Generation};
use firewall::checked::{Access, Checked, Lockout, Session, Way, ssh_opened, way_in_ends};
use firewall::connections::{Connection, Opener, connections_cut};
use firewall::difference::{Difference, LocalChange, difference};
use firewall::draft::{Draft, FindingKind, Severity};
use firewall::foreign::{Facts, ForeignTable, conflicts};
use firewall::identity::this_host;
use firewall::nft::Table;
use firewall::observed::{Interface, InterfaceKind, Observed};
use firewall::prove::equal;
use firewall::rule::{Direction, RuleView};
use ipnet::IpNet;
use model::plan::{Essential, InterfaceName, Name, Peer, Plan};
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

pub(crate) use firewall::compiled::Compiled;

/// Which host of the file this machine is.
pub(crate) fn host(plan: &Plan, observed: &Observed, wanted: Option<&str>) -> Result<Option<Name>, Refused> {
    this_host(&plan.policy, observed, wanted).map_err(|error| {
        let hint = error.hint();
        Refused::no(error.to_string()).with_hint(hint)
    })
}

/// The policy of this machine; `None` where the file has no `[firewall]`.
pub(crate) fn compose(plan: &Plan, host: Option<&Name>, observed: &Observed) -> Option<Draft> {
    Draft::compose(plan, host, observed)
}

/// What should be looked at, what matters most first.
pub(crate) fn findings(draft: &Draft, before: Option<&Compiled>) -> Vec<Finding> {
    let opened = ssh_opened(before, draft.compiled());
    let finding = |finding: &firewall::draft::Finding| {
        if let FindingKind::SshOpen { port } = finding.kind
            && opened.contains(&port)
        {
            return Finding::warning(opens_ssh(port), "keep a rule that names it");
        }
        let weight = match finding.severity() {
            Severity::Note => Weight::Note,
            Severity::Warning => Weight::Warning,
            Severity::Error => Weight::Error,
        };
        Finding { weight, text: placed(finding), hint: Some(finding.hint()) }
    };
    let mut findings: Vec<Finding> = draft.findings().iter().map(finding).collect();
    if let Some(end) = way_in_ends(draft.compiled()) {
        let text = format!("nobody can log in over ssh after {}: every rule for it ends then", moment(end));
        findings.push(Finding::warning(text, "keep a rule without `expires`"));
    }
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.weight));
    findings
}

/// Refuses what opens ssh to everybody because the last rule that named its port goes.
pub(crate) fn refuse_to_open_ssh(
    before: Option<&Compiled>,
    after: &Compiled,
    risks: Risks,
) -> Result<(), Refused> {
    match ssh_opened(before, after).first() {
        Some(port) if !risks.open_ssh => {
            Err(Refused::no(format!("nothing is changed: ssh on port {port} would be open to anywhere"))
                .with_hint("write a rule that names it, or accept it: `--open-ssh`"))
        }
        _ => Ok(()),
    }
}

fn opens_ssh(port: u16) -> String {
    format!(
        "ssh on port {port} would be open to anywhere: no rule names it any more, so the derived rule admits everybody"
    )
}

/// Whether anything of a prefix is on a deny list.
pub(crate) fn denies(compiled: &Compiled, source: &IpNet) -> bool {
    let denied = &compiled.canonical.denied;
    let (ranges, first, last) = match source {
        IpNet::V4(net) => (&denied.v4, net.network().to_bits().into(), net.broadcast().to_bits().into()),
        IpNet::V6(net) => (&denied.v6, net.network().to_bits(), net.broadcast().to_bits()),
    };
    // They are in ascending order and apart.
    let at = ranges.partition_point(|(_, end)| *end < first);
    ranges.get(at).is_some_and(|(start, _)| *start <= last)
}

fn moment(seconds: u64) -> String {
    crate::day::format(std::time::UNIX_EPOCH + std::time::Duration::from_secs(seconds))
}

/// A finding and where it is in the file.
fn placed(finding: &firewall::draft::Finding) -> String {
    match finding.place.line {
        0 => finding.to_string(),
        line => format!("{finding} ({}, line {line})", finding.place.file),
    }
}

/// Rules that tables of others defeat.
pub(crate) fn defeated(compiled: &Compiled, tables: &[ForeignTable], observed: &Observed) -> Vec<Finding> {
    let facts = Facts { observed: Some(observed), ..Facts::default() };
    let mut said: Vec<(String, Vec<String>)> = Vec::new();
    for conflict in conflicts(compiled, tables, &facts) {
        let what = format!("{}: {}", conflict.place, conflict.verb());
        let rule = format!("{} ({})", conflict.rule, conflict.label);
        match said.iter_mut().find(|(known, _)| *known == what) {
            Some((_, rules)) if rules.contains(&rule) => {}
            Some((_, rules)) => rules.push(rule),
            None => said.push((what, vec![rule])),
        }
    }
    let text = |(what, rules): (String, Vec<String>)| {
        let noun = if rules.len() == 1 { "rule" } else { "rules" };
        format!("{what} {noun} {}", first_few(&rules.join(", ")))
    };
    said.into_iter().map(|one| Finding::warning(text(one), DEFEATED)).collect()
}

const DEFEATED: &str = "what another table drops stays dropped: allow it there too, or switch that firewall off \
                        (`portcullis firewall adopt` takes its rules over)";

/// What is loaded where nothing was ever confirmed.
#[cfg(test)]
pub(crate) fn minimum(sshd: &[u16]) -> Compiled {
    Compiled::minimum(sshd.iter().copied(), [])
}

/// The same of this machine: essentials and the ports of its sshd.
pub(crate) fn minimum_of(observed: &Observed, kept: BTreeSet<u16>) -> Compiled {
    const USUAL: u16 = 22;
    let seen = observed.administration();
    // Before the network no sshd listens yet; it will where it did, and otherwise at the usual port.
    let ports: Vec<u16> = match (seen.is_empty(), kept.is_empty()) {
        (false, _) => seen.into_iter().collect(),
        (true, false) => kept.into_iter().collect(),
        (true, true) => vec![USUAL],
    };
    Checked::minimum(ports, containers(&observed.interfaces)).compiled().clone()
}

/// The interfaces of containers that are there.
pub(crate) fn containers(interfaces: &[Interface]) -> BTreeSet<InterfaceName> {
    let containers = interfaces.iter().filter(|one| one.kind == InterfaceKind::Containers);
    containers.map(|one| one.name.clone()).collect()
}

/// The proof that a policy locks nobody out. The sessions of the caller come with the interfaces that may carry them.
pub(crate) fn check(
    draft: Draft,
    caller: &Caller,
    sessions: &[(Carried, Vec<InterfaceName>)],
    risks: Risks,
) -> Result<Compiled, Refused> {
    let compiled = draft.compiled();
    let of = |wanted: bool| {
        move |(session, carriers): &(Carried, Vec<InterfaceName>)| {
            let is_wanted =
                |name: &&InterfaceName| compiled.admits(&by(session, Some((*name).clone()))) == wanted;
            carriers.iter().find(is_wanted).cloned()
        }
    };
    let (refused_on, admitted_on) = (of(false), of(true));
    let narrowed = sessions.iter().filter(|one| refused_on(one).is_some()).find_map(admitted_on);
    // A person who works through a multiplexer may use any of the sessions, so each of them must stay.
    let session =
        |one: &(Carried, Vec<InterfaceName>)| by(&one.0, refused_on(one).or_else(|| one.1.first().cloned()));
    let access = Access {
        sessions: sessions.iter().map(session).collect(),
        way: match (caller.console, caller.sessions.is_empty()) {
            (true, _) => Way::Console,
            (false, false) => Way::Sessions,
            (false, true) => Way::Unknown,
        },
        accept: firewall::checked::Risks {
            cut_my_session: risks.cut_my_session,
            close_last_way_in: risks.close_last_way_in,
        },
    };
    let checked = draft.check(&access).map_err(|lockout| {
        let hint = match &narrowed {
            Some(name) => format!(
                "{}; a rule on {name} admits it, but it is not certain that its packets come in by {name}",
                lockout.hint()
            ),
            None => lockout.hint(),
        };
        let end = match &lockout {
            Lockout::WayInEnds { end, .. } => format!(", the last one on {}", moment(*end)),
            _ => String::new(),
        };
        Refused::no(format!("nothing is changed: {lockout}{end}")).with_hint(hint)
    })?;
    Ok(checked.compiled().clone())
}

/// The interfaces that packets of a session may come in by. The one that answers leave by and the one that has the
/// address of the session are mostly the same; where they differ it may be either. Where one of them is not known it
/// may be any, but interfaces of containers carry containers alone.
pub(crate) fn carriers(
    interfaces: &[Interface],
    session: &Carried,
    route: Option<InterfaceName>,
) -> Vec<InterfaceName> {
    let (local, peer) = (session.local.ip().to_canonical(), session.peer.ip().to_canonical());
    // Loopback carries nothing from elsewhere: an address that it has may be asked for by any interface.
    let has = |one: &&Interface| {
        one.kind != InterfaceKind::Loopback && one.addresses.iter().any(|own| own.addr() == local)
    };
    if let (Some(own), Some(route)) = (interfaces.iter().find(has), route) {
        let mut both = vec![own.name.clone(), route];
        both.dedup();
        return both;
    }
    let carries = |one: &&Interface| {
        one.name.0 != "lo"
            && (one.kind != InterfaceKind::Containers || one.addresses.iter().any(|net| net.contains(&peer)))
    };
    interfaces.iter().filter(carries).map(|one| one.name.clone()).collect()
}

/// A session whose packets come in by an interface.
fn by(session: &Carried, interface: Option<InterfaceName>) -> Session {
    Session { peer: session.peer, local: session.local, interface, operators: true }
}

/// Live connections that new packets forbid. A flow that the packets before forbid as well has no socket that could tell
/// whether it goes on, and is over.
pub(crate) fn forbidden(before: Option<&Compiled>, after: &Compiled, live: &[Live]) -> Vec<Live> {
    let is_cut = |by: &Compiled, live: &Live| {
        !connections_cut(None, by, std::slice::from_ref(&live.connection)).is_empty()
    };
    let lives = |live: &Live| live.socket.is_some() || before.is_none_or(|before| !is_cut(before, live));
    live.iter().filter(|live| is_cut(after, live) && lives(live)).cloned().collect()
}

/// Whether a policy admits what a peer sends to a port of this machine, by whatever interface: answers are judged without
/// one as well.
pub(crate) fn admits(policy: &Compiled, (peer, protocol, port): (SocketAddr, u8, u16)) -> bool {
    let unspecified = match peer.ip() {
        IpAddr::V4(_) => IpAddr::from([0; 4]),
        IpAddr::V6(_) => IpAddr::from([0; 16]),
    };
    let local = SocketAddr::new(unspecified, port);
    let by = |interface| Connection { protocol, local, peer, opened_by: Opener::Peer, interface };
    let named = policy.canonical.inbound.interfaces.keys().cloned().map(Some);
    let mut ways = std::iter::once(None).chain(named).map(by);
    ways.any(|one| connections_cut(None, policy, &[one]).is_empty())
}

/// Interfaces as a policy knows them: those that its file names as containers' are.
pub(crate) fn interfaces(seen: &[Interface], policy: &Compiled) -> Vec<Interface> {
    let known = |one: &Interface| policy.canonical.containers.contains(&one.name);
    let kind = |one: &Interface| if known(one) { InterfaceKind::Containers } else { one.kind };
    seen.iter().map(|one| Interface { kind: kind(one), ..one.clone() }).collect()
}

/// Proves that the table that was read back is the one that was given, and that it means the policy.
pub(crate) fn prove(
    read: &Table,
    wanted: &Table,
    before: Option<Generation<'_>>,
    new: Generation<'_>,
) -> Result<(), String> {
    let (read, wanted) = (host::nft::steady(read.clone()), host::nft::steady(wanted.clone()));
    if read != wanted {
        return Err(first_difference(&read, &wanted));
    }
    match before {
        Some(before) => equal(&read, &before.in_slot(), Some(&new.in_slot())),
        // Beside a first policy on trial stands a generation that means nothing.
        // That one was compared with `==`; the new slot reads as it will alone, and that means the policy.
        None if tables::holds(&read, new.slot.other()) => {
            let alone = host::nft::steady(tables::alone(new));
            if !tables::has_slot_of(&read, &alone, new.slot) {
                return Err("the policy on trial is another one than it will be alone".to_owned());
            }
            equal(&alone, &new.in_slot(), None)
        }
        None => equal(&read, &new.in_slot(), None),
    }
    .map_err(|difference| difference.to_string())
}

/// Where two tables differ first, by name.
fn first_difference(read: &Table, wanted: &Table) -> String {
    let chains = differing("chain", &read.chains, &wanted.chains);
    let sets = differing("set", &read.sets, &wanted.sets);
    chains.or(sets).unwrap_or_else(|| "its counters are others".to_owned())
}

fn differing<T: PartialEq>(
    kind: &str,
    read: &BTreeMap<String, T>,
    wanted: &BTreeMap<String, T>,
) -> Option<String> {
    let names = read.keys().chain(wanted.keys());
    let name = names.into_iter().find(|name| read.get(*name) != wanted.get(*name))?;
    Some(match (read.contains_key(name), wanted.contains_key(name)) {
        (true, true) => format!("{kind} {name} is another one"),
        (true, false) => format!("{kind} {name} should not be there"),
        _ => format!("{kind} {name} is missing"),
    })
}

/// What deny lists in files say; a file that cannot be read is a finding of the draft.
pub(crate) fn lists(plan: &Plan) -> BTreeMap<PathBuf, Result<Vec<IpNet>, String>> {
    let deny = plan.policy.firewall.iter().flat_map(|firewall| &firewall.deny);
    let files = deny.filter_map(|peer| match peer {
        Peer::File(path) => Some(path),
        _ => None,
    });
    let read = |path: &PathBuf| super::banning::read_list(path).map_err(|error| error.to_string());
    files.map(|path| (path.clone(), read(path))).collect()
}

/// What a new policy changes, for people and programs.
pub(crate) struct Changes {
    pub(crate) rules: Vec<RuleChange>,
    pub(crate) opens: Vec<Reach>,
    pub(crate) closes: Vec<Reach>,
    pub(crate) other: Vec<String>,
}

/// Compares two policies.
pub(crate) fn changes(before: Option<&Compiled>, after: Option<&Compiled>) -> Changes {
    let nothing = Changes { rules: Vec::new(), opens: Vec::new(), closes: Vec::new(), other: Vec::new() };
    let Some(after) = after else { return nothing };
    let difference = difference(before, after);
    let added = difference.added.iter().map(|rule| change(Change::Added, rule, None));
    let changed = difference.changed.iter();
    let changed = changed.map(|(old, new)| {
        let said = Some(text(old)).filter(|old| *old != text(new));
        let owned = Some(old.owner.to_string()).filter(|old| *old != new.owner.to_string());
        change(Change::Changed, new, said.or(owned))
    });
    let removed = difference.removed.iter().map(|rule| change(Change::Removed, rule, None));
    let directions = [&difference.inbound, &difference.outbound, &difference.containers];
    let opens = directions.iter().flat_map(|one| &one.opened).map(reach);
    let closes = directions.iter().flat_map(|one| &one.closed).map(reach);
    Changes {
        rules: added.chain(changed).chain(removed).collect(),
        opens: opens.collect(),
        closes: closes.collect(),
        other: other(&difference),
    }
}

/// What changes besides rules and what they admit, one line each.
fn other(difference: &Difference) -> Vec<String> {
    let mut lines = Vec::new();
    let directions = [&difference.inbound, &difference.outbound, &difference.containers];
    lines.extend(
        directions
            .iter()
            .flat_map(|one| &one.conditions)
            .map(|reach| format!("~ {reach}: other limits or ends")),
    );
    lines.extend(difference.local_closed.iter().map(|one| match &one.users {
        Some(users) => format!("- {} on this machine: only for {}", local(one), users_text(users)),
        None => format!("- {} on this machine", local(one)),
    }));
    lines.extend(
        difference
            .local_opened
            .iter()
            .map(|one| format!("+ {} on this machine: for local users too", local(one))),
    );
    if !difference.denied.is_empty() {
        lines.push(format!("- denied before any rule: {}", difference.denied));
    }
    if !difference.no_longer_denied.is_empty() {
        lines.push(format!("+ not denied any more: {}", difference.no_longer_denied));
    }
    let essential = |sign: char, one: &Essential, what: &str| format!("{sign} {}: {what}", one.name());
    if !difference.first {
        lines.extend(difference.essentials_on.iter().map(|one| essential('+', one, "passes")));
    }
    lines.extend(
        difference.essentials_off.iter().map(|one| essential('-', one, "is not an essential any more")),
    );
    lines.extend(difference.names_opened.iter().map(|one| format!("+ to {} (rule {})", one.name, one.rule)));
    lines.extend(difference.names_closed.iter().map(|one| format!("- to {} (rule {})", one.name, one.rule)));
    lines
}

fn local(change: &LocalChange) -> String {
    let protocol = if change.port.protocol == 17 { "udp" } else { "tcp" };
    format!("{}/{protocol} of {}", change.port.port, change.service)
}

fn users_text(users: &BTreeSet<u32>) -> String {
    let names = users.iter().map(|user| if *user == 0 { "root".to_owned() } else { format!("uid {user}") });
    names.collect::<Vec<_>>().join(", ")
}

fn reach(reach: &firewall::difference::Reach) -> Reach {
    let line = reach.to_string();
    let (what, peers) = line.split_once(" from ").or_else(|| line.split_once(" to ")).unwrap_or((&line, ""));
    let word = if line.contains(" from ") { "from" } else { "to" };
    let prefixes = reach.peers.clone().into();
    Reach { what: what.to_owned(), peers: format!("{word} {peers}"), prefixes }
}

fn change(change: Change, rule: &RuleView, before: Option<String>) -> RuleChange {
    RuleChange {
        change,
        rule: rule.id.to_string(),
        text: text(rule),
        prefixes: rule.peers.clone().into(),
        before,
        owner: rule.owner.to_string(),
        note: rule.note.clone(),
    }
}

/// Words of a list that are shown before it is said how many more there are.
const SHOWN: usize = 4;

/// A list as it was written, or the beginning of a long one.
fn first_few(list: &str) -> String {
    let words: Vec<&str> = list.split(", ").collect();
    match words.len().saturating_sub(SHOWN) {
        // One more word is as short as saying so.
        0 | 1 => list.to_owned(),
        more => format!("{} and {more} more", words[..SHOWN].join(", ")),
    }
}

/// The other end as it was written; a long list of prefixes is said as the set that it is.
fn peers(rule: &RuleView) -> String {
    let written: Vec<&str> = rule.peers_text.split(", ").collect();
    if written.len() > SHOWN && written.iter().all(|peer| crate::cli::source(peer).is_ok()) {
        rule.peers.to_string()
    } else {
        first_few(&rule.peers_text)
    }
}

/// A rule in words: `allow 8080/tcp from frontend on eth0, at most 6 each 30s`.
pub(crate) fn text(rule: &RuleView) -> String {
    let (way, whose) = match rule.direction {
        Direction::Inbound => ("from", ""),
        Direction::Outbound => ("to", ""),
        Direction::ContainerOutbound => ("to", "containers: "),
    };
    let mut text = format!("{whose}allow {} {way} {}", first_few(&rule.label), peers(rule));
    if let Some(interface) = &rule.interface {
        text += &format!(" on {interface}");
    }
    if let Some(limit) = rule.limit {
        text += &format!(", at most {} in {}", limit.count, crate::span::text(limit.period.as_secs()));
    }
    if let Some(end) = rule.expires {
        text += &format!(", until {}", moment(end));
    }
    text
}
