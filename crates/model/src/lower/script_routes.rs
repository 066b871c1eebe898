//! Routes to scripts of FastCGI, and beside them: what would not come about there, though it looks as if it did.

use super::Lowering;
use super::services::Services;
use crate::path::canonicalize;
use crate::plan::{Handler, Route, ServiceIndex, Site};
use crate::problem::Problem;
use crate::raw::route::Route as RawRoute;
use crate::routes::{Captures, Matched, RouteTable, Unconditional};
use crate::source::Location;

/// Warns of exact routes that are meant to close a script: the same script answers when a path follows its name.
pub(super) fn warn_of_path_info(
    site: &Site,
    written: &[Location],
    services: &Services<'_>,
    lowering: &mut Lowering<'_>,
) {
    if !site.routes.iter().any(|route| scripts_of(&route.handler, services).is_some()) {
        return;
    }
    let table = RouteTable::new(&site.routes);
    for (route, at) in site.routes.iter().zip(written) {
        let Some(service) = behind(route, site, &table, services) else { continue };
        let (pattern, name) = (&route.pattern, services.name(service));
        lowering.report(
            Problem::warning(*at, format!("`{pattern}` does not answer for `{pattern}/...`"))
                .label(format!("there `{name}` still runs the script"))
                .note("what follows the name of a script in a path is its path info")
                .hint(format!("write \"{pattern}/\": it answers for both, \"{pattern}\" by a redirect")),
        );
    }
}

/// The service that runs the script which an exact route names, when a path follows its name.
fn behind(route: &Route, site: &Site, table: &RouteTable, services: &Services<'_>) -> Option<ServiceIndex> {
    if route.pattern.is_subtree() || !route.pattern.parameters().is_empty() {
        return None;
    }
    let mut path = Vec::new();
    canonicalize(format!("{}/x", route.pattern).as_bytes(), &mut path).ok()?;
    let Matched::Route(index) = table.find(&path, &Unconditional, &mut Captures::new()) else { return None };
    let (service, extension) = scripts_of(&site.routes.get(index)?.handler, services)?;
    let is_other = route.handler.service() != Some(service);
    (is_other && route.pattern.as_str().ends_with(extension)).then_some(service)
}

/// The service with scripts that a handler leads to, and how their names end.
fn scripts_of<'s>(handler: &Handler, services: &'s Services<'_>) -> Option<(ServiceIndex, &'s str)> {
    let service = handler.service()?;
    services.extension(service).map(|extension| (service, extension))
}

/// Refuses fields that are set for an application whose variables cannot carry them.
pub(super) fn refuse_fields(
    handler: &Handler,
    raw: &RawRoute,
    services: &Services<'_>,
    lowering: &mut Lowering<'_>,
) {
    let Some((service, _)) = scripts_of(handler, services) else { return };
    let set = raw.request_headers.as_ref().and_then(|edits| edits.value.set.as_ref());
    for (name, _) in set.iter().flat_map(|set| &set.value.list) {
        let text = name.as_str();
        let plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        let (label, hint) = if text.eq_ignore_ascii_case("proxy") {
            ("programs take HTTP_PROXY for their proxy", "use another name".to_owned())
        } else if plain {
            continue;
        } else {
            let other = text.replace(|c: char| !c.is_ascii_alphanumeric(), "-");
            let variable = other.to_ascii_uppercase().replace('-', "_");
            let hint = format!("write \"{other}\", which the script sees as HTTP_{variable}");
            ("only letters, digits and `-` become a variable", hint)
        };
        let title = format!("the scripts of `{}` do not see the field `{text}`", services.name(service));
        lowering.report(Problem::error(name.at, title).label(label).hint(hint));
    }
}
