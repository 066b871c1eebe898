//! Static files.

use model::plan::FilesHandler;

/// A files route as one thread sees it.
#[derive(Debug)]
pub(crate) struct FileRoute {
    handler: FilesHandler,
}

impl FileRoute {
    pub(crate) fn new(handler: FilesHandler) -> Self {
        Self { handler }
    }

    pub(crate) fn handler(&self) -> &FilesHandler {
        &self.handler
    }
}
