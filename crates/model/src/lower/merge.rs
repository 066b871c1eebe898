//! Several files as one: named things are collected, sections without a name may be written once.

use crate::problem::Problem;
use crate::raw::RawConfig;
use crate::raw::decode::Text;
use crate::raw::service::Service;
use crate::raw::site::SiteEntry;
use crate::raw::{limits, settings};
use crate::source::Located;

/// All files as one.
#[derive(Debug, Default)]
pub(crate) struct Merged {
    pub(crate) listen: Option<Located<settings::Listen>>,
    pub(crate) tls: Option<Located<settings::Tls>>,
    pub(crate) limits: Option<Located<limits::Limits>>,
    pub(crate) log: Option<Located<settings::Log>>,
    pub(crate) admin: Option<Located<settings::Admin>>,
    pub(crate) state: Option<Located<settings::State>>,
    pub(crate) services: Vec<(Text, Located<Service>)>,
    /// Names of services that could not be read at all.
    pub(crate) lost_services: Vec<String>,
    pub(crate) sites: Vec<(Text, Located<SiteEntry>)>,
}

impl Merged {
    /// Joins files in their order.
    pub(crate) fn new(configs: Vec<RawConfig>, problems: &mut Vec<Problem>) -> Self {
        let mut merged = Self::default();
        for config in configs {
            once("listen", &mut merged.listen, config.listen, problems);
            once("tls", &mut merged.tls, config.tls, problems);
            once("limits", &mut merged.limits, config.limits, problems);
            once("log", &mut merged.log, config.log, problems);
            once("admin", &mut merged.admin, config.admin, problems);
            once("state", &mut merged.state, config.state, problems);
            let services = config.service.map(|services| services.value).unwrap_or_default();
            merged.services.extend(services.list);
            merged.lost_services.extend(services.lost);
            merged.sites.extend(config.site.map(|sites| sites.value.0.list).unwrap_or_default());
        }
        merged
    }
}

fn once<T>(
    name: &str,
    slot: &mut Option<Located<T>>,
    section: Option<Located<T>>,
    problems: &mut Vec<Problem>,
) {
    match (slot.as_ref(), section) {
        (Some(first), Some(second)) => problems.push(
            Problem::error(second.at, format!("`[{name}]` is written in two files"))
                .label("again here")
                .related(first.at, "first here")
                .hint("write the whole section in one file"),
        ),
        (None, section) => *slot = section,
        (Some(_), None) => {}
    }
}
