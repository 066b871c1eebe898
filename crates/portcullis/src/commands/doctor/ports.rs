//! Whether the ports of the plan are free, and who has those that are not.

use super::World;
use super::finding::Finding;
use crate::taken::{TCP, Taken, UDP, who_has};
use firewall::draft::site_ports;
use model::plan::{Plan, Transport};
use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};

const PART: &str = "ports";

pub(super) fn look(world: &World) -> Vec<Finding> {
    // What the running gate has, it has; another holder beside it cannot be.
    if world.is_running {
        return vec![Finding::good(PART, "a gate runs and has them")];
    }
    let wanted = wanted(&world.plan);
    let held =
        wanted.iter().filter_map(|(protocol, local)| Some((*protocol, *local, who_has(*protocol, *local)?)));
    let mut findings = judge(held.collect());
    if findings.is_empty() && !wanted.is_empty() {
        findings.push(Finding::good(PART, format!("free: {}", texts(&wanted))));
    }
    findings
}

/// Protocol and address of every socket that the gate will open.
fn wanted(plan: &Plan) -> BTreeSet<(u8, SocketAddr)> {
    let everywhere = |protocol: u8, port: u16| {
        plan.listen.addresses.iter().map(move |address| (protocol, SocketAddr::new(*address, port)))
    };
    let sites = plan.sites.iter().flat_map(|site| site_ports(site, &plan.listen));
    let mut wanted: BTreeSet<_> = sites.flat_map(|port| everywhere(TCP, port)).collect();
    for stream in &plan.streams {
        let protocol = if stream.listen.transport == Transport::Udp { UDP } else { TCP };
        match stream.listen.address {
            Some(address) => drop(wanted.insert((protocol, SocketAddr::new(address, stream.listen.port)))),
            None => wanted.extend(everywhere(protocol, stream.listen.port)),
        }
    }
    wanted
}

/// One finding for each port and holder, whichever addresses it has.
fn judge(held: Vec<(u8, SocketAddr, Taken)>) -> Vec<Finding> {
    let mut findings: Vec<Finding> = Vec::new();
    for (protocol, local, taken) in held {
        let found = format!("{} is taken: {} has it", port(protocol, local), taken.by);
        if !findings.iter().any(|finding| finding.found == found) {
            findings.push(Finding::problem(PART, found, taken.freed_by));
        }
    }
    findings
}

/// Ports alone where they are wanted at any address.
fn texts(wanted: &BTreeSet<(u8, SocketAddr)>) -> String {
    let texts = wanted.iter().map(|(protocol, local)| match local.ip().is_unspecified() {
        true => port(*protocol, *local),
        false => format!("{local}/{}", transport(*protocol)),
    });
    let mut seen = Vec::new();
    for text in texts {
        if !seen.contains(&text) {
            seen.push(text);
        }
    }
    seen.join(", ")
}

fn port(protocol: u8, local: SocketAddr) -> String {
    format!("{}/{}", local.port(), transport(protocol))
}

const fn transport(protocol: u8) -> &'static str {
    if protocol == UDP { "udp" } else { "tcp" }
}

/// The addresses on which the gate listens are of no use to others where they are loopback alone.
pub(super) fn is_public(plan: &Plan) -> bool {
    !plan.listen.addresses.iter().all(IpAddr::is_loopback)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(text: &str) -> Plan {
        let folder = testkit::Folder::new();
        let path = folder.write("portcullis.toml", text);
        // Root obeys what root owns.
        model::compile(&path, &crate::configuration::MACHINE).plan.expect("a good file")
    }

    #[test]
    fn every_port_of_sites_and_streams_is_wanted() {
        let plan = plan(
            "[site]\n\"a.test\" = \"localhost:1\"\n\":8080\" = \"localhost:1\"\n\
             [stream.dns]\nlisten = \"53/udp\"\ninstances = [\"localhost:2\"]\n\
             [stream.sql]\nlisten = \"127.0.0.1:5432\"\ninstances = [\"localhost:3\"]\n",
        );
        assert_eq!(texts(&wanted(&plan)), "80/tcp, 443/tcp, 8080/tcp, 127.0.0.1:5432/tcp, 53/udp");
        assert!(is_public(&plan));
    }

    #[test]
    fn a_holder_of_both_families_is_told_once() {
        let taken = Taken { by: "nginx (process 8)".to_owned(), freed_by: "`kill 8`".to_owned() };
        let held =
            ["0.0.0.0:80", "[::]:80"].map(|local| (TCP, local.parse().expect("an address"), taken.clone()));
        let findings = judge(held.to_vec());
        assert_eq!(findings.len(), 1);
        assert_eq!(findings[0].found, "80/tcp is taken: nginx (process 8) has it");
        assert_eq!(findings[0].remedy.as_deref(), Some("`kill 8`"));
    }
}
