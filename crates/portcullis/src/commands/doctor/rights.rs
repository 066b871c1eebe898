//! Who runs this, what they may, and whether the users of the service are there.

use super::World;
use super::finding::Finding;
use crate::gate_user;
use std::fs;
use std::path::Path;

const PART: &str = "rights";

/// What the keeper needs, by the numbers of capabilities(7).
const NEEDED: [(u32, &str); 11] = [
    (0, "CHOWN"),
    (2, "DAC_READ_SEARCH"),
    (3, "FOWNER"),
    (5, "KILL"),
    (6, "SETGID"),
    (7, "SETUID"),
    (8, "SETPCAP"),
    (10, "NET_BIND_SERVICE"),
    (12, "NET_ADMIN"),
    (19, "SYS_PTRACE"),
    (21, "SYS_ADMIN"),
];

pub(super) fn look(world: &World) -> Vec<Finding> {
    if !world.is_root {
        return vec![
            Finding::note(
                PART,
                "not root: ports below 1024, packets and a user of its own for the gate are not to be had",
            )
            .with("run `portcullis doctor` as root for what only root sees"),
        ];
    }
    let status = fs::read_to_string(world.root.join("proc/self/status")).unwrap_or_default();
    vec![judge_capabilities(&status), judge_users(&world.root, world.has_systemd())]
}

fn judge_capabilities(status: &str) -> Finding {
    let effective = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    let Some(effective) = effective.and_then(|value| u64::from_str_radix(value.trim(), 16).ok()) else {
        return Finding::note(PART, "root, and it cannot be told with which capabilities");
    };
    let missing = NEEDED.iter().filter(|(number, _)| effective >> number & 1 == 0).map(|(_, name)| *name);
    let missing: Vec<_> = missing.collect();
    if missing.is_empty() {
        return Finding::good(PART, "root, with every capability of a keeper");
    }
    let remedy = format!(
        "add them: CapabilityBoundingSet= of a unit, `--cap-add {}` of a container",
        missing.join(",")
    );
    Finding::problem(PART, format!("root without {}", missing.join(", ")), remedy)
}

fn judge_users(root: &Path, has_systemd: bool) -> Finding {
    let lists = |database: &str, name: &str| {
        let content = fs::read_to_string(root.join(database)).unwrap_or_default();
        content.lines().any(|line| line.split(':').next() == Some(name))
    };
    match (lists("etc/passwd", "portcullis"), lists("etc/group", "portcullis-admin")) {
        (true, true) => Finding::good(PART, "the user portcullis and the group portcullis-admin are there"),
        (true, false) => Finding::note(PART, "there is no group portcullis-admin: root alone gives orders")
            .with("`groupadd --system portcullis-admin`"),
        (false, _) => Finding::problem(
            PART,
            "there is no user portcullis: what faces the network would run as root",
            // The service needs systemd, and is refused elsewhere.
            if has_systemd {
                format!("`portcullis install-service` makes it, or `{}`", gate_user::MADE_BY)
            } else {
                format!("`{}`", gate_user::MADE_BY)
            },
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::State;
    use super::*;

    #[test]
    fn missing_capabilities_are_named() {
        for (mask, state, part) in [
            ("000001ffffffffff", State::Good, "every capability"),
            (
                "00000000a80425fb",
                State::Problem,
                "root without DAC_READ_SEARCH, NET_ADMIN, SYS_PTRACE, SYS_ADMIN",
            ),
            ("nonsense", State::Note, "cannot be told"),
        ] {
            let finding = judge_capabilities(&format!("Name:\tx\nCapEff:\t{mask}\n"));
            assert_eq!(finding.state, state, "{mask}");
            assert!(finding.found.contains(part), "{}", finding.found);
        }
    }

    #[test]
    fn the_users_are_looked_for_by_their_names() {
        for (passwd, group, state) in [
            ("portcullis:x:9:9::/:\n", "portcullis-admin:x:9:\n", State::Good),
            ("portcullis:x:9:9::/:\n", "portcullis:x:9:\n", State::Note),
            ("portcullis-x:x:9:9::/:\n", "portcullis-admin:x:9:\n", State::Problem),
        ] {
            let root = testkit::Folder::new();
            root.write("etc/passwd", passwd);
            root.write("etc/group", group);
            for has_systemd in [false, true] {
                let finding = judge_users(root.path(), has_systemd);
                assert_eq!(finding.state, state, "{passwd}{group}");
                let remedy = finding.remedy.unwrap_or_default();
                assert!(has_systemd || !remedy.contains("install-service"), "{remedy}");
            }
        }
    }
}
