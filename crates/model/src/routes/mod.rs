//! Which route of a site answers a request.
//!
//! # Precedence
//!
//! The order of routes in the file never matters. Of all routes that are for a request, the most specific one
//! answers:
//!
//! 1. **The path decides first.** A route is more specific when every path that it covers is covered by the other
//!    one too, but not the other way round: `/api/users` before `/api/{name}` before `/api/` before `/`.
//! 2. **Where both cover the same paths, the conditions decide.** A route is more specific when its methods are
//!    among the other one's and its header conditions include the other one's: `/api/` for `GET` before `/api/`
//!    for any method. `GET` includes `HEAD`; a field's value is more than its presence.
//! 3. A route whose conditions do not hold does not take part: the next most specific one answers.
//!
//! Two routes of which neither is more specific, and that some request is for, conflict, and the file is refused
//! ([`conflicts`]): `/{a}/b` and `/a/{b}` both cover `/a/b`. They may stand side by side when no request is for both,
//! because their methods differ or one field would need two values.
//!
//! # The slash at the end
//!
//! A pattern `/x/` also owns the path `/x`, as if there were a route `/x` with the same conditions that redirects to
//! `/x/`. A written route of which neither this one nor it is more specific comes first.
//!
//! # Names of segments
//!
//! Literal segments are compared with the names of the path's segments: decoded, and without parameters. `/admin;x/`
//! and `/%61dmin/` are judged as `/admin/`, since an instance may take them for it.
//!
//! Nothing here knows how a request is parsed or answered.

mod captures;
mod conditions;
mod encoded;
mod precedence;
mod table;

pub use captures::Captures;
pub use precedence::conflicts;
pub(crate) use table::Unconditional;
pub use table::{Matched, RequestFacts, RouteTable};
