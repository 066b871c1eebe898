//! The side without rights: it takes its errand, gives up everything, asks the resolvers, tells what it heard, and ends.

use crate::failure::{Exit, Failure};
use gate::{ResolverFiles, resolver_of};
use hickory_resolver::TokioResolver;
use link::{Channel, Errand, MOST_ADDRESSES, NameFact, PROTOCOL, Trust};
use std::collections::BTreeSet;
use std::ffi::CStr;
use std::io;
use std::net::IpAddr;
use std::os::fd::AsFd;
use std::time::Instant;

/// The name of its thread: 15 bytes at most.
const NAME: &CStr = c"portcullis-dns";

/// Does what the keeper at standard input wants to know.
pub(crate) fn run() -> Result<Exit, Failure> {
    // Lists of processes and sockets would name it by the link that it was started through.
    let _ = rustix::thread::set_name(NAME);
    let refused = |reason: &dyn std::fmt::Display| {
        Failure::refused(format!("this command is for the keeper alone: {reason}"))
    };
    confine::close_inherited().map_err(|error| refused(&error))?;
    let socket = io::stdin().as_fd().try_clone_to_owned().map_err(|error| refused(&error))?;
    let channel = Channel::new(socket, Trust::Keeper);
    let errand = channel.receive::<Errand>().map_err(|error| refused(&error))?;
    let Some(errand) = errand.map(|received| received.message) else { return Ok(Exit::Done) };
    if errand.protocol != PROTOCOL {
        return Err(refused(&"it is of another build"));
    }
    confine::enter(&errand.cage)
        .map_err(|error| Failure::refused(format!("the watcher cannot be confined: {error}")))?;
    tell(&channel, errand).map_err(|error| Failure::refused(format!("no names are resolved: {error}")))?;
    Ok(Exit::Done)
}

/// Asks for all names at once, and tells each answer when it comes.
fn tell(channel: &Channel, errand: Errand) -> io::Result<()> {
    let files = ResolverFiles { resolv_conf: errand.texts.resolv_conf, hosts: errand.texts.hosts };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let deadline = tokio::time::Instant::now() + errand.patience;
        let resolver =
            resolver_of(&files).ok_or_else(|| io::Error::other("/etc/resolv.conf names no resolver"))?;
        let mut asked = tokio::task::JoinSet::new();
        for name in errand.names {
            let resolver = resolver.clone();
            asked.spawn(async move { ask(&resolver, name).await });
        }
        while let Ok(Some(answer)) = tokio::time::timeout_at(deadline, asked.join_next()).await {
            // Nobody hears it where the keeper has what it wants.
            if let Ok(Some(fact)) = answer
                && channel.send(&fact, &[]).is_err()
            {
                break;
            }
        }
        Ok(())
    })
}

async fn ask(resolver: &TokioResolver, name: String) -> Option<NameFact> {
    // With its dot at the end no search domain of this machine is tried.
    let answer = resolver.lookup_ip(format!("{name}.")).await.ok()?;
    let addresses: BTreeSet<IpAddr> = answer.iter().collect();
    let seconds = answer.valid_until().saturating_duration_since(Instant::now()).as_secs();
    let addresses: Vec<IpAddr> = addresses.into_iter().take(MOST_ADDRESSES).collect();
    (!addresses.is_empty()).then_some(NameFact { name, addresses, seconds })
}
