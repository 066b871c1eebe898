//! What this kernel can do: packets, confinement of the gate, files beneath a folder.

use super::World;
use super::finding::Finding;
use confine::Features;
use host::nft::{self, Nft};
use std::fs;

const PART: &str = "kernel";
/// The oldest kernel that is meant to work.
const OLDEST: (u32, u32) = (5, 10);

pub(super) fn look(world: &World) -> Vec<Finding> {
    let release = fs::read_to_string(world.root.join("proc/sys/kernel/osrelease")).unwrap_or_default();
    let mut findings = vec![judge_release(release.trim())];
    findings.push(judge_confinement(&confine::features()));
    findings.extend(judge_callers(release.trim(), world.is_root));
    if world.is_root {
        findings.push(judge_packets(missing_for_packets(), world.plan.policy.firewall.is_some()));
    }
    findings
}

fn version(release: &str) -> (u32, u32) {
    let mut numbers = release.split(['.', '-']).map(|part| part.parse::<u32>().unwrap_or(0));
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
}

fn judge_release(release: &str) -> Finding {
    if version(release) >= OLDEST {
        Finding::good(PART, format!("Linux {release}"))
    } else {
        let found = format!("Linux {release} is older than {}.{}", OLDEST.0, OLDEST.1);
        Finding::problem(PART, found, "start a newer kernel of your distribution")
    }
}

/// From this version on the kernel says which process made a connection by more than a number.
const NAMES_CALLERS: (u32, u32) = (6, 5);

/// Root's gate is another user, or does not see the admin socket.
fn judge_callers(release: &str, is_root: bool) -> Option<Finding> {
    let is_lacking = !is_root && version(release) < NAMES_CALLERS;
    is_lacking.then(|| {
        let found = "without root, the admin socket tells a gate that ended by its number alone";
        Finding::note(PART, found).with("Linux 6.5 and later tells it for certain")
    })
}

/// From this version of its interface on, landlock holds all that is asked of it.
const WHOLE_LANDLOCK: i32 = 6;

fn judge_confinement(found: &Features) -> Finding {
    let parts = [
        (
            found.landlock.is_some(),
            "landlock",
            "start the kernel with `lsm=` that lists landlock (Linux 5.13 and later)",
        ),
        (found.seccomp, "seccomp", "take a kernel with CONFIG_SECCOMP_FILTER"),
        (found.mount_namespaces, "mount namespaces", "take a kernel with CONFIG_NAMESPACES"),
    ];
    let missing: Vec<_> = parts.iter().filter(|(is_there, ..)| !is_there).collect();
    if !missing.is_empty() {
        let names: Vec<_> = missing.iter().map(|(_, name, _)| *name).collect();
        let remedies: Vec<_> = missing.iter().map(|(.., remedy)| *remedy).collect();
        return Finding::note(PART, format!("the gate is held without {}", names.join(", ")))
            .with(remedies.join("; "));
    }
    match found.landlock {
        Some(version) if version < WHOLE_LANDLOCK => Finding::note(
            PART,
            format!("seccomp, mount namespaces and a part of landlock hold the gate (version {version} of {WHOLE_LANDLOCK})"),
        )
        .with("Linux 6.12 and later has the whole"),
        _ => Finding::good(PART, "landlock, seccomp and mount namespaces hold the gate"),
    }
}

/// What nf_tables lacks, what is essential first; or why it cannot be asked.
type MissingForPackets = Result<Vec<(String, bool)>, String>;

fn missing_for_packets() -> MissingForPackets {
    let features = Nft::open().map_err(|error| crate::failure::with_causes(&error)).and_then(|mut nft| {
        nft::Features::probe(&mut nft).map_err(|error| crate::failure::with_causes(&error))
    })?;
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
    fn callers_are_in_doubt_before_6_5_and_without_root_alone() {
        for (release, is_root, is_told) in
            [("6.4.16", false, true), ("6.4.16", true, false), ("6.5.0", false, false), ("", false, true)]
        {
            assert_eq!(judge_callers(release, is_root).is_some(), is_told, "{release} {is_root}");
        }
    }

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
        let found = |landlock, seccomp, mount_namespaces| {
            let kernel = String::new();
            judge_confinement(&Features {
                kernel,
                landlock,
                seccomp,
                mount_namespaces,
                user_namespaces: true,
            })
        };
        assert_eq!(found(None, true, false).found, "the gate is held without landlock, mount namespaces");
        assert!(found(Some(5), true, true).found.contains("version 5 of 6"));
        assert_eq!(found(Some(6), true, true).state, State::Good);
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
