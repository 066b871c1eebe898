//! What this kernel can do: packets, confinement of the gate, files beneath a folder.

use super::World;
use super::finding::Finding;
use host::nft::{Features, Nft};
use std::fs;
use std::path::Path;

const PART: &str = "kernel";
/// The oldest kernel that is meant to work.
const OLDEST: (u32, u32) = (5, 10);

pub(super) fn look(world: &World) -> Vec<Finding> {
    let release = fs::read_to_string(world.root.join("proc/sys/kernel/osrelease")).unwrap_or_default();
    let mut findings = vec![judge_release(release.trim())];
    findings.push(judge_confinement(&Confinement::of(&world.root)));
    if world.is_root {
        findings.push(judge_packets(missing_for_packets(), world.plan.policy.firewall.is_some()));
    }
    findings
}

fn judge_release(release: &str) -> Finding {
    let mut numbers = release.split(['.', '-']).map(|part| part.parse::<u32>().unwrap_or(0));
    let version = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    if version >= OLDEST {
        Finding::good(PART, format!("Linux {release}"))
    } else {
        let found = format!("Linux {release} is older than {}.{}", OLDEST.0, OLDEST.1);
        Finding::problem(PART, found, "start a newer kernel of your distribution")
    }
}

/// What can hold the gate in its place; `None` where it cannot be told. The files of the kernel tell, and nothing is tried.
struct Confinement {
    landlock: Option<bool>,
    seccomp: Option<bool>,
    mounts: Option<bool>,
}

impl Confinement {
    fn of(root: &Path) -> Self {
        let read = |path: &str| fs::read_to_string(root.join(path)).ok();
        let modules = read("sys/kernel/security/lsm");
        let mounts = read("proc/sys/user/max_mnt_namespaces");
        Self {
            // The file is there where securityfs is mounted.
            landlock: modules.map(|list| list.split(',').any(|module| module.trim() == "landlock")),
            seccomp: Some(read("proc/sys/kernel/seccomp/actions_avail").is_some()),
            mounts: mounts.map(|most| most.trim() != "0"),
        }
    }
}

fn judge_confinement(found: &Confinement) -> Finding {
    let parts = [
        (
            found.landlock,
            "landlock",
            "start the kernel with `lsm=` that lists landlock (Linux 5.13 and later)",
        ),
        (found.seccomp, "seccomp", "take a kernel with CONFIG_SECCOMP_FILTER"),
        (found.mounts, "mount namespaces", "`sysctl user.max_mnt_namespaces` must not be 0"),
    ];
    let named = |state: Option<bool>| {
        let names: Vec<_> = parts.iter().filter(|part| part.0 == state).map(|part| part.1).collect();
        names.join(", ")
    };
    let [there, missing, unknown] = [Some(true), Some(false), None].map(named);
    let unknown =
        if unknown.is_empty() { unknown } else { format!("; it cannot be told whether there is {unknown}") };
    if missing.is_empty() {
        return Finding::good(PART, format!("what holds the gate is there: {there}{unknown}"));
    }
    let remedies: Vec<_> = parts.iter().filter(|part| part.0 == Some(false)).map(|part| part.2).collect();
    Finding::note(PART, format!("the gate is held without {missing}{unknown}")).with(remedies.join("; "))
}

/// What nf_tables lacks, what is essential first; or why it cannot be asked.
type MissingForPackets = Result<Vec<(String, bool)>, String>;

fn missing_for_packets() -> MissingForPackets {
    let features = Nft::open()
        .map_err(|error| crate::failure::with_causes(&error))
        .and_then(|mut nft| Features::probe(&mut nft).map_err(|error| crate::failure::with_causes(&error)))?;
    let missing = features.missing.iter();
    Ok(missing.map(|one| (format!("{} (for {})", one.name, one.needed_for), one.essential)).collect())
}

fn judge_packets(missing: MissingForPackets, is_wanted: bool) -> Finding {
    const REMEDY: &str =
        "take a kernel of your distribution with nf_tables; Linux 6.9 and later has all of it";
    let missing = match missing {
        Ok(missing) if missing.is_empty() => {
            return Finding::good(PART, "nf_tables has everything, also tables that outlive their owner");
        }
        Ok(missing) => missing,
        Err(reason) if is_wanted => return Finding::problem(PART, reason, REMEDY),
        Err(reason) => return Finding::note(PART, reason).with(REMEDY),
    };
    let is_essential = missing.iter().any(|(_, essential)| *essential);
    let names: Vec<_> = missing.into_iter().map(|(name, _)| name).collect();
    let found = format!("nf_tables lacks {}", names.join(", "));
    if is_essential && is_wanted {
        Finding::problem(PART, found, REMEDY)
    } else {
        Finding::note(PART, found).with(REMEDY)
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::State;
    use super::*;

    #[test]
    fn a_kernel_is_old_before_5_10() {
        for (release, state) in [
            ("5.10.0-9-amd64", State::Good),
            ("6.18.44", State::Good),
            ("5.9.16", State::Problem),
            ("4.19", State::Problem),
            ("", State::Problem),
        ] {
            assert_eq!(judge_release(release).state, state, "{release}");
        }
    }

    #[test]
    fn what_does_not_hold_the_gate_is_named_with_its_remedy() {
        let root = testkit::Folder::new();
        let judged = || judge_confinement(&Confinement::of(root.path())).found;
        root.write("proc/sys/kernel/seccomp/actions_avail", "kill_process kill_thread\n");
        root.write("proc/sys/user/max_mnt_namespaces", "0\n");
        assert_eq!(
            judged(),
            "the gate is held without mount namespaces; it cannot be told whether there is landlock"
        );
        root.write("sys/kernel/security/lsm", "lockdown,capability,landlock_not\n");
        assert_eq!(judged(), "the gate is held without landlock, mount namespaces");
        root.write("proc/sys/user/max_mnt_namespaces", "9\n");
        root.write("sys/kernel/security/lsm", "capability,landlock\n");
        assert_eq!(judged(), "what holds the gate is there: landlock, seccomp, mount namespaces");
    }

    #[test]
    fn packets_are_a_problem_only_where_they_are_wanted() {
        let missing = |essential| Ok(vec![("x (for y)".to_owned(), essential)]);
        for (missing, wanted, state) in [
            (Ok(Vec::new()), true, State::Good),
            (missing(true), true, State::Problem),
            (missing(true), false, State::Note),
            (missing(false), true, State::Note),
            (Err("no rights".to_owned()), true, State::Problem),
            (Err("no rights".to_owned()), false, State::Note),
        ] {
            assert_eq!(judge_packets(missing.clone(), wanted).state, state, "{missing:?} {wanted}");
        }
    }
}
