//! An instance that follows a script, for answers that no decent program gives.

use super::server::{Server, Socket};
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr};

/// One step of a script. After the last one the connection is closed in an orderly way.
#[derive(Clone, Debug)]
pub enum Step {
    /// Reads up to the empty line after a head, at most.
    ReadHead,
    /// Reads so many bytes.
    Read(usize),
    /// Reads until the peer sends no more.
    ReadAll,
    /// Sends bytes as they are.
    Send(Vec<u8>),
    /// Sends bytes one by one, each in a segment of its own where the kernel sees it so.
    SendSlowly(Vec<u8>),
    /// Resets the connection.
    Reset,
    /// Says and reads nothing until the peer goes away or the test ends.
    Hang,
}

/// A scripted instance.
#[derive(Debug)]
pub struct Scripted {
    server: Server,
}

impl Scripted {
    /// Plays the same script on every connection.
    #[must_use]
    pub fn start(script: Vec<Step>) -> Self {
        Self::start_each(vec![script])
    }

    /// Plays the first script on the first connection and so on; the last one on all that follow.
    ///
    /// # Panics
    /// When there is no script.
    #[must_use]
    pub fn start_each(scripts: Vec<Vec<Step>>) -> Self {
        assert!(!scripts.is_empty(), "a scripted instance needs a script");
        let server = Server::tcp(move |socket, number| {
            let script = &scripts[number.min(scripts.len() - 1)];
            // A peer that does not follow the script ends it; the test sees that on its own side.
            let _ = play(socket, script);
        });
        Self { server }
    }

    /// Reads a head, sends these bytes, closes.
    #[must_use]
    pub fn answering(bytes: impl Into<Vec<u8>>) -> Self {
        Self::start(vec![Step::ReadHead, Step::Send(bytes.into())])
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// How many connections it has accepted.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.server.accepted()
    }

    /// Ends every open connection.
    pub fn cut_connections(&self) {
        self.server.cut_connections();
    }
}

fn play(socket: &mut Socket, script: &[Step]) -> std::io::Result<()> {
    for step in script {
        match step {
            Step::ReadHead => read_head(socket)?,
            Step::Read(count) => socket.read_exact(&mut vec![0; *count])?,
            Step::ReadAll | Step::Hang => drain(socket),
            Step::Send(bytes) => socket.write_all(bytes)?,
            Step::SendSlowly(bytes) => bytes.iter().try_for_each(|byte| socket.write_all(&[*byte]))?,
            Step::Reset => {
                socket.reset_on_close();
                return Ok(());
            }
        }
    }
    // Closing with unread bytes would reset the connection and could take the answer with it.
    socket.shutdown(Shutdown::Write);
    drain(socket);
    Ok(())
}

fn read_head(socket: &mut Socket) -> std::io::Result<()> {
    let mut last = [0; 4];
    while last != *b"\r\n\r\n" {
        last.rotate_left(1);
        socket.read_exact(&mut last[3..])?;
    }
    Ok(())
}

fn drain(socket: &mut Socket) {
    let mut block = [0; 4096];
    while let Ok(1..) = socket.read(&mut block) {}
}
