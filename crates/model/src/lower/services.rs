//! Services: the named ones, and one for every address that a route names directly.

use super::policy::{Hosts, Names, Resolved};
use super::scripts::ScriptFolder;
use super::service_settings;
use super::target::{self, Named};
use super::{Lowering, Merged, fastcgi, service_host};
use crate::plan::{Listen, PlacedSite, Plan, Service, ServiceIndex, Site, Target};
use crate::problem::{Problem, Severity, closest};
use crate::raw::decode::Text;
use crate::raw::service as raw;
use crate::source::{Located, Location};
use std::collections::HashMap;
use std::sync::Arc;

/// The services of a plan as they come together.
pub(super) struct Services<'a> {
    listen: &'a Listen,
    hosts: &'a Hosts,
    /// The names as written, in the order of `list`; direct addresses follow them there.
    names: Vec<(&'a Text, bool)>,
    list: Vec<Arc<Service>>,
    /// The names by text, and the direct addresses.
    by_name: HashMap<&'a str, usize>,
    /// With the name that a certificate must carry, where it is not the address.
    by_target: HashMap<(Target, Option<String>), usize>,
    /// Names that are declared by what could not be read.
    lost: &'a [String],
    script_folders: Vec<ScriptFolder>,
}

impl<'a> Services<'a> {
    pub(super) fn new(
        merged: &'a Merged,
        listen: &'a Listen,
        hosts: &'a Hosts,
        names: &Names<'_>,
        lowering: &mut Lowering<'_>,
    ) -> Self {
        let mut services = Self {
            listen,
            hosts,
            names: Vec::new(),
            list: Vec::new(),
            by_name: HashMap::new(),
            by_target: HashMap::new(),
            lost: &merged.lost_services,
            script_folders: Vec::new(),
        };
        for (name, service) in &merged.services {
            services.declare(name, service, names, lowering);
        }
        let declared = |name: &str| {
            services.by_name.get(name).and_then(|index| services.list.get(*index)).map(Arc::as_ref)
        };
        services.script_folders = ScriptFolder::all(merged, declared, lowering);
        services
    }

    /// The services of a plan that came of `merged` without a problem, and none of which runs scripts.
    pub(super) fn of_plan(
        merged: &'a Merged,
        listen: &'a Listen,
        hosts: &'a Hosts,
        list: &[Arc<Service>],
    ) -> Self {
        let names = || merged.services.iter().map(|(name, _)| name);
        let direct = list.iter().enumerate().skip(merged.services.len());
        let target =
            |service: &Service| Some((service.instances.first()?.clone(), service.tls.server_name.clone()));
        Self {
            listen,
            hosts,
            names: names().map(|name| (name, false)).collect(),
            list: list.to_vec(),
            by_name: names().enumerate().map(|(index, name)| (name.as_str(), index)).collect(),
            by_target: direct.filter_map(|(index, service)| Some((target(service)?, index))).collect(),
            lost: &merged.lost_services,
            script_folders: Vec::new(),
        }
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.list.len()
    }

    fn declare(
        &mut self,
        name: &'a Text,
        raw: &Located<raw::Service>,
        names: &Names<'_>,
        lowering: &mut Lowering<'_>,
    ) {
        if !is_service_name(name.as_str()) {
            lowering.report(
                Problem::error(name.at, format!("`{}` cannot be the name of a service", name.as_str()))
                    .label("letters, digits, `-` and `_`, a letter first, at most 63"),
            );
        }
        if let Some((first, _)) = self.by_name.get(name.as_str()).and_then(|first| self.names.get(*first)) {
            lowering.report(
                Problem::error(name.at, format!("the service `{}` is written twice", name.as_str()))
                    .label("again here")
                    .related(first.at, "first here"),
            );
            return;
        }
        self.by_name.insert(name.as_str(), self.names.len());
        self.names.push((name, false));
        let (instances, hosts): (Vec<_>, Vec<_>) = self.instances(name, raw, lowering).into_iter().unzip();
        let service = Service::with_defaults(name.as_str().to_owned(), instances);
        let mut service = service_settings::settings(service, &raw.value, lowering);
        service.fastcgi = fastcgi::settings(&service, &raw.value, name.at, lowering);
        service_host::certificate_name(&mut service, &hosts, name.at, lowering);
        service_host::place(&mut service, name, &raw.value, self.hosts, names, lowering);
        self.list.push(Arc::new(service));
    }

