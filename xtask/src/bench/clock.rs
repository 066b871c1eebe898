//! What the kernel says about processor time and memory. Times are exact (nanoseconds of the scheduler) but for the
//! busy time of a core, which is counted in ticks and only used as a check.

use std::fs;
use std::time::Duration;

/// Nanoseconds in a tick of /proc/stat (USER_HZ is 100).
const TICK: u64 = 10_000_000;

/// A process and all processes that it started, as they are now.
pub(super) fn family(root: u32) -> Vec<u32> {
    let mut members = vec![root];
    let mut next = 0;
    while next < members.len() {
        let children = format!("/proc/{0}/task/{0}/children", members[next]);
        let text = fs::read_to_string(children).unwrap_or_default();
        members.extend(text.split_whitespace().filter_map(|id| id.parse::<u32>().ok()));
        next += 1;
    }
    members
}

/// Nanoseconds that the threads of some processes have run, user and system together.
pub(super) fn processor_time(processes: &[u32]) -> u64 {
    processes.iter().flat_map(|process| tasks(*process)).map(|path| run_time(&path)).sum()
}

fn tasks(process: u32) -> Vec<std::path::PathBuf> {
    let entries = fs::read_dir(format!("/proc/{process}/task")).into_iter().flatten();
    entries.filter_map(|entry| entry.ok().map(|entry| entry.path().join("schedstat"))).collect()
}

fn run_time(schedstat: &std::path::Path) -> u64 {
    let text = fs::read_to_string(schedstat).unwrap_or_default();
    text.split_whitespace().next().and_then(|first| first.parse().ok()).unwrap_or(0)
}

/// Processor time of some processes and of their children that have ended, to a hundredth of a second.
pub(super) fn time_of_all(processes: &[u32]) -> Duration {
    let one = |process: &u32| -> Option<u64> {
        let text = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
        // After the name, which may hold anything: utime, stime, cutime and cstime (proc_pid_stat(5)).
        let fields = text.rsplit_once(") ")?.1.split_whitespace().skip(11).take(4);
        fields.map(|field| field.parse::<u64>().ok()).sum()
    };
    Duration::from_nanos(processes.iter().filter_map(one).sum::<u64>() * TICK)
}

/// Resident memory of some processes in KiB.
pub(super) fn resident(processes: &[u32]) -> u64 {
    let one = |process: &u32| {
        let text = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        line.and_then(|rest| rest.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0)
    };
    processes.iter().map(one).sum()
}

/// What a core has done since it started, in nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Core {
    pub(super) busy: u64,
    pub(super) stolen: u64,
    pub(super) total: u64,
}

impl Core {
    /// Reads a core's line of /proc/stat.
    pub(super) fn now(number: usize) -> Self {
        Self::parse(&fs::read_to_string("/proc/stat").unwrap_or_default(), number)
    }

    fn parse(text: &str, number: usize) -> Self {
        let name = format!("cpu{number} ");
        let line = text.lines().find_map(|line| line.strip_prefix(&name)).unwrap_or_default();
        let ticks: Vec<u64> =
            line.split_whitespace().take(8).filter_map(|field| field.parse().ok()).collect();
        let [user, nice, system, idle, wait, interrupt, soft, stolen] = ticks[..] else {
            return Self::default();
        };
        let busy = user + nice + system + interrupt + soft;
        Self { busy: busy * TICK, stolen: stolen * TICK, total: (busy + idle + wait + stolen) * TICK }
    }

    /// What happened since `before`.
    pub(super) fn since(self, before: Self) -> Self {
        Self {
            busy: self.busy.saturating_sub(before.busy),
            stolen: self.stolen.saturating_sub(before.stolen),
            total: self.total.saturating_sub(before.total),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_core_is_read_by_its_number() {
        let text = "cpu  9 9 9 9 9 9 9 9 9 9\ncpu0 1 2 3 4 5 6 7 8 0 0\ncpu1 0 0 0 0 0 0 0 0 0 0\n";
        let core = Core::parse(text, 0);
        assert_eq!((core.busy / TICK, core.stolen / TICK, core.total / TICK), (19, 8, 36));
    }

    #[test]
    fn our_own_time_runs() {
        let me = family(std::process::id());
        assert!(time_of_all(&me) < Duration::from_secs(3600), "fields of a line are counted from its end");
        assert!(processor_time(&me) > 0 && resident(&me) > 0);
    }
}
