//! `portcullis firewall restore`: puts the confirmed packets in force before the network comes up. It needs neither the
//! file nor names, and leaves the machine closed rather than open.

use crate::cli::Common;
use crate::commands::keeping::Keeping;
use crate::failure::{Exit, Failure};
use crate::keeper::{Request, Restored};
use crate::show;
use crate::terminal;

pub(super) fn run(common: &Common) -> Result<Exit, Failure> {
    let restored: Restored = Keeping::without_file(common).ask_for(Request::Restore)?;
    terminal::say(show::restored(&restored));
    Ok(Exit::Done)
}
