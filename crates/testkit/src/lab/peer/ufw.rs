//! ufw in a host.

use super::place::Place;
use crate::lab::host::Host;
use std::fmt::Write;
use std::net::Ipv4Addr;
use std::process::Command;

/// Where it keeps the rules of IPv4.
const RULES: &str = "/etc/ufw/user.rules";

/// An enabled ufw. Its rules stay in the host until [`Ufw::run`] disables it; its settings end with the value.
#[derive(Debug)]
pub struct Ufw(Place);

impl Ufw {
    /// Enables ufw with its defaults: inbound denied, outbound allowed, both families.
    ///
    /// # Panics
    /// When it is not installed or refuses.
    #[must_use]
    pub fn in_host(host: &Host) -> Self {
        let ufw = Self(Place::new(host, &["/etc/ufw", "/etc/default", "/lib/ufw"]));
        ufw.run(&["--force", "enable"]);
        ufw
    }

    /// Runs `ufw` with arguments and returns what it wrote.
    ///
    /// # Panics
    /// When it fails.
    pub fn run(&self, arguments: &[&str]) -> String {
        self.0.output("ufw", arguments)
    }

    /// A command that finds ufw's settings where it keeps them. It starts in the root folder.
    #[must_use]
    pub fn beside(&self, program: &str, arguments: &[&str]) -> Command {
        self.0.command(program, arguments)
    }

    /// Allows UDP ports from addresses, one rule for each, and loads them all: the command itself takes a fifth of a
    /// second per rule, so they are written where it keeps them.
    ///
    /// # Panics
    /// When ufw refuses them.
    pub fn allow_many(&self, rules: impl Iterator<Item = (Ipv4Addr, u16)>) {
        let mut lines = String::from("### RULES ###\n");
        for (source, port) in rules {
            _ = writeln!(lines, "### tuple ### allow udp {port} 0.0.0.0/0 any {source} in");
            _ = writeln!(lines, "-A ufw-user-input -p udp --dport {port} -s {source} -j ACCEPT");
        }
        let kept = self.0.output("cat", &[RULES]);
        self.0.write(RULES, &kept.replacen("### RULES ###\n", &lines, 1));
        self.run(&["reload"]);
    }
}
