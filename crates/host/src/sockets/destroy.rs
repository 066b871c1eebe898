//! Ends connections at once: both ends learn it, and no packet has to pass for that (`SOCK_DESTROY`).

use super::SocketHandle;
use crate::netlink::{Exchange, Family, NetlinkError};
use std::io;

const DESTROY: u16 = 21;
const ENOENT: i32 = 2;
const EPERM: i32 = 1;
const EOPNOTSUPP: i32 = 95;

/// What became of a socket.
#[derive(Debug)]
#[non_exhaustive]
pub enum Outcome {
    /// It is destroyed; its peer got a reset, its program an error.
    Destroyed,
    /// It had ended by itself.
    Gone,
    /// This process may not: it needs `CAP_NET_ADMIN`.
    NotPermitted,
    /// The kernel was built without `INET_DIAG_DESTROY`.
    Unsupported,
    /// The kernel refused for another reason.
    Refused(io::Error),
}

/// Destroys sockets, and tells what became of each, in their order.
///
/// # Errors
/// When the kernel cannot be asked any more; sockets before that point may have been destroyed.
pub fn destroy(sockets: &[SocketHandle]) -> Result<Vec<Outcome>, NetlinkError> {
    let mut exchange = Exchange::open(Family::Sockets)?;
    sockets.iter().map(|socket| destroy_one(&mut exchange, socket)).collect()
}

fn destroy_one(exchange: &mut Exchange, socket: &SocketHandle) -> Result<Outcome, NetlinkError> {
    let mut request = vec![socket.family, socket.protocol, 0, 0];
    // The state is not asked for: the cookie names the socket.
    request.extend(u32::MAX.to_ne_bytes());
    request.extend(socket.id);
    match exchange.act(DESTROY, &request) {
        Ok(()) => Ok(Outcome::Destroyed),
        Err(NetlinkError::Refused(error)) => Ok(match error.raw_os_error() {
            Some(ENOENT) => Outcome::Gone,
            Some(EPERM) => Outcome::NotPermitted,
            Some(EOPNOTSUPP) => Outcome::Unsupported,
            _ => Outcome::Refused(error),
        }),
        Err(error) => Err(error),
    }
}
