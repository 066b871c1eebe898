//! How many files the gate may have open at once: two for each connection.

use super::World;
use super::finding::Finding;
use rustix::process::{Resource, getrlimit};

const PART: &str = "descriptors";
/// Kept back for files, logs and the admin socket.
const RESERVED: u64 = 256;
/// Fewer connections than this many are few for a gate.
const FEW: u64 = 4096;

pub(super) fn look(world: &World) -> Vec<Finding> {
    // That of whoever asks; the unit of a service has its own, which is higher.
    let hard = getrlimit(Resource::Nofile).maximum.unwrap_or(u64::MAX);
    vec![judge(hard, world.plan.limits.connections, world.has_systemd())]
}

fn judge(hard: u64, wanted: Option<usize>, has_systemd: bool) -> Finding {
    let possible = hard.saturating_sub(RESERVED) / 2;
    let remedy = if has_systemd {
        "LimitNOFILE=1048576 in the unit, as the packaged one has it; for a shell `ulimit -Hn`"
    } else {
        "`ulimit -Hn 1048576` before `portcullis up`, by root"
    };
    let found = format!("{hard} from this shell, for {possible} connections");
    let wanted = wanted.map(|wanted| u64::try_from(wanted).unwrap_or(u64::MAX));
    match wanted {
        Some(wanted) if wanted > possible => {
            Finding::problem(PART, format!("{found}, and [limits] connections asks for {wanted}"), remedy)
        }
        None if possible < FEW => Finding::note(PART, found).with(remedy),
        _ => Finding::good(PART, found),
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::State;
    use super::*;

    #[test]
    fn the_limit_is_held_against_what_the_file_wants() {
        for (hard, wanted, state) in [
            (1_048_576, None, State::Good),
            (1024, None, State::Note),
            (1024, Some(384), State::Good),
            (1024, Some(385), State::Problem),
        ] {
            assert_eq!(judge(hard, wanted, true).state, state, "{hard} {wanted:?}");
        }
    }
}
