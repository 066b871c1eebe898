//! A site made ready for requests.

use crate::respond::page::Page;
use model::plan::{Route, SiteAddress, StatusClass};
use model::routes::RouteTable;

/// A site made ready for requests.
#[derive(Debug)]
pub(crate) struct SiteRuntime {
    pub(crate) address: SiteAddress,
    pub(crate) table: RouteTable,
    pub(crate) routes: Vec<RouteRuntime>,
    /// The whole `Strict-Transport-Security` line, with its CRLF.
    pub(crate) hsts: Option<Box<[u8]>>,
    pub(crate) error_pages: ErrorPages,
    pub(crate) maintenance: Option<Page>,
}

/// A route made ready for requests.
#[derive(Debug)]
pub(crate) struct RouteRuntime {
    pub(crate) route: Route,
    /// How many leading segments are taken off before the path is forwarded.
    pub(crate) strip: usize,
    /// Bytes of a request body; `None` is unlimited.
    pub(crate) body_limit: Option<u64>,
    /// For a files route: its number among the files routes of its site.
    pub(crate) files: usize,
}

/// Pages for errors.
#[derive(Debug, Default)]
pub(crate) struct ErrorPages {
    pub(crate) pages: Vec<(StatusClass, Page)>,
}

impl ErrorPages {
    /// The page for a status: one for exactly this status before one for its class.
    pub(crate) fn find(&self, status: u16) -> Option<&Page> {
        let exact = self.pages.iter().find(|(class, _)| *class == StatusClass::Exact(status));
        let class = || {
            self.pages.iter().find(
                |(class, _)| matches!(class, StatusClass::Class(first) if u16::from(*first) == status / 100),
            )
        };
        exact.or_else(class).map(|(_, page)| page)
    }
}
