//! Paths of a plan, made absolute: the gate has another working folder than its keeper.

use model::plan::{Handler, Plan, Site, Target, TargetAddress};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Makes the paths of plans absolute, and shares with the plan before what stays.
#[derive(Debug, Default)]
pub(super) struct Absolute {
    /// What each site with a relative folder became, by where it lies: it lies there as long as it is kept here.
    sites: HashMap<usize, (Arc<Site>, Arc<Site>)>,
}

impl Absolute {
    /// The plan with every path that a gate opens made absolute, from the working folder of this process.
    pub(super) fn of(&mut self, mut plan: Plan) -> Plan {
        let known = std::mem::take(&mut self.sites);
        for site in &mut plan.sites {
            if !site.routes.iter().any(|route| has_relative_root(&route.handler)) {
                continue;
            }
            let key = Arc::as_ptr(&site.site).addr();
            let (from, to) = match known.get(&key) {
                Some((from, to)) => (Arc::clone(from), Arc::clone(to)),
                None => (Arc::clone(&site.site), Arc::new(absolute(&site.site))),
            };
            site.site = Arc::clone(&to);
            self.sites.insert(key, (from, to));
        }
        services_and_streams(&mut plan);
        plan
    }
}

/// The plan as it is where its file is named by an absolute path: what the keeper itself reads is absolute as well.
pub(super) fn comparable(plan: Plan) -> Plan {
    let mut plan = Absolute::default().of(plan);
    for site in &mut plan.sites {
        let site = Arc::make_mut(&mut site.site);
        let files = site.certificate.iter_mut().flat_map(|files| [&mut files.certificate, &mut files.key]);
        let pages = site.error_pages.iter_mut().map(|page| &mut page.page);
        files.chain(pages).chain(&mut site.maintenance).for_each(|path| *path = of(path));
    }
    for service in &mut plan.services {
        Arc::make_mut(service).tls.authorities.iter_mut().for_each(|path| *path = of(path));
    }
    plan
}

fn absolute(site: &Site) -> Site {
    let mut site = site.clone();
    for route in &mut site.routes {
        if let Handler::Files(files) = &mut route.handler {
            files.root = of(&files.root);
        }
    }
    site
}

fn has_relative_root(handler: &Handler) -> bool {
    matches!(handler, Handler::Files(files) if files.root.is_relative())
}

fn services_and_streams(plan: &mut Plan) {
    for service in &mut plan.services {
        let root = service.fastcgi.as_ref().map(|fastcgi| &fastcgi.root);
        if root.is_some_and(|root| root.is_relative()) || service.instances.iter().any(is_relative) {
            let service = Arc::make_mut(service);
            service.instances.iter_mut().for_each(make_absolute);
            if let Some(fastcgi) = &mut service.fastcgi {
                fastcgi.root = of(&fastcgi.root);
            }
        }
    }
    for stream in &mut plan.streams {
        stream.service.instances.iter_mut().for_each(make_absolute);
    }
}

fn is_relative(target: &Target) -> bool {
    matches!(&target.address, TargetAddress::Unix(path) if Path::new(path).is_relative())
}

fn make_absolute(target: &mut Target) {
    if let TargetAddress::Unix(path) = &mut target.address {
        *path = of(Path::new(path));
    }
}

fn of(path: &Path) -> PathBuf {
    // It fails only where the working folder is gone, and then nothing is found either way.
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::compile_text;

    #[test]
    fn a_file_with_a_relative_name_means_the_same_as_with_an_absolute_one() {
        let text = |folder: &str| {
            format!(
                "[site.\"a.test\"]\nmaintenance = \"{folder}m\"\nerror_pages = {{ \"5xx\" = \"{folder}e\" }}\n\
                 certificate = {{ certificate = \"{folder}c\", key = \"{folder}k\" }}\n\
                 routes = {{ \"/\" = {{ files = \"{folder}f\" }}, \"/b\" = \"b\", \"/c\" = \"c\" }}\n\
                 [service.b]\ninstances = [\"unix:{folder}s\"]\n[service.c]\ninstances = [\"https://c.test\"]\n\
                 tls = {{ authorities = \"{folder}a\" }}\n"
            )
        };
        let here = std::env::current_dir().expect("a folder").display().to_string() + "/";
        let [relative, absolute] =
            [String::new(), here].map(|folder| compile_text("x", &text(&folder)).plan.expect("a plan"));
        assert_ne!(relative, absolute);
        assert_eq!(comparable(relative), absolute);
    }

    #[test]
    fn sites_that_stay_are_the_same_ones_after_a_reload() {
        let site = |host: &str| {
            format!("[site.\"http://{host}.test\"]\nroutes = {{ \"/\" = {{ files = \"./x\" }} }}\n")
        };
        let before = compile_text("x", &(site("a") + &site("b"))).plan.expect("a plan");
        let mut after = before.clone();
        after.sites[1].label.push('x');
        let mut absolute = Absolute::default();
        let [first, same, other] = [before.clone(), before, after].map(|plan| absolute.of(plan));
        let shared = |number: usize, one: &Plan, other: &Plan| {
            Arc::ptr_eq(&one.sites[number].site, &other.sites[number].site)
        };
        assert!(
            matches!(&first.sites[0].routes[0].handler, Handler::Files(files) if files.root.is_absolute())
        );
        assert!(shared(0, &first, &same) && shared(1, &first, &same));
        assert!(shared(0, &first, &other) && !shared(1, &first, &other));
        assert_eq!(absolute.sites.len(), 2, "what is gone is forgotten");
    }
}
