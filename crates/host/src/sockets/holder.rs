//! Who holds a port: the process, its user, and what started it. It reads, and ends nobody.

use super::{Process, SocketsError, listeners};
use firewall::observed::Listener;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// Who holds a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// Where it listens.
    pub local: SocketAddr,
    /// The process, where this user may see it.
    pub process: Option<Process>,
    /// The file of its program, where this user may see it.
    pub file: Option<PathBuf>,
    /// The user that owns the socket, by name where the machine has one.
    pub user: String,
    /// What started it and can end it, where that is known.
    pub manager: Option<Manager>,
}

/// What started a process and can end it, from its control group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Manager {
    /// A unit of the system.
    Unit(String),
    /// A unit of a user's own service manager.
    UserUnit(String),
    /// A container, by the beginning of its id.
    Container(String),
}

/// Who holds a port of TCP (6) or UDP (17), so that nobody else can listen on `wanted`; `None` where nobody does.
///
/// # Errors
/// When the kernel does not list its sockets or processes.
pub fn holder(protocol: u8, wanted: SocketAddr) -> Result<Option<Holder>, SocketsError> {
    let listeners = listeners()?;
    let found =
        listeners.iter().find(|listener| listener.protocol == protocol && stands_in(listener.local, wanted));
    Ok(found.map(|listener| told(listener, Path::new("/"))))
}

/// Whether a socket at one address keeps others from another: the same port, and one of both is any address.
fn stands_in(held: SocketAddr, wanted: SocketAddr) -> bool {
    let overlaps = held.ip() == wanted.ip() || held.ip().is_unspecified() || wanted.ip().is_unspecified();
    held.port() == wanted.port() && held.is_ipv4() == wanted.is_ipv4() && overlaps
}

fn told(listener: &Listener, root: &Path) -> Holder {
    let id = listener.process;
    let folder = id.map(|id| root.join(format!("proc/{id}")));
    let groups = folder.as_ref().and_then(|folder| fs::read_to_string(folder.join("cgroup")).ok());
    Holder {
        local: listener.local,
        process: id.map(|id| Process { id, program: listener.program.clone().unwrap_or_default() }),
        file: folder.and_then(|folder| fs::read_link(folder.join("exe")).ok()),
        user: user_name(root, listener.user).unwrap_or_else(|| listener.user.to_string()),
        manager: groups.as_deref().and_then(manager),
    }
}

/// The name of a user in `/etc/passwd`.
#[must_use]
pub fn user_name(root: &Path, id: u32) -> Option<String> {
    let users = fs::read_to_string(root.join("etc/passwd")).ok()?;
    let id = id.to_string();
    users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)? == id).then(|| name.to_owned())
    })
}

/// What the lines of `/proc/PID/cgroup` tell: the control group of version 2 (`0::`), or that of systemd in version 1.
fn manager(groups: &str) -> Option<Manager> {
    let path = groups.lines().find_map(|line| {
        let (controllers, path) = line.split_once(':')?.1.split_once(':')?;
        matches!(controllers, "" | "name=systemd").then_some(path)
    })?;
    path.rsplit('/').find_map(|part| of_part(part, path))
}

fn of_part(part: &str, path: &str) -> Option<Manager> {
    let scope = part.strip_suffix(".scope");
    let container = ["docker-", "libpod-"].iter().find_map(|engine| scope?.strip_prefix(engine));
    // Without systemd, Docker's groups are called by the id alone.
    let container = container.or_else(|| path.contains("/docker/").then_some(part));
    if let Some(id) = container.filter(|id| id.len() >= 12 && id.bytes().all(|byte| byte.is_ascii_hexdigit()))
    {
        return Some(Manager::Container(id[..12].to_owned()));
    }
    // The service manager of a user is a unit itself, above all that it started.
    if !part.ends_with(".service") || part.starts_with("user@") {
        return None;
    }
    let unit = part.to_owned();
    Some(if path.contains("/user@") { Manager::UserUnit(unit) } else { Manager::Unit(unit) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_manager_is_read_from_the_control_group() {
        let id = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
        let unit = |name: &str| Some(Manager::Unit(name.to_owned()));
        let container = Some(Manager::Container("0123456789ab".to_owned()));
        for (groups, expected) in [
            ("0::/system.slice/nginx.service\n".to_owned(), unit("nginx.service")),
            ("0::/system.slice/system-php.slice/php@8.service/worker\n".to_owned(), unit("php@8.service")),
            ("12:pids:/x.service\n1:name=systemd:/system.slice/a.service\n".to_owned(), unit("a.service")),
            (
                "0::/user.slice/user-1000.slice/user@1000.service/app.slice/dev.service\n".to_owned(),
                Some(Manager::UserUnit("dev.service".to_owned())),
            ),
            ("0::/user.slice/user-1000.slice/user@1000.service/app.slice/run-7.scope\n".to_owned(), None),
            ("0::/user.slice/user-0.slice/session-3.scope\n".to_owned(), None),
            (format!("0::/system.slice/docker-{id}.scope\n"), container.clone()),
            (format!("0::/machine.slice/libpod-{id}.scope/container\n"), container.clone()),
            (format!("0::/docker/{id}\n"), container),
            ("0::/\n".to_owned(), None),
            (String::new(), None),
        ] {
            assert_eq!(manager(&groups), expected, "{groups}");
        }
    }

    #[test]
    fn only_an_address_that_overlaps_stands_in_the_way() {
        for (held, wanted, expected) in [
            ("0.0.0.0:80", "0.0.0.0:80", true),
            ("127.0.0.1:80", "0.0.0.0:80", true),
            ("0.0.0.0:80", "192.0.2.1:80", true),
            ("127.0.0.1:80", "192.0.2.1:80", false),
            ("0.0.0.0:80", "0.0.0.0:81", false),
            ("[::]:80", "0.0.0.0:80", false),
            ("[::1]:80", "[::]:80", true),
        ] {
            let address = |text: &str| text.parse().expect("an address");
            assert_eq!(stands_in(address(held), address(wanted)), expected, "{held} {wanted}");
        }
    }

    #[test]
    fn a_user_has_the_name_of_its_number() {
        let root = testkit::Folder::new();
        root.write("etc/passwd", "root:x:0:0::/:\nbad\nwww-data:x:33:34::/:\n");
        assert_eq!(user_name(root.path(), 33).as_deref(), Some("www-data"));
        assert_eq!(user_name(root.path(), 34), None, "that is its group");
    }

    #[test]
    fn the_holder_of_a_port_of_this_process_is_this_process() {
        let socket = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let local = socket.local_addr().expect("its address");
        let held = holder(super::super::TCP, local).expect("listed").expect("it is held");
        assert_eq!(held.process.map(|process| process.id), Some(std::process::id()));
        assert_eq!(held.file, std::env::current_exe().ok());
        drop(socket);
        assert_eq!(holder(super::super::TCP, local).expect("listed"), None);
    }
}
