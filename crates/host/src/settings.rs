//! Settings of this machine that bear on packets: names, forwarding, resolvers.
//!
//! It reads files below a root and changes none.

use std::fs;
use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

/// The host name up to the first dot.
///
/// # Errors
/// When the kernel does not tell it.
pub fn host_name(root: &Path) -> io::Result<String> {
    let name = fs::read_to_string(root.join("proc/sys/kernel/hostname"))?;
    let name = name.trim_end();
    Ok(name.split_once('.').map_or(name, |(first, _)| first).to_owned())
}

/// Whether packets are forwarded between any interfaces, of either family.
#[must_use]
pub fn forwards(root: &Path) -> bool {
    ["ipv4", "ipv6"].iter().any(|family| !switched_on(root, family, "forwarding").is_empty())
}

/// The interfaces that let packets to 127/8 in from the network (`route_localnet`).
#[must_use]
pub fn exposes_loopback(root: &Path) -> Vec<String> {
    switched_on(root, "ipv4", "route_localnet")
}

/// Whether connection tracking takes connections up in their middle (`nf_conntrack_tcp_loose`); `None` where it is
/// not loaded.
#[must_use]
pub fn picks_up_connections(root: &Path) -> Option<bool> {
    number(&root.join("proc/sys/net/netfilter/nf_conntrack_tcp_loose")).map(|value| value != 0)
}

/// The interfaces where a setting of a family is on. `all` is among them; `default`, which is only what new
/// interfaces begin with, is not.
fn switched_on(root: &Path, family: &str, setting: &str) -> Vec<String> {
    let Ok(interfaces) = fs::read_dir(root.join("proc/sys/net").join(family).join("conf")) else {
        return Vec::new();
    };
    let mut names: Vec<String> = interfaces
        .flatten()
        .filter(|entry| number(&entry.path().join(setting)).is_some_and(|value| value != 0))
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(|name| name != "default")
        .collect();
    names.sort();
    names
}

/// The number that a file of the kernel holds.
pub(crate) fn number(path: &Path) -> Option<u64> {
    fs::read_to_string(path).ok()?.trim().parse().ok()
}

/// The addresses of resolvers: those of `/etc/resolv.conf`, and those that systemd-resolved asks when it is among
/// them. A machine without the file has none.
///
/// # Errors
/// When the file exists and cannot be read.
pub fn resolvers(root: &Path) -> Result<Vec<IpAddr>, SettingsError> {
    let mut found = name_servers(&read_if_present(&root.join("etc/resolv.conf"))?);
    if found.iter().any(IpAddr::is_loopback) {
        let behind = read_if_present(&root.join("run/systemd/resolve/resolv.conf"))?;
        found.extend(name_servers(&behind));
    }
    found.sort();
    found.dedup();
    Ok(found)
}

/// A file of this machine that exists and could not be read.
#[derive(Debug)]
pub struct SettingsError {
    /// The file.
    pub path: PathBuf,
    /// Why.
    pub reason: io::Error,
}

impl std::fmt::Display for SettingsError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "cannot read {}", self.path.display())
    }
}

impl std::error::Error for SettingsError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.reason)
    }
}

fn read_if_present(path: &Path) -> Result<String, SettingsError> {
    match fs::read(path) {
        Ok(content) => Ok(String::from_utf8_lossy(&content).into_owned()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
        Err(reason) => Err(SettingsError { path: path.to_owned(), reason }),
    }
}

/// The `nameserver` lines of resolv.conf(5).
fn name_servers(content: &str) -> Vec<IpAddr> {
    content.lines().filter_map(name_server).collect()
}

fn name_server(line: &str) -> Option<IpAddr> {
    let rest = line.trim_start().strip_prefix("nameserver")?;
    let address = rest.starts_with([' ', '\t']).then(|| rest.split_whitespace().next())??;
    // A link-local address may name its interface.
    address.split('%').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resolvers_are_the_name_server_lines() {
        let cases = [
            ("nameserver 192.0.2.1", Some("192.0.2.1")),
            ("  nameserver\t2001:db8::1 # first", Some("2001:db8::1")),
            ("nameserver fe80::1%eth0", Some("fe80::1")),
            ("# nameserver 192.0.2.1", None),
            ("nameservers 192.0.2.1", None),
            ("nameserver dns.example.com", None),
            ("nameserver", None),
            ("search example.com", None),
        ];
        for (line, expected) in cases {
            let expected = expected.map(|address| address.parse().expect("an address"));
            assert_eq!(name_server(line), expected, "{line}");
        }
    }

    #[test]
    fn behind_a_local_resolver_stand_those_that_it_asks() {
        let root = testkit::Folder::new();
        let told = |root: &testkit::Folder| {
            resolvers(root.path()).expect("files").iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        assert_eq!(told(&root), Vec::<String>::new());
        root.write("run/systemd/resolve/resolv.conf", "nameserver 192.0.2.53\n");
        root.write("etc/resolv.conf", "nameserver 127.0.0.53\noptions edns0\n");
        assert_eq!(told(&root), ["127.0.0.53", "192.0.2.53"]);
        root.write("etc/resolv.conf", "nameserver 198.51.100.1\n");
        assert_eq!(told(&root), ["198.51.100.1"]);
    }

    #[test]
    fn forwarding_of_one_interface_is_forwarding() {
        let root = testkit::Folder::new();
        root.write("proc/sys/net/ipv4/conf/all/forwarding", "0\n");
        root.write("proc/sys/net/ipv4/conf/default/forwarding", "1\n");
        assert!(!forwards(root.path()), "what new interfaces begin with forwards nothing");
        root.write("proc/sys/net/ipv6/conf/eth0/forwarding", "1\n");
        assert!(forwards(root.path()));
    }

    #[test]
    fn the_host_name_ends_at_its_first_dot() {
        let root = testkit::Folder::new();
        root.write("proc/sys/kernel/hostname", "web-1.example.com\n");
        assert_eq!(host_name(root.path()).expect("a name"), "web-1");
        root.write("proc/sys/kernel/hostname", "web-1\n");
        assert_eq!(host_name(root.path()).expect("a name"), "web-1");
    }
}
