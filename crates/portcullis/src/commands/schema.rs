//! `portcullis schema`: the JSON Schema of the configuration, for editors.

use crate::failure::{Exit, Failure};
use crate::terminal;

pub(super) fn run() -> Result<Exit, Failure> {
    terminal::print_json(&model::schema())?;
    Ok(Exit::Done)
}
