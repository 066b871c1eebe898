//! The thread that writes the access log.

use model::plan::AccessLog as Place;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Batches of lines that may wait for the disk; what comes beyond is lost and counted.
const WAITING: usize = 256;
/// How long a full queue is borne by who wants the file opened anew.
const PATIENCE: Duration = Duration::from_secs(2);
/// Between two looks at a full queue.
const PAUSE: Duration = Duration::from_millis(10);
/// Empty buffers that are kept for reuse.
const KEPT: usize = 64;

/// The access log, shared by all threads.
#[derive(Clone, Debug)]
pub struct AccessLog {
    sender: SyncSender<Message>,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    lost: AtomicU64,
    written: AtomicU64,
    empty: Mutex<Vec<Vec<u8>>>,
}

#[derive(Debug)]
enum Message {
    Lines(Vec<u8>, u64),
    Reopen(Option<File>),
    Sync(SyncSender<()>),
}

impl AccessLog {
    /// Opens what the log is written to; nothing where there is no log.
    ///
    /// # Errors
    ///
    /// The file cannot be opened.
    pub fn open(place: &Place) -> io::Result<Option<File>> {
        match place {
            Place::Off => Ok(None),
            Place::Stdout => Ok(Some(io::stdout().as_fd().try_clone_to_owned()?.into())),
            Place::File(path) => open_file(path).map(Some),
        }
    }

    /// Starts the thread that writes the log.
    ///
    /// # Errors
    ///
    /// The thread cannot be started.
    pub fn start(output: Option<File>) -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let (sender, receiver) = sync_channel(WAITING);
        let theirs = Arc::clone(&shared);
        std::thread::Builder::new()
            .name("access-log".to_owned())
            .spawn(move || write_all(output, &receiver, &theirs))?;
        Ok(Self { sender, shared })
    }

    /// Writes to another file, or to nothing. Lines that were handed over before go to the old one.
    ///
    /// # Errors
    ///
    /// Too many lines wait; the old file stays.
    pub fn reopen(&self, output: Option<File>) -> io::Result<()> {
        // The thread ends only when the last sender is gone.
        if self.tell(Message::Reopen(output), Instant::now() + PATIENCE) {
            Ok(())
        } else {
            Err(io::Error::new(io::ErrorKind::TimedOut, "whoever takes the log takes nothing"))
        }
    }

    /// Waits until what was handed over is written, at most so long.
    pub fn sync(&self, timeout: Duration) {
        let end = Instant::now() + timeout;
        let (done, wait) = sync_channel(1);
        if self.tell(Message::Sync(done), end) {
            let _ = wait.recv_timeout(end.saturating_duration_since(Instant::now()));
        }
    }

    /// Hands a message over, behind the lines that wait; `false` when there was no room for it until `end`. A thread
    /// that is stuck in its output must not hold up a reload, or the end of the program.
    fn tell(&self, mut message: Message, end: Instant) -> bool {
        while let Err(TrySendError::Full(refused)) = self.sender.try_send(message) {
            if Instant::now() >= end {
                return false;
            }
            message = refused;
            // On the thread of the operator, never on one that serves.
            std::thread::park_timeout(PAUSE);
        }
        true
    }

    /// Lines that were lost because the disk was full or too slow.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.shared.lost.load(Ordering::Relaxed)
    }

    /// Lines that were written.
    #[must_use]
    pub fn written(&self) -> u64 {
        self.shared.written.load(Ordering::Relaxed)
    }

    /// Hands lines over, and answers with an empty buffer for the next ones.
    pub(super) fn hand_over(&self, lines: Vec<u8>, count: u64) -> Vec<u8> {
        match self.sender.try_send(Message::Lines(lines, count)) {
            Ok(()) => self.shared.empty().pop().unwrap_or_default(),
            Err(TrySendError::Full(message) | TrySendError::Disconnected(message)) => {
                self.shared.lost.fetch_add(count, Ordering::Relaxed);
                let Message::Lines(mut lines, _) = message else { return Vec::new() };
                lines.clear();
                lines
            }
        }
    }
}

impl Shared {
    fn empty(&self) -> std::sync::MutexGuard<'_, Vec<Vec<u8>>> {
        self.empty.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn open_file(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).mode(0o640).open(path)
}

fn write_all(mut output: Option<File>, receiver: &Receiver<Message>, shared: &Shared) {
    for message in receiver {
        match message {
            Message::Lines(mut lines, count) => {
                let is_written = output.as_mut().is_none_or(|file| file.write_all(&lines).is_ok());
                let counter = if is_written { &shared.written } else { &shared.lost };
                counter.fetch_add(count, Ordering::Relaxed);
                lines.clear();
                let mut empty = shared.empty();
                if empty.len() < KEPT {
                    empty.push(lines);
                }
            }
            Message::Reopen(opened) => output = opened,
            Message::Sync(done) => {
                let _ = done.send(());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn started(place: &Place) -> AccessLog {
        AccessLog::start(AccessLog::open(place).expect("it is there")).expect("a thread")
    }

    #[test]
    fn who_takes_nothing_of_the_log_holds_up_nobody() {
        let folder = tempfile::tempdir().expect("a folder");
        let pipe = folder.path().join("pipe");
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, 0o600.into(), 0)
            .expect("a pipe");
        // Open for both, so that opening it for writing does not wait, and read by nobody.
        let _reader = OpenOptions::new().read(true).write(true).open(&pipe).expect("the pipe");
        let log = started(&Place::File(pipe));
        while log.lost() == 0 {
            log.hand_over(vec![b'x'; 64 << 10], 1);
        }
        log.sync(Duration::from_millis(50));
        assert!(log.reopen(None).is_err());
    }

    #[test]
    fn a_full_disk_is_counted_and_survived() {
        let log = started(&Place::File("/dev/full".into()));
        let lines = b"one\ntwo\n".to_vec();
        let next = log.hand_over(lines, 2);
        assert!(next.is_empty());
        log.sync(Duration::from_secs(10));
        assert_eq!((log.lost(), log.written()), (2, 0));
    }
}
