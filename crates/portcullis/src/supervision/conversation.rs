//! Speaking with a gate: orders go out, answers come back, and a gate that says nothing or nonsense is ended.

use super::asks::Asked;
use super::bucket::{Bucket, Seldom};
use super::identity;
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
/// What a gate may ask for at once: a burst of bans. Each is looked at by one thread, and costs a look at the machine.
const ASKS_AT_ONCE: u32 = 100;
/// Between two asks in the long run.
const BETWEEN_ASKS: Duration = Duration::from_millis(50);
/// What a gate may say unasked at once. A gate of ours says less by itself.
const WORDS_AT_ONCE: u32 = 1000;
/// Between two words in the long run; a gate that says more is heard no faster, so that a flood costs the keeper little.
const BETWEEN_WORDS: Duration = Duration::from_millis(1);
/// Between two lines in the log about a gate that asks too much.
const BETWEEN_LINES: Duration = Duration::from_secs(10);

/// A gate that runs.
#[derive(Debug)]
pub(super) struct Conversation {
    pub(super) process: Process,
    pub(super) channel: Channel,
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
    /// When it is ended, once it was told to end.
    pub(super) deadline: OnceLock<Instant>,
    /// Whether it was told to end.
    pub(super) ending: AtomicBool,
}

/// What a gate answers, and what comes with it.
pub(super) type Reply = (Answer, Vec<OwnedFd>);

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
    /// Begins to speak with a gate, whose words are heard by a thread of their own. One that cannot be heard is ended.
    pub(super) fn begin(
        process: Process,
        channel: Channel,
        place: PathBuf,
        ears: Ears,
    ) -> std::io::Result<Arc<Self>> {
        channel.set_patience(READING).inspect_err(|_| process.kill())?;
        // One that a former keeper started is older than this.
        let (now, age) = (Instant::now(), identity::age(process.pid()));
        let conversation = Arc::new(Self {
            process,
            channel,
            number: AtomicU64::new(0),
            waiting: Mutex::default(),
            taken: Mutex::default(),
            confined: OnceLock::new(),
            outside: Mutex::new(None),
            began: age.and_then(|age| now.checked_sub(age)).unwrap_or(now),
            deadline: OnceLock::new(),
            place,
            ending: AtomicBool::new(false),
        });
        let theirs = Arc::clone(&conversation);
        let thread = std::thread::Builder::new().name("gate".to_owned());
        thread.spawn(move || theirs.listen(&ears)).inspect_err(|_| conversation.kill())?;
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
        let order = Order::Answered { number, refused };
        // Nobody waits for what comes of it, so that nothing is kept for a gate that asks and does not listen.
        let number = self.number.fetch_add(1, Ordering::Relaxed);
        match self.channel.send(&Numbered { number, order }, &[]) {
            // A gate that is gone needs no answer.
            Ok(()) | Err(SendError::Gone) => {}
            Err(error) => {
                report::error(format_args!(
                    "the gate (process {}) is ended, for it asks and does not hear the answer: {error}",
                    self.process.pid()
                ));
                self.kill();
            }
        }
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

    /// Ends the process at once, unless it was told to end: then it says nothing more than how it has, and has its time for
    /// that. Answers whether it was ended.
    pub(super) fn kill_unless_ending(&self) -> bool {
        let is_ending = self.ending.load(Ordering::Relaxed);
        if !is_ending {
            self.kill();
        }
        !is_ending
    }

    /// Ends the process, and returns when nothing of it is left.
    pub(super) fn end(&self) {
        self.kill();
        // What cannot be ended within that time waits for a disk, and serves nobody.
        let _ = self.process.is_over_within(READING);
        identity::forget(&self.place);
    }

    fn waiting(&self) -> MutexGuard<'_, HashMap<u64, SyncSender<Reply>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn listen(self: Arc<Self>, ears: &Ears) {
        let mut manners = Manners::new(Instant::now());
        loop {
            let received = match self.channel.receive::<Told>() {
                Ok(Some(received)) => received,
                Ok(None) => break,
                Err(ReceiveError::Io(error)) => {
                    report::error(format_args!("the gate cannot be heard any more: {error}"));
                    break;
                }
                Err(error) => {
                    self.complain(&error.to_string());
                    break;
                }
            };
            if !belong(&received.message, received.descriptors.len()) {
                self.complain("descriptors came with it that do not belong to it");
                break;
            }
            if let Err(too_much) = received.message.check() {
                self.complain(too_much);
                break;
            }
            self.hear(received.message, received.descriptors, ears, &mut manners);
        }
        self.kill();
        // Nobody comes to it any more; where the file stays, the next keeper finds it to be nobody's.
        identity::forget(&self.place);
        // Whoever waits for an answer hears that there is none.
        self.waiting().clear();
        // Nobody listens when the keeper ends.
        let _ = ears.events.send(Event::Gone(self));
    }

    fn complain(&self, what: &str) {
        report::error(format_args!(
            "the gate (process {}) is ended, for it says what no gate says: {what}",
            self.process.pid()
        ));
    }

    fn hear(self: &Arc<Self>, told: Told, descriptors: Vec<OwnedFd>, ears: &Ears, manners: &mut Manners) {
        let told = match told {
            Told::Answer { number, answer } => {
                let waiting = self.waiting().remove(&number);
                if let Some(waiting) = waiting {
                    let _ = waiting.try_send((answer, descriptors));
                    return;
                }
                Told::Answer { number, answer }
            }
            told => told,
        };
        if !manners.words.take(Instant::now()) {
            std::thread::sleep(BETWEEN_WORDS);
        }
        match told {
            // Whoever gave the order may have given up, so that an answer to nothing is no fault. A conversation begins
            // with `Hello`, where it does, and it was heard then.
            Told::Answer { .. } | Told::Hello(_) => {}
            // What does not fit is left out; it stands in the access log all the same.
            Told::Notice(text) => drop(ears.notices.try_send(text)),
            Told::Ask { number, ask } => {
                let asked = Asked { gate: Arc::clone(self), number, ask };
                let now = Instant::now();
                if manners.asks.take(now) && ears.asks.try_send(asked).is_ok() {
                    return;
                }
                if let Some(times) = manners.busy.again(now) {
                    report::warning(format_args!("the gate asks too much: {times} not looked at (busy)"));
                }
                self.answer(number, Some(link::AskRefused::new("busy", "too much is asked at once")));
            }
        }
    }
}

/// How much a gate has said unasked.
struct Manners {
    words: Bucket,
    asks: Bucket,
    busy: Seldom,
}

impl Manners {
    fn new(now: Instant) -> Self {
        Self {
            words: Bucket::new(WORDS_AT_ONCE, BETWEEN_WORDS, now),
            asks: Bucket::new(ASKS_AT_ONCE, BETWEEN_ASKS, now),
            busy: Seldom::new(BETWEEN_LINES),
        }
    }
}

/// Whether so many descriptors belong to what was told: only sockets that are handed over come with any.
fn belong(told: &Told, descriptors: usize) -> bool {
    let sockets = match told {
        Told::Answer { answer: Answer::Sockets(sockets), .. } => sockets.len(),
        _ => 0,
    };
    sockets == descriptors
}
