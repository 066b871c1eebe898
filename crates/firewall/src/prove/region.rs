//! Regions of keys and addresses, and what rules say about them.

/// Sorted, disjoint intervals of addresses.
pub(super) type Addresses = Vec<(u128, u128)>;

/// A region and what was said about it so far.
#[derive(Clone, Debug)]
pub(super) struct State {
    /// An interval of keys.
    pub(super) keys: (u16, u16),
    /// Addresses; never empty.
    pub(super) addresses: Addresses,
    /// What was said, in order; each holds where those before do not.
    pub(super) attempts: Vec<Attempt>,
}

/// What is said where conditions hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Attempt {
    pub(super) conditions: Vec<Condition>,
    pub(super) said: Said,
}

/// What is said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Said {
    /// It passes, and this counter counts.
    Admitted(Option<String>),
    /// It does not.
    Refused,
}

/// What depends on more than where a packet comes from and goes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Condition {
    /// The family is in a live set.
    InForce(String),
    /// It is TCP that opens no connection.
    TcpGoesOn,
    /// It is of a connection that is not new.
    NotNew,
    /// Its source is below a limit.
    Below { set: String, rate: u64, unit: u64, burst: u32, timeout: u64 },
}

impl State {
    /// Cuts the keys by sorted, disjoint intervals: the part within each, and what is within none.
    pub(super) fn cut_keys(self, intervals: &[(u128, u128)]) -> (Vec<(usize, Self)>, Vec<Self>) {
        let whole = [(u128::from(self.keys.0), u128::from(self.keys.1))];
        let (within, outside) = cut(&whole, intervals);
        let of = |(first, last): (u128, u128)| {
            let key = |number| u16::try_from(number).expect("a cut of keys is one of keys");
            Self { keys: (key(first), key(last)), ..self.clone() }
        };
        let within = within.into_iter().map(|(index, part)| (index, of(part))).collect();
        (within, outside.into_iter().map(of).collect())
    }

    /// Cuts the addresses likewise.
    pub(super) fn cut_addresses(self, intervals: &[(u128, u128)]) -> (Vec<(usize, Self)>, Vec<Self>) {
        let (within, outside) = cut(&self.addresses, intervals);
        let mut parts: Vec<(usize, Addresses)> = Vec::new();
        let mut within = within;
        within.sort_by_key(|(index, _)| *index);
        for (index, part) in within {
            match parts.last_mut() {
                Some((same, addresses)) if *same == index => addresses.push(part),
                _ => parts.push((index, vec![part])),
            }
        }
        let of = |addresses| Self { addresses, ..self.clone() };
        let parts = parts.into_iter().map(|(index, addresses)| (index, of(addresses))).collect();
        (parts, if outside.is_empty() { Vec::new() } else { vec![of(outside)] })
    }
}

type Cut = (Vec<(usize, (u128, u128))>, Addresses);

/// Both lists are sorted and disjoint.
fn cut(whole: &[(u128, u128)], intervals: &[(u128, u128)]) -> Cut {
    let (mut within, mut outside) = (Vec::new(), Vec::new());
    for &(first, last) in whole {
        let mut from = Some(first);
        let begin = intervals.partition_point(|interval| interval.1 < first);
        for (index, interval) in intervals.iter().enumerate().skip(begin) {
            let Some(at) = from.filter(|_| interval.0 <= last) else { break };
            if interval.0 > at {
                outside.push((at, interval.0 - 1));
            }
            let end = interval.1.min(last);
            within.push((index, (interval.0.max(at), end)));
            from = end.checked_add(1).filter(|&next| next <= last);
        }
        outside.extend(from.map(|at| (at, last)));
    }
    (within, outside)
}
