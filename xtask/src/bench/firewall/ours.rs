//! The firewall of Portcullis in a host of the lab: the way of a policy as the product goes it, each step timed.

use super::timed;
use firewall::compile::elements;
use firewall::compile::{InSlot, Slot, table};
use firewall::draft::Draft;
use firewall::nft::{TABLE, Table};
use firewall::observed::{Interface, InterfaceKind, Observed};
use firewall::prove;
use host::nft::{Nft, Ownership, Replacement, SetOf};
use ipnet::IpNet;
use model::plan::{Firewall, InterfaceName, Peer, Place, Plan, Rule, RuleId, Traffic, Transport};
use std::error::Error;
use std::net::Ipv4Addr;
use std::time::Duration;
use testkit::lab::{Host, cost};

/// The steps of one application.
#[derive(Clone, Copy, Debug)]
pub(super) struct Steps {
    /// From the plan to the table.
    pub(super) compile: Duration,
    /// Encoding and the transaction in the kernel.
    pub(super) transaction: Duration,
    /// Reading the table back.
    pub(super) read: Duration,
    /// The proof that it means the policy.
    pub(super) proof: Duration,
}

impl Steps {
    pub(super) const NONE: Self = Self {
        compile: Duration::ZERO,
        transaction: Duration::ZERO,
        read: Duration::ZERO,
        proof: Duration::ZERO,
    };

    /// All steps, one after the other.
    pub(super) fn total(self) -> Duration {
        self.compile + self.transaction + self.read + self.proof
    }
}

/// The table of a host.
pub(super) struct Ours {
    nft: Nft,
    slot: Slot,
    current: Option<Table>,
}

impl Ours {
    pub(super) fn new(host: &Host) -> Result<Self, Box<dyn Error>> {
        Ok(Self { nft: host.run(Nft::open)?, slot: Slot::B, current: None })
    }

    /// Applies a plan in place of the one before it.
    pub(super) fn apply(&mut self, plan: &Plan) -> Result<Steps, Box<dyn Error>> {
        let slot = self.slot.other();
        let mut made = None;
        let compile = timed(|| {
            made = Draft::compose(plan, None, &observed()).map(|draft| {
                let canonical = draft.compiled().canonical.clone();
                let table = table(&InSlot { slot, canonical: &canonical }, None);
                (canonical, table)
            });
        });
        let (canonical, wanted) = made.ok_or("the plan has no firewall")?;
        let replacement = Replacement::new(self.current.as_ref(), &wanted);
        let mut done = Ok(None);
        let transaction = timed(|| done = self.nft.replace(&replacement, Ownership::OwnerPersist));
        done?;
        let mut read_back = Ok(None);
        let read = timed(|| read_back = self.nft.read_steady(TABLE));
        let found = read_back?.ok_or("the table is not there")?;
        let mut proved = Ok(());
        let generation = InSlot { slot, canonical: &canonical };
        let proof = timed(|| proved = prove::equal(&found, &generation, None));
        proved?;
        (self.slot, self.current) = (slot, Some(found));
        Ok(Steps { compile, transaction, read, proof })
    }

    /// Bans so many addresses, of 10.0.0.0/8 from this one on.
    pub(super) fn ban(&mut self, from: u32, count: u32) -> Result<Duration, Box<dyn Error>> {
        let ban = |low: u32| elements::ban(Ipv4Addr::from(0x0a00_0000 + low).into()).lasting(A_DAY);
        let bans: Vec<_> = (from..from + count).map(|low| ban(low).element).collect();
        let table = self.current.as_ref().ok_or("no policy is in force")?;
        let set = SetOf { table: TABLE, name: "ban4", set: &table.sets["ban4"] };
        let mut done = Ok(());
        let time = timed(|| done = self.nft.add_elements(set, &bans));
        done?;
        let last = bans.last().ok_or("no bans")?;
        self.nft.find(set, &last.first)?.ok_or("the ban is not there")?;
        Ok(time)
    }
}

const A_DAY: Duration = Duration::from_secs(86_400);

/// The rules of the rivals as a plan.
pub(super) fn plan(rules: u16) -> Plan {
    let rule = |(source, port): (Ipv4Addr, u16)| Rule {
        id: RuleId(format!("rule-{port}")),
        label: format!("{port}/udp"),
        traffic: vec![Traffic::Ports { transport: Transport::Udp, first: port, last: port }],
        peers: vec![Peer::Prefix(IpNet::from(std::net::IpAddr::from(source)))],
        interface: None,
        limit: None,
        note: None,
        expires: None,
        place: Place::default(),
    };
    let firewall = Firewall {
        confirm: Duration::from_secs(60),
        inbound: cost::sources_and_ports(rules).map(rule).collect(),
        outbound: None,
        deny: Vec::new(),
        deny_files: std::collections::BTreeMap::new(),
        containers: Vec::new(),
        container_outbound: None,
        without: Vec::new(),
        drain: Duration::ZERO,
        place: Place::default(),
    };
    let mut plan = Plan::default();
    plan.policy.firewall = Some(firewall);
    plan
}

fn observed() -> Observed {
    let eth0 = Interface {
        name: InterfaceName("eth0".to_owned()),
        addresses: "192.0.2.1/24".parse().into_iter().collect(),
        kind: InterfaceKind::Other,
    };
    Observed { interfaces: vec![eth0], ..Observed::default() }
}
