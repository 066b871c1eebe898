//! firewalld: zones, services and sets of addresses, which are XML files.
//!
//! A packet belongs to one zone: that of its source, else that of its interface, else the default one. Written as an
//! order in which each zone ends with its target, the zones become an allow-only set like any other order.

mod service;
mod xml;
mod zone;

use super::needed::needed;
use super::ordered::allowed;
use super::{BuiltIn, Effect, Imported, NotImported};
use crate::addresses::AddressSet;
use model::plan::{Essential, InterfaceName, Traffic};
use std::collections::BTreeMap;
use xml::Element;

/// A file: its name without folder and `.xml`, and its text.
pub type Named<'a> = (&'a str, &'a str);

/// The files of firewalld, as text. Where a name is there twice (`/etc/firewalld` and `/usr/lib/firewalld`), the first
/// one counts.
#[derive(Clone, Debug, Default)]
pub struct FirewalldFiles<'a> {
    /// `firewalld.conf`.
    pub conf: &'a str,
    /// `zones/*.xml`.
    pub zones: Vec<Named<'a>>,
    /// `services/*.xml`.
    pub services: Vec<Named<'a>>,
    /// `ipsets/*.xml`.
    pub ipsets: Vec<Named<'a>>,
    /// `policies/*.xml` of `/etc/firewalld`.
    pub policies: Vec<Named<'a>>,
    /// `direct.xml`.
    pub direct: Option<&'a str>,
    /// The interfaces of this machine: what a zone of one of them does not admit becomes rules for the others.
    pub interfaces: Vec<InterfaceName>,
}

/// Imports the zones of firewalld.
#[must_use]
pub fn firewalld(files: &FirewalldFiles<'_>) -> Imported {
    let mut import = Import { files, result: Imported::default(), places: Vec::new(), order: Vec::new() };
    let zones = import.read_all("zones", &files.zones);
    let default = super::ufw::assignments(files.conf)
        .get("DefaultZone")
        .cloned()
        .filter(|name| !name.is_empty())
        .unwrap_or_else(|| "public".to_owned());
    for (name, zone) in &zones {
        import.by_source(name, zone);
    }
    for (name, zone) in zones.iter().filter(|(name, _)| **name != default) {
        import.by_interface(name, zone);
    }
    match zones.get(default.as_str()) {
        Some(zone) => import.default_zone(&default, zone),
        None => import
            .result
            .notes
            .push(format!("the default zone {default} has no file: it admits nothing here")),
    }
    import.foreign_to_zones();
    import.finish()
}

/// An import on its way.
struct Import<'a> {
    files: &'a FirewalldFiles<'a>,
    result: Imported,
    order: Vec<super::ordered::Ordered>,
    /// Where each rule of the order stands.
    places: Vec<(String, usize, String)>,
}

impl<'a> Import<'a> {
    fn leave(&mut self, file: &str, element: &Element, why: impl Into<String>, effect: Effect) {
        self.result.not_imported.push(NotImported {
            file: file.to_owned(),
            line: element.line,
            text: element.shown(),
            why: why.into(),
            effect,
        });
    }

    fn read(&mut self, file: &str, text: &str) -> Option<Element> {
        match xml::read(text) {
            Ok(element) => Some(element),
            Err(error) => {
                self.leave(file, &Element::default(), error.to_string(), Effect::Unknown);
                None
            }
        }
    }

    fn read_all(&mut self, folder: &str, files: &[Named<'a>]) -> BTreeMap<&'a str, Element> {
        let mut read = BTreeMap::new();
        for (name, text) in files {
            if !read.contains_key(name)
                && let Some(element) = self.read(&format!("{folder}/{name}.xml"), text)
            {
                read.insert(*name, element);
            }
        }
        read
    }

    /// What is no zone: rules written past them.
    fn foreign_to_zones(&mut self) {
        if let Some(direct) = self.files.direct.and_then(|text| self.read("direct.xml", text)) {
            for rule in &direct.children {
                self.leave("direct.xml", rule, "a rule of iptables, past the zones", Effect::Unknown);
            }
        }
        for (name, text) in &self.files.policies {
            let file = format!("policies/{name}.xml");
            if let Some(policy) = self.read(&file, text) {
                let policy = Element { children: Vec::new(), ..policy };
                self.leave(&file, &policy, "a policy between zones", Effect::Unknown);
            }
        }
    }

    fn finish(mut self) -> Imported {
        let allowed = allowed(&self.order, &self.files.interfaces);
        for (index, why) in allowed.lost {
            if let Some((file, line, text)) = self.places.get(index).cloned() {
                let why = why.to_owned();
                self.result.not_imported.push(NotImported {
                    file,
                    line,
                    text,
                    why,
                    effect: Effect::Narrower,
                });
            }
        }
        self.result.rules = needed(&allowed.rules);
        self.result
    }

    /// Zones with the target `default` answer ICMP.
    fn answers_icmp(&mut self) {
        for (v6, kind) in [(false, 8_u8), (true, 128)] {
            let traffic = Traffic::Icmp {
                v6,
                first: u16::from_be_bytes([kind, 0]),
                last: u16::from_be_bytes([kind, 255]),
            };
            let essential = Some(Essential::Ping);
            self.result.built_in.push(BuiltIn { name: "ping", traffic, destination: None, essential });
        }
    }
}

/// Every prefix or address in a list; `None` where one is neither.
fn addresses<'t>(texts: impl Iterator<Item = &'t str>) -> Option<AddressSet> {
    let nets: Option<Vec<ipnet::IpNet>> = texts
        .map(|text| text.parse().ok().or_else(|| Some(text.parse::<std::net::IpAddr>().ok()?.into())))
        .collect();
    nets.map(|nets| AddressSet::from_prefixes(&nets))
}
