//! Taking connections from a listener: a few at each wake-up, so that the requests of open connections do not wait
//! behind a flood of new ones.

use super::Worker;
use crate::connection::Admitted;
use crate::request::is_trusted;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};

/// How many connections are taken before others get their turn.
const AT_ONCE: usize = 4;
/// How long a listener rests when there are no descriptors, or no room for another connection.
const REST: Duration = Duration::from_millis(50);

/// Takes connections until the task is aborted, and hands them to who serves them.
pub(crate) async fn accept(listener: TcpListener, worker: Rc<Worker>, serve: impl Fn(TcpStream, Admitted)) {
    loop {
        for _ in 0..AT_ONCE {
            match listener.accept().await {
                Ok((socket, peer)) => {
                    // Asked once there is a connection: what was true when the listener began to wait is long past.
                    while worker.shared.connections.is_full() {
                        tokio::time::sleep(REST).await;
                    }
                    match admit(&worker, peer) {
                        Some(admitted) => serve(socket, admitted),
                        None => worker.shared.metrics.refused_connection(),
                    }
                }
                Err(error) if is_of_one_connection(&error) => {}
                // Out of descriptors or memory: trying again at once would only burn the processor.
                Err(_) => tokio::time::sleep(REST).await,
            }
        }
        tokio::task::yield_now().await;
    }
}

/// Counts a connection, unless its address has too many. A proxy that announces its clients is not counted as one.
fn admit(worker: &Worker, peer: SocketAddr) -> Option<Admitted> {
    let connections = &worker.shared.connections;
    let active = worker.active();
    let announced = is_trusted(peer.ip(), &active.served.snapshot.plan.listen.proxy_protocol);
    let place = if announced { connections.admit_proxy(peer) } else { connections.admit(peer)? };
    Some(Admitted { place, announced })
}

/// Whether the error is about the connection that was to be taken and not about the listener (accept(2)).
fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::Interrupted
    )
}
