//! Paths of a plan, made absolute: the gate has another working folder than its keeper.

use model::plan::{Handler, Plan, Target, TargetAddress};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The plan with every path that a gate opens made absolute, from the working folder of this process.
pub(super) fn absolute(mut plan: Plan) -> Plan {
    for site in &mut plan.sites {
        let is_relative =
            |handler: &Handler| matches!(handler, Handler::Files(files) if files.root.is_relative());
        if !site.routes.iter().any(|route| is_relative(&route.handler)) {
            continue;
        }
        for route in &mut Arc::make_mut(&mut site.site).routes {
            if let Handler::Files(files) = &mut route.handler {
                files.root = of(&files.root);
            }
        }
    }
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
    plan
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
