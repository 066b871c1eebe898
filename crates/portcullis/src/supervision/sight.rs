//! What a gate sees of the file system: the folders that its plan names, and nothing else.

use super::conversation::Conversation;
use super::offer::Offer;
use crate::report;
use confine::{Cage, Layer, LayerName, Missing, Outside, Report, State};
use model::plan::{Handler, Plan, TargetAddress};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::PoisonError;
use std::time::Instant;

/// Folders that are named one by one; a gate says which, and may say anything.
const NAMED: usize = 20;

/// The folders that a gate needs for an offer: roots of files and of scripts, and those in which sockets of instances
/// lie.
pub(super) fn of(offer: &Offer) -> BTreeSet<PathBuf> {
    let plan = &offer.edition.plan;
    let roots = roots(plan).map(Path::to_owned);
    let sockets = sockets(plan).filter_map(Path::parent).map(Path::to_owned);
    roots.chain(sockets).collect()
}

/// Notes what a gate sees that has just started, and says what it does not see, unless the look at the machine has told it
/// with its remedy.
pub(super) fn begin(gate: &Conversation, cage: &Cage, offer: &Offer, report: &Report) {
    let roots: BTreeSet<&Path> = roots(&offer.edition.plan).collect();
    let is_told = |path: &Path| {
        let account = cage.account.as_ref();
        let is_closed = || account.is_some_and(|account| confine::can_read(account, path).is_err());
        roots.contains(path) && (!path.is_dir() || is_closed())
    };
    let untold = report.missing.iter().filter(|missing| !is_told(&missing.path));
    warn(&untold.cloned().collect::<Vec<_>>());
    // Where nothing is hidden from it there is nothing to be shown, nor a right needed for it.
    let is_apart =
        |layer: &Layer| layer.name == LayerName::Mounts && !matches!(layer.state, State::NotEnforced(_));
    if !report.layers.iter().any(is_apart) {
        return;
    }
    match Outside::of(gate.process.pid(), cage) {
        Ok(outside) => {
            let outside = outside.map(|outside| outside.with_missing(&report.missing));
            *gate.outside.lock().unwrap_or_else(PoisonError::into_inner) = outside;
        }
        Err(error) => {
            report::warning(format_args!("folders that are added later stay hidden from the gate: {error}"));
        }
    }
}

/// Shows what an offer needs beyond what the gate sees.
pub(super) fn show(gate: &Conversation, offer: &Offer) {
    with_outside(gate, |outside| {
        let seen: BTreeSet<PathBuf> = outside.shown().map(Path::to_owned).collect();
        let missing = outside.show(of(offer).into_iter().filter(|path| !seen.contains(path)))?;
        warn(&missing);
        Ok(())
    });
}

/// Hides what an offer does not need.
pub(super) fn hide(gate: &Conversation, offer: &Offer) {
    with_outside(gate, |outside| {
        let needed = of(offer);
        let left: Vec<PathBuf> =
            outside.shown().filter(|path| !needed.contains(*path)).map(Path::to_owned).collect();
        if left.is_empty() { Ok(()) } else { outside.hide(left) }
    });
}

/// Follows links that were switched and folders that were built anew, and says what is gone.
pub(super) fn refresh(gate: &Conversation) {
    with_outside(gate, |outside| {
        let changed = outside.refresh(Instant::now())?;
        if !changed.is_empty() {
            warn(&outside.missing().filter(|missing| changed.contains(&missing.path)).collect::<Vec<_>>());
        }
        Ok(())
    });
}

/// What it should see and does not, as it is now.
pub(super) fn hidden(gate: &Conversation) -> Vec<Missing> {
    let outside = gate.outside.lock().unwrap_or_else(PoisonError::into_inner);
    outside.as_ref().map(|outside| outside.missing().collect()).unwrap_or_default()
}

fn with_outside(gate: &Conversation, work: impl FnOnce(&mut Outside) -> Result<(), confine::MountError>) {
    let mut outside = gate.outside.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(outside) = outside.as_mut()
        && let Err(error) = work(outside)
    {
        report::warning(format_args!("the gate may not see the folders of its plan: {error}"));
    }
}

fn warn(missing: &[Missing]) {
    for missing in missing.iter().take(NAMED) {
        report::warning(format_args!("the gate does not see {missing}"));
    }
    if let Some(more) = missing.len().checked_sub(NAMED).filter(|more| *more > 0) {
        report::warning(format_args!("the gate does not see {more} further folders"));
    }
}

fn roots(plan: &Plan) -> impl Iterator<Item = &Path> {
    let routes = plan.sites.iter().flat_map(|site| &site.routes);
    let files = routes.filter_map(|route| match &route.handler {
        Handler::Files(files) => Some(files.root.as_path()),
        _ => None,
    });
    let fastcgi = plan.services.iter().filter_map(|service| service.fastcgi.as_ref());
    files.chain(fastcgi.filter(|fastcgi| fastcgi.check).map(|fastcgi| fastcgi.root.as_path()))
}

fn sockets(plan: &Plan) -> impl Iterator<Item = &Path> {
    let of_streams = plan.streams.iter().map(|stream| stream.service.instances.iter());
    let of_services = plan.services.iter().map(|service| service.instances.iter());
    of_services.chain(of_streams).flatten().filter_map(|target| match &target.address {
        TargetAddress::Unix(path) => Some(Path::new(path)),
        TargetAddress::Tcp { .. } => None,
    })
}
