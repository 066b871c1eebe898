//! Scripts that a route with files would send as text, because a link leads to their folder by another path. The plan
//! compares paths as they are written and refuses what it sees; only the machine knows of links.

use super::machine::placed;
use model::plan::{FilesHandler, Handler, Place, Plan};
use model::problem::{Problem, Severity};
use std::fs;
use std::path::PathBuf;

/// A folder with scripts, without links.
struct ScriptFolder<'a> {
    path: PathBuf,
    extension: &'a str,
    service: &'a str,
}

impl ScriptFolder<'_> {
    fn overlaps(&self, path: &PathBuf) -> bool {
        self.path.starts_with(path) || path.starts_with(&self.path)
    }
}

/// Warns of each route that would send scripts.
pub(super) fn look(plan: &Plan, found: &mut Vec<Problem>) {
    let folders = folders(plan);
    for (files, place) in files(plan) {
        let Ok(path) = fs::canonicalize(&files.root) else { continue };
        let own = files.otherwise.as_ref().and_then(|otherwise| otherwise.scripts.as_deref());
        let is_refused = |extension: &str| {
            own == Some(extension) || files.refused_scripts.iter().any(|refused| refused == extension)
        };
        let sent = folders.iter().find(|folder| folder.overlaps(&path) && !is_refused(folder.extension));
        let Some(folder) = sent else { continue };
        let (root, service) = (files.root.display(), folder.service);
        let title = format!(
            "scripts of the service {service} would be sent as text: a link leads to them from {root}"
        );
        let problem = Problem { severity: Severity::Warning, ..Problem::placeless(title) }
            .hint(format!("write the folder of the route without the link: {}", path.display()));
        found.push(placed(problem, &place));
    }
}

fn files(plan: &Plan) -> impl Iterator<Item = (&FilesHandler, Place)> {
    let routes = plan.sites.iter().flat_map(|site| site.routes.iter().map(move |route| (site, route)));
    routes.filter_map(|(site, route)| match &route.handler {
        Handler::Files(files) => Some((files, site.place_of(route))),
        _ => None,
    })
}

/// The roots of scripts on this machine, and files before such a service.
fn folders(plan: &Plan) -> Vec<ScriptFolder<'_>> {
    let roots = plan.services.iter().filter_map(|service| {
        let fastcgi = service.fastcgi.as_ref().filter(|fastcgi| fastcgi.check)?;
        Some((&fastcgi.root, fastcgi.extension.as_str(), service.name.as_str()))
    });
    let before = files(plan).filter_map(|(files, _)| {
        let otherwise = files.otherwise.as_ref()?;
        let service = plan.services.get(otherwise.handler.service.0)?;
        Some((&files.root, otherwise.scripts.as_deref()?, service.name.as_str()))
    });
    let folder = |(root, extension, service)| {
        fs::canonicalize(root).ok().map(|path| ScriptFolder { path, extension, service })
    };
    roots.chain(before).filter_map(folder).collect()
}
