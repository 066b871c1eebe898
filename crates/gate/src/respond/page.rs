//! A page of the operator's.

use std::sync::Arc;

/// A page of the operator's.
#[derive(Clone, Debug)]
pub(crate) struct Page(Arc<[u8]>);

impl Page {
    pub(crate) fn new(bytes: Arc<[u8]>) -> Self {
        Self(bytes)
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }
}
