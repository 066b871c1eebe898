//! A TCP relay that understands nothing: reads, writes, and no more, on the runtime that the gate uses. What it costs
//! is what no proxy on this runtime can go below.

use crate::Outcome;
use std::net::SocketAddr;
use tokio::io::copy_bidirectional_with_sizes;
use tokio::net::{TcpListener, TcpSocket, TcpStream};

/// Bytes read at once in each direction.
const BUFFER: usize = 16 << 10;

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Where to listen
    #[arg(long)]
    listen: SocketAddr,
    /// Where to connect
    #[arg(long)]
    backend: SocketAddr,
}

/// Relays until it is ended.
pub(crate) fn run(options: &Options) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind(options.listen).await?;
        loop {
            let (client, _) = listener.accept().await?;
            tokio::spawn(relay(client, options.backend));
        }
    })
}

async fn relay(mut client: TcpStream, backend: SocketAddr) -> std::io::Result<()> {
    let mut instance = TcpSocket::new_v4()?.connect(backend).await?;
    client.set_nodelay(true)?;
    instance.set_nodelay(true)?;
    copy_bidirectional_with_sizes(&mut client, &mut instance, BUFFER, BUFFER).await?;
    Ok(())
}
