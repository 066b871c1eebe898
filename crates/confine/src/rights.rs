//! The second layer: who the process is, and that it stays so.

use crate::account::Account;
use crate::cage::{Cage, LayerName};
use crate::enter::EnterError;
use crate::report::Layer;
use rustix::io::Errno;
use rustix::process::{DumpableBehavior, Resource, Rlimit, Signal, geteuid, getgid, setrlimit};
use rustix::thread::{CapabilitiesSecureBits, CapabilitySet, CapabilitySets, set_thread_groups};
use std::io;

/// The highest capability that a kernel may have: sets of them are 64 bits wide.
const LAST: u32 = 63;

const USER: &str = "create the user portcullis: useradd --system --user-group --home-dir / --no-create-home --shell /usr/sbin/nologin portcullis";

/// Becomes the account and gives up every capability, every way to get one back, and to be looked into.
pub(crate) fn drop_all(cage: &Cage) -> Result<Layer, EnterError> {
    let layer = match cage.account.as_ref() {
        Some(account) if geteuid().is_root() => {
            let bounded = give_up_capabilities();
            become_account(account)?;
            match bounded {
                Ok(()) => Layer::enforced(LayerName::Rights),
                // No-new-privileges stops the same again: a capability that could only come with a program.
                Err(error) => Layer::partly(
                    LayerName::Rights,
                    format!("capabilities stay in the bounding set: {}", io::Error::from(error)),
                    "give portcullis CAP_SETPCAP",
                ),
            }
        }
        Some(account) if geteuid() == account.user() => Layer::enforced(LayerName::Rights),
        Some(_) => Layer::partly(LayerName::Rights, runs_as_caller(), "start portcullis as root"),
        None if geteuid().is_root() => {
            // It is partly in force in any case; no-new-privileges stands in for what fails.
            let _ = give_up_capabilities();
            Layer::partly(LayerName::Rights, "runs as root, without capabilities", USER)
        }
        None => Layer::partly(LayerName::Rights, runs_as_caller(), USER),
    };
    clear_capabilities()?;
    close_up()?;
    if cage.ends_with_parent {
        // The kernel forgets it where the user changes.
        rustix::process::set_parent_process_death_signal(Some(Signal::KILL))
            .map_err(|error| EnterError::step("end with its parent", error))?;
    }
    Ok(layer)
}

fn runs_as_caller() -> String {
    format!("runs as the caller, user {}", geteuid().as_raw())
}

/// What only works while the process still has capabilities: none can come back through an executed file, and being
/// user 0 means nothing.
fn give_up_capabilities() -> Result<(), Errno> {
    for capability in (0..=LAST).map(|number| CapabilitySet::from_bits_retain(1 << number)) {
        match rustix::thread::remove_capability_from_bounding_set(capability) {
            // The first number that this kernel does not know.
            Err(Errno::INVAL) => break,
            done => done?,
        }
    }
    rustix::thread::set_capabilities_secure_bits(
        CapabilitiesSecureBits::NO_ROOT
            | CapabilitiesSecureBits::NO_ROOT_LOCKED
            | CapabilitiesSecureBits::KEEP_CAPS_LOCKED
            | CapabilitiesSecureBits::NO_SETUID_FIXUP_LOCKED
            | CapabilitiesSecureBits::NO_CAP_AMBIENT_RAISE
            | CapabilitiesSecureBits::NO_CAP_AMBIENT_RAISE_LOCKED,
    )
}

fn become_account(account: &Account) -> Result<(), EnterError> {
    let failed = |error| EnterError::step(format!("become the user {}", account.uid()), error);
    let (user, group) = (account.user(), account.group());
    set_thread_groups(&account.all_groups()).map_err(failed)?;
    rustix::thread::set_thread_res_gid(group, group, group).map_err(failed)?;
    rustix::thread::set_thread_res_uid(user, user, user).map_err(failed)?;
    if (geteuid(), getgid()) != (user, group) {
        return Err(failed(Errno::PERM));
    }
    Ok(())
}

/// Giving up needs no right, so that this also holds without root.
fn clear_capabilities() -> Result<(), EnterError> {
    let none = CapabilitySet::empty();
    rustix::thread::clear_ambient_capability_set()
        .and_then(|()| {
            let sets = CapabilitySets { effective: none, permitted: none, inheritable: none };
            rustix::thread::set_capabilities(None, sets)
        })
        .map_err(|error| EnterError::step("give up capabilities", error))
}

/// No core file with keys in it, no other process of the same user that reads the memory, no program with more rights.
fn close_up() -> Result<(), EnterError> {
    setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) })
        .and_then(|()| rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable))
        .and_then(|()| rustix::thread::set_no_new_privs(true))
        .map_err(|error| EnterError::step("give up cores and privileges", error))
}

/// Runs `work` on this thread with the rights that `account` has to files, and takes its own back. The kernel judges,
/// access control lists included. Without an account it runs as who it is. As a side effect of the kernel's, the process
/// can no longer be looked into by others (`PR_SET_DUMPABLE`), which suits every caller.
pub(crate) fn with_rights_of<T>(account: Option<&Account>, work: impl FnOnce() -> T) -> io::Result<T> {
    let Some(account) = account.filter(|_| geteuid().is_root()) else { return Ok(work()) };
    let (groups, group, root) = (rustix::process::getgroups()?, rustix::process::getegid(), geteuid());
    set_thread_groups(&account.all_groups())?;
    rustix::thread::set_thread_res_gid(None, account.group(), None)?;
    rustix::thread::set_thread_res_uid(None, account.user(), None)?;
    let result = work();
    rustix::thread::set_thread_res_uid(None, root, None)?;
    rustix::thread::set_thread_res_gid(None, group, None)?;
    set_thread_groups(&groups)?;
    Ok(result)
}
