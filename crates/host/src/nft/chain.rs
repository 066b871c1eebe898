//! Chains and their rules.

use super::{
    batch::Batch,
    expression,
    kernel::{
        NF_ACCEPT, NF_DROP, NFPROTO_ARP, NFPROTO_INET, NFPROTO_NETDEV, NFT_MSG_DELCHAIN, NFT_MSG_DELRULE,
        NFT_MSG_NEWCHAIN, NFT_MSG_NEWRULE, NFTA_CHAIN_HOOK, NFTA_CHAIN_NAME, NFTA_CHAIN_POLICY,
        NFTA_CHAIN_TABLE, NFTA_CHAIN_TYPE, NFTA_HOOK_HOOKNUM, NFTA_HOOK_PRIORITY, NFTA_RULE_CHAIN,
        NFTA_RULE_EXPRESSIONS, NFTA_RULE_TABLE, NLM_F_APPEND, NLM_F_CREATE,
    },
    wire::{Attributes, Body},
};
use firewall::nft::{Base, ChainKind, Hook, Rule};

const KINDS: &[(ChainKind, &str)] =
    &[(ChainKind::Filter, "filter"), (ChainKind::Nat, "nat"), (ChainKind::Route, "route")];

// `enum nf_inet_hooks`, which bridges and IP number alike, `NF_ARP_*` and `enum nf_dev_hooks`.
const IP_HOOKS: &[Hook] =
    &[Hook::Prerouting, Hook::Input, Hook::Forward, Hook::Output, Hook::Postrouting, Hook::Ingress];
const ARP_HOOKS: &[Hook] = &[Hook::Input, Hook::Output, Hook::Forward];
const DEVICE_HOOKS: &[Hook] = &[Hook::Ingress, Hook::Egress];

/// Creates a chain, or changes the policy of a base chain.
pub(super) fn create(batch: &mut Batch, table: &str, name: &str, base: Option<Base>) {
    let mut body = Body::new(NFPROTO_INET, 0);
    body.text(NFTA_CHAIN_TABLE, table).text(NFTA_CHAIN_NAME, name);
    if let Some(base) = base {
        body.nest(NFTA_CHAIN_HOOK, |body| {
            body.u32(NFTA_HOOK_HOOKNUM, hook_number(base.hook));
            body.u32(NFTA_HOOK_PRIORITY, base.priority.cast_unsigned());
        });
        body.u32(NFTA_CHAIN_POLICY, if base.accept { NF_ACCEPT } else { NF_DROP });
        body.text(NFTA_CHAIN_TYPE, kind_name(base.kind));
    }
    batch.push(NFT_MSG_NEWCHAIN, NLM_F_CREATE, &body, format!("chain {name}"));
}

/// Deletes a chain that nothing jumps to any more, and that has no rules.
pub(super) fn delete(batch: &mut Batch, table: &str, name: &str) {
    let mut body = Body::new(NFPROTO_INET, 0);
    body.text(NFTA_CHAIN_TABLE, table).text(NFTA_CHAIN_NAME, name);
    batch.push(NFT_MSG_DELCHAIN, 0, &body, format!("the end of chain {name}"));
}

/// Deletes the rules of a chain and keeps the chain.
pub(super) fn flush(batch: &mut Batch, table: &str, name: &str) {
    batch.push(NFT_MSG_DELRULE, 0, &head(table, name), format!("to empty chain {name}"));
}

/// Appends rules.
pub(super) fn append(batch: &mut Batch, table: &str, name: &str, rules: &[Rule]) {
    for (index, rule) in rules.iter().enumerate() {
        let mut body = head(table, name);
        body.nest(NFTA_RULE_EXPRESSIONS, |body| expression::write_all(body, &rule.0));
        batch.push(
            NFT_MSG_NEWRULE,
            NLM_F_CREATE | NLM_F_APPEND,
            &body,
            format!("rule {} of chain {name}", index + 1),
        );
    }
}

fn head(table: &str, chain: &str) -> Body {
    let mut body = Body::new(NFPROTO_INET, 0);
    body.text(NFTA_RULE_TABLE, table).text(NFTA_RULE_CHAIN, chain);
    body
}

/// Where the kernel enters a chain of this family; `None` for a chain that others jump to.
pub(super) fn read_base(family: u8, data: Attributes<'_>) -> Option<Base> {
    let place = data.nest(NFTA_CHAIN_HOOK);
    let kind = data.text(NFTA_CHAIN_TYPE).unwrap_or_default();
    let hook = usize::try_from(place.u32(NFTA_HOOK_HOOKNUM)?).ok()?;
    Some(Base {
        kind: KINDS.iter().find(|(_, name)| *name == kind).map_or(ChainKind::Filter, |(kind, _)| *kind),
        hook: *hooks(family).get(hook)?,
        priority: place.u32(NFTA_HOOK_PRIORITY)?.cast_signed(),
        accept: data.u32(NFTA_CHAIN_POLICY) != Some(NF_DROP),
    })
}

/// The expressions of a rule.
pub(super) fn read_rule(data: Attributes<'_>) -> Rule {
    Rule(data.nest(NFTA_RULE_EXPRESSIONS).map(|(_, one)| expression::read(Attributes(one))).collect())
}

const fn hooks(family: u8) -> &'static [Hook] {
    match family {
        NFPROTO_ARP => ARP_HOOKS,
        NFPROTO_NETDEV => DEVICE_HOOKS,
        _ => IP_HOOKS,
    }
}

/// Of the family `inet`, in which we write.
fn hook_number(hook: Hook) -> u32 {
    let position = IP_HOOKS.iter().position(|known| *known == hook);
    position.and_then(|position| u32::try_from(position).ok()).unwrap_or(u32::MAX)
}

fn kind_name(kind: ChainKind) -> &'static str {
    KINDS.iter().find(|(known, _)| *known == kind).map_or("filter", |(_, name)| *name)
}
