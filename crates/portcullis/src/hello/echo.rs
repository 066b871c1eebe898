//! What comes is sent back as it is: bytes of connections, and datagrams.

use crate::cli::Hello;
use crate::failure::{Exit, Failure};
use crate::report;
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::thread;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// Bytes that are sent back at once.
const PIECE: usize = 64 << 10;

/// Sends the bytes of a connection back to their end.
pub(super) async fn bytes<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S) {
    let mut piece = vec![0; PIECE];
    // A connection that breaks is the client's affair, and there is nobody to tell.
    while let Ok(count @ 1..) = stream.read(&mut piece).await {
        if stream.write_all(&piece[..count]).await.is_err() {
            return;
        }
    }
    let _ = stream.shutdown().await;
}

/// Sends datagrams back until a signal ends the process.
pub(super) fn datagrams(arguments: &Hello) -> Result<Exit, Failure> {
    let address = SocketAddr::new(arguments.address, arguments.port);
    let failed = |error: io::Error| Failure::refused(format!("cannot listen on {address}/udp: {error}"));
    let socket = UdpSocket::bind(address).map_err(failed)?;
    let local = socket.local_addr().map_err(failed)?;
    report::info(format_args!("{} answers on udp://{local}", arguments.name));
    for _ in 1..arguments.threads {
        let socket = socket.try_clone().map_err(failed)?;
        thread::spawn(move || send_back(&socket));
    }
    send_back(&socket);
    Ok(Exit::Done)
}

fn send_back(socket: &UdpSocket) {
    let mut datagram = vec![0; PIECE];
    loop {
        // What a client's host says of an answer that it did not want comes out here, and concerns nobody else.
        if let Ok((count, from)) = socket.recv_from(&mut datagram) {
            let _ = socket.send_to(&datagram[..count], from);
        }
    }
}
