//! Programs that do the same work: other firewalls, and web servers that will want the ports when the machine starts.

use super::World;
use super::finding::Finding;
use std::fs;
use std::path::Path;

const PART: &str = "others";

/// A unit that decides about packets, and what it does to ours.
const FIREWALLS: [(&str, &str, &str); 3] = [
    (
        "ufw",
        "a packet passes only where both let it",
        "`portcullis firewall adopt` shows what it lets in, then `ufw disable`",
    ),
    (
        "firewalld",
        "a packet passes only where both let it",
        "`portcullis firewall adopt` shows what it lets in, then `systemctl disable --now firewalld`",
    ),
    (
        "nftables",
        "a packet passes only where both let it, and its file may flush the tables of all",
        "`systemctl disable nftables`, after you moved its rules to [firewall]",
    ),
];
/// Units that take the ports of a web server.
const SERVERS: [&str; 7] = ["nginx", "apache2", "httpd", "caddy", "haproxy", "lighttpd", "traefik"];

pub(super) fn look(world: &World) -> Vec<Finding> {
    let mut findings = Vec::new();
    let is_firewall = world.plan.policy.firewall.is_some();
    if is_firewall {
        findings.extend(firewalls(&world.root));
        findings.extend(boot(&world.root));
    }
    findings.extend(servers(&world.root));
    if findings.is_empty() {
        findings.push(Finding::good(PART, "nothing that would do the same is enabled"));
    }
    findings
}

fn firewalls(root: &Path) -> Vec<Finding> {
    let is_on = |name: &str| match name {
        "ufw" => fs::read_to_string(root.join("etc/ufw/ufw.conf"))
            .is_ok_and(|content| content.lines().any(|line| line.trim().eq_ignore_ascii_case("enabled=yes"))),
        name => starts_with_machine(root, name),
    };
    let found = FIREWALLS.iter().filter(|(name, ..)| is_on(name));
    found
        .map(|(name, what, remedy)| Finding::problem(PART, format!("{name} is enabled: {what}"), *remedy))
        .collect()
}

/// Whether packets come before the network when the machine starts.
fn boot(root: &Path) -> Option<Finding> {
    // Another supervisor has its own ways.
    if !super::has_systemd(root) || starts_with_machine(root, "portcullis-firewall") {
        return None;
    }
    Some(Finding::problem(
        PART,
        "packets do not come back before the network: portcullis-firewall.service is not enabled",
        "`systemctl enable portcullis-firewall`",
    ))
}

fn servers(root: &Path) -> Vec<Finding> {
    let found = SERVERS.iter().filter(|name| starts_with_machine(root, name));
    let finding = |name: &&str| {
        Finding::note(PART, format!("{name} starts with the machine, and may want the same ports"))
            .with(format!("`systemctl disable --now {name}`, unless it listens elsewhere"))
    };
    found.map(finding).collect()
}

/// Whether a target wants a unit: the link that `systemctl enable` makes. It means nothing where systemd does not run,
/// as in a container.
fn starts_with_machine(root: &Path, name: &str) -> bool {
    const TARGETS: [&str; 3] = ["multi-user", "sysinit", "default"];
    let link = |target: &str| root.join(format!("etc/systemd/system/{target}.target.wants/{name}.service"));
    super::has_systemd(root) && TARGETS.iter().any(|target| link(target).symlink_metadata().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_enabled_is_told_with_what_disables_it() {
        let root = testkit::Folder::new();
        root.write("etc/ufw/ufw.conf", "LOGLEVEL=low\nENABLED=yes\n");
        root.write("etc/systemd/system/sysinit.target.wants/nftables.service", "");
        root.write("etc/systemd/system/multi-user.target.wants/nginx.service", "");
        assert_eq!(firewalls(root.path()).len(), 1, "systemd does not run");
        assert!(servers(root.path()).is_empty(), "systemd does not run");
        root.write("run/systemd/system/place", "");
        let told = |findings: Vec<Finding>| findings.into_iter().map(|one| one.found).collect::<Vec<_>>();
        let found = told(firewalls(root.path()));
        assert_eq!(found.len(), 2);
        assert!(
            found[0].starts_with("ufw is enabled") && found[1].starts_with("nftables is enabled"),
            "{found:?}"
        );
        assert_eq!(
            told(servers(root.path())),
            ["nginx starts with the machine, and may want the same ports"]
        );
    }

    #[test]
    fn packets_have_to_come_before_the_network() {
        let root = testkit::Folder::new();
        assert!(boot(root.path()).is_none(), "another supervisor has its own ways");
        root.write("run/systemd/system/place", "");
        assert!(boot(root.path()).is_some());
        root.write("etc/systemd/system/sysinit.target.wants/portcullis-firewall.service", "");
        assert!(boot(root.path()).is_none());
    }
}
