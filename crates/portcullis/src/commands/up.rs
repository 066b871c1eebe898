//! `portcullis up`: runs the gate in the foreground.

use crate::cli::{Common, Up};
use crate::configuration::{Origin, require_plan};
use crate::failure::{Exit, Failure};
use crate::inspection;
use crate::place::Places;
use crate::report;
use crate::run;
use model::Compiler;

pub(super) fn run(common: &Common, arguments: &Up) -> Result<Exit, Failure> {
    let ended = serve(common, arguments);
    if let (Err(failure), false) = (&ended, arguments.rehearse) {
        run::fall_back(&failure.reason);
    }
    ended
}

fn serve(common: &Common, arguments: &Up) -> Result<Exit, Failure> {
    if arguments.json {
        report::speak_json();
    }
    let origin = Origin::of_up(common, arguments)?;
    // It knows the file already when the first reload comes.
    let mut compiler = Compiler::default();
    let compiled = inspection::with_missing_folders(
        origin.compile_again(&mut compiler)?,
        arguments.host.name.as_deref(),
    );
    let plan = require_plan(&origin, compiled)?;
    let places = Places::of(&plan, common.state.clone());
    let start = run::Start {
        threads: arguments.threads,
        host: arguments.host.name.clone(),
        yes: arguments.yes,
        state_is_named: common.state.is_some(),
        rehearsal: arguments.rehearse,
    };
    run::run(origin, (plan, compiler), &places, start)
}
