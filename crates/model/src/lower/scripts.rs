//! Folders with scripts of FastCGI: what is run there is not sent as the text of a file by another route.

use super::{Lowering, Merged};
use crate::pattern::RoutePattern;
use crate::plan::{Otherwise, Service};
use crate::problem::Problem;
use crate::raw::decode::Text;
use crate::raw::route::Route;
use crate::source::{Located, Location};
use std::path::{Component, Path, PathBuf};

/// A folder with scripts of a service.
#[derive(Debug)]
pub(super) struct ScriptFolder {
    path: PathBuf,
    extension: String,
    service: String,
    /// Where it is written.
    at: Location,
}

impl ScriptFolder {
    /// The root of each service that runs scripts, and the files that such a service stands behind: they are the
    /// scripts as well, where the application sees them by another path.
    pub(super) fn all<'s>(
        merged: &Merged,
        service: impl Fn(&str) -> Option<&'s Service>,
        lowering: &Lowering<'_>,
    ) -> Vec<Self> {
        let folder = |name: &Text, path: &Located<Text>| {
            let service = service(name.as_str())?;
            Some(Self {
                path: resolved(&lowering.joined(&path.value)),
                extension: service.fastcgi.as_ref()?.extension.clone(),
                service: service.name.clone(),
                at: path.at,
            })
        };
        let roots = merged.services.iter().filter_map(|(name, raw)| {
            let root = raw.value.fastcgi.as_ref()?.value.root.as_ref()?;
            folder(name, root)
        });
        let routes = merged.sites.iter().flat_map(|(_, site)| site.value.routes());
        let behind =
            routes.filter_map(|route| folder(&route.otherwise.as_ref()?.value, route.files.as_ref()?));
        roots.chain(behind).collect()
    }

    /// Whether one of two folders is in the other. Links are not followed: nothing is asked of a disk here.
    fn overlaps(&self, folder: &Path) -> bool {
        self.path.starts_with(folder) || folder.starts_with(&self.path)
    }
}

/// How the names of scripts end whose text a route with files must not send; those of its own `otherwise` are known
/// already. Says where nothing would come of what is written.
pub(super) fn refused(
    pattern: &RoutePattern,
    raw: &Route,
    (root, otherwise): (&Path, Option<&Otherwise>),
    folders: &[ScriptFolder],
    lowering: &mut Lowering<'_>,
) -> Vec<String> {
    let root = resolved(root);
    let own = otherwise.and_then(|otherwise| otherwise.scripts.as_ref());
    let mut refused: Vec<String> = Vec::new();
    for folder in folders.iter().filter(|folder| folder.overlaps(&root)) {
        if own == Some(&folder.extension) || refused.contains(&folder.extension) {
            continue;
        }
        refused.push(folder.extension.clone());
        if raw.otherwise.is_none() && !refuse_names(raw, folder, lowering) {
            warn(pattern, raw, &root, folder, lowering);
        }
    }
    refused
}

/// A script that is named in place of a file. True where there is one.
fn refuse_names(raw: &Route, folder: &ScriptFolder, lowering: &mut Lowering<'_>) -> bool {
    let mut found = false;
    for (key, written) in [("fallback", &raw.fallback), ("index", &raw.index)] {
        let is_script = |name: &&Located<Text>| name.value.as_str().ends_with(&folder.extension);
        let Some(name) = written.as_ref().filter(is_script) else { continue };
        found = true;
        lowering.report(
            Problem::error(name.at, format!("`{key}` is a script of `{}`", folder.service))
                .label("its text is never sent")
                .related(folder.at, "the scripts are here")
                .hint(format!("to run scripts, write otherwise = \"{}\" in its place", folder.service)),
        );
    }
    found
}

/// A folder beneath the scripts is a choice of what is no script; one that has all of them probably is not.
fn warn(
    pattern: &RoutePattern,
    raw: &Route,
    root: &Path,
    folder: &ScriptFolder,
    lowering: &mut Lowering<'_>,
) {
    let names_script = pattern.is_subtree()
        || pattern.as_str().ends_with('}')
        || pattern.as_str().ends_with(&folder.extension);
    let Some(written) = raw.files.as_ref().filter(|_| names_script && folder.path.starts_with(root)) else {
        return;
    };
    lowering.report(
        Problem::warning(written.at, format!("scripts of `{}` are in this folder", folder.service))
            .label("answered with 404: their text is never sent")
            .related(folder.at, "the scripts are here")
            .hint(format!("otherwise = \"{}\" beside `files` runs them", folder.service)),
    );
}

/// A path without `.` and `..`.
fn resolved(path: &Path) -> PathBuf {
    let mut resolved = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir if resolved.file_name().is_some() => {
                resolved.pop();
            }
            part => resolved.push(part),
        }
    }
    resolved
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_compared_without_dots() {
        for (path, expected) in [
            ("/srv/./blog/", "/srv/blog"),
            ("/etc/portcullis/../../srv/blog", "/srv/blog"),
            ("../srv/../blog", "../blog"),
            ("/../srv", "/../srv"),
            ("", ""),
        ] {
            assert_eq!(resolved(Path::new(path)), Path::new(expected), "{path}");
        }
    }
}