    /// The targets of a service, each with the name of a host where it was written by that.
    fn instances(
        &self,
        name: &Text,
        raw: &Located<raw::Service>,
        lowering: &mut Lowering<'_>,
    ) -> Vec<(Target, Option<String>)> {
        let empty = |at| {
            Problem::error(at, format!("the service `{}` has no instances", name.as_str()))
                .label("where does it run?")
                .hint("write instances = [\"localhost:3000\"]")
        };
        let Some(written) = &raw.value.instances else {
            if !raw.value.broken {
                lowering.report(empty(name.at));
            }
            return Vec::new();
        };
        if written.value.is_empty() && !raw.value.broken {
            lowering.report(empty(written.at));
        }
        let mut targets: Vec<(Resolved, Location)> = Vec::new();
        for text in &written.value {
            let Some(resolved) = self.instance(&text.value, lowering) else { continue };
            match targets.iter().find(|(other, _)| other.target == resolved.target) {
                Some((_, first)) => lowering.report(
                    Problem::error(text.at, format!("the instance `{}` is written twice", resolved.target))
                        .label("again here")
                        .related(*first, "first here"),
                ),
                None => targets.push((resolved, text.at)),
            }
        }
        targets.into_iter().map(|(resolved, _)| (resolved.target, resolved.name)).collect()
    }

    fn instance(&self, text: &Text, lowering: &mut Lowering<'_>) -> Option<Resolved> {
        match target::target(text, lowering)? {
            Named::Address(target) => {
                let resolved = self.hosts.resolve(target, text.inner(), lowering)?;
                refuse_loop(&resolved.target, text.inner(), self.listen, lowering);
                Some(resolved)
            }
            Named::Service => {
                lowering.report(
                    Problem::error(text.inner(), format!("`{}` is not an address", text.as_str()))
                        .label("the port is missing")
                        .hint(format!("write \"{}:3000\"", text.as_str())),
                );
                None
            }
        }
    }

    /// The service that a target of a route names, declared or direct.
    pub(super) fn resolve(&mut self, text: &Text, lowering: &mut Lowering<'_>) -> Option<ServiceIndex> {
        match target::target(text, lowering)? {
            Named::Service => self.named(text, lowering),
            Named::Address(target) if target.fastcgi => {
                lowering.report(fastcgi::not_direct(text, &target));
                None
            }
            Named::Address(target) => {
                let resolved = self.hosts.resolve(target, text.inner(), lowering)?;
                refuse_loop(&resolved.target, text.inner(), self.listen, lowering);
                let name = resolved.name.filter(|_| resolved.target.tls);
                Some(self.direct(text.as_str(), (resolved.target, name)))
            }
        }
    }

    /// How the scripts of a service end, where it has some.
    pub(super) fn extension(&self, service: ServiceIndex) -> Option<&str> {
        let fastcgi = self.list.get(service.0)?.fastcgi.as_ref()?;
        Some(&fastcgi.extension)
    }

    /// What a service is called.
    pub(super) fn name(&self, service: ServiceIndex) -> &str {
        self.list.get(service.0).map(|service| service.name.as_str()).unwrap_or_default()
    }

    /// Where a service runs.
    pub(super) fn instances_of(&self, service: ServiceIndex) -> &[Target] {
        self.list.get(service.0).map(|service| &service.instances[..]).unwrap_or_default()
    }

    /// The folders with scripts of all services.
    pub(super) fn script_folders(&self) -> &[ScriptFolder] {
        &self.script_folders
    }

