//! What the kernel says about processes: who started whom, and how much memory they hold.

use std::fs;

/// A process and all processes that it started, directly or not, as they are now.
#[must_use]
pub fn family(root: u32) -> Vec<u32> {
    let mut members = vec![root];
    let mut next = 0;
    while next < members.len() {
        for task in tasks(members[next]) {
            let text = fs::read_to_string(format!("/proc/{}/task/{task}/children", members[next]));
            members
                .extend(text.unwrap_or_default().split_whitespace().filter_map(|id| id.parse::<u32>().ok()));
        }
        next += 1;
    }
    members
}

/// A child belongs to the thread that made it.
fn tasks(process: u32) -> Vec<String> {
    let entries = fs::read_dir(format!("/proc/{process}/task")).into_iter().flatten();
    entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect()
}

/// The resident memory of some processes in bytes, without the pages of files: their own code is read as it is run.
#[must_use]
pub fn memory(processes: &[u32]) -> u64 {
    let one = |process: &u32| -> Option<u64> {
        let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"))?;
        line.trim().trim_end_matches(" kB").parse::<u64>().ok().map(|kib| kib << 10)
    };
    processes.iter().filter_map(one).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_child_is_of_the_family_whichever_thread_made_it() {
        let spawn = || std::process::Command::new("sleep").arg("60").spawn().expect("sleep");
        let mut child = std::thread::scope(|scope| {
            let (send, receive) = std::sync::mpsc::sync_channel::<()>(1);
            let made = std::sync::mpsc::sync_channel(1);
            scope.spawn(move || {
                made.0.send(spawn()).expect("somebody waits");
                // The thread has to live for the child to be its own.
                let _ = receive.recv();
            });
            let child = made.1.recv().expect("a child");
            assert!(family(std::process::id()).contains(&child.id()));
            drop(send);
            child
        });
        assert!(memory(&[std::process::id()]) > 0);
        child.kill().expect("it runs");
        child.wait().expect("it ends");
    }
}
