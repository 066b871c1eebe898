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

const PACKETS: &str = "packets stay as they are in force; `portcullis firewall off` takes those away\n";

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
    if !arguments.uninstall {
        terminal::say(NEXT);
        return Ok(Exit::Done);
    }
    let kept = machine.kept();
    if !kept.is_empty() {
        terminal::say(format_args!("kept: {}\n", kept.join(", ")));
    }
    terminal::say(PACKETS);
    Ok(Exit::Done)
}
