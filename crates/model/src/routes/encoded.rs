//! Whether an encoded slash could lead past a route: some instances take `%2F` for a slash, and then see another path
//! than the one that was matched.

use super::captures::Captures;
use super::precedence::{Relation, path_relation};
use super::table::{Matched, RequestFacts, RouteTable};
use crate::path::decode_slashes;

impl RouteTable {
    /// Whether a canonical path with encoded slashes, which `route` was found for, is under no stricter route when
    /// they are taken for slashes: it then has the same route, a less specific one that covers all that `route`
    /// covers, or none.
    ///
    /// With routes `/` and `/admin/`, `/admin%2Fx` is found for `/` and must not be forwarded.
    ///
    /// `scratch` is emptied first.
    pub fn encoded_slash_is_harmless(
        &self,
        route: usize,
        path: &[u8],
        request: &impl RequestFacts,
        scratch: &mut Vec<u8>,
    ) -> bool {
        decode_slashes(path, scratch);
        match self.find(scratch, request, &mut Captures::new()) {
            Matched::Route(other) => {
                let relation = path_relation(self.pattern(route), self.pattern(other));
                other == route || matches!(relation, Relation::Equal | Relation::Narrower)
            }
            Matched::NotFound => true,
            Matched::AddSlash | Matched::MethodNotAllowed => false,
        }
    }
}
