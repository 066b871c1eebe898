//! `portcullis man`: manual pages made from the definition of the command line.

use crate::cli::Arguments;
use crate::failure::{Exit, Failure};
use crate::terminal;
use clap::CommandFactory;
use std::fs;
use std::path::Path;

pub(super) fn run(folder: Option<&Path>) -> Result<Exit, Failure> {
    match folder {
        Some(folder) => write_all(folder)?,
        None => print_main()?,
    }
    Ok(Exit::Done)
}

fn print_main() -> Result<(), Failure> {
    let mut page = Vec::new();
    clap_mangen::Man::new(Arguments::command())
        .render(&mut page)
        .map_err(|error| Failure::refused(format!("cannot make the manual page: {error}")))?;
    terminal::print_bytes(&page)
}

fn write_all(folder: &Path) -> Result<(), Failure> {
    fs::create_dir_all(folder).and_then(|()| clap_mangen::generate_to(Arguments::command(), folder)).map_err(
        |error| Failure::refused(format!("cannot write manual pages to {}: {error}", folder.display())),
    )
}
