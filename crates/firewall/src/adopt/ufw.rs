//! ufw: its rule files, its defaults, and what somebody changed by hand.

use super::needed::needed;
use super::ordered::{Ordered, allowed};
use super::tuple::{Action, MARK, Tuple, parse};
use super::{Effect, Imported, NotImported, built_in};
use crate::addresses::{AddressSet, Family};
use crate::foreign::Published;
use ipnet::IpNet;
use model::plan::{InterfaceName, RuleLimit, Traffic, Transport};
use std::collections::BTreeMap;
use std::time::Duration;

/// How many rules are read; a file of a person has some dozens.
const MOST: usize = 2_000;

/// The files of ufw, as text.
#[derive(Clone, Debug, Default)]
pub struct UfwFiles<'a> {
    /// `/etc/ufw/user.rules`.
    pub user_rules: &'a str,
    /// `/etc/ufw/user6.rules`.
    pub user6_rules: &'a str,
    /// `/etc/default/ufw`.
    pub default_ufw: &'a str,
    /// `/etc/ufw/ufw.conf`.
    pub ufw_conf: &'a str,
    /// `/etc/ufw/{before,before6,after,after6}.rules`.
    pub rules: Vec<RulesFile<'a>>,
    /// The interfaces of this machine: a denial for one of them becomes rules for the others.
    pub interfaces: Vec<InterfaceName>,
    /// Ports that containers publish: a route rule for one becomes an inbound rule.
    pub published: Vec<Published>,
}

/// A file of rules that administrators may edit.
#[derive(Clone, Debug, Default)]
pub struct RulesFile<'a> {
    /// Its name, such as `before6.rules`.
    pub name: &'a str,
    /// What it says.
    pub text: &'a str,
    /// What the copy in `/usr/share/ufw` says, where there is one.
    pub packaged: Option<&'a str>,
}

/// Imports the rules of ufw.
#[must_use]
pub fn ufw(files: &UfwFiles<'_>) -> Imported {
    let settings = Settings::of(files);
    let mut import = Import { files, inbound: Vec::new(), outbound: Vec::new(), result: Imported::default() };
    import.defaults(&settings);
    import.rules("user.rules", files.user_rules, Family::V4);
    if settings.ipv6 {
        import.rules("user6.rules", files.user6_rules, Family::V6);
    }
    for file in &files.rules {
        import.by_hand(file);
        let v6 = file.name == "before6.rules";
        if (v6 && settings.ipv6) || file.name == "before.rules" {
            import.result.built_in.extend(built_in::of(file.text, v6));
        }
    }
    import.finish(&settings)
}

/// What the settings say.
struct Settings {
    enabled: bool,
    ipv6: bool,
    input: bool,
    output: bool,
    forward: bool,
}

impl Settings {
    fn of(files: &UfwFiles<'_>) -> Self {
        let defaults = assignments(files.default_ufw);
        let accepts = |key, standard| match defaults.get(key) {
            Some(value) => value.eq_ignore_ascii_case("accept"),
            None => standard,
        };
        let yes = |value: Option<&String>| value.is_some_and(|value| value.eq_ignore_ascii_case("yes"));
        Self {
            enabled: yes(assignments(files.ufw_conf).get("ENABLED")),
            ipv6: yes(defaults.get("IPV6")),
            input: accepts("DEFAULT_INPUT_POLICY", false),
            output: accepts("DEFAULT_OUTPUT_POLICY", true),
            forward: accepts("DEFAULT_FORWARD_POLICY", false),
        }
    }
}

/// `KEY=value` and `KEY="value"`, as a shell reads them.
pub(super) fn assignments(text: &str) -> BTreeMap<&str, String> {
    let lines = text.lines().map(str::trim).filter(|line| !line.starts_with('#'));
    lines
        .filter_map(|line| line.split_once('='))
        .map(|(key, value)| (key.trim(), value.trim().trim_matches(['"', '\'']).to_owned()))
        .collect()
}

/// A rule and where it stands.
struct Entry {
    ordered: Ordered,
    file: &'static str,
    line: usize,
    text: String,
}

struct Import<'a> {
    files: &'a UfwFiles<'a>,
    inbound: Vec<Entry>,
    outbound: Vec<Entry>,
    result: Imported,
}

/// How a rule can be taken over.
enum Taken {
    /// As it is.
    Exactly,
    /// Without a condition that cannot be said, because it denies.
    Broader(&'static str),
    /// Not at all.
    Not(String, Effect),
}

impl Import<'_> {
    fn defaults(&mut self, settings: &Settings) {
        let notes = [
            (!settings.enabled, "ufw is not enabled: its rules are not in force"),
            (!settings.ipv6, "ufw leaves IPv6 out (IPV6=no): it refuses all of it, and so do these rules"),
            (settings.input, "ufw admits what no rule denies (DEFAULT_INPUT_POLICY is ACCEPT)"),
            (settings.forward, "ufw forwards what no rule denies (DEFAULT_FORWARD_POLICY is ACCEPT)"),
        ];
        self.result.notes.extend(notes.into_iter().filter(|(is, _)| *is).map(|(_, note)| note.to_owned()));
    }

