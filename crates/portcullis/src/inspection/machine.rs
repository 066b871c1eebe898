//! What a plan names, held against this machine: certificates, folders, pages. Looks, and changes nothing.
//!
//! It is judged as the user who asks; whether the gate's own user could, is judged in `reading`.

use super::{reading, scripts};
use certs::{Event, StateFolder, Store, StoreError};
use model::plan::{AccessLog, CertificateFiles, FilesHandler, Handler, Place, Plan, Service, Site};
use model::problem::{Problem, Severity};
use rustix::fs::{Access, access};
use std::collections::HashSet;
use std::error::Error;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::time::SystemTime;

/// Everything that is not as the plan needs it, but for certificates that somebody knows to be in order.
pub(crate) fn look(plan: &Plan, in_order: &HashSet<CertificateFiles>) -> Vec<Problem> {
    let mut found = look_at_certificates(plan, in_order);
    plan.sites.iter().for_each(|site| look_at_pages(site, &mut found));
    found.extend(folders(plan));
    let authorities = plan.services.iter().filter_map(|service| service.tls.authorities.as_deref());
    found.extend(authorities.filter_map(|path| unreadable(path, "the authorities of a service")));
    if let AccessLog::File(path) = &plan.log.access {
        found.extend(unwritable_log(path));
    }
    found
}

/// Folders of files and of scripts that are not as the plan needs them. A gate starts without them, and answers with
/// errors where they are asked for.
pub(super) fn folders(plan: &Plan) -> Vec<Problem> {
    let mut found = Vec::new();
    for site in &plan.sites {
        for route in &site.routes {
            if let Handler::Files(files) = &route.handler {
                look_at_files(files, &site.place_of(route), &mut found);
            }
        }
    }
    plan.services.iter().for_each(|service| look_at_scripts(service, &mut found));
    scripts::look(plan, &mut found);
    reading::look(plan, &mut found);
    found
}

/// Loads the certificates from files as the gate would. What the own authority issues is left out, because asking
/// for it would make it.
fn look_at_certificates(plan: &Plan, in_order: &HashSet<CertificateFiles>) -> Vec<Problem> {
    let mut plan = plan.clone();
    plan.sites.retain(|site| site.certificate.as_ref().is_some_and(|files| !in_order.contains(files)));
    plan.tls.certificates.retain(|files| !in_order.contains(files));
    plan.streams.clear();
    // Nothing is kept in this folder: no site that is left needs the own authority.
    let state = StateFolder::new("/nonexistent");
    match Store::open(state, &plan, SystemTime::now()) {
        Ok((_, events)) => events.iter().filter_map(of_event).collect(),
        Err(StoreError::Authority(_)) => Vec::new(),
    }
}

fn of_event(event: &Event) -> Option<Problem> {
    let severity = match event.severity() {
        certs::Severity::Information => return None,
        certs::Severity::Warning => Severity::Warning,
        certs::Severity::Error => Severity::Error,
    };
    // The text of an event is for a running gate; of broken files, the error alone says it for a file at rest.
    let title = match event {
        Event::FilesBroken { error, .. } => error.to_string(),
        event => event.to_string(),
    };
    let problem = Problem { severity, ..Problem::placeless(title) };
    let problem = match event.source() {
        Some(cause) => problem.note(cause.to_string()),
        None => problem,
    };
    Some(problem.hint_maybe(event.hint()))
}

fn look_at_files(files: &FilesHandler, place: &Place, found: &mut Vec<Problem>) {
    let root = files.root.as_path();
    let flaw = match fs::metadata(root) {
        // It may come and go, such as that of a client of ACME between two renewals.
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let title =
                format!("there is no folder {}: every request for its files gets 404", root.display());
            let problem = Problem { severity: Severity::Warning, ..Problem::placeless(title) };
            return found.push(placed(problem, place));
        }
        Err(error) => Some(error.to_string()),
        Ok(facts) if !facts.is_dir() => Some("it is no folder".to_owned()),
        Ok(_) => access(root, Access::READ_OK | Access::EXEC_OK).err().map(|error| error.to_string()),
    };
    if let Some(flaw) = flaw {
        let problem = Problem::placeless(format!("cannot serve files of {}: {flaw}", root.display()));
        found.push(placed(problem, place));
    } else if let Some(fallback) = &files.fallback {
        let path = root.join(fallback);
        let problem = unreadable(&path, "the fallback");
        found.extend(problem.map(|problem| placed(problem, place)));
    }
}

/// The scripts of FastCGI, unless they are on another machine. They are read by the application and not by the gate.
fn look_at_scripts(service: &Service, found: &mut Vec<Problem>) {
    let Some(fastcgi) = service.fastcgi.as_ref().filter(|fastcgi| fastcgi.check) else { return };
    let root = fastcgi.root.as_path();
    let flaw = match fs::metadata(root) {
        Err(error) => Some(error.to_string()),
        Ok(facts) if !facts.is_dir() => Some("it is no folder".to_owned()),
        Ok(_) => access(root, Access::EXEC_OK).err().map(|error| error.to_string()),
    };
    let name = &service.name;
    if let Some(flaw) = flaw {
        let title = format!("cannot look for scripts of the service {name} in {}: {flaw}", root.display());
        let hint = "fastcgi = { check = false } is for scripts on another machine";
        found.push(Problem::placeless(title).hint(hint));
    } else if let Some(script) =
        fastcgi.fallback.as_ref().map(|fallback| root.join(fallback)).filter(|script| !script.is_file())
    {
        let title = format!("the service {name} has no script {}", script.display());
        found.push(
            Problem { severity: Severity::Warning, ..Problem::placeless(title) }
                .note("every path that names no script is answered with 404")
                .hint("write the front controller as `fallback` of its `fastcgi`, or fallback = \"off\""),
        );
    }
}

fn look_at_pages(site: &Site, found: &mut Vec<Problem>) {
    let pages = site.error_pages.iter().map(|page| page.page.as_path());
    for path in pages.chain(site.maintenance.as_deref()) {
        let problem = unreadable(path, "the page");
        found.extend(problem.map(|problem| problem.note(format!("of the site {}", site.label))));
    }
}

fn unreadable(path: &Path, what: &str) -> Option<Problem> {
    let flaw = match fs::File::open(path).and_then(|file| file.metadata()) {
        Err(error) => error.to_string(),
        Ok(facts) if !facts.is_file() => "it is no file".to_owned(),
        Ok(_) => return None,
    };
    Some(Problem::placeless(format!("cannot read {what} {}: {flaw}", path.display())))
}

fn unwritable_log(path: &Path) -> Option<Problem> {
    let folder = path.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."));
    let target = if path.exists() { path } else { folder };
    let error = access(target, Access::WRITE_OK).err()?;
    let problem = Problem::placeless(format!("cannot write the access log {}: {error}", path.display()));
    let is_missing = error == rustix::io::Errno::NOENT;
    let hint = || format!("`install -d -m 0750 {}` makes its folder", folder.display());
    Some(problem.hint_maybe(is_missing.then(hint)))
}

pub(super) fn placed(problem: Problem, place: &Place) -> Problem {
    if place.line == 0 {
        problem
    } else {
        problem.note(format!("named in {}, line {}", place.file, place.line))
    }
}
