//! What a route of files has written in vain.

use super::Lowering;
use crate::pattern::RoutePattern;
use crate::problem::Problem;
use crate::raw::route::Route;

/// Refuses keys that no request would ever meet.
pub(super) fn refuse(pattern: &RoutePattern, raw: &Route, lowering: &mut Lowering<'_>) {
    refuse_of_folders(pattern, raw, lowering);
    refuse_methods(raw, lowering);
    refuse_slashes(raw, lowering);
}

/// What is about folders, on a route of paths that name none.
fn refuse_of_folders(pattern: &RoutePattern, raw: &Route, lowering: &mut Lowering<'_>) {
    if pattern.is_subtree() {
        return;
    }
    let listing = raw.listing.as_ref().filter(|listed| listed.value);
    for (key, at) in [("index", raw.index.as_ref().map(|key| key.at)), ("listing", listing.map(|key| key.at))]
    {
        let Some(at) = at else { continue };
        lowering.report(
            Problem::error(at, format!("`{key}` has no use with the pattern `{pattern}`"))
                .label("is for paths that end in `/`")
                .hint(format!("leave it out, or write the pattern \"{pattern}/\"")),
        );
    }
}

/// Files answer GET and HEAD alone, unless a service stands behind them.
fn refuse_methods(raw: &Route, lowering: &mut Lowering<'_>) {
    let Some(methods) = raw.method.as_ref().filter(|_| raw.otherwise.is_none()) else { return };
    let mut written = methods.value.0.iter().map(|method| method.value.as_str());
    if !methods.value.0.is_empty() && !written.any(|method| matches!(method, "GET" | "HEAD")) {
        lowering.report(
            Problem::error(methods.at, "files answer `GET` and `HEAD` alone")
                .label("every answer would be 405")
                .hint("leave `method` out, or give the route another handler"),
        );
    }
}

/// A slash in a segment is in no file's name.
fn refuse_slashes(raw: &Route, lowering: &mut Lowering<'_>) {
    let accepted = raw.encoded_slashes.as_ref().filter(|accepted| accepted.value && raw.otherwise.is_none());
    if let Some(accepted) = accepted {
        lowering.report(
            Problem::error(accepted.at, "no file has a slash in its name")
                .label("a path with `%2F` would be 404")
                .hint("leave it out: `%2F` in a path is refused then"),
        );
    }
}
