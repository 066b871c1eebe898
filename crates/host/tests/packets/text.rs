//! Policies of files, on a server with the legs of [`place`](crate::place) or with those of a lab's world.

use firewall::canonical::Canonical;
use firewall::draft::Draft;
use firewall::observed::{Interface, InterfaceKind, Listener, Observed};
use model::plan::{InterfaceName, Plan};

/// The user of the gate.
pub(crate) const GATE: u32 = 990;

/// The plan of a file.
pub(crate) fn plan(text: &str) -> Plan {
    let compiled = model::compile_text("portcullis.toml", text);
    assert!(compiled.plan.is_some(), "{:?}\n{text}", compiled.problems);
    compiled.plan.expect("just looked")
}

/// The policy of a plan.
pub(crate) fn canonical(plan: &Plan) -> Canonical {
    let draft = Draft::compose(plan, None, &observed()).expect("the plan has a firewall");
    draft.compiled().canonical.clone()
}

/// The policy of inbound rules.
pub(crate) fn inbound(rules: &[&str]) -> Canonical {
    canonical(&plan(&format!("[firewall]\ninbound = [{}]\n", rules.join(", "))))
}

fn observed() -> Observed {
    let interface = |(name, kind, addresses): (&str, InterfaceKind, &[&str])| Interface {
        name: InterfaceName(name.to_owned()),
        addresses: addresses.iter().map(|text| text.parse().expect("an address")).collect(),
        kind,
    };
    let interfaces = [
        ("lo", InterfaceKind::Loopback, &["127.0.0.1/8", "::1/128"][..]),
        ("eth0", InterfaceKind::Other, &["192.0.2.1/24", "2001:db8::1/64"]),
        ("docker0", InterfaceKind::Containers, &["172.17.0.1/16", "fd00:d0c::1/64"]),
    ];
    let sshd = |local: &str| Listener {
        protocol: 6,
        local: local.parse().expect("an address"),
        user: 0,
        program: Some("sshd".to_owned()),
        process: None,
    };
    Observed {
        interfaces: interfaces.into_iter().map(interface).collect(),
        listeners: vec![sshd("0.0.0.0:22"), sshd("[::]:22")],
        gate_user: GATE,
        forwarding: true,
        now: crate::kernel::now(),
        ..Observed::default()
    }
}
