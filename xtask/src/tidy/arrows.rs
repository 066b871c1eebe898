//! Which crate may know which (ARCHITECTURE.md). Tests may use more than the product.

use super::Finding;
use crate::workspace::Member;

/// A crate and the crates of the workspace that it may be built from.
const ARROWS: [(&str, &[&str]); 13] = [
    ("model", &[]),
    ("http1", &[]),
    ("wire", &[]),
    ("firewall", &["model"]),
    ("audit", &["firewall", "model"]),
    ("host", &["firewall", "model"]),
    ("kept", &[]),
    ("certs", &["kept", "model"]),
    ("confine", &[]),
    ("gate", &["http1", "model", "wire"]),
    ("link", &["confine", "model"]),
    (
        "portcullis",
        &["audit", "certs", "confine", "firewall", "gate", "host", "http1", "kept", "link", "model"],
    ),
    ("testkit", &["http1", "model"]),
];

/// Crates that decide and do not act: no runtime, no sockets, no files, no clock.
pub(super) const PURE: [&str; 5] = ["model", "http1", "wire", "firewall", "audit"];

/// What acts, and is therefore not for pure crates.
const ACTING: [&str; 12] = [
    "aws-lc-rs",
    "hickory-resolver",
    "hyper",
    "libc",
    "mio",
    "nix",
    "rustix",
    "rustls",
    "socket2",
    "tempfile",
    "tokio",
    "tokio-rustls",
];

pub(super) fn check(members: &[Member]) -> Vec<Finding> {
    let names: Vec<&str> = members.iter().map(|member| member.name.as_str()).collect();
    let mut findings = Vec::new();
    for member in members.iter().filter(|member| member.name != "xtask") {
        let manifest = format!("{}/Cargo.toml", member.folder);
        let Some((_, allowed)) = ARROWS.iter().find(|(name, _)| *name == member.name) else {
            findings.push(Finding::new(
                &manifest,
                0,
                "a new crate needs its arrows in xtask/src/tidy/arrows.rs",
            ));
            continue;
        };
        for dependency in &member.dependencies {
            let ours = names.contains(&dependency.as_str());
            if ours && !allowed.contains(&dependency.as_str()) {
                findings.push(Finding::new(&manifest, 0, format!("may not know `{dependency}`")));
            }
            if PURE.contains(&member.name.as_str()) && ACTING.contains(&dependency.as_str()) {
                findings.push(Finding::new(&manifest, 0, format!("is pure and may not use `{dependency}`")));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reasons(name: &str, dependencies: &[&str]) -> Vec<String> {
        let member = |name: &str, dependencies: &[&str]| Member {
            name: name.to_owned(),
            folder: format!("crates/{name}"),
            test_dependencies: Vec::new(),
            dependencies: dependencies.iter().map(|one| (*one).to_owned()).collect(),
        };
        let members = [member(name, dependencies), member("gate", &[]), member("certs", &[])];
        check(&members).into_iter().map(|finding| finding.reason).collect()
    }

    #[test]
    fn the_host_does_not_know_the_gate() {
        assert_eq!(reasons("host", &["gate"]), ["may not know `gate`"]);
    }

    #[test]
    fn a_pure_crate_has_no_runtime() {
        assert_eq!(reasons("model", &["tokio"]), ["is pure and may not use `tokio`"]);
    }

    #[test]
    fn an_unknown_crate_is_refused_until_it_has_arrows() {
        assert_eq!(reasons("surprise", &[]).len(), 1);
    }
}