    fn rules(&mut self, file: &'static str, text: &str, family: Family) {
        let tuples = text
            .lines()
            .enumerate()
            .filter_map(|(index, line)| Some((index + 1, line, line.trim_start().strip_prefix(MARK)?)));
        for (count, (line, text, fields)) in tuples.enumerate() {
            if count == MOST {
                self.leave(file, line, text, format!("more than {MOST} rules"), Effect::Unknown);
                return;
            }
            match parse(fields) {
                Ok(tuple) if of_family(&tuple, family) => self.rule(file, line, text, &tuple),
                Ok(_) => {
                    self.leave(file, line, text, "an address of the other family".to_owned(), Effect::None);
                }
                Err(error) => self.leave(file, line, text, error.to_string(), Effect::Unknown),
            }
        }
    }

    fn leave(&mut self, file: &str, line: usize, text: &str, why: String, effect: Effect) {
        let text = text.trim().strip_prefix(MARK).unwrap_or(text).trim().to_owned();
        self.result.not_imported.push(NotImported { file: file.to_owned(), line, text, why, effect });
    }

    fn rule(&mut self, file: &'static str, line: usize, text: &str, tuple: &Tuple) {
        if tuple.route {
            return self.route(file, line, text, tuple);
        }
        match taken(tuple) {
            Taken::Not(why, effect) => return self.leave(file, line, text, why, effect),
            Taken::Broader(why) => self.leave(file, line, text, why.to_owned(), Effect::Narrower),
            Taken::Exactly => {}
        }
        if tuple.outbound && tuple.action == Action::Limit {
            let why = "outbound rules have no limit: it is taken over without".to_owned();
            self.leave(file, line, text, why, Effect::Wider);
        }
        let ordered = ordered(tuple);
        let list = if tuple.outbound { &mut self.outbound } else { &mut self.inbound };
        list.push(Entry { ordered, file, line, text: text.to_owned() });
    }

    /// A rule about packets through the host: taken over where it is about a port that a container publishes.
    fn route(&mut self, file: &'static str, line: usize, text: &str, tuple: &Tuple) {
        let leads = |published: &&Published| {
            let port = published.to_port.or(published.ports.map(|ports| ports.0));
            published.to.is_some_and(|to| tuple.destination == IpNet::from(to))
                && published.protocol.is_some()
                && tuple.protocol == published.protocol
                && port.is_some_and(|port| tuple.destination_ports == [(port, port)])
        };
        let allows = matches!(tuple.action, Action::Allow | Action::Limit);
        let published = self.files.published.iter().find(leads).and_then(|published| published.ports);
        let (Some((first, last)), true) = (published, allows && tuple.source_ports.is_empty()) else {
            let effect = if allows { Effect::Narrower } else { Effect::Unknown };
            let why = "packets through this host: only ports that containers publish have rules".to_owned();
            return self.leave(file, line, text, why, effect);
        };
        let mut ordered = ordered(tuple);
        let transport = if tuple.protocol == Some(6) { Transport::Tcp } else { Transport::Udp };
        ordered.traffic = vec![Traffic::Ports { transport, first, last }];
        self.inbound.push(Entry { ordered, file, line, text: text.to_owned() });
    }

    /// Lines that differ from the packaged copy.
    fn by_hand(&mut self, file: &RulesFile<'_>) {
        let Some(packaged) = file.packaged else { return };
        let matters = |line: &&str| !line.is_empty() && !line.starts_with('#');
        let mut known: BTreeMap<&str, usize> = BTreeMap::new();
        for line in packaged.lines().map(str::trim).filter(matters) {
            *known.entry(line).or_default() += 1;
        }
        for (index, line) in file.text.lines().map(str::trim).enumerate().filter(|(_, line)| matters(line)) {
            match known.get_mut(line) {
                Some(count) if *count > 0 => *count -= 1,
                _ => self.leave(file.name, index + 1, line, "written by hand".to_owned(), Effect::Unknown),
            }
        }
        for (line, _) in known.into_iter().filter(|(_, count)| *count > 0) {
            self.leave(file.name, 0, line, "taken out by hand".to_owned(), Effect::Unknown);
        }
    }

