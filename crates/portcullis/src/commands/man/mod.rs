//! `portcullis man`: manual pages made from the definition of the command line.

mod examples;
mod page;

use crate::cli::Arguments;
use crate::failure::{Exit, Failure};
use crate::terminal;
use clap::{Command, CommandFactory};
use std::fs;
use std::io;
use std::path::Path;

pub(super) fn run(folder: Option<&Path>) -> Result<Exit, Failure> {
    let command = whole();
    match folder {
        Some(folder) => {
            let written = fs::create_dir_all(folder).and_then(|()| write_all(&command, folder));
            written.map_err(|error| {
                Failure::refused(format!("cannot write manual pages to {}: {error}", folder.display()))
            })?;
        }
        None => {
            let page = page::of(&command);
            let page = page.map_err(|error| Failure::refused(format!("cannot make the page: {error}")))?;
            terminal::print_bytes(&page)?;
        }
    }
    Ok(Exit::Done)
}

/// The command line, with every name and option in its place.
fn whole() -> Command {
    let mut command = Arguments::command().disable_help_subcommand(true);
    command.build();
    command
}

/// Writes the page of a command, and those of the commands beneath.
fn write_all(command: &Command, folder: &Path) -> io::Result<()> {
    fs::write(folder.join(format!("{}.1", page::name(command))), page::of(command)?)?;
    let mut shown = command.get_subcommands().filter(|command| !command.is_hide_set());
    shown.try_for_each(|command| write_all(command, folder))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    /// All commands, groups of commands included.
    fn all(command: &Command, into: &mut Vec<Command>) {
        into.push(command.clone());
        command.get_subcommands().for_each(|command| all(command, into));
    }

    fn commands() -> Vec<Command> {
        let mut commands = Vec::new();
        all(&whole(), &mut commands);
        commands
    }

    #[test]
    fn every_example_is_understood_and_on_its_page() {
        for command in commands() {
            let (name, of) = (page::name(&command), examples::of(&page::name(&command)));
            assert!(!of.is_empty() || command.has_subcommands(), "{name} has no example");
            for (example, _) in of {
                // What a shell does with the output is none of ours.
                let words = example.split('>').next().unwrap_or_default().split_whitespace();
                assert!(Arguments::try_parse_from(words).is_ok(), "{example}");
                let start = name.replacen("portcullis-firewall-", "portcullis firewall ", 1);
                let start = start.replacen("portcullis-cert-", "portcullis cert ", 1);
                assert!(example.starts_with(&start.replacen("portcullis-", "portcullis ", 1)), "{example}");
            }
        }
    }

    #[test]
    fn what_is_named_to_be_seen_has_a_page() {
        let names: Vec<String> = commands().iter().map(page::name).collect();
        for name in &names {
            for other in examples::see_also(name) {
                assert!(names.iter().any(|name| name == other) && other != name, "{name}: {other}");
            }
        }
    }

    #[test]
    fn a_page_has_the_sections_that_are_looked_for() {
        let page = |wanted: &str| {
            let command = commands().into_iter().find(|command| page::name(command) == wanted);
            String::from_utf8(page::of(&command.expect("a command")).expect("in memory")).expect("text")
        };
        let version = env!("CARGO_PKG_VERSION");
        insta::assert_snapshot!("page-check", page("portcullis-check").replace(version, "VERSION"));
        for part in ["EXAMPLES", "FILES", "\"EXIT STATUS\"", "\"SEE ALSO\"", "COMMANDS"] {
            assert!(page("portcullis").contains(&format!("\n.SH {part}\n")), "{part}");
        }
        assert!(page("portcullis-hello").contains("\n.SH PATHS\n"));
        assert!(!page("portcullis-hello").contains("FILES"));
    }
}
