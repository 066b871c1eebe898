//! Requests about bans: what must not be banned is refused, the rest is written down and given to the kernel.

use super::Keeper;
use super::answer::Banned;
use super::bans::{self, Protected};
use super::caller::Caller;
use super::policy::{self, Compiled};
use super::request::{Ban, Refused};
use super::tables::filled;
use firewall::connections::Opener;
use ipnet::IpNet;
use rustix::fs::{Mode, OFlags};
use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read};
use std::net::IpAddr;
use std::path::Path;

/// A list of sources is written by people or by a program of theirs; something larger is another file.
const MAX_LIST: u64 = 256 << 20;

impl Keeper {
    /// Bans sources.
    pub(super) fn ban(&mut self, asked: &Ban, caller: &Caller) -> Result<Banned, Refused> {
        self.kernel()?;
        let mut sources: BTreeSet<IpNet> = asked.sources.iter().map(IpNet::trunc).collect();
        if let Some(file) = &asked.file {
            let list = read_list(file)
                .map_err(|error| Refused::no(format!("cannot use {}: {error}", file.display())))?;
            sources.extend(list);
        }
        let protected = self.protected(caller)?;
        if let Some(refused) = sources.iter().find_map(|source| bans::refuse(source, &protected)) {
            return Err(refused);
        }
        let now = self.machine.now();
        let until = asked.seconds.map(|seconds| now.saturating_add(seconds));
        let new = |source: &IpNet| bans::Ban { source: *source, since: now, until, note: asked.note.clone() };
        let joined = |source: &IpNet| match self.bans.get(source, now) {
            Some(old) => new(source).over(old, asked.replace),
            None => new(source),
        };
        let bans: Vec<bans::Ban> = sources.iter().map(joined).collect();
        let longer = bans.iter().filter(|ban| ban.until != until).count();
        let before = bans.iter().map(|ban| (ban.source, self.bans.get(&ban.source, now).cloned())).collect();
        // The list on disk never has less than the kernel: what is missing there is found and given again.
        self.bans.add(&self.state, bans.clone()).map_err(Refused::unchanged)?;
        let enforced = self.enforce_bans(&bans).inspect_err(|_| {
            if let Err(error) = self.bans.put_back(&self.state, before) {
                self.notices.push(crate::failure::with_causes(&error));
            }
        });
        if enforced.is_err() {
            self.give_lists_again();
        }
        let enforced = enforced?;
        let total = self.bans.list(now).count();
        Ok(Banned { sources: sources.len(), longer, denied: 0, total, enforced })
    }

    /// Takes bans back; none named stands for all.
    pub(super) fn unban(&mut self, asked: &[IpNet]) -> Result<Banned, Refused> {
        self.kernel()?;
        let now = self.machine.now();
        let sources: Vec<IpNet> = if asked.is_empty() {
            self.bans.list(now).map(|ban| ban.source).collect()
        } else {
            asked.iter().map(IpNet::trunc).collect()
        };
        if let Some(missing) = sources.iter().find(|source| self.bans.get(source, now).is_none()) {
            return Err(Refused::no(format!("{} is not banned", bans::shown(missing)))
                .with_hint("`portcullis bans` lists the bans; a prefix is taken back as it was written"));
        }
        let enforced = self.is_there();
        self.take_bans(&sources, enforced, now)?;
        let in_force = if enforced { self.in_force()? } else { None };
        let denied = |source: &&IpNet| {
            in_force.as_ref().is_some_and(|in_force| policy::denies(&in_force.compiled, source))
        };
        let denied = sources.iter().filter(denied).count();
        Ok(Banned { sources: sources.len(), longer: 0, denied, total: self.bans.list(now).count(), enforced })
    }

    /// Takes bans out of the kernel and then off the list on disk, or leaves them in both.
    fn take_bans(&mut self, sources: &[IpNet], enforced: bool, now: u64) -> Result<(), Refused> {
        let taken = self.bans.take(sources);
        let mut done = if enforced { self.release(sources) } else { Ok(()) };
        if done.is_ok() {
            done = self.bans.write_taken(&self.state, sources, now).map_err(Refused::unchanged);
        }
        if done.is_err() {
            self.bans.untake(taken);
            self.give_lists_again();
        }
        done
    }

    /// Takes sources out of the kernel's sets.
    fn release(&mut self, sources: &[IpNet]) -> Result<(), Refused> {
        for (v6, set) in bans::EXACT.into_iter().enumerate() {
            let gone = sources.iter().filter(|source| is_exact(source) && is_v6(source) == (v6 == 1));
            let elements: Vec<_> = gone.map(|source| bans::exact(source.addr())).collect();
            if !elements.is_empty() {
                self.kernel()?.forget(set, &elements)?;
            }
        }
        if sources.iter().any(|source| !is_exact(source)) {
            self.refill_prefixes()?;
        }
        Ok(())
    }

    /// Makes the kernel's lists what is kept, after something that was refused half-way.
    pub(super) fn give_lists_again(&mut self) {
        if self.is_there()
            && let Err(refused) = self.fill_lists()
        {
            self.notices.push(refused.reason);
        }
    }

    /// Gives the kernel bans that are on the list; answers whether there is a table that refuses them.
    fn enforce_bans(&mut self, bans: &[bans::Ban]) -> Result<bool, Refused> {
        if !self.is_there() {
            return Ok(false);
        }
        let now = self.machine.now();
        for (v6, set) in bans::EXACT.into_iter().enumerate() {
            let exact = bans.iter().filter(|ban| ban.is_exact() && is_v6(&ban.source) == (v6 == 1));
            let elements: Vec<_> = exact.map(|ban| ban.element(now)).collect();
            if !elements.is_empty() {
                self.kernel()?.renew(set, &elements)?;
            }
        }
        if bans.iter().any(|ban| !ban.is_exact()) {
            self.refill_prefixes()?;
        }
        Ok(true)
    }

