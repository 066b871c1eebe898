//! `portcullis check`: everything that is wrong with the configuration, and whether what it names is there.

mod machine;
mod packets;
mod reading;
mod scripts;

pub(super) use machine::look as look_at_machine;

use crate::cli::{Check, Common};
use crate::configuration::Origin;
use crate::failure::{Exit, Failure};
use crate::keeper;
use crate::place::Places;
use crate::terminal;
use model::Compiled;
use model::plan::Plan;
use model::problem::{Problem, Problems, Severity};
use serde_json::{Value, json};

pub(super) fn run(common: &Common, arguments: &Check) -> Result<Exit, Failure> {
    let origin = Origin::of_command(common, arguments.file.as_deref())?;
    let Compiled { plan, problems } = origin.compile()?;
    // What a file with errors means is not known, so only a plan is held against the machine.
    let mut found = plan.as_ref().map(machine::look).unwrap_or_default();
    if let Some(plan) = &plan {
        let state = Places::of(plan, common.state.clone()).state;
        let of_packets = packets::look(plan, arguments.host.name.as_deref(), &state);
        found.extend(of_packets.into_iter().filter(|problem| !is_said(problem, &problems)));
    }
    let problems = join(&problems, found);
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

/// Adds what a gate that starts with this plan does not find, as warnings: it starts all the same. Only folders are
/// looked at, for whatever else is missing is told by what reads it.
pub(crate) fn with_missing_folders(compiled: Compiled, host: Option<&str>) -> Compiled {
    let Compiled { plan, problems } = compiled;
    // Where it is not known which host this is, whoever starts the gate says so.
    let here = plan.as_ref().and_then(|plan| keeper::of_this_host(plan, host).ok());
    let found = here.as_ref().map(machine::folders).unwrap_or_default();
    let warnings = found.into_iter().map(|problem| Problem { severity: Severity::Warning, ..problem });
    Compiled { plan, problems: join(&problems, warnings.collect()) }
}

/// Whether the text says already, with its place, that a peer of a rule is nobody.
fn is_said(of_packets: &Problem, of_text: &Problems) -> bool {
    let mut nobody = of_text.iter().filter_map(|problem| problem.title.strip_suffix(" matches nothing"));
    nobody.any(|peer| of_packets.title.starts_with(&format!("{peer} in rule ")))
}

fn join(of_text: &Problems, of_machine: Vec<Problem>) -> Problems {
    let list = of_text.iter().cloned().chain(of_machine).collect();
    Problems::new(list, of_text.sources().clone())
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
