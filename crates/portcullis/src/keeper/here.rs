//! This machine as it is, through `host`.

use super::addresses;
use super::answer::{ConnectionTable, Finding};
use super::machine::{Live, Machine};
use super::policy;
use super::request::Refused;
use crate::failure::Failure;
use crate::gate_user;
use crate::report;
use crate::watcher::{self, Resolved};
use firewall::observed::{Interface, Observed};
use host::conntrack::{self, Flow, Load};
use host::rights;
use host::sockets::{self, Outcome, SocketHandle};
use model::plan::{InterfaceName, Name, Plan};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

/// This machine.
#[derive(Debug, Default)]
pub(super) struct Here {
    /// The sockets of the last list of connections.
    sockets: Vec<SocketHandle>,
}

impl Machine for Here {
    fn now(&self) -> u64 {
        SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
    }

    fn observe(&mut self, containers: &[String]) -> Result<Observed, Refused> {
        host::observe(gate_user::number(), containers, self.now()).map_err(|error| Refused::machine(&error))
    }

    fn interfaces(&mut self, containers: &[String]) -> Result<Vec<Interface>, Refused> {
        host::interfaces::interfaces(containers).map_err(|error| Refused::machine(&error))
    }

    fn route(&self, local: IpAddr, peer: IpAddr) -> Option<InterfaceName> {
        // Without an answer every interface may be the one.
        host::interfaces::route(local, peer).ok().flatten()
    }

    fn connections(&mut self, observed: &Observed) -> Result<Vec<Live>, Refused> {
        let found = sockets::connections(&observed.interfaces).map_err(|error| Refused::machine(&error))?;
        self.sockets = found.iter().map(|one| one.socket).collect();
        let live = |(id, one): (usize, sockets::Established)| Live {
            socket: Some(id),
            ends: (one.connection.local, one.connection.peer),
            connection: one.connection,
            program: one.process.map(|process| process.program),
        };
        Ok(found.into_iter().enumerate().map(live).collect())
    }

    fn flows(&mut self) -> Result<Vec<Flow>, Refused> {
        conntrack::flows().map_err(|error| Refused::machine(&error))
    }

    fn cut(&mut self, connections: &[Live]) -> Result<Vec<(Live, String)>, Refused> {
        let handles: Vec<SocketHandle> =
            connections.iter().filter_map(|live| self.sockets.get(live.socket?).copied()).collect();
        let outcomes = sockets::destroy(&handles).map_err(|error| Refused::machine(&error))?;
        let failed = connections.iter().zip(outcomes).filter_map(|(live, outcome)| {
            let reason = match outcome {
                Outcome::Destroyed | Outcome::Gone => return None,
                Outcome::NotPermitted => "no right to end it".to_owned(),
                Outcome::Unsupported => {
                    "this kernel cannot end connections; its packets are refused".to_owned()
                }
                Outcome::Refused(error) => error.to_string(),
                _ => "its packets are refused".to_owned(),
            };
            Some((live.clone(), reason))
        });
        Ok(failed.collect())
    }

    fn connection_table(&mut self) -> Option<ConnectionTable> {
        Load::read(Path::new("/")).map(|load| ConnectionTable { count: load.count, max: load.max })
    }

    fn resolve(&mut self, names: &BTreeSet<String>) -> BTreeMap<String, Resolved> {
        // Without an answer names stand for what they stood for.
        watcher::resolve(names).unwrap_or_else(|error| {
            report::warning(format_args!("names of rules cannot be resolved: {error}"));
            BTreeMap::new()
        })
    }

    fn container(&mut self) -> Option<String> {
        rights::in_namespace_of_container(Path::new("/")).map(|container| match container {
            rights::Container::File(path) => path.display().to_string(),
            rights::Container::Environment(value) => format!("container={value}"),
            rights::Container::ControlGroup(name) => name,
        })
    }
}

/// What a plan serves on this machine. The machine is looked at only where the file names hosts.
pub(crate) fn of_this_host(plan: &Plan, wanted: Option<&str>) -> Result<Plan, Failure> {
    if plan.policy.hosts.is_empty() && wanted.is_none() {
        return Ok(plan.of_host(None));
    }
    let observed = Here::default().observe(&[])?;
    let host = policy::host(plan, &observed, wanted)?;
    Ok(plan.of_host(host.as_ref()))
}

/// Which host of a file this machine is.
pub(crate) fn host_here(plan: &Plan, wanted: Option<&str>) -> Result<Option<Name>, Refused> {
    policy::host(plan, &Here::default().observe(&[])?, wanted)
}

/// Whether this machine has an interface; `None` where that cannot be asked.
pub(crate) fn is_interface_here(name: &InterfaceName) -> Option<bool> {
    let interfaces = Here::default().interfaces(&[]).ok()?;
    Some(interfaces.iter().any(|interface| interface.name == *name))
}

/// Whether this process is in a container, whose packets are its machine's affair.
pub(crate) fn is_in_container() -> bool {
    Here::default().container().is_some()
}

/// What should be looked at before a plan is applied on this machine.
/// `state` is where the addresses of people are kept, as far as this caller may read it.
pub(crate) fn findings_here(
    plan: &Plan,
    wanted: Option<&str>,
    state: &Path,
) -> Result<Vec<Finding>, Refused> {
    let mut here = Here::default();
    let containers = plan.policy.firewall.as_ref().map(|firewall| firewall.containers.clone());
    let mut observed = here.observe(&containers.unwrap_or_default())?;
    observed.lists = policy::lists(plan);
    observed.my_ip = addresses::seen(state);
    let host = policy::host(plan, &observed, wanted)?;
    let draft = policy::compose(plan, host.as_ref(), &observed);
    Ok(draft.as_ref().map(|draft| policy::findings(draft, None)).unwrap_or_default())
}
