//! The configuration and what it names: whether it can be used, and whether the state
//! folder is for its owner alone.

use super::finding::Finding;
use super::{World, of_this_host, origin};
use crate::admin;
use crate::cli::Common;
use crate::failure::Failure;
use model::plan::Plan;
use model::problem::Severity;
use std::collections::HashSet;

const PART: &str = "file";

/// The plan of the file, for this host, and what is wrong with the file; an empty plan where it cannot be had.
pub(super) fn read(common: &Common) -> Result<(Plan, Vec<Finding>), Failure> {
    let Some(origin) = origin(common)? else {
        let finding =
            Finding::note(PART, "there is no configuration: ports and names of sites are not looked at");
        return Ok((Plan::default(), vec![finding]));
    };
    let name = origin.name();
    let compiled = match origin.compile() {
        Ok(compiled) => compiled,
        Err(failure) => {
            let remedy = failure.hint.unwrap_or_else(|| format!("look at {name}"));
            return Ok((Plan::default(), vec![Finding::problem(PART, failure.reason, remedy)]));
        }
    };
    let Some(plan) = compiled.plan else {
        let finding = Finding::problem(
            PART,
            format!("{name} cannot be used as it is"),
            format!("`portcullis check -c {name}`"),
        );
        return Ok((Plan::default(), vec![finding]));
    };
    Ok((of_this_host(&plan), vec![Finding::good(PART, format!("{name} can be used"))]))
}

pub(super) fn look(world: &World) -> Vec<Finding> {
    let problems = crate::inspection::look_at_machine(&world.plan, &HashSet::new());
    let mut findings: Vec<Finding> = problems
        .into_iter()
        .map(|problem| {
            let remedy =
                problem.hints.first().cloned().unwrap_or_else(|| "`portcullis check` says more".to_owned());
            match problem.severity {
                Severity::Error => Finding::problem(PART, problem.title, remedy),
                Severity::Warning => Finding::note(PART, problem.title).with(remedy),
            }
        })
        .collect();
    let folder = world.places.state.join("admin/lock");
    if folder.exists()
        && let Err(error) = admin::judge_folder(&folder)
    {
        findings.push(Finding::problem(PART, error.to_string(), error.hint()));
    }
    findings
}
