//! The keeper against a kernel and a machine of values: the order of things, and what an interruption leaves.

mod automatic;
mod flows;
mod interruption;
mod lists;
mod old_kernel;
mod refusals;
mod routes;
mod trial;
mod watching;

use super::caller::{Session, Who};
use super::fake::World;
use super::*;
use std::fs;
use std::path::PathBuf;
use testkit::Folder;

const OPEN: &str = "[firewall]\ninbound = [{ allow = \"ssh\" }, { allow = \"80/tcp\" }]\n";
const NARROW: &str = "[firewall]\ninbound = [{ allow = \"ssh\", from = \"198.51.100.0/24\" }]\n";

/// A machine with a folder, a kernel and a file.
struct Bench {
    folder: Folder,
    world: World,
    file: PathBuf,
}

impl Bench {
    fn new(text: &str) -> Self {
        let folder = Folder::new();
        let file = folder.write("portcullis.toml", text);
        Self { folder, world: World::new(), file }
    }

    fn keeper(&self) -> Keeper {
        let kernel: Box<dyn Kernel> = Box::new(self.world.clone());
        Keeper::with(&self.folder.join("state"), Ok(kernel), Box::new(self.world.clone())).expect("a keeper")
    }

    fn write(&self, text: &str) {
        fs::write(&self.file, text).expect("our file");
    }

    fn wanted(&self) -> Wanted {
        Wanted { source: Source::File(self.file.clone()), host: None, risks: Risks::default() }
    }

    fn apply(&self) -> Request {
        Request::Apply(Apply { wanted: self.wanted(), trial: Trial::AsConfigured, shown: None })
    }

    /// Has every change of a file of the keeper refused, to root as well: a folder has the name of what is written beside.
    fn refuse(&self, name: &str) {
        fs::create_dir(self.folder.join(format!("state/firewall/.{name}.new"))).expect("ours");
    }

    /// A policy that was applied and confirmed.
    fn confirmed(text: &str) -> Self {
        let bench = Self::new(text);
        let mut keeper = bench.keeper();
        ask::<Applied>(&mut keeper, bench.apply()).expect("an apply");
        ask::<Confirmed>(&mut keeper, Request::Confirm).expect("a confirmation");
        bench
    }
}

fn console() -> Caller {
    Caller { console: true, ..Caller::default() }
}

fn over(peer: &str) -> Caller {
    let peer = peer.parse().expect("an address");
    let session = Session { peer, local: "192.0.2.1:22".parse().expect("an address"), own: true };
    Caller { who: Who { user: 1000, from: Some(peer.ip()) }, sessions: vec![session], console: false }
}

fn ask<T: serde::de::DeserializeOwned>(keeper: &mut Keeper, request: Request) -> Result<T, Refused> {
    ask_as(keeper, &console(), request)
}

fn ask_as<T: serde::de::DeserializeOwned>(
    keeper: &mut Keeper,
    caller: &Caller,
    request: Request,
) -> Result<T, Refused> {
    let answer = keeper.ask(&Asked { caller: caller.clone(), request }, None)?;
    Ok(T::deserialize(answer).expect("the answer that was expected"))
}

fn fates(keeper: &mut Keeper) -> Vec<String> {
    let history: History = ask(keeper, Request::History).expect("a history");
    let word = |entry: &Entry| match &entry.fate {
        Fate::Begun => "begun".to_owned(),
        Fate::Trial { .. } => "trial".to_owned(),
        Fate::Confirmed { .. } => "confirmed".to_owned(),
        Fate::NotApplied { reason, .. } => format!("not applied: {reason}"),
        Fate::RolledBack { reason, .. } => format!("rolled back: {reason}"),
    };
    history.entries.iter().map(word).collect()
}

fn ban(sources: &[&str], seconds: Option<u64>) -> Request {
    let sources = sources.iter().map(|source| source.parse().expect("a prefix")).collect();
    Request::Ban(Ban { sources, file: None, seconds, note: None, replace: false })
}
