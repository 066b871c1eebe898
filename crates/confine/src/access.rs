//! The third layer: landlock. The process may read what it sees and connect to others, and nothing beyond.

use crate::cage::LayerName;
use crate::enter::EnterError;
use crate::report::Layer;
use landlock::{
    ABI, Access, AccessFs, AccessNet, CompatLevel, Compatible, LandlockStatus, PathBeneath, PathFd,
    RestrictionStatus, Ruleset, RulesetAttr, RulesetCreatedAttr, RulesetError, RulesetStatus, Scope,
};

/// The newest interface whose rights were read and weighed here.
const KNOWN: ABI = ABI::V9;
const HINT: &str = "boot a kernel from 6.12 on with landlock among its security modules (lsm=landlock,...)";

/// Restricts the calling thread and those that it starts.
pub(crate) fn restrict() -> Result<Layer, EnterError> {
    let status = rules().map_err(EnterError::Landlock)?;
    Ok(judge(&status))
}

/// One rule beneath `/` in place of one for each folder: what may be seen is decided by the mounts, and folders that are
/// shown later lie beneath `/` too. A folder that was opened before stays usable only because of that.
fn rules() -> Result<RestrictionStatus, RulesetError> {
    let mut ruleset = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(KNOWN))?
        .handle_access(AccessNet::BindTcp)?
        .scope(Scope::from_all(KNOWN))?
        .create()?;
    if let Ok(root) = PathFd::new("/") {
        let reading = AccessFs::ReadFile | AccessFs::ReadDir | AccessFs::ResolveUnix;
        ruleset = ruleset.add_rule(PathBeneath::new(root, reading))?;
    }
    ruleset.restrict_self()
}

fn judge(status: &RestrictionStatus) -> Layer {
    let name = LayerName::Landlock;
    let abi = match status.landlock {
        LandlockStatus::Available { effective_abi, .. } => effective_abi as i32,
        LandlockStatus::NotEnabled => {
            return Layer::not_enforced(name, "not enabled in this kernel", Some(HINT));
        }
        LandlockStatus::NotImplemented => return Layer::not_enforced(name, "not in this kernel", Some(HINT)),
    };
    match (&status.ruleset, lacking(abi)) {
        (RulesetStatus::NotEnforced, _) => Layer::not_enforced(name, "refused by this kernel", Some(HINT)),
        (_, Some(lacking)) => Layer::partly(name, format!("ABI {abi} {lacking}"), HINT),
        (_, None) => Layer::enforced(name),
    }
}

/// What an older interface does not restrict, of what matters here. The filter of system calls refuses to listen in any
/// case, and the mounts hide the sockets that ABI 9 would restrict.
fn lacking(abi: i32) -> Option<&'static str> {
    match abi {
        ..=3 => Some("restricts neither TCP ports nor signals"),
        4..=5 => Some("does not restrict signals"),
        _ => None,
    }
}

/// The version of landlock's interface that this kernel has and we know; none without landlock.
pub(crate) fn version() -> Option<i32> {
    // Asked on a thread that ends at once: the answer comes with a restriction.
    let asked = std::thread::spawn(|| {
        let ruleset = Ruleset::default().scope(Scope::from_all(KNOWN))?.create()?;
        ruleset.restrict_self()
    });
    match asked.join().ok()?.ok()?.landlock {
        LandlockStatus::Available { effective_abi, .. } => Some(effective_abi as i32),
        LandlockStatus::NotEnabled | LandlockStatus::NotImplemented => None,
    }
}
