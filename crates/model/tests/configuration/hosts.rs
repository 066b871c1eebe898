//! What one host serves, and identities of rules that outlive changes of the file.

use model::compile_text;
use model::plan::{Name, Plan};
use std::collections::BTreeSet;
use std::fmt::Write;

fn plan(text: &str) -> Plan {
    let compiled = compile_text("portcullis.toml", text);
    compiled.plan.unwrap_or_else(|| panic!("{text}\n{}", compiled.problems.render(false)))
}

const TWO_HOSTS: &str = "
[site.'a.test']
on = 'web'
routes = { '/' = 'first', '/x' = 'localhost:9', '/y' = { respond = 'y' } }
[site.'b.test']
on = 'pay'
routes = { '/' = 'second', '/z/' = 'first' }
[service.second]
instances = ['pay:80']
[service.first]
instances = ['web:80']
[host.web]
addresses = '10.0.0.1'
[host.pay]
addresses = '10.0.0.2'
";

fn of(plan: &Plan, host: &str) -> (Vec<String>, Vec<String>) {
    let here = plan.of_host(Some(&Name(host.to_owned())));
    assert_eq!(here.policy, plan.policy, "the policy stays whole");
    let routes = here.sites.iter().flat_map(|site| &site.routes).map(|route| {
        let service = route.handler.service().map(|service| here.services[service.0].name.as_str());
        format!("{} {}", route.pattern, service.unwrap_or("-"))
    });
    (routes.collect(), here.services.iter().map(|service| service.name.clone()).collect())
}

fn owned(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

#[test]
fn a_host_serves_its_own_sites_with_their_services() {
    let plan = plan(TWO_HOSTS);
    assert_eq!(
        of(&plan, "web"),
        (owned(&["/ first", "/x localhost:9", "/y -"]), owned(&["first", "localhost:9"]))
    );
    assert_eq!(of(&plan, "pay"), (owned(&["/ second", "/z/ first"]), owned(&["second", "first"])));
    assert_eq!(of(&plan, "other"), (Vec::new(), Vec::new()));
    assert!(
        plan.of_host(None).sites.is_empty(),
        "a machine that the file does not name serves nothing of it"
    );
}

#[test]
fn a_file_without_hosts_is_served_as_it_is() {
    let plan = plan("[site]\n'a.test' = 'localhost:1'\n'b.test' = 'localhost:2'\n");
    assert_eq!(plan.of_host(None), plan);
    assert_eq!(plan.of_host(Some(&Name("any".to_owned()))), plan);
}

/// The ids of `[firewall] inbound`.
fn ids(rules: &str) -> BTreeSet<String> {
    let plan = plan(&format!("[firewall]\ninbound = [{rules}]\n[network]\nlan = '10.0.0.0/8'\n"));
    plan.policy.firewall.unwrap().inbound.iter().map(|rule| rule.id.to_string()).collect()
}

#[test]
fn an_id_stays_when_its_rule_moves_or_is_told_differently() {
    let first = ids("{ allow = 'ssh', from = ['lan', '192.0.2.1'] }, 'http'");
    let same = [
        "'http', { allow = 'ssh', from = ['lan', '192.0.2.1'] }",
        "'80/tcp', { allow = '22/tcp', from = ['192.0.2.1/32', 'lan'], note = 'admins' }",
        "{ allow = ['80-80/tcp'], limit = '1/s' }, { allow = 'ssh', from = ['192.0.2.1', 'lan'], expires = 2030-01-01 }",
    ];
    for rules in same {
        assert_eq!(ids(rules), first, "{rules}");
    }
    for rules in ["{ allow = 'ssh', from = 'lan' }", "{ allow = 'http', on = 'eth0' }", "'http3'"] {
        assert!(ids(rules).is_disjoint(&first), "{rules}");
    }
}

#[test]
fn rules_that_differ_in_their_limit_alone_are_told_apart_in_any_order() {
    let rules = ["{ allow = 'ssh', limit = '6/30s' }", "'ssh'", "{ allow = 'ssh', expires = 2030-01-01 }"];
    let forth = ids(&rules.join(", "));
    let back = ids(&rules.iter().rev().copied().collect::<Vec<_>>().join(", "));
    assert_eq!(forth, back);
    assert_eq!(forth.len(), 3);
}

#[test]
fn an_id_that_is_written_is_never_made_for_another_rule() {
    let made = ids("'ssh'").into_iter().next().unwrap();
    let both = ids(&format!("'ssh', {{ allow = 'http', id = '{made}' }}"));
    assert_eq!(both.len(), 2);
    assert!(both.contains(&made));
}

#[test]
fn ids_are_short_unique_and_stable_for_thousands_of_rules() {
    let mut text = String::from("[firewall]\ninbound = [\n");
    for number in 0..2_000_u32 {
        let [.., a, b] = number.to_be_bytes();
        writeln!(text, "  {{ allow = \"{}/tcp\", from = \"10.0.{a}.{b}\" }},", 1000 + number).unwrap();
    }
    let policy = plan(&(text + "]\n")).policy;
    let rules = policy.firewall.unwrap().inbound;
    let ids: BTreeSet<&str> = rules.iter().map(|rule| rule.id.0.as_str()).collect();
    assert_eq!(ids.len(), 2_000);
    assert!(ids.iter().all(|id| id.len() <= 32));
    assert_eq!(rules[0].id.0, "1000-tcp-65862f76");
}
