//! FastCGI to applications such as PHP-FPM: which script a path names, the variables that it gets, and a connection
//! dressed as one of HTTP/1.1, so that the engine forwards, counts and logs as ever.
//!
//! A connection carries one request at a time. What the application says is judged twice: as records here, and as a
//! response of HTTP/1.1 by the engine.

mod incoming;
mod outgoing;
mod refused;
mod script;
mod stream;
mod variables;

pub(crate) use refused::Refused;
pub(crate) use script::{Found, NoScript, Script, Scripts};
pub(crate) use stream::FastCgiStream;
pub(crate) use variables::Variables;
