//! A port that somebody else has: who it is, and the command that frees it, in words. Ends nobody.

use host::sockets::{Holder, Manager, holder};
use std::net::SocketAddr;

/// TCP and UDP, by their numbers (RFC 790).
pub(crate) const TCP: u8 = 6;
/// See [`TCP`].
pub(crate) const UDP: u8 = 17;

/// Who has a port, and what frees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Taken {
    /// `nginx (process 812 of www-data, unit nginx.service)`.
    pub(crate) by: String,
    /// The command.
    pub(crate) freed_by: String,
}

/// Who has a port; `None` where nobody does, or where it cannot be told.
pub(crate) fn who_has(protocol: u8, wanted: SocketAddr) -> Option<Taken> {
    holder(protocol, wanted).ok().flatten().map(|holder| in_words(protocol, &holder))
}

fn in_words(protocol: u8, holder: &Holder) -> Taken {
    Taken { by: named(holder), freed_by: freed_by(protocol, holder) }
}

fn named(holder: &Holder) -> String {
    let Some(process) = &holder.process else { return format!("a process of {}", holder.user) };
    let program = program(holder);
    let unit = match &holder.manager {
        Some(Manager::Unit(unit)) => format!(", unit {unit}"),
        Some(Manager::UserUnit(unit)) => format!(", unit {unit} of that user"),
        Some(Manager::Container(id)) => format!(", container {id}"),
        None => holder.file.as_ref().map(|file| format!(", {}", file.display())).unwrap_or_default(),
    };
    format!("{program} (process {} of {}{unit})", process.id, holder.user)
}

/// The name of the program. One that was started through `/proc/self/exe` is called by its file.
fn program(holder: &Holder) -> &str {
    let name = holder.process.as_ref().map_or("", |process| process.program.as_str());
    let file = || holder.file.as_ref()?.file_name()?.to_str();
    if name == "exe" { file().unwrap_or(name) } else { name }
}

fn freed_by(protocol: u8, holder: &Holder) -> String {
    let port = holder.local.port();
    let option = if protocol == UDP { 'u' } else { 't' };
    let Some(process) = &holder.process else {
        return format!("`sudo ss -l{option}np 'sport = :{port}'` names it");
    };
    match (program(holder), &holder.manager) {
        ("portcullis", Some(Manager::Unit(unit))) => format!("`systemctl stop {unit}`"),
        ("portcullis", None) => "`portcullis stop` ends a gate, a `portcullis hello` ends by ^C".to_owned(),
        ("docker-proxy", _) => format!("`docker stop $(docker ps -q --filter publish={port})`"),
        // The service manager listens for a service that it starts on demand.
        ("systemd", _) if process.id == 1 => {
            format!(
                "`systemctl list-sockets | grep {port}` names the socket unit; `systemctl disable --now` ends it"
            )
        }
        (_, Some(Manager::Unit(unit))) => {
            format!(
                "`systemctl stop {unit}`; `systemctl disable {unit}` also for the next start of the machine"
            )
        }
        (_, Some(Manager::UserUnit(unit))) => format!("`systemctl --user stop {unit}`, as {}", holder.user),
        (_, Some(Manager::Container(id))) => format!("`docker stop {id}` or `podman stop {id}`"),
        (_, None) => format!("`kill {}`", process.id),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use host::sockets::Process;

    fn taken(program: &str, id: u32, manager: Option<Manager>) -> Taken {
        let holder = Holder {
            local: ([0, 0, 0, 0], 80).into(),
            process: Some(Process { id, program: program.to_owned() }),
            file: Some(format!("/usr/sbin/{program}").into()),
            user: "root".to_owned(),
            manager,
        };
        in_words(TCP, &holder)
    }

    #[test]
    fn the_holder_is_named_with_the_command_that_frees_the_port() {
        let unit = |name: &str| Some(Manager::Unit(name.to_owned()));
        for (found, by, freed_by) in [
            (
                taken("nginx", 812, unit("nginx.service")),
                "nginx (process 812 of root, unit nginx.service)",
                "`systemctl stop nginx.service`; `systemctl disable nginx.service` also for the next start of the machine",
            ),
            (taken("python3", 9, None), "python3 (process 9 of root, /usr/sbin/python3)", "`kill 9`"),
            (
                taken("node", 9, Some(Manager::UserUnit("dev.service".to_owned()))),
                "node (process 9 of root, unit dev.service of that user)",
                "`systemctl --user stop dev.service`, as root",
            ),
            (
                taken("node", 9, Some(Manager::Container("0123456789ab".to_owned()))),
                "node (process 9 of root, container 0123456789ab)",
                "`docker stop 0123456789ab` or `podman stop 0123456789ab`",
            ),
            (
                taken("docker-proxy", 9, unit("docker.service")),
                "docker-proxy (process 9 of root, unit docker.service)",
                "`docker stop $(docker ps -q --filter publish=80)`",
            ),
            (
                taken("portcullis", 9, unit("portcullis.service")),
                "portcullis (process 9 of root, unit portcullis.service)",
                "`systemctl stop portcullis.service`",
            ),
            (
                taken("systemd", 1, None),
                "systemd (process 1 of root, /usr/sbin/systemd)",
                "`systemctl list-sockets | grep 80` names the socket unit; `systemctl disable --now` ends it",
            ),
        ] {
            assert_eq!((found.by.as_str(), found.freed_by.as_str()), (by, freed_by));
        }
    }

    #[test]
    fn a_program_that_was_started_through_proc_has_the_name_of_its_file() {
        let holder = Holder {
            local: ([0, 0, 0, 0], 80).into(),
            process: Some(Process { id: 82, program: "exe".to_owned() }),
            file: Some("/usr/bin/portcullis".into()),
            user: "root".to_owned(),
            manager: Some(Manager::Unit("portcullis.service".to_owned())),
        };
        let found = in_words(TCP, &holder);
        assert_eq!(found.by, "portcullis (process 82 of root, unit portcullis.service)");
        assert_eq!(found.freed_by, "`systemctl stop portcullis.service`");
    }

    #[test]
    fn a_holder_that_cannot_be_seen_is_named_by_its_user() {
        let holder = Holder {
            local: ([0, 0, 0, 0], 53).into(),
            process: None,
            file: None,
            user: "systemd-resolve".to_owned(),
            manager: None,
        };
        let found = in_words(UDP, &holder);
        assert_eq!(found.by, "a process of systemd-resolve");
        assert_eq!(found.freed_by, "`sudo ss -lunp 'sport = :53'` names it");
    }
}
