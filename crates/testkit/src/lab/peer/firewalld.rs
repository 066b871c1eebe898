//! firewalld in a host, with a system bus of its own.

use super::place::Place;
use crate::lab::host::Host;
use crate::program::Program;
use std::process::Command;

/// A running firewalld. It ends with the value; its rules end with the host.
#[derive(Debug)]
pub struct Firewalld {
    // Fields are dropped in this order: the daemon before its bus, and the mounts last.
    _daemon: Program,
    _bus: Program,
    place: Place,
}

impl Firewalld {
    /// Starts it with its defaults (zone `public`) and waits until it answers.
    ///
    /// # Panics
    /// When it is not installed or does not come up.
    #[must_use]
    pub fn in_host(host: &Host) -> Self {
        let place = Place::new(host, &["/etc/firewalld"]);
        place.output("mkdir", &["-p", "/run/dbus", "/run/firewalld"]);
        let mut bus = place.start("dbus-daemon", &["--system", "--nofork", "--nopidfile"]);
        let listens =
            |_: &Program| place.finish("test", &["-S", "/run/dbus/system_bus_socket"]).status.success();
        bus.wait_until("the bus", |bus| listens(bus).then_some(()));
        let mut daemon = place.start("firewalld", &["--nofork", "--nopid"]);
        let answers = || place.finish("firewall-cmd", &["--state"]).status.success();
        daemon.wait_until("firewalld", |_| answers().then_some(()));
        Self { _daemon: daemon, _bus: bus, place }
    }

    /// A command that finds firewalld's settings where it keeps them. It starts in the root folder.
    #[must_use]
    pub fn beside(&self, program: &str, arguments: &[&str]) -> Command {
        self.place.command(program, arguments)
    }

    /// Whether it answers.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.place.finish("firewall-cmd", &["--state"]).status.success()
    }

    /// Runs `firewall-cmd` with arguments and returns what it wrote.
    ///
    /// # Panics
    /// When it fails.
    pub fn run(&self, arguments: &[&str]) -> String {
        self.place.output("firewall-cmd", arguments)
    }
}
