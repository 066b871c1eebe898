//! Answering from files.

use super::{After, Client};
use crate::respond::Answer;
use crate::snapshot::{RouteRuntime, SiteRuntime};
use crate::worker::active::Active;
use crate::worker::scratch::Working;

impl Client {
    /// Answers from the files of a route.
    pub(super) async fn files(
        &mut self,
        active: &Active,
        working: &mut Working,
        site: &SiteRuntime,
        route: &RouteRuntime,
    ) -> After {
        let _ = (active, route);
        self.respond(working, Answer::status(501), Some(site)).await
    }
}
