//! `portcullis install-service`: units, users and folders for a program that was copied to this machine.

use crate::cli::InstallService;
use crate::failure::{Exit, Failure};
use crate::installation::Machine;
use crate::terminal;

const NEXT: &str = "\
next:
  portcullis check                          what /etc/portcullis/portcullis.toml says, and what is wrong with it
  portcullis doctor                         whether this machine is fit for it
  systemctl enable --now portcullis         starts it, now and with the machine
  systemctl enable portcullis-firewall      where the file has [firewall]: packets before the network
  usermod -aG portcullis-admin USER         who may give orders besides root
";

const KEPT: &str = "\
kept: /etc/portcullis, /var/lib/portcullis, /var/log/portcullis, the users portcullis and portcullis-admin, and packets as \
they are in force (`portcullis firewall off` takes those away)
";

pub(super) fn run(arguments: &InstallService) -> Result<Exit, Failure> {
    if !rustix::process::geteuid().is_root() && !arguments.dry_run {
        return Err(Failure::refused("only root installs a service")
            .with_hint("sudo portcullis install-service; --dry-run shows what it would do"));
    }
    let machine = Machine::this(arguments.uninstall)?;
    let steps = if arguments.uninstall { machine.removal() } else { machine.installation() };
    let taken = steps.take(arguments.dry_run, |step| terminal::say(format_args!("{step}\n")))?;
    if taken == 0 {
        terminal::say("there is nothing to do\n");
    }
    terminal::say(if arguments.uninstall { KEPT } else { NEXT });
    Ok(Exit::Done)
}