    /// Intervals must not overlap, so the sets of prefixes are made anew as a whole, in one transaction.
    fn refill_prefixes(&mut self) -> Result<(), Refused> {
        let mut sets = self.bans.elements(self.machine.now());
        sets.retain(|name, _| bans::PREFIXES.contains(name));
        Ok(self.kernel()?.refill(&filled(sets))?)
    }

    /// Whether there is a table of ours.
    pub(super) fn is_there(&mut self) -> bool {
        self.kernel().is_ok_and(|kernel| kernel.counters().is_ok_and(|counters| !counters.is_empty()))
    }

    /// What must not be banned.
    pub(super) fn protected(&mut self, caller: &Caller) -> Result<Protected, Refused> {
        let observed = self.machine.observe(&[])?;
        let own = observed.interfaces.iter().flat_map(|interface| &interface.addresses).map(IpNet::addr);
        let administration =
            self.before().ok().flatten().map(|before| ports(&before.compiled)).unwrap_or_default();
        let live = self.machine.connections(&observed)?;
        let logged_in = live.iter().map(|live| &live.connection);
        let logged_in = logged_in
            .filter(|one| one.opened_by == Opener::Peer && administration.contains(&one.local.port()));
        let operators =
            logged_in.map(|one| one.peer).chain(caller.sessions.iter().map(|session| session.peer));
        let operators: Vec<IpAddr> = operators.map(|peer| peer.ip().to_canonical()).collect();
        Ok(Protected { operators, own: own.collect(), proxies: self.trusted_proxies() })
    }

    /// The proxies of the configuration that was confirmed last.
    fn trusted_proxies(&mut self) -> Vec<IpNet> {
        let snapshot = self.state.confirmed_snapshot().ok().flatten();
        let read = snapshot.and_then(|snapshot| super::texts::of_snapshot(&snapshot).ok());
        read.map(|read| read.plan.listen.trusted_proxies).unwrap_or_default()
    }
}

fn ports(compiled: &Compiled) -> BTreeSet<u16> {
    compiled.canonical.administration.clone()
}

fn is_exact(source: &IpNet) -> bool {
    source.prefix_len() == source.max_prefix_len()
}

fn is_v6(source: &IpNet) -> bool {
    source.addr().is_ipv6()
}

/// Addresses and prefixes of a file, one a line; what follows a `#` or a `;` is a comment.
pub(super) fn read_list(path: &Path) -> io::Result<Vec<IpNet>> {
    // A pipe without a writer would hold up everybody who waits for the keeper.
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = File::from(rustix::fs::open(path, flags, Mode::empty())?);
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    let mut text = String::new();
    if file.take(MAX_LIST + 1).read_to_string(&mut text)? as u64 > MAX_LIST {
        return Err(io::Error::other("it is larger than 256 MiB"));
    }
    parse_list(&text)
}

fn parse_list(text: &str) -> io::Result<Vec<IpNet>> {
    let content = |line: &str| line.split(['#', ';']).next().unwrap_or_default().trim().to_owned();
    let lines = text.lines().enumerate().map(|(index, line)| (index + 1, content(line)));
    // The line itself is not told: whoever may write the list could lay a link there to what only root may read.
    let source = |(number, line): (usize, String)| {
        crate::cli::source(&line).map_err(|reason| format!("line {number}: {reason}"))
    };
    let (mut sources, mut wrong) = (Vec::new(), Vec::new());
    for line in lines.filter(|(_, line)| !line.is_empty()) {
        match source(line) {
            Ok(source) => sources.push(source),
            Err(reason) if wrong.len() < MOST_WRONG => wrong.push(reason),
            Err(_) => {
                wrong.push("and more".to_owned());
                break;
            }
        }
    }
    if wrong.is_empty() { Ok(sources) } else { Err(io::Error::other(wrong.join("; "))) }
}

/// Wrong lines of a list that are named at once.
const MOST_WRONG: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pipe_is_no_list_and_holds_nobody_up() {
        let folder = testkit::Folder::new();
        let path = folder.join("pipe");
        let mode = Mode::RUSR | Mode::WUSR;
        rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, mode, 0).expect("a pipe");
        assert_eq!(read_list(&path).expect_err("a pipe").to_string(), "it is not a regular file");
    }

    #[test]
    fn lists_have_one_source_a_line() {
        let list =
            parse_list("# scanners\n192.0.2.1 # again\n\n2001:db8::/32 ; all of it\n").expect("a list");
        let shown: Vec<_> = list.iter().map(ToString::to_string).collect();
        assert_eq!(shown, ["192.0.2.1/32", "2001:db8::/32"]);
        let error = parse_list("192.0.2.1\n192.0.2\n").expect_err("a bad line").to_string();
        assert_eq!(error, "line 2: this is neither an address nor a prefix");
        let many = parse_list(&"10.0.0.0/33\n".repeat(20)).expect_err("bad lines").to_string();
        assert!(many.starts_with("line 1: a prefix of this family has a length"), "{many}");
        assert!(
            many.contains("; line 8: ") && many.ends_with("; and more") && !many.contains("line 9"),
            "{many}"
        );
    }
}
