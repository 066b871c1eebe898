//! `portcullis firewall`: the firewall as a whole.

mod adopt;
mod off;
mod restore;
mod show;

use crate::cli::{Common, Firewall};
use crate::failure::{Exit, Failure};

pub(super) fn run(common: &Common, command: &Firewall) -> Result<Exit, Failure> {
    match command {
        Firewall::Adopt { json, disable, yes } => {
            adopt::run(common, adopt::Wish { json: *json, disable: *disable, yes: *yes })
        }
        Firewall::Restore => restore::run(common),
        Firewall::Off { yes } => off::run(common, *yes),
        Firewall::Show { planned } => show::run(common, *planned),
    }
}
