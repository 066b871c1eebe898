//! Which site answers for a host on a port.

use model::host::HostTable;

/// What answers for a host on a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HostEntry {
    /// A site.
    Site(usize),
    /// An alias: redirected to the name of the site.
    Alias(usize),
    /// Plain HTTP for an HTTPS site: redirected to HTTPS.
    ToHttps(usize),
}

/// The hosts of a port.
#[derive(Debug)]
pub(crate) struct PortTable {
    pub(crate) secure: bool,
    pub(crate) hosts: HostTable<HostEntry>,
}

impl PortTable {
    pub(crate) fn new(secure: bool) -> Self {
        Self { secure, hosts: HostTable::new() }
    }
}
