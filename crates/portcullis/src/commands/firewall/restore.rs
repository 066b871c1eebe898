//! `portcullis firewall restore`: puts the confirmed packets in force before the network comes up. It needs neither the
//! file nor names, and leaves the machine closed rather than open.

use crate::cli::Common;
use crate::commands::keeping::Keeping;
use crate::failure::{Exit, Failure};
use crate::keeper::Restored;
use crate::show;
use crate::terminal;

pub(super) fn run(common: &Common) -> Result<Exit, Failure> {
    let restored = Keeping::at_boot(common).restore()?;
    terminal::say(show::restored(&restored));
    Ok(if matches!(restored, Restored::Left { .. }) { Exit::No } else { Exit::Done })
}
