//! One manual page: what clap knows of a command, and the sections that a reader looks for besides (man-pages(7)).

use super::examples;
use clap::{Arg, ArgAction, Command};
use clap_mangen::Man;
use clap_mangen::roff::{Inline, Roff, bold, italic, roman};
use std::io;

/// What each command reads and keeps, but for those that have nothing to do with a gate.
const FILES: [(&str, &str); 3] = [
    (
        "/etc/portcullis/portcullis.toml",
        "The configuration, where there is no portcullis.toml in the current folder.",
    ),
    (
        "/var/lib/portcullis",
        "State of root: certificates, packets, the admin socket. That of other users is ~/.local/state/portcullis.",
    ),
    (
        "/var/log/portcullis/access.log",
        "Requests, where the configuration says so, as the one of a package does.",
    ),
];
const WITHOUT_FILES: [&str; 4] =
    ["portcullis-hello", "portcullis-schema", "portcullis-completions", "portcullis-man"];

const EXIT_STATUS: [(&str, &str); 5] = [
    ("0", "Done."),
    ("1", "The answer is no, or the configuration has problems."),
    ("2", "Wrong usage."),
    ("3", "The machine refused: rights, a port in use, a file that cannot be read."),
    ("70", "A bug of the program."),
];
const EXIT_STATUS_OF_UP: (&str, &str) = ("130, 143", "It was told twice to stop.");

/// The name of a command's page, such as `portcullis-cert-list`.
pub(super) fn name(command: &Command) -> String {
    command.get_display_name().unwrap_or_else(|| command.get_name()).to_owned()
}

/// The page of a command that was built.
pub(super) fn of(command: &Command) -> io::Result<Vec<u8>> {
    let name = name(command);
    let headed = command.clone().subcommand_help_heading("COMMANDS");
    let man = Man::new(headed).source(concat!("portcullis ", env!("CARGO_PKG_VERSION"))).manual("Portcullis");
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    synopsis(command).to_writer(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    if command.has_subcommands() {
        man.render_subcommands_section(&mut page)?;
    }
    let mut rest = Roff::new();
    more(command, &mut rest);
    let status = EXIT_STATUS.iter().chain((name == "portcullis-up").then_some(&EXIT_STATUS_OF_UP));
    list(&mut rest, "EXIT STATUS", status);
    if !WITHOUT_FILES.contains(&name.as_str()) {
        list(&mut rest, "FILES", &FILES);
    }
    list(&mut rest, "EXAMPLES", examples::of(&name));
    see_also(&name, &mut rest);
    rest.to_writer(&mut page)?;
    Ok(page)
}

fn synopsis(command: &Command) -> Roff {
    let mut line = vec![bold(command.get_bin_name().unwrap_or_else(|| command.get_name()))];
    let is_shown = |arg: &&Arg| {
        let explains =
            matches!(arg.get_action(), ArgAction::Help | ArgAction::HelpShort | ArgAction::HelpLong);
        !arg.is_hide_set() && !explains && !matches!(arg.get_action(), ArgAction::Version)
    };
    let (positional, options): (Vec<_>, Vec<_>) =
        command.get_arguments().filter(is_shown).partition(|arg| arg.is_positional());
    options.into_iter().chain(positional).for_each(|arg| argument(arg, &mut line));
    if command.has_subcommands() {
        line.extend([roman(" "), italic("COMMAND")]);
    }
    let mut roff = Roff::new();
    roff.control("SH", ["SYNOPSIS"]).text(line);
    roff
}

/// An option or a value, in brackets where it may be left out.
fn argument(arg: &Arg, line: &mut Vec<Inline>) {
    let (open, close) = if arg.is_required_set() { (" ", "") } else { (" [", "]") };
    line.push(roman(open));
    let long = arg.get_long().map(|long| format!("--{long}"));
    let option = long.or_else(|| arg.get_short().map(|short| format!("-{short}")));
    let value = arg.get_action().takes_values().then(|| value(arg));
    let between = if option.is_some() && value.is_some() { " " } else { "" };
    line.extend(option.map(bold));
    line.push(roman(between));
    line.extend(value.map(italic));
    let is_list = arg.get_num_args().is_some_and(|range| range.max_values() > 1);
    let is_repeated = arg.is_positional() && (is_list || matches!(arg.get_action(), ArgAction::Append));
    line.push(roman(if is_repeated { " ..." } else { "" }));
    line.push(roman(close));
}

fn value(arg: &Arg) -> String {
    let names = arg.get_value_names().unwrap_or_default();
    let names: Vec<&str> = names.iter().map(AsRef::as_ref).collect();
    if names.is_empty() { arg.get_id().as_str().to_uppercase() } else { names.join(" ") }
}

/// What a command's long help says at its end, beneath a heading of its own. What all pages say is said once.
fn more(command: &Command, roff: &mut Roff) {
    let Some(text) = command.get_after_long_help().map(ToString::to_string) else { return };
    let Some((heading, lines)) = text.split_once(":\n") else { return };
    roff.control("SH", [heading.to_uppercase().as_str()]).control("nf", []);
    lines.lines().for_each(|line| _ = roff.text([roman(line)]));
    roff.control("fi", []);
}

fn list<'a>(roff: &mut Roff, heading: &str, entries: impl IntoIterator<Item = &'a (&'a str, &'a str)>) {
    let mut entries = entries.into_iter().peekable();
    if entries.peek().is_some() {
        roff.control("SH", [heading]);
    }
    for (what, meaning) in entries {
        roff.control("TP", []).text([bold(*what)]).text([roman(*meaning)]);
    }
}

fn see_also(name: &str, roff: &mut Roff) {
    let program = (name != "portcullis").then_some("portcullis");
    let mut line = Vec::new();
    for page in program.iter().chain(examples::see_also(name)) {
        let before = if line.is_empty() { "" } else { ", " };
        line.extend([roman(before), bold(*page), roman("(1)")]);
    }
    roff.control("SH", ["SEE ALSO"]).text(line);
}
