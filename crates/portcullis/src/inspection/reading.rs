//! Whether the gate's own user can read the folders of the plan and connect to its Unix sockets. Whoever asks may well be
//! able to: root is.

use super::machine::placed;
use crate::gate_user;
use confine::{Account, Unreadable, can_read};
use model::plan::{Handler, Plan, TargetAddress};
use model::problem::{Problem, Severity};
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// What is out of its reach, as far as only root can tell.
pub(super) fn look(plan: &Plan, found: &mut Vec<Problem>) {
    let Some(account) = gate_user::other_than_caller() else { return };
    for site in &plan.sites {
        for route in &site.routes {
            if let Handler::Files(files) = &route.handler {
                let problem = refused(&account, &files.root, "read");
                found.extend(problem.map(|problem| placed(problem, &site.place_of(route))));
            }
        }
    }
    let checked = plan.services.iter().filter_map(|service| service.fastcgi.as_ref());
    let scripts = checked.filter(|fastcgi| fastcgi.check).map(|fastcgi| &fastcgi.root);
    found.extend(scripts.filter_map(|root| refused(&account, root, "read")));
    let services = plan.services.iter().map(AsRef::as_ref).chain(plan.streams.iter().map(|one| &one.service));
    for target in services.flat_map(|service| &service.instances) {
        if let TargetAddress::Unix(path) = &target.address {
            // Connecting needs the right to write, which nobody gives without the one to read.
            found.extend(refused(&account, Path::new(path), "connect to"));
        }
    }
}

fn refused(account: &Account, path: &Path, what: &str) -> Option<Problem> {
    let user = gate_user::NAME;
    let (closed, bits, reason) = match can_read(account, path).err()? {
        Unreadable::Enter(folder) => {
            let reason = format!("it may not go through {}", folder.display());
            (folder, 0o1, reason)
        }
        Unreadable::Read => (path.to_owned(), 0o4, "its mode does not let it".to_owned()),
        // What is not there is told by who looks for it, and sockets are no files that could be opened.
        Unreadable::Absent(_) | Unreadable::Unknown => return None,
    };
    let facts = std::fs::metadata(&closed).ok()?;
    let title =
        format!("the user {user}, as which the gate runs, cannot {what} {}: {reason}", path.display());
    let problem = Problem { severity: Severity::Warning, ..Problem::placeless(title) };
    Some(problem.hint(remedy(&closed, &facts, bits)))
}

/// A group that has the right already is the smaller gift. Root's is none to be in.
fn remedy(closed: &Path, facts: &Metadata, bits: u32) -> String {
    let bits = if facts.is_dir() { bits | 0o1 } else { bits };
    let user = gate_user::NAME;
    if facts.mode() & (bits << 3) == bits << 3 && facts.gid() != 0 {
        return format!("`usermod -aG {} {user}`, then start portcullis again", group(facts.gid()));
    }
    let rights = if bits & 0o4 == 0 {
        "x"
    } else if facts.is_dir() {
        "rx"
    } else {
        "rw"
    };
    format!("`chmod o+{rights} {}`", closed.display())
}

/// The name of a group, or its number where it has none.
fn group(number: u32) -> String {
    let text = std::fs::read_to_string("/etc/group").unwrap_or_default();
    let mut lines = text.lines().map(|line| line.split(':').collect::<Vec<_>>());
    let found = lines.find_map(|fields| {
        (fields.get(2)?.parse() == Ok(number)).then(|| fields.first().map(ToString::to_string))?
    });
    found.unwrap_or_else(|| number.to_string())
}
