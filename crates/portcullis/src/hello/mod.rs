//! `portcullis hello`: a small backend that answers with what it received.
//!
//! It is for first steps, tests and measurements. It is no part of the gate and trusts whoever reaches it, so it
//! listens on the loopback unless told otherwise. It must stay fast on its prepared answer, which is how the gate is
//! measured.

mod connection;
mod echo;
mod grpc;
mod http2;
mod listener;
mod received;
mod reply;
mod route;
mod slow;
mod websocket;
mod wire;

use crate::cli::Hello;
use crate::failure::{Exit, Failure};
use crate::report;
use connection::Connection;
use listener::Listener;
use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::thread;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};

/// What all connections of one instance share.
#[derive(Debug)]
struct Instance {
    name: String,
    requests: AtomicU64,
    /// Whether bytes are sent back as they came.
    echoes: bool,
}

/// Listens and serves until a signal ends the process.
pub(crate) fn serve(arguments: &Hello) -> Result<Exit, Failure> {
    if arguments.udp_echo {
        return echo::datagrams(arguments);
    }
    let listener = Listener::bind(arguments)?;
    let instance = Arc::new(Instance {
        name: arguments.name.clone(),
        requests: AtomicU64::new(0),
        echoes: arguments.tcp_echo,
    });
    let scheme = if instance.echoes { "tcp" } else { "http" };
    report::info(format_args!("{} answers on {}", arguments.name, listener.describe(scheme)));
    for _ in 1..arguments.threads {
        let (listener, instance) =
            (listener.duplicate().map_err(|error| machine(&error))?, Arc::clone(&instance));
        thread::spawn(move || accept_forever(listener, &instance));
    }
    accept_forever(listener, &instance).map_err(|error| machine(&error))?;
    Ok(Exit::Done)
}

fn machine(error: &io::Error) -> Failure {
    Failure::refused(format!("cannot serve: {error}"))
}

fn accept_forever(listener: Listener, instance: &Arc<Instance>) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        match listener {
            Listener::Tcp(listener) => {
                let listener = tokio::net::TcpListener::from_std(listener)?;
                loop {
                    match listener.accept().await {
                        Ok((stream, peer)) => {
                            // Without it, small answers on a busy connection would wait for acknowledgements.
                            let _ = stream.set_nodelay(true);
                            converse(stream, peer.to_string(), instance);
                        }
                        Err(error) => pause_after(&error).await,
                    }
                }
            }
            Listener::Unix(listener, path) => {
                let listener = tokio::net::UnixListener::from_std(listener)?;
                loop {
                    match listener.accept().await {
                        Ok((stream, _)) => converse(stream, format!("unix:{}", path.display()), instance),
                        Err(error) => pause_after(&error).await,
                    }
                }
            }
        }
    })
}

fn converse<S>(stream: S, peer: String, instance: &Arc<Instance>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    if instance.echoes {
        tokio::spawn(echo::bytes(stream));
        return;
    }
    let connection = Connection::new(stream, peer, Arc::clone(instance));
    // A connection that breaks is the client's affair, and there is nobody to tell.
    tokio::spawn(async { drop(connection.serve().await) });
}

/// A lack of descriptors does not go away by asking again at once.
async fn pause_after(error: &io::Error) {
    report::warning(format_args!("cannot accept a connection: {error}"));
    tokio::time::sleep(Duration::from_millis(50)).await;
}
