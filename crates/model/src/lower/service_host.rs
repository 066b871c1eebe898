//! Where a service runs: the host that is written or the one that has the addresses of its instances, the names of
//! hosts in targets, and the groups that come with it.

use super::Lowering;
use super::policy::{Hosts, Kind, Names, carried};
use crate::plan::{Name, PlacedSite, Service, Target, TargetAddress};
use crate::problem::Problem;
use crate::raw::decode::Text;
use crate::raw::service as raw;
use crate::source::Location;
use std::net::IpAddr;

/// Sets the host and the groups of a service.
pub(super) fn place(
    service: &mut Service,
    name: &Text,
    raw: &raw::Service,
    hosts: &Hosts,
    names: &Names<'_>,
    lowering: &mut Lowering<'_>,
) {
    let of_instances: Vec<&Name> =
        service.instances.iter().filter_map(|target| hosts.of_target(target)).collect();
    let every = of_instances.len() == service.instances.len();
    let one = of_instances.first().filter(|first| every && of_instances.iter().all(|host| host == *first));
    service.on = one.map(|host| (*host).clone());
    if let Some(on) = &raw.on {
        service.on = names.expect(Kind::Host, &on.value, lowering);
        let other = of_instances.iter().find(|host| service.on.as_ref().is_some_and(|on| on != **host));
        if let Some(other) = other {
            lowering.report(
                Problem::error(on.at, format!("an instance of `{}` is on another host", service.name))
                    .label(format!("one of the addresses is of `{other}`"))
                    .hint("leave `on` out; the addresses say where it runs"),
            );
        }
    }
    service.groups = carried(raw.groups.as_ref(), names, lowering);
    let unclear = service.on.is_none() && of_instances.is_empty() && raw.on.is_none() && !raw.broken;
    if let Some(groups) = raw.groups.as_ref().filter(|_| unclear && hosts.len() >= 2) {
        lowering.report(
            Problem::error(groups.at, format!("nothing says on which host `{}` runs", service.name))
                .label("these rules would hold nowhere")
                .related(name.at, "this service")
                .hint(format!("write on = \"...\" with one of the hosts: {}", hosts.names())),
        );
    }
}

/// The name that the certificates of instances carry which were written by the name of a host.
pub(super) fn certificate_name(
    service: &mut Service,
    written: &[Option<String>],
    at: Location,
    lowering: &mut Lowering<'_>,
) {
    let with_tls = service.instances.iter().zip(written).filter(|(target, _)| target.tls);
    let names: Vec<&Option<String>> = with_tls.map(|(_, name)| name).collect();
    let Some(Some(first)) = names.iter().find(|name| name.is_some()) else { return };
    if service.tls.server_name.is_some() || !service.tls.verify {
        return;
    }
    if names.iter().all(|name| name.as_deref() == Some(first.as_str())) {
        service.tls.server_name = Some(first.clone());
        return;
    }
    lowering.report(
        Problem::error(at, "instances with TLS on several hosts")
            .label("which name do their certificates carry?")
            .hint("write tls = { server_name = \"...\" }"),
    );
}

/// Refuses a service that a site of another host would look for on its own machine.
pub(super) fn refuse_elsewhere(
    (index, service): (usize, &Service),
    at: Location,
    sites: &[PlacedSite],
    lowering: &mut Lowering<'_>,
) {
    let Some(host) = &service.on else { return };
    let Some(local) = service.instances.iter().find(|target| is_of_this_machine(target)) else { return };
    let other = |site: &&PlacedSite| {
        let elsewhere = site.on.as_ref().is_some_and(|on| on != host);
        elsewhere
            && site.routes.iter().any(|route| route.handler.service().is_some_and(|used| used.0 == index))
    };
    let Some(site) = sites.iter().find(other) else { return };
    let (label, on) = (&site.label, site.on.as_ref().map(|on| on.0.as_str()).unwrap_or_default());
    lowering.report(
        Problem::error(
            at,
            format!("the site `{label}` on `{on}` cannot reach `{}` on `{host}`", service.name),
        )
        .label(format!("`{local}` is of one machine alone"))
        .hint(format!("write the instance as \"{host}:PORT\"")),
    );
}

/// Whether only the machine itself reaches a target.
fn is_of_this_machine(target: &Target) -> bool {
    match &target.address {
        TargetAddress::Unix(_) => true,
        TargetAddress::Tcp { host, .. } => {
            host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
        }
    }
}
