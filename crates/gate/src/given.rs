//! The files that a plan names and that are needed to serve it, read beforehand by who may read them.

use crate::service::InstanceTlsError;
use crate::snapshot::SnapshotError;
use model::plan::{Plan, Service};
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The most that a page may have.
const LARGEST_PAGE: u64 = 1 << 20;
/// The most that a file of authorities may have. Those of all browsers together have a quarter of a megabyte.
const LARGEST_AUTHORITIES: u64 = 16 << 20;

/// What was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Given {
    /// Pages of the operator's, by path.
    pub pages: BTreeMap<PathBuf, Arc<[u8]>>,
    /// Files of authorities that certify instances, by path.
    pub authorities: BTreeMap<PathBuf, Arc<[u8]>>,
    /// The authorities that this machine trusts, as DER, where instances need them.
    pub roots: Vec<Vec<u8>>,
}

/// Why a plan cannot be served as the files are.
#[derive(Debug)]
pub enum GivenError {
    /// A page.
    Page(SnapshotError),
    /// TLS towards instances.
    InstanceTls(InstanceTlsError),
}

impl std::fmt::Display for GivenError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Page(error) => error.fmt(f),
            Self::InstanceTls(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for GivenError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Page(error) => error.source(),
            Self::InstanceTls(error) => error.source(),
        }
    }
}

impl Given {
    /// Reads what a plan names.
    ///
    /// # Errors
    ///
    /// A file cannot be read, or is larger than it may be.
    pub fn read(plan: &Plan) -> Result<Self, GivenError> {
        let mut given = Self::default();
        for path in pages(plan) {
            if !given.pages.contains_key(path) {
                let read = read(path, LARGEST_PAGE, "1 MiB");
                let page = read
                    .map_err(|source| GivenError::Page(SnapshotError::Page { path: path.clone(), source }))?;
                given.pages.insert(path.clone(), page.into());
            }
        }
        for service in verified(plan) {
            match &service.tls.authorities {
                None if given.roots.is_empty() => given.roots = roots(),
                Some(path) if !given.authorities.contains_key(path) => {
                    let failed = |error: io::Error| {
                        let (service, reason) = (service.name.clone(), error.to_string());
                        GivenError::InstanceTls(InstanceTlsError { service, path: path.clone(), reason })
                    };
                    let bytes = read(path, LARGEST_AUTHORITIES, "16 MiB").map_err(failed)?;
                    given.authorities.insert(path.clone(), bytes.into());
                }
                _ => {}
            }
        }
        Ok(given)
    }
}

/// The pages of a plan.
fn pages(plan: &Plan) -> impl Iterator<Item = &PathBuf> {
    plan.sites
        .iter()
        .flat_map(|site| site.error_pages.iter().map(|page| &page.page).chain(site.maintenance.as_ref()))
}

/// The services whose instances have to prove who they are.
fn verified(plan: &Plan) -> impl Iterator<Item = &Service> {
    let services = plan.services.iter().map(Arc::as_ref);
    services.filter(|service| service.tls.verify && service.instances.iter().any(|target| target.tls))
}

/// What the system trusts; nothing where it has no such files.
fn roots() -> Vec<Vec<u8>> {
    rustls_native_certs::load_native_certs().certs.into_iter().map(|der| der.to_vec()).collect()
}

fn read(path: &Path, largest: u64, words: &str) -> io::Result<Vec<u8>> {
    let facts = std::fs::metadata(path)?;
    if !facts.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a file"));
    }
    if facts.len() > largest {
        return Err(io::Error::new(io::ErrorKind::InvalidData, format!("it is larger than {words}")));
    }
    std::fs::read(path)
}
