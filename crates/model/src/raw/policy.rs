//! The sections about who may reach what: `[group]`, `[network]`, `[host]`, `[firewall]` and `[nat]`.

use super::choice::choice;
use super::decode::{Decode, Decoder, List, OneOrMany, Text};
use super::section::section;
use super::tree::{Node, Value};
use super::units::{SECOND, Time};
use crate::plan::TRIAL_SECONDS;
use serde_json::{Value as Json, json};

/// An hour in milliseconds.
const HOUR: u64 = 3_600_000;

section! {
    /// A security group: what its members admit, and what they may reach.
    pub(crate) struct Group = "a group", later [];
    /// What it is for.
    description: Text,
    /// Who may reach its members; a rule is a table, or a string that is its `allow`.
    inbound: List<RuleEntry> = "[]",
    /// What its members may reach; everything, unless a group that they carry has this key.
    outbound: List<RuleEntry>,
}

/// Prefixes of `[network]`: one or a list.
pub(crate) type Prefixes = OneOrMany<Text>;

section! {
    /// A machine.
    pub(crate) struct Host = "a host", later [];
    /// The addresses on its interfaces, which are what peers see.
    addresses: OneOrMany<Text> = "[]",
    /// Addresses of a NAT in front of it.
    public: OneOrMany<Text> = "[]",
    /// The groups that it carries.
    groups: OneOrMany<Text> = "[]",
}

section! {
    /// The packet filter of this machine; where it is written, what no rule allows is refused.
    pub(crate) struct Firewall = "`[firewall]`", later [];
    /// How long a new policy is on trial before the kernel goes back to the one before by itself.
    confirm: Time<{ *TRIAL_SECONDS.start() * SECOND }, { *TRIAL_SECONDS.end() * SECOND }> = "\"60s\"",
    /// Rules for the machine that reads the file, whatever groups it carries.
    inbound: List<RuleEntry> = "[]",
    /// What this machine may reach; everything, unless a group that it carries has `outbound`.
    outbound: List<RuleEntry>,
    /// Sources that are refused before any rule is asked: prefixes, networks, and files with one prefix a line.
    deny: OneOrMany<Text> = "[]",
    /// Interfaces of containers that are not recognised by their names; `*` at the end stands for any rest.
    containers: OneOrMany<Text> = "[]",
    /// What containers may reach; everything unless written.
    container_outbound: List<RuleEntry>,
    /// Essentials that are switched off.
    without: List<Essential> = "[]",
    /// How long connections that a new policy forbids go on; zero cuts them at once.
    drain: Time<0, HOUR> = "\"0s\"",
}

choice! {
    /// Traffic without which a host does not work.
    pub(crate) enum Essential {
        IcmpErrors = "icmp-errors",
        Ping = "ping",
        NeighborDiscovery = "neighbor-discovery",
        RouterAdvertisements = "router-advertisements",
        MulticastListener = "multicast-listener",
        DhcpClient = "dhcp-client",
        ContainerServices = "container-services",
        Resolvers = "resolvers",
        Time = "time",
    }
}

section! {
    /// A gateway: other hosts reach the network through this one.
    pub(crate) struct Nat = "`[nat]`", later [];
    /// Interfaces of the private side; what comes from there may leave through this host.
    inside: OneOrMany<Text> = "[]",
    /// Prefixes and networks that leave with this host's address.
    masquerade: OneOrMany<Text> = "[]",
    /// Ports of this host that lead to another.
    forward: List<Forward> = "[]",
}

section! {
    /// A port of this host that leads to another host.
    pub(crate) struct Forward = "a forward", later [];
    /// The port here, such as `"8080/tcp"`; required.
    port: Text,
    /// The address or the `[host]` that it leads to, with another port where it is not the same; required.
    to: Text,
    /// Who may use it.
    from: OneOrMany<Text> = "\"anywhere\"",
    /// The only interface that it is about.
    on: Text,
    /// New connections of each source, such as `"6/30s"`; above that they are refused.
    limit: Text,
    /// What it is for.
    note: Text,
    /// When it ends, such as `2026-12-31T18:00:00Z`; a date lasts to its end in UTC.
    expires: Moment,
    /// Its identity in counters and commands.
    id: Text,
}

section! {
    /// Traffic that is allowed.
    pub(crate) struct RuleKeys = "a rule", later [];
    /// Protocol and ports, such as `"ssh"`, `"80,443/tcp"` or `"icmp/echo-request"`; required.
    allow: OneOrMany<Text>,
    /// Inbound: from whom.
    from: OneOrMany<Text> = "\"anywhere\"",
    /// Outbound: to whom.
    to: OneOrMany<Text> = "\"anywhere\"",
    /// The only interface that it is about.
    on: Text,
    /// Inbound: new connections of each source, such as `"6/30s"`; above that they are refused.
    limit: Text,
    /// What it is for.
    note: Text,
    /// When it ends, such as `2026-12-31T18:00:00Z`; a date lasts to its end in UTC.
    expires: Moment,
    /// Its identity in counters and commands; made from what it says unless written.
    id: Text,
}

/// A rule in its short or long form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum RuleEntry {
    Short(Text),
    Long(Box<RuleKeys>),
}

impl Decode for RuleEntry {
    fn expected() -> String {
        "a string such as \"ssh\", or a table with `allow` (a rule)".to_owned()
    }

    fn schema() -> Json {
        json!({ "anyOf": [Text::schema(), { "$ref": "#/$defs/rule" }] })
    }

    fn kind() -> String {
        "rule".to_owned()
    }

    fn decode(node: &Node, decoder: &mut Decoder<'_>) -> Option<Self> {
        match node.value {
            Value::Text(_) => Text::decode(node, decoder).map(Self::Short),
            Value::Table(_) => RuleKeys::decode(node, decoder).map(|keys| Self::Long(Box::new(keys))),
            _ => {
                decoder.wrong_type(node, &Self::expected());
                None
            }
        }
    }
}

/// A moment as it is written, with or without quotes. What it means is decided by the lowering.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Moment(pub(crate) Text);

impl Decode for Moment {
    fn expected() -> String {
        "a date and time such as 2026-12-31T18:00:00Z".to_owned()
    }

    fn schema() -> Json {
        json!({ "type": "string", "anyOf": [{ "format": "date-time" }, { "format": "date" }] })
    }

    fn kind() -> String {
        "date and time".to_owned()
    }

    fn decode(node: &Node, decoder: &mut Decoder<'_>) -> Option<Self> {
        if matches!(node.value, Value::Date) {
            let written = decoder.source.slice(node.at.range()).to_owned();
            return Some(Self(Text::new(written, node.at, decoder.source)));
        }
        decoder.text(node, &Self::expected()).map(Self)
    }
}