    fn finish(mut self, settings: &Settings) -> Imported {
        let families =
            if settings.ipv6 { AddressSet::everything() } else { AddressSet::everything().only(Family::V4) };
        let inbound = std::mem::take(&mut self.inbound);
        let (deny, inbound) = denied_first(inbound);
        self.result.deny = deny;
        self.result.rules = needed(&self.allowed(inbound, settings.input.then(|| families.clone())));
        let outbound = std::mem::take(&mut self.outbound);
        if !settings.output || outbound.iter().any(|entry| !entry.ordered.allow) {
            self.result.outbound = Some(needed(&self.allowed(outbound, settings.output.then_some(families))));
        }
        self.result
    }

    /// The allow-only form of an order, and of what its end admits.
    fn allowed(&mut self, entries: Vec<Entry>, rest: Option<AddressSet>) -> Vec<super::ImportedRule> {
        let (mut rules, places): (Vec<Ordered>, Vec<_>) =
            entries.into_iter().map(|entry| (entry.ordered, (entry.file, entry.line, entry.text))).unzip();
        rules.extend(rest.map(|peers| Ordered {
            allow: true,
            limit: None,
            traffic: vec![Traffic::All],
            peers,
            interface: None,
            note: Some("what no rule of ufw denied".to_owned()),
        }));
        let allowed = allowed(&rules, &self.files.interfaces);
        for (index, why) in allowed.lost {
            let (file, line, text) =
                places.get(index).cloned().unwrap_or(("default/ufw", 0, "the default policy".to_owned()));
            self.leave(file, line, &text, why.to_owned(), Effect::Narrower);
        }
        allowed.rules
    }
}

fn of_family(tuple: &Tuple, family: Family) -> bool {
    [tuple.source, tuple.destination].iter().all(|net| Family::of(net.addr()) == family)
}

/// Whether a rule can be said: rules here have the other end and the destination port, and no more.
fn taken(tuple: &Tuple) -> Taken {
    let own = if tuple.outbound { tuple.source } else { tuple.destination };
    let why = if own.prefix_len() != 0 {
        "rules are for every address of this host, not for one"
    } else if !tuple.source_ports.is_empty() {
        "rules have no source port"
    } else {
        return Taken::Exactly;
    };
    match tuple.action {
        Action::Allow | Action::Limit => Taken::Not(why.to_owned(), Effect::Narrower),
        // Denying more than before is the safe side, but not where everything would be denied.
        Action::Deny | Action::Reject if !tuple.destination_ports.is_empty() => Taken::Broader(why),
        Action::Deny | Action::Reject => Taken::Not(why.to_owned(), Effect::Wider),
    }
}

fn ordered(tuple: &Tuple) -> Ordered {
    let (peers, interface) =
        if tuple.outbound { (tuple.destination, &tuple.output) } else { (tuple.source, &tuple.input) };
    let limit = RuleLimit { count: 6, period: Duration::from_secs(30) };
    Ordered {
        allow: matches!(tuple.action, Action::Allow | Action::Limit),
        limit: (tuple.action == Action::Limit && !tuple.outbound).then_some(limit),
        traffic: traffic(tuple),
        peers: AddressSet::from_prefixes([&peers]),
        interface: interface.clone(),
        note: tuple.comment.clone().or_else(|| tuple.application.clone()),
    }
}

fn traffic(tuple: &Tuple) -> Vec<Traffic> {
    let transports: &[Transport] = match (tuple.protocol, tuple.destination_ports.is_empty()) {
        (Some(6), _) => &[Transport::Tcp],
        (Some(17), _) => &[Transport::Udp],
        (Some(number), _) => return vec![Traffic::Protocol(number)],
        (None, true) => return vec![Traffic::All],
        // ufw writes a rule for each of the two.
        (None, false) => &[Transport::Tcp, Transport::Udp],
    };
    let every = [(1, u16::MAX)];
    let ports = if tuple.destination_ports.is_empty() { &every } else { tuple.destination_ports.as_slice() };
    let of = |transport: &Transport| {
        let transport = *transport;
        ports.iter().map(move |&(first, last)| Traffic::Ports {
            transport,
            first: first.max(1),
            last: last.max(1),
        })
    };
    transports.iter().flat_map(of).collect()
}

/// Takes out denials of all traffic of a source that no earlier rule admits: they are a deny list.
fn denied_first(entries: Vec<Entry>) -> (AddressSet, Vec<Entry>) {
    let (mut denied, mut admitted) = (AddressSet::empty(), AddressSet::empty());
    let mut left = Vec::with_capacity(entries.len());
    for entry in entries {
        let rule = &entry.ordered;
        if rule.allow {
            admitted = admitted.union(&rule.peers);
        } else if rule.traffic == [Traffic::All]
            && rule.interface.is_none()
            && rule.peers.intersect(&admitted).is_empty()
            && !Family::BOTH.iter().any(|&family| rule.peers.of(family).is_all_of(family))
        {
            denied = denied.union(&rule.peers);
            continue;
        }
        left.push(entry);
    }
    (denied, left)
}
