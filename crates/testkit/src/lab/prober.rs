//! Probes that never stop while something happens: does a port leak for a moment, is one refused that is allowed?

use super::host::Host;
use super::packet::{Packet, Sender};
use super::probe::SILENCE;
use std::collections::HashSet;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// Source ports in use. Each probe has a source of its own, so each is the first packet of a new flow.
const PORTS: std::ops::Range<u16> = 16_384..65_000;

/// Who probes whom.
#[derive(Clone, Copy, Debug)]
pub struct Prober<'a> {
    /// Where probes come from.
    pub from: &'a Host,
    /// The first source address; later rounds take the following ones of its network.
    pub source: IpAddr,
    /// Where probes arrive.
    pub to: &'a Host,
    /// The address of the target.
    pub target: IpAddr,
    /// A UDP port that is open all the time.
    pub allowed: u16,
    /// A UDP port that is closed all the time.
    pub denied: u16,
    /// Probes to each of the two ports per millisecond.
    pub per_millisecond: u32,
}

/// What was counted.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// Probes sent to each of the two ports.
    pub sent: usize,
    /// When the probes to the denied port were sent that arrived.
    pub leaked: Vec<Duration>,
    /// When the probes to the allowed port were sent that did not arrive.
    pub refused: Vec<Duration>,
}

/// The source of a probe, which is its name.
type Source = (IpAddr, u16);

impl Prober<'_> {
    /// Probes while `work` runs, and returns what it returns.
    ///
    /// # Panics
    /// When the ports are taken, or packets cannot be sent.
    pub fn during<R>(&self, work: impl FnOnce() -> R) -> (R, Tally) {
        let (allowed, denied) = (self.listen(self.allowed), self.listen(self.denied));
        let (sending, receiving) = (AtomicBool::new(true), AtomicBool::new(true));
        thread::scope(|scope| {
            let open = scope.spawn(|| receive(&allowed, &receiving));
            let closed = scope.spawn(|| receive(&denied, &receiving));
            let sender = scope.spawn(|| self.send(&sending));
            let stop = Stop { sending: &sending, receiving: &receiving };
            let result = work();
            sending.store(false, Ordering::Release);
            let sent = sender.join().expect("the sender of probes");
            // What is under way still arrives.
            thread::sleep(SILENCE);
            drop(stop);
            let open = open.join().expect("the receiver of probes");
            let closed = closed.join().expect("the receiver of probes");
            (result, tally(&sent, &open, &closed))
        })
    }

    fn listen(&self, port: u16) -> UdpSocket {
        let socket = self.to.datagrams(SocketAddr::new(self.target, port));
        let buffer = 8 << 20;
        // Beyond the limit of the machine needs root; what it gives is enough for a moment.
        if rustix::net::sockopt::set_socket_recv_buffer_size_force(&socket, buffer).is_err() {
            let _ = rustix::net::sockopt::set_socket_recv_buffer_size(&socket, buffer);
        }
        socket.set_read_timeout(Some(Duration::from_millis(20))).expect("a timeout");
        socket
    }

    /// Sends until told to stop; a late thread makes up for what it missed.
    fn send(&self, sending: &AtomicBool) -> Vec<(Source, Duration)> {
        let sender = Sender::new(self.from);
        let started = Instant::now();
        let mut sent = Vec::new();
        let mut sources = (0..).flat_map(|round| PORTS.map(move |port| (round, port)));
        while sending.load(Ordering::Acquire) {
            let due = started.elapsed().as_micros() * u128::from(self.per_millisecond) / 1000;
            while (sent.len() as u128) < due {
                let (round, port) = sources.next().expect("rounds do not end");
                let source = following(self.source, round);
                sent.push(((source, port), started.elapsed()));
                sender.send(&Packet::udp(source, self.target, port, self.allowed), 1);
                sender.send(&Packet::udp(source, self.target, port, self.denied), 1);
            }
            thread::sleep(Duration::from_micros(500));
        }
        sent
    }
}

/// Ends the threads also when the work panics.
struct Stop<'a> {
    sending: &'a AtomicBool,
    receiving: &'a AtomicBool,
}

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.sending.store(false, Ordering::Release);
        self.receiving.store(false, Ordering::Release);
    }
}

impl Tally {
    /// From the first to the last of some moments.
    #[must_use]
    pub fn span(moments: &[Duration]) -> Duration {
        let first = moments.iter().min().copied().unwrap_or_default();
        moments.iter().max().copied().unwrap_or_default().saturating_sub(first)
    }
}

fn receive(socket: &UdpSocket, receiving: &AtomicBool) -> HashSet<Source> {
    let mut seen = HashSet::new();
    while receiving.load(Ordering::Acquire) {
        while let Ok((_, peer)) = socket.recv_from(&mut [0; 64]) {
            seen.insert((peer.ip(), peer.port()));
        }
    }
    seen
}

fn tally(sent: &[(Source, Duration)], open: &HashSet<Source>, closed: &HashSet<Source>) -> Tally {
    let moments = |wanted: &dyn Fn(&Source) -> bool| {
        sent.iter().filter(|(source, _)| wanted(source)).map(|(_, moment)| *moment).collect()
    };
    Tally {
        sent: sent.len(),
        leaked: moments(&|source| closed.contains(source)),
        refused: moments(&|source| !open.contains(source)),
    }
}

/// The address some steps after another, within its last byte: 200 different ones, then again.
fn following(address: IpAddr, steps: u32) -> IpAddr {
    let next = |last: u8| last.wrapping_add((steps % 200) as u8);
    match address {
        IpAddr::V4(address) => {
            let [a, b, c, d] = address.octets();
            [a, b, c, next(d)].into()
        }
        IpAddr::V6(address) => {
            let mut octets = address.octets();
            octets[15] = next(octets[15]);
            octets.into()
        }
    }
}