    fn named(&mut self, text: &Text, lowering: &mut Lowering<'_>) -> Option<ServiceIndex> {
        let name = text.as_str();
        if let Some(&index) = self.by_name.get(name) {
            self.names[index].1 = true;
            return Some(ServiceIndex(index));
        }
        if self.lost.iter().any(|lost| lost == name) {
            return None;
        }
        let candidates = self.names.iter().map(|(other, _)| other.as_str());
        let near = if lowering.may_guess() { closest(name, candidates) } else { None };
        let problem = Problem::error(text.inner(), format!("there is no service `{name}`"));
        let looks_like_host = name == "localhost" || name.contains('.');
        lowering.report(match near {
            Some(near) => problem.label(format!("did you mean `{near}`?")),
            None if looks_like_host => problem
                .label("a host without a port")
                .hint(format!("an address needs a port: \"{name}:3000\"")),
            None if is_service_name(name) => problem.label("not declared").hint(format!(
                "declare [service.{name}] with its instances, or write an address such as localhost:3000"
            )),
            None => problem.label("not declared").hint("write an address such as localhost:3000"),
        });
        None
    }

    fn direct(&mut self, written: &str, target: (Target, Option<String>)) -> ServiceIndex {
        let (list, hosts) = (&mut self.list, self.hosts);
        let index = *self.by_target.entry(target).or_insert_with_key(|(target, name)| {
            let mut service = Service::with_defaults(written.to_owned(), vec![target.clone()]);
            service.tls.server_name.clone_from(name);
            service.on = hosts.of_target(target).cloned();
            list.push(Arc::new(service));
            list.len() - 1
        });
        ServiceIndex(index)
    }

    /// All services; warns of those that nothing leads to, unless a route that cannot be read might.
    pub(super) fn finish(
        self,
        sites: &[PlacedSite],
        names: &Names<'_>,
        lowering: &mut Lowering<'_>,
    ) -> Vec<Arc<Service>> {
        for ((name, _), (index, service)) in self.names.iter().zip(self.list.iter().enumerate()) {
            service_host::refuse_elsewhere((index, service), name.at, sites, lowering);
        }
        let sound = !lowering.problems.iter().any(|problem| problem.severity == Severity::Error);
        let unused = self.names.iter().zip(&self.list).filter(|((name, used), service)| {
            let for_rules = !service.groups.is_empty() || names.used_services().contains(name.as_str());
            sound && !used && !for_rules
        });
        for ((name, _), _) in unused {
            lowering.report(
                Problem::warning(name.at, format!("no route leads to the service `{}`", name.as_str()))
                    .label("never used"),
            );
        }
        self.list
    }
}

/// Which of the named services the routes of a plan lead to when one site is another. `None` where the services without a
/// name would not come in their order then.
pub(super) fn used(plan: &Plan, named: usize, index: usize, other: &Site) -> Option<Vec<bool>> {
    let mut used = vec![false; named];
    let mut next = named;
    let sites = plan.sites.iter().enumerate().map(|(at, site)| if at == index { other } else { site });
    for service in sites.flat_map(|site| &site.routes).filter_map(|route| route.handler.service()) {
        match used.get_mut(service.0) {
            Some(used) => *used = true,
            None if service.0 > next => return None,
            None => next = next.max(service.0 + 1),
        }
    }
    (next == plan.services.len()).then_some(used)
}

pub(super) fn is_service_name(name: &str) -> bool {
    let bytes = name.as_bytes();
    bytes.len() <= 63
        && bytes.first().is_some_and(u8::is_ascii_alphabetic)
        && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

/// A target that is the gate itself. Ports that are not written may become others, so there it is only a warning.
fn refuse_loop(target: &Target, at: Location, listen: &Listen, lowering: &mut Lowering<'_>) {
    if !target::is_this_gate(target, listen) {
        return;
    }
    let title = format!("`{target}` is the gate itself");
    let problem = if listen.ports_written { Problem::error(at, title) } else { Problem::warning(at, title) };
    lowering.report(problem.label("would forward to itself").hint("write the port of the application"));
}
