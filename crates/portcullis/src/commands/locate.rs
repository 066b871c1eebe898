//! Where the running gate and the firewall keep their things, for commands that need nothing else of the file: an error
//! in it keeps nobody from them, and none of its problems is shown.

use crate::cli::Common;
use crate::configuration::{OF_THE_MACHINE, Origin};
use crate::failure::Failure;
use crate::known;
use crate::place::Places;
use crate::terminal;
use std::path::Path;

/// The places of the file that a command is about.
///
/// A gate that was started without a file keeps its things in the usual place, so there need not be a file. Where the
/// file leaves the place in doubt, the one is taken where its packets were kept last; without such a note the command is
/// refused, since guessing could reach another gate.
pub(super) fn places(common: &Common, file: Option<&Path>) -> Result<Places, Failure> {
    let origin = match Origin::of_command(common, file) {
        Ok(Origin::File(path)) => path,
        Ok(Origin::QuickStart(_)) => return Ok(Places::named(common.state.clone(), None)),
        Err(failure) if common.config.is_some() || file.is_some() => return Err(failure),
        // The file may be lost, and what was in force is not.
        Err(_) => return Ok(without_file(common)),
    };
    let noted = known::places(&origin);
    if let Some(state) = &common.state {
        return Ok(in_folder(common, file, state, &origin, noted));
    }
    match Origin::File(origin.clone()).places() {
        Ok(Some(places)) => Ok(used(Places::named(places.state, places.socket), noted, &origin)),
        Ok(None) => noted_or(noted, &origin, |file| {
            let usual = Places::named(None, None);
            Failure::no(format!("the errors in {file} leave its state folder in doubt")).with_hint(format!(
                "--state FOLDER names it ({} where a file names none); `portcullis check` shows the errors",
                usual.state.display()
            ))
        }),
        // Who names the file wants it to be read.
        Err(failure) if file.is_some() => Err(failure),
        Err(failure) => noted_or(noted, &origin, |_| {
            let also = "--state FOLDER does without the file";
            let hint =
                failure.hint.as_ref().map_or_else(|| also.to_owned(), |hint| format!("{hint}; {also}"));
            failure.with_hint(hint)
        }),
    }
}

/// The places for the start of the machine, which waits for nobody: where they are in doubt, the usual ones.
pub(super) fn places_at_boot(common: &Common) -> Places {
    places(common, None).unwrap_or_else(|failure| {
        let usual = Places::named(common.state.clone(), None);
        terminal::warn(format_args!("{}: {} is taken", failure.reason, usual.state.display()));
        usual
    })
}

fn without_file(common: &Common) -> Places {
    let usual = || Places::named(common.state.clone(), None);
    match &common.state {
        Some(_) => usual(),
        None => known::places(Path::new(OF_THE_MACHINE)).unwrap_or_else(usual),
    }
}

/// A folder that was named. The file, where it was named as well, may put the socket elsewhere.
fn in_folder(
    common: &Common,
    file: Option<&Path>,
    state: &Path,
    origin: &Path,
    noted: Option<Places>,
) -> Places {
    let is_named = file.is_some() || common.config.is_some();
    let written = || Origin::File(origin.to_owned()).places().ok().flatten().and_then(|places| places.socket);
    let noted = noted.filter(|noted| std::path::absolute(state).is_ok_and(|state| state == noted.state));
    let socket = if is_named { written().or(noted.map(|noted| noted.admin_socket)) } else { None };
    Places::named(Some(state.to_owned()), socket)
}

/// What the file says, unless nothing was ever kept there and something is where it was before: then the file was changed
/// since, and what is in force was not.
fn used(written: Places, noted: Option<Places>, file: &Path) -> Places {
    match noted.filter(|_| !written.are_used()) {
        Some(noted) => {
            terminal::warn(format_args!(
                "{} names {}, where nothing is kept yet; {} is taken, where it was kept last",
                file.display(),
                written.state.display(),
                noted.state.display()
            ));
            noted
        }
        None => written,
    }
}

fn noted_or(
    noted: Option<Places>,
    file: &Path,
    refused: impl FnOnce(std::path::Display<'_>) -> Failure,
) -> Result<Places, Failure> {
    let Some(noted) = noted else { return Err(refused(file.display())) };
    terminal::warn(format_args!(
        "{} cannot say where its state is kept; {} is taken, where it was kept last (--state names another)",
        file.display(),
        noted.state.display()
    ));
    Ok(noted)
}
