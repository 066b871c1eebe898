//! Speaking with a gate: orders go out, answers come back, and a gate that says nothing or nonsense is ended.

use super::asks::Asked;
use super::process::Process;
use crate::report;
use link::{Answer, CertificateChange, Channel, Numbered, Order, ReceiveError, SendError, Told};
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

/// How long a gate may take to read what it is told.
const READING: Duration = Duration::from_secs(10);

/// A gate that runs.
#[derive(Debug)]
pub(super) struct Conversation {
    pub(super) process: Process,
    channel: Channel,
    number: AtomicU64,
    waiting: Mutex<HashMap<u64, SyncSender<Reply>>>,
    /// Numbers of the sockets that it has.
    taken: Mutex<HashSet<u64>>,
    /// How it is confined.
    pub(super) confined: OnceLock<confine::Report>,
    /// The way to what it sees of the file system, where that is less than there is.
    pub(super) outside: Mutex<Option<confine::Outside>>,
    pub(super) began: Instant,
    /// The name of the socket on which it awaits a later keeper.
    pub(super) place: PathBuf,
    /// Whether it was told to end.
    pub(super) ending: AtomicBool,
}

type Reply = (Answer, Vec<OwnedFd>);

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Silence {
    /// The gate is gone.
    Gone,
    /// It did not answer in time.
    Stuck,
    /// It cannot be told.
    Unsent(String),
}

impl fmt::Display for Silence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gone => f.write_str("the gate has died"),
            Self::Stuck => f.write_str("the gate does not answer"),
            Self::Unsent(reason) => write!(f, "the gate cannot be told: {reason}"),
        }
    }
}

/// What happens to a gate of its own accord.
#[derive(Debug)]
pub(super) enum Event {
    /// It is gone.
    Gone(Arc<Conversation>),
}

/// Where things go that a gate says unasked.
#[derive(Clone, Debug)]
pub(super) struct Ears {
    pub(super) events: SyncSender<Event>,
    pub(super) notices: SyncSender<String>,
    pub(super) asks: SyncSender<Asked>,
}

impl Conversation {
    /// Begins to speak with a gate, whose words are heard by a thread of their own.
    pub(super) fn begin(
        process: Process,
        channel: Channel,
        place: PathBuf,
        ears: Ears,
    ) -> std::io::Result<Arc<Self>> {
        channel.set_patience(READING)?;
        let conversation = Arc::new(Self {
            process,
            channel,
            number: AtomicU64::new(0),
            waiting: Mutex::default(),
            taken: Mutex::default(),
            confined: OnceLock::new(),
            outside: Mutex::new(None),
            began: Instant::now(),
            place,
            ending: AtomicBool::new(false),
        });
        let theirs = Arc::clone(&conversation);
        let thread = std::thread::Builder::new().name("gate".to_owned());
        thread.spawn(move || theirs.listen(&ears))?;
        Ok(conversation)
    }

    /// Gives an order, and waits for what comes of it.
    pub(super) fn ask(
        &self,
        order: Order,
        descriptors: &[BorrowedFd<'_>],
        patience: Duration,
    ) -> Result<Reply, Silence> {
        let (number, answer) = self.tell(order, descriptors)?;
        let answered = answer.recv_timeout(patience);
        self.waiting().remove(&number);
        answered.map_err(|error| match error {
            RecvTimeoutError::Timeout => Silence::Stuck,
            RecvTimeoutError::Disconnected => Silence::Gone,
        })
    }

    /// Gives an order, and leaves the answer to be waited for.
    pub(super) fn tell(
        &self,
        order: Order,
        descriptors: &[BorrowedFd<'_>],
    ) -> Result<(u64, Receiver<Reply>), Silence> {
        let number = self.number.fetch_add(1, Ordering::Relaxed);
        let (sender, answer) = sync_channel(1);
        self.waiting().insert(number, sender);
        let sent = self.channel.send(&Numbered { number, order }, descriptors);
        sent.map_err(|error| {
            self.waiting().remove(&number);
            match error {
                SendError::Gone => Silence::Gone,
                SendError::Stuck => Silence::Stuck,
                SendError::Io(error) => Silence::Unsent(error.to_string()),
            }
        })?;
        Ok((number, answer))
    }

    /// Tells what came of something that the gate asked for.
    pub(super) fn answer(&self, number: u64, refused: Option<link::AskRefused>) {
        // A gate that is gone needs no answer.
        let _ = self.tell(Order::Answered { number, refused }, &[]);
    }

    /// Serves other certificates from now on.
    pub(super) fn certificates(&self, change: CertificateChange, patience: Duration) -> Result<(), Silence> {
        self.ask(Order::Certificates(change), &[], patience).map(drop)
    }

    /// Which sockets it has.
    pub(super) fn taken(&self) -> MutexGuard<'_, HashSet<u64>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the process at once.
    pub(super) fn kill(&self) {
        self.process.kill();
        self.channel.close();
    }

    /// Ends the process, and returns when nothing of it is left.
    pub(super) fn end(&self) {
        self.kill();
        // What cannot be ended within that time waits for a disk, and serves nobody.
        let _ = self.process.is_over_within(READING);
        let _ = std::fs::remove_file(&self.place);
    }

    fn waiting(&self) -> MutexGuard<'_, HashMap<u64, SyncSender<Reply>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn listen(self: Arc<Self>, ears: &Ears) {
        loop {
            match self.channel.receive::<Told>() {
                Ok(Some(received)) => self.hear(received.message, received.descriptors, ears),
                Ok(None) => break,
                Err(ReceiveError::Io(error)) => {
                    report::error(format_args!("the gate cannot be heard any more: {error}"));
                    break;
                }
                Err(error) => {
                    report::error(format_args!(
                        "the gate (process {}) is ended, for it says what no gate says: {error}",
                        self.process.pid()
                    ));
                    break;
                }
            }
        }
        self.kill();
        // Nobody comes to it any more; where the file stays, the next keeper finds it to be nobody's.
        let _ = std::fs::remove_file(&self.place);
        // Whoever waits for an answer hears that there is none.
        self.waiting().clear();
        // Nobody listens when the keeper ends.
        let _ = ears.events.send(Event::Gone(self));
    }

    fn hear(self: &Arc<Self>, told: Told, descriptors: Vec<OwnedFd>, ears: &Ears) {
        match told {
            Told::Answer { number, answer } => {
                let waiting = self.waiting().remove(&number);
                if let Some(waiting) = waiting {
                    let _ = waiting.try_send((answer, descriptors));
                }
            }
            // What does not fit is left out; it stands in the access log all the same.
            Told::Notice(text) => drop(ears.notices.try_send(text)),
            Told::Ask { number, ask } => {
                let asked = Asked { gate: Arc::clone(self), number, ask };
                if let Err(error) = ears.asks.try_send(asked) {
                    drop(error);
                    self.answer(number, Some(link::AskRefused::new("busy", "too much is asked at once")));
                }
            }
            // It was heard when the conversation began.
            Told::Hello(_) => {}
        }
    }
}
