//! What must work in the cage: what a gate does all day.

use crate::attempts::Given;
use rustix::fs::{CWD, Mode, OFlags, ResolveFlags};
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

pub(crate) fn attempt(name: &str, argument: &str, given: &Given) -> io::Result<String> {
    match name {
        "serve-on-threads" => serve_on_threads(given),
        "read-on-a-blocking-thread" => read_on_a_blocking_thread(argument),
        "tls" => tls(),
        "open-beneath" => open_beneath(argument),
        "hold" => {
            given.held.replace(Some(open_folder(argument)?));
            Ok("done".to_owned())
        }
        "open-in-held" => {
            let held = given.held.borrow();
            open_in(held.as_ref().ok_or_else(|| io::Error::other("nothing held"))?, argument)
        }
        "read-without-waiting" => read_without_waiting(argument),
        "sendfile" => sendfile(argument, given),
        "splice" => splice(),
        "panic" => panic_caught(),
        "read-on-and-on" => read_on_and_on(argument),
        "stop-reading" => Ok(stop_reading()),
        _ => Err(io::Error::other(format!("no such attempt: {name}"))),
    }
}

/// Eight threads with a runtime each, all on the listener that was given.
fn serve_on_threads(given: &Given) -> io::Result<String> {
    let address = given.listener.local_addr()?;
    let threads: Vec<_> = (0..8).map(|_| given.listener.try_clone()).collect::<io::Result<_>>()?;
    let threads = threads.into_iter().map(|listener| {
        std::thread::Builder::new().name("serve".to_owned()).spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(async {
                listener.set_nonblocking(true)?;
                let listener = tokio::net::TcpListener::from_std(listener)?;
                let socket = tokio::net::TcpSocket::new_v4()?;
                let (client, accepted) = tokio::join!(socket.connect(address), listener.accept());
                client.and(accepted).map(|_| ())?;
                tokio::time::sleep(std::time::Duration::from_millis(1)).await;
                io::Result::Ok(())
            })
        })
    });
    let threads: Vec<_> = threads.collect::<io::Result<_>>()?;
    for thread in threads {
        thread.join().map_err(|_| io::Error::other("a panic"))??;
    }
    given.listener.set_nonblocking(false)?;
    Ok("done".to_owned())
}

fn read_on_a_blocking_thread(path: &str) -> io::Result<String> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let path = path.to_owned();
    let bytes =
        runtime.block_on(async { tokio::task::spawn_blocking(move || std::fs::read(path)).await })??;
    Ok(format!("{} bytes", bytes.len()))
}

/// A whole handshake between two ends in memory, with a key that is made here.
fn tls() -> io::Result<String> {
    let made = rcgen::generate_simple_self_signed(["example.com".to_owned()]).map_err(io::Error::other)?;
    let key = rustls::pki_types::PrivateKeyDer::try_from(made.signing_key.serialize_der())
        .map_err(io::Error::other)?;
    let mut roots = rustls::RootCertStore::empty();
    roots.add(made.cert.der().clone()).map_err(io::Error::other)?;
    let server = rustls::ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .map_err(io::Error::other)?;
    let client = rustls::ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    let name = "example.com".try_into().map_err(io::Error::other)?;
    let mut client = rustls::ClientConnection::new(Arc::new(client), name).map_err(io::Error::other)?;
    let mut server = rustls::ServerConnection::new(Arc::new(server)).map_err(io::Error::other)?;
    while client.is_handshaking() || server.is_handshaking() {
        let mut bytes = Vec::new();
        client.write_tls(&mut bytes)?;
        server.read_tls(&mut bytes.as_slice())?;
        server.process_new_packets().map_err(io::Error::other)?;
        bytes.clear();
        server.write_tls(&mut bytes)?;
        client.read_tls(&mut bytes.as_slice())?;
        client.process_new_packets().map_err(io::Error::other)?;
    }
    Ok(format!("{:?}", client.protocol_version().ok_or_else(|| io::Error::other("no version"))?))
}

/// What is in the page cache, as the gate reads small files.
fn read_without_waiting(path: &str) -> io::Result<String> {
    let file = std::fs::File::open(path)?;
    let mut bytes = [0; 64];
    let flags = rustix::io::ReadWriteFlags::NOWAIT;
    let count = rustix::io::preadv2(&file, &mut [io::IoSliceMut::new(&mut bytes)], 0, flags)?;
    Ok(String::from_utf8_lossy(&bytes[..count]).into_owned())
}

fn open_beneath(path: &str) -> io::Result<String> {
    let (folder, file) = path.rsplit_once('/').ok_or_else(|| io::Error::other("no folder"))?;
    open_in(&open_folder(folder)?, file)
}

fn open_folder(path: &str) -> io::Result<OwnedFd> {
    Ok(rustix::fs::open(path, OFlags::PATH | OFlags::DIRECTORY, Mode::empty())?)
}

fn open_in(folder: &OwnedFd, file: &str) -> io::Result<String> {
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
    let file = rustix::fs::openat2(folder, file, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty(), resolve)?;
    io::read_to_string(std::fs::File::from(file))
}

fn pair(given: &Given) -> io::Result<(TcpStream, TcpStream)> {
    let client = TcpStream::connect(given.listener.local_addr()?)?;
    Ok((client, given.listener.accept()?.0))
}

fn sendfile(path: &str, given: &Given) -> io::Result<String> {
    let (mut client, server) = pair(given)?;
    let file = rustix::fs::openat(CWD, path, OFlags::RDONLY, Mode::empty())?;
    let sent = rustix::fs::sendfile(&server, &file, None, 1 << 16)?;
    drop(server);
    let mut text = String::new();
    client.read_to_string(&mut text)?;
    Ok(if text.len() == sent { text } else { format!("{sent} sent, {} received", text.len()) })
}

fn splice() -> io::Result<String> {
    let (mut from, to) = std::os::unix::net::UnixStream::pair()?;
    let (read, write) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?;
    rustix::pipe::fcntl_setpipe_size(&write, 1 << 18)?;
    from.write_all(b"spliced")?;
    let flags = rustix::pipe::SpliceFlags::MOVE;
    rustix::pipe::splice(&to, None, &write, None, 7, flags)?;
    rustix::pipe::splice(&read, None, &to, None, 7, flags)?;
    let mut bytes = [0; 7];
    from.read_exact(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn panic_caught() -> io::Result<String> {
    let caught = std::thread::spawn(|| {
        let trace = std::backtrace::Backtrace::force_capture().to_string();
        assert!(trace.is_empty(), "{trace}");
    });
    Ok(if caught.join().is_err() { "caught" } else { "no panic" }.to_owned())
}

/// Whether the thread of [`read_on_and_on`] shall end, how often it read, and how often it could not.
static READING: (AtomicBool, AtomicU64, AtomicU64) =
    (AtomicBool::new(true), AtomicU64::new(0), AtomicU64::new(0));

fn read_on_and_on(path: &str) -> io::Result<String> {
    let path = path.to_owned();
    std::thread::Builder::new().spawn(move || {
        while READING.0.load(Relaxed) {
            let counter = match std::fs::read(&path) {
                Ok(_) => &READING.1,
                Err(error) => {
                    eprintln!("{error}");
                    &READING.2
                }
            };
            counter.fetch_add(1, Relaxed);
        }
    })?;
    Ok("started".to_owned())
}

fn stop_reading() -> String {
    READING.0.store(false, Relaxed);
    let some = if READING.1.load(Relaxed) > 0 { "some" } else { "none" };
    format!("{some} read, {} failed", READING.2.load(Relaxed))
}
