//! A client that sends exactly the bytes it is given and reads answers strictly.

use crate::patience::PATIENCE;
use crate::strict::{Broken, Response, Source};
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

/// A connection of bytes with a deadline for each read and write.
pub trait Connection: Read + Write + Send {
    /// Bounds every later read and write.
    ///
    /// # Errors
    /// When the connection is gone.
    fn set_deadline(&self, deadline: Duration) -> io::Result<()>;

    /// Says that nothing more will be sent.
    ///
    /// # Errors
    /// When the connection is gone.
    fn end_sending(&mut self) -> io::Result<()>;
}

impl Connection for TcpStream {
    fn set_deadline(&self, deadline: Duration) -> io::Result<()> {
        self.set_read_timeout(Some(deadline))?;
        self.set_write_timeout(Some(deadline))
    }

    fn end_sending(&mut self) -> io::Result<()> {
        self.shutdown(Shutdown::Write)
    }
}

impl Connection for UnixStream {
    fn set_deadline(&self, deadline: Duration) -> io::Result<()> {
        self.set_read_timeout(Some(deadline))?;
        self.set_write_timeout(Some(deadline))
    }

    fn end_sending(&mut self) -> io::Result<()> {
        self.shutdown(Shutdown::Write)
    }
}

/// A raw client connection.
pub struct Raw {
    source: Source<Box<dyn Connection>>,
}

impl Raw {
    /// Connects over TCP.
    ///
    /// # Panics
    /// When nobody accepts within [`PATIENCE`].
    #[must_use]
    pub fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect_timeout(&address, PATIENCE)
            .unwrap_or_else(|error| panic!("cannot connect to {address}: {error}"));
        stream.set_nodelay(true).expect("a new connection takes options");
        Self::over(stream)
    }

    /// Connects over a Unix socket.
    ///
    /// # Panics
    /// When nobody accepts.
    #[must_use]
    pub fn connect_unix(path: &Path) -> Self {
        let stream = UnixStream::connect(path)
            .unwrap_or_else(|error| panic!("cannot connect to {}: {error}", path.display()));
        Self::over(stream)
    }

    /// Speaks over a connection that is there already; reads and writes wait for [`PATIENCE`] at most.
    ///
    /// # Panics
    /// When the connection is gone.
    #[must_use]
    pub fn over(connection: impl Connection + 'static) -> Self {
        connection.set_deadline(PATIENCE).expect("a new connection takes a deadline");
        Self { source: Source::new(Box::new(connection)) }
    }

    /// Sends bytes.
    ///
    /// # Panics
    /// When the peer takes nothing within [`PATIENCE`], or is gone.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) -> &mut Self {
        self.try_send(bytes).unwrap_or_else(|error| panic!("cannot send: {error}"));
        self
    }

    /// Sends bytes.
    ///
    /// # Errors
    /// When the peer takes nothing within [`PATIENCE`], or is gone.
    pub fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        let connection = self.source.connection();
        connection.write_all(bytes.as_ref())?;
        connection.flush()
    }

    /// Says that nothing more will be sent.
    pub fn end_sending(&mut self) -> &mut Self {
        // The peer may have closed already, which is the test's to see when it reads.
        let _ = self.source.connection().end_sending();
        self
    }

    /// Reads the response to a request of this method.
    ///
    /// # Panics
    /// When there is none within [`PATIENCE`], or it is not strict.
    pub fn response(&mut self, method: &str) -> Response {
        self.try_response(method).unwrap_or_else(|broken| {
            let record = self.source.take_record();
            panic!("no strict response: {broken}; read: {}; then: {}", record.escape_ascii(), self.unread())
        })
    }

    /// Reads the response to a request of this method.
    ///
    /// # Errors
    /// When there is none within [`PATIENCE`], or it is not strict.
    pub fn try_response(&mut self, method: &str) -> Result<Response, Broken> {
        Response::read(&mut self.source, method)
    }

    /// Sends `GET` for a target over this connection and reads the response.
    ///
    /// # Panics
    /// When there is none within [`PATIENCE`], or it is not strict.
    pub fn get(&mut self, host: &str, target: &str) -> Response {
        self.send(format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n")).response("GET")
    }

    /// Reads exactly so many bytes, for what is no HTTP.
    ///
    /// # Panics
    /// When they do not come within [`PATIENCE`].
    pub fn exactly(&mut self, count: usize) -> Vec<u8> {
        self.source.exactly(count).unwrap_or_else(|error| panic!("no {count} bytes: {error}"))
    }

    /// Reads up to the end of the connection. A reset counts as an end.
    ///
    /// # Panics
    /// When it does not end within [`PATIENCE`].
    pub fn rest(&mut self) -> Vec<u8> {
        match self.source.rest() {
            Ok(rest) => rest,
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => self.source.unread().to_vec(),
            Err(error) => panic!("the connection does not end: {error}; unread: {}", self.unread()),
        }
    }

    /// Whether nothing comes for so long. The connection is still usable afterwards.
    ///
    /// # Panics
    /// When the connection is gone.
    pub fn is_silent_for(&mut self, time: Duration) -> bool {
        self.source.connection().set_deadline(time).expect("the connection is there");
        let end = self.source.at_end();
        self.source.connection().set_deadline(PATIENCE).expect("the connection is there");
        matches!(end, Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut))
    }

    fn unread(&self) -> String {
        self.source.unread().escape_ascii().to_string()
    }
}
