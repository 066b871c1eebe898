//! `my-ip`: the addresses that people have proved to be theirs, by being logged in from them. One of each family for each
//! person; a new one takes the place of the old one.

use super::caller::Caller;
use super::state::{State, StateError};
use kept::Found;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use std::path::Path;

const NAME: &str = "my-ip";
const LOST: &str = "`my-ip` is nobody's until an apply over a login";

/// An address of a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Proved {
    user: u32,
    address: IpAddr,
}

/// The addresses as they are kept, and with those that the caller proves now.
pub(super) fn with_caller(state: &mut State, caller: &Caller) -> Result<Vec<Proved>, StateError> {
    let kept: Vec<Proved> = state.list(NAME, LOST)?.unwrap_or_default();
    Ok(joined(kept, caller))
}

/// Keeps addresses.
pub(super) fn keep(state: &mut State, proved: &[Proved]) -> Result<(), StateError> {
    let before: Vec<Proved> = state.list(NAME, LOST)?.unwrap_or_default();
    if before == proved { Ok(()) } else { state.write_list(NAME, proved, &before) }
}

/// The addresses as they are kept in a state folder, for who only looks: what cannot be read is taken for none.
pub(super) fn seen(state: &Path) -> Vec<IpAddr> {
    let Ok(Found::Whole(content)) = kept::read_sealed(&State::folder_in(state).join(NAME)) else {
        return Vec::new();
    };
    serde_json::from_slice::<Vec<Proved>>(&content).map(|kept| of(&kept)).unwrap_or_default()
}

/// The addresses alone.
pub(super) fn of(proved: &[Proved]) -> Vec<IpAddr> {
    proved.iter().map(|proved| proved.address).collect()
}

fn joined(mut kept: Vec<Proved>, caller: &Caller) -> Vec<Proved> {
    for session in caller.own_sessions() {
        let new = Proved { user: caller.who.user, address: session.peer.ip().to_canonical() };
        kept.retain(|old| old.user != new.user || old.address.is_ipv4() != new.address.is_ipv4());
        kept.push(new);
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::super::caller::{Session, Who};
    use super::*;

    fn caller(user: u32, peer: &str) -> Caller {
        let peer = peer.parse().expect("an address");
        let session = Session { peer, local: peer, own: true };
        Caller { who: Who { user, from: None }, sessions: vec![session], console: false }
    }

    #[test]
    fn a_new_address_takes_the_place_of_the_old_one_of_the_same_person_and_family() {
        let mut proved = Vec::new();
        for (user, peer) in [
            (1000, "198.51.100.7:1"),
            (1001, "198.51.100.8:1"),
            (1000, "[2001:db8::7]:1"),
            (1000, "[::ffff:203.0.113.7]:1"),
        ] {
            proved = joined(proved, &caller(user, peer));
        }
        let shown: Vec<_> = of(&proved).iter().map(ToString::to_string).collect();
        assert_eq!(shown, ["198.51.100.8", "2001:db8::7", "203.0.113.7"]);
    }

    #[test]
    fn who_only_looks_sees_what_was_kept_and_leaves_what_is_damaged() {
        let folder = testkit::Folder::new();
        assert!(seen(folder.path()).is_empty());
        let mut state = super::super::state::opened(folder.path());
        let proved = with_caller(&mut state, &caller(1000, "198.51.100.7:1")).expect("a list");
        keep(&mut state, &proved).expect("room for it");
        assert_eq!(seen(folder.path()), of(&proved));
        let file = State::folder_in(folder.path()).join(NAME);
        std::fs::write(&file, "damaged").expect("room for it");
        assert!(seen(folder.path()).is_empty() && file.exists());
    }
}
