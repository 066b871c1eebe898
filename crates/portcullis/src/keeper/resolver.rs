//! Addresses of DNS names that rules have, with their time to live.
//!
//! It asks the resolvers of the machine and keeps nothing: what an answer is good for is decided by who asked.

use hickory_resolver::TokioResolver;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// How long all names together may take: the keeper answers nobody meanwhile.
const PATIENCE: Duration = Duration::from_secs(4);

/// What a name stands for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Resolved {
    /// Its addresses of both families, sorted.
    pub(crate) addresses: Vec<IpAddr>,
    /// For how many seconds the answer is good.
    pub(crate) seconds: u64,
}

/// Asks for names, all at once. Those that have no answer in time are not in the result.
pub(crate) fn resolve(names: &BTreeSet<String>) -> io::Result<BTreeMap<String, Resolved>> {
    if names.is_empty() {
        return Ok(BTreeMap::new());
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let built = TokioResolver::builder_tokio().and_then(|builder| builder.build());
        let resolver = built.map_err(io::Error::other)?;
        let mut asked = tokio::task::JoinSet::new();
        for name in names.iter().cloned() {
            let resolver = resolver.clone();
            asked.spawn(async move { (ask(&resolver, &name).await, name) });
        }
        let deadline = tokio::time::Instant::now() + PATIENCE;
        let mut found = BTreeMap::new();
        while let Ok(Some(answer)) = tokio::time::timeout_at(deadline, asked.join_next()).await {
            if let Ok((Some(resolved), name)) = answer {
                found.insert(name, resolved);
            }
        }
        Ok(found)
    })
}

async fn ask(resolver: &TokioResolver, name: &str) -> Option<Resolved> {
    // With its dot at the end no search domain of this machine is tried.
    let answer = resolver.lookup_ip(format!("{name}.")).await.ok()?;
    let addresses: BTreeSet<IpAddr> = answer.iter().collect();
    let seconds = answer.valid_until().saturating_duration_since(Instant::now()).as_secs();
    (!addresses.is_empty()).then(|| Resolved { addresses: addresses.into_iter().collect(), seconds })
}
