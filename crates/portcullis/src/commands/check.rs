//! `portcullis check`: everything that is wrong with the configuration, and whether what it names is there.

use crate::cli::{Check, Common};
use crate::configuration::Origin;
use crate::failure::{Exit, Failure};
use crate::inspection;
use crate::terminal;
use model::Compiled;
use model::plan::Plan;
use model::problem::Problems;
use serde_json::{Value, json};
use std::collections::HashSet;

pub(super) fn run(common: &Common, arguments: &Check) -> Result<Exit, Failure> {
    let origin = Origin::of_command(common, arguments.file.as_deref())?;
    let host = arguments.host.name.as_deref();
    let compiled = origin.compile()?;
    let Compiled { plan, problems } =
        inspection::inspect(compiled, host, common.state.as_deref(), &HashSet::new());
    if arguments.json {
        terminal::print_json(&report(&origin.name(), plan.as_ref(), &problems))?;
    } else {
        terminal::print_styled(problems.render(true))?;
        if let Some(plan) = plan.filter(|_| problems.errors() == 0) {
            let name = origin.name();
            terminal::print(format_args!("{name}: {}, {}\n", count(&plan), problems.summary()))?;
        }
    }
    Ok(if problems.errors() > 0 { Exit::No } else { Exit::Done })
}

fn count(plan: &Plan) -> String {
    let counted =
        |number: usize, noun: &str| format!("{number} {noun}{}", if number == 1 { "" } else { "s" });
    let routes = plan.sites.iter().map(|site| site.routes.len()).sum();
    let mut parts = vec![
        counted(plan.sites.len(), "site"),
        counted(routes, "route"),
        counted(plan.services.len(), "service"),
    ];
    if !plan.streams.is_empty() {
        parts.push(counted(plan.streams.len(), "stream"));
    }
    parts.join(", ")
}

fn report(file: &str, plan: Option<&Plan>, problems: &Problems) -> Value {
    let mut report = json!({ "file": file });
    if let Some(plan) = plan {
        let routes: usize = plan.sites.iter().map(|site| site.routes.len()).sum();
        report["sites"] = plan.sites.len().into();
        report["routes"] = routes.into();
        report["services"] = plan.services.len().into();
        report["streams"] = plan.streams.len().into();
    }
    if let (Some(report), Value::Object(found)) = (report.as_object_mut(), problems.to_json()) {
        report.extend(found);
    }
    report
}
