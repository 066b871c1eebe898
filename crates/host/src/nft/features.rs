//! What this kernel's nf_tables can do.
//!
//! Each candidate is a small table. They are given to the kernel in transactions whose last operation must fail, so
//! that nothing is ever in force and no one sees a table; what else the kernel refused tells what it lacks.

use super::{
    Nft, OWNED,
    batch::Batch,
    candidates::{Candidate, candidates},
    error::Refused,
    replace::{Replacement, change, claim, delete_table},
};
use firewall::nft::{Base, Chain, ChainKind, Expression, Hook, Rule, Table, Verdict};
use rustix::io::Errno;
use std::ops::Range;

/// Something that the kernel may lack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Feature {
    /// What it is, for people.
    pub name: &'static str,
    /// What it is needed for, for people.
    pub needed_for: &'static str,
    /// Whether there is no firewall without it.
    pub essential: bool,
}

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Features {
    /// What the kernel lacks, what is essential first.
    pub missing: Vec<Feature>,
}

impl Features {
    /// Asks the kernel.
    ///
    /// # Errors
    ///
    /// Where the rights are missing, or the socket failed; what the kernel lacks is no error.
    pub fn probe(nft: &mut Nft) -> Result<Self, Refused> {
        Self::of(nft, &candidates())
    }

    fn of(nft: &mut Nft, candidates: &[Candidate]) -> Result<Self, Refused> {
        let mut probe = Probe { nft, candidates, missing: vec![false; candidates.len()] };
        // What an expression needs is asked for when it is made; whether it may stand at a hook when all is whole, and
        // only if all could be made.
        probe.ask(|batch| delete_table(batch, "portcullis_probe_absent"))?;
        probe.ask(|batch| write(batch, &too_deep(), 0))?;
        let without_owners = probe.nft.persists == Some(false);
        let found = candidates
            .iter()
            .zip(probe.missing)
            .filter(|(candidate, missing)| *missing || candidate.owned && without_owners);
        let mut missing: Vec<_> = found.map(|(candidate, _)| candidate.feature).collect();
        missing.sort_by_key(|feature| !feature.essential);
        Ok(Self { missing })
    }

    /// Whether the firewall can work at all.
    #[must_use]
    pub fn suffice(&self) -> bool {
        !self.missing.iter().any(|feature| feature.essential)
    }
}

struct Probe<'a> {
    nft: &'a mut Nft,
    candidates: &'a [Candidate],
    missing: Vec<bool>,
}

impl Probe<'_> {
    /// One transaction of all candidates that are not known to be missing, and of `failing` in the end.
    fn ask(&mut self, failing: impl FnOnce(&mut Batch)) -> Result<(), Refused> {
        let mut batch = Batch::default();
        let mut places: Vec<(usize, Range<usize>)> = Vec::new();
        for (index, candidate) in
            self.candidates.iter().enumerate().filter(|(index, _)| !self.missing[*index])
        {
            let start = batch.count();
            write(&mut batch, &candidate.table, if candidate.owned { OWNED } else { 0 });
            places.push((index, start..batch.count()));
        }
        let end = batch.count();
        failing(&mut batch);
        let refusals = self.nft.channel.attempt(&batch, None)?;
        for refusal in &refusals {
            match refusal.operation {
                None if refusal.errno == Errno::PERM => return Err(Refused::NoRights),
                None => return Err(Refused::Io(refusal.errno.into())),
                Some(at) => {
                    let hit = places.iter().find(|(_, place)| place.contains(&at));
                    hit.into_iter().for_each(|(index, _)| self.missing[*index] = true);
                }
            }
        }
        // Should the last operation not have failed, everything is in force: away with it.
        if refusals.is_empty() { self.remove(end > 0) } else { Ok(()) }
    }

    fn remove(&mut self, any: bool) -> Result<(), Refused> {
        let deep = too_deep();
        let tables = self.candidates.iter().map(|candidate| &candidate.table).filter(|_| any).chain([&deep]);
        for table in tables {
            self.nft.delete_table(&table.name)?;
        }
        Ok(())
    }
}

fn write(batch: &mut Batch, table: &Table, flags: u32) {
    claim(batch, &table.name, flags);
    change(batch, None, &Replacement::new(None, table));
}

/// More jumps than the kernel follows (`NFT_JUMP_STACK_SIZE`, 16). It finds that out when the table is whole.
fn too_deep() -> Table {
    let mut table = Table { name: "portcullis_probe_depth".into(), ..Table::default() };
    let name = |depth: u32| format!("depth_{depth:02}");
    for depth in 0..20 {
        let base = Base { kind: ChainKind::Filter, hook: Hook::Prerouting, priority: 0, accept: true };
        let rule = Rule(vec![Expression::Verdict(Verdict::Jump(name(depth + 1)))]);
        let chain = Chain { base: (depth == 0).then_some(base), rules: vec![rule] };
        table.chains.insert(name(depth), chain);
    }
    table.chains.insert(name(20), Chain::default());
    table
}

#[cfg(test)]
mod tests {
    use super::{Features, Nft};
    use crate::nft::candidates::{Candidate, candidates};
    use firewall::nft::Expression;
    use rustix::thread::UnshareFlags;
    use std::thread;

    fn lacking(name: &'static str, essential: bool, expression: Expression) -> Candidate {
        let mut candidate = candidates().remove(0);
        candidate.feature.name = name;
        candidate.feature.essential = essential;
        candidate.table.name = format!("portcullis_probe_{}", name.replace(' ', "_"));
        let chain = candidate.table.chains.values_mut().next().expect("it has a chain");
        chain.rules = vec![firewall::nft::Rule(vec![expression])];
        candidate
    }

    /// In a network namespace of its own, as everything that speaks to the kernel.
    fn missing(candidates: Vec<Candidate>) -> Features {
        let thread = thread::spawn(move || {
            #[expect(deprecated, reason = "its danger is with file descriptors, which stay shared here")]
            rustix::thread::unshare(UnshareFlags::NEWNET)
                .expect("this test needs CAP_SYS_ADMIN: run it as root");
            let mut nft = Nft::open().expect("this test needs nf_tables and CAP_NET_ADMIN");
            let features = Features::of(&mut nft, &candidates).expect("asked");
            assert_eq!(nft.foreign("").expect("read"), []);
            features
        });
        thread.join().expect("no panic")
    }

    #[test]
    fn what_the_kernel_lacks_is_told_and_nothing_else() {
        let unknown = Expression::Unknown { name: "portcullis".into(), data: Vec::new() };
        let mut all = candidates();
        // Refused when it is made, and refused when all is whole: masquerading at prerouting.
        all.insert(3, lacking("unknown", false, unknown));
        all.insert(7, lacking("misplaced", true, Expression::Masquerade));
        let features = missing(all);
        let names: Vec<_> = features.missing.iter().map(|feature| feature.name).collect();
        assert_eq!(names, ["misplaced", "unknown"]);
        assert!(!features.suffice());
    }
}
