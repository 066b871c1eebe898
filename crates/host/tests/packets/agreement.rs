//! Random policies: what the kernel does with random packets is what both models and the rules one by one say.

use crate::borders::{Borders, Dice};
use crate::kernel::Kernel;
use crate::place::{LEGS, Place};
use crate::policies::policy;
use crate::seen;
use firewall::compiled::Compiled;
use firewall::nft::{Decision, Facts, Table};
use firewall::packet::{Packet, Reason, Verdict, Way};
use firewall::reference;
use model::plan::Essential;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed, TestError, TestRunner};
use std::cell::RefCell;
use testkit::lab::{self, Fate, Hook, Sender, Witness};

/// Raises the number of random policies.
pub(crate) const DEEP: &str = "PORTCULLIS_TEST_POLICIES";
/// Packets of a policy by each leg, and of the server itself.
const BY_LEG: usize = 120;
const OWN: usize = 200;

/// A runner over so many policies, the same ones each time, or over as many as the environment says, other ones each
/// time.
pub(crate) fn runner(policies: u32) -> TestRunner {
    let deep = std::env::var(DEEP).ok().and_then(|text| text.parse().ok());
    let rng_seed = if deep.is_some() { RngSeed::Random } else { RngSeed::Fixed(0x9067) };
    TestRunner::new(Config {
        cases: deep.unwrap_or(policies),
        rng_seed,
        failure_persistence: None,
        max_shrink_iters: 60,
        ..Config::default()
    })
}

/// What was judged.
#[derive(Debug, Default)]
struct Tally {
    policies: usize,
    passed: usize,
    dropped: usize,
    lost: usize,
}

#[test]
fn the_kernel_does_with_random_packets_what_the_models_say() {
    let place = Place::new();
    let kernel = RefCell::new(Kernel::of(&place.server));
    let tally = RefCell::new(Tally::default());
    let done = runner(12).run(&(policy(), any::<u64>()), |(policy, seed)| {
        let mut kernel = kernel.borrow_mut();
        kernel.put(&policy.canonical);
        let mut tally = tally.borrow_mut();
        tally.policies += 1;
        let mut dice = Dice(seed);
        let borders = Borders::of(&policy.canonical);
        let judge = Judge { place: &place, policy: &policy, table: &kernel.sent };
        judge.inbound(&borders, &mut dice, &mut tally)?;
        judge.outbound(&borders, &mut dice, &mut tally)
    });
    println!("{:?}", tally.borrow());
    explain(done);
    let tally = tally.borrow();
    assert!(tally.passed > 0 && tally.dropped > 0, "{tally:?}");
}

/// The reason last, where it is seen.
pub(crate) fn explain(done: Result<(), TestError<(Compiled, u64)>>) {
    let told = match done {
        Ok(()) => None,
        Err(TestError::Fail(reason, (policy, seed))) => Some(format!("{policy:#?}\nseed {seed}: {reason}")),
        Err(TestError::Abort(reason)) => Some(reason.to_string()),
    };
    assert!(told.is_none(), "{}", told.unwrap_or_default());
}

struct Judge<'a> {
    place: &'a Place,
    policy: &'a Compiled,
    table: &'a Table,
}

impl Judge<'_> {
    fn inbound(&self, borders: &Borders, dice: &mut Dice, tally: &mut Tally) -> Result<(), TestCaseError> {
        let witness = Witness::new(&self.place.server, Hook::Prerouting);
        for (leg, sender) in LEGS.iter().zip(&self.place.senders) {
            let packets: Vec<_> = (0..BY_LEG).map(|_| borders.inbound(dice, leg)).collect();
            let see = |packet: &lab::Packet| seen::inbound(packet, leg.interface);
            self.compare(&witness, sender, &packets, see, tally)?;
        }
        Ok(())
    }

    fn outbound(&self, borders: &Borders, dice: &mut Dice, tally: &mut Tally) -> Result<(), TestCaseError> {
        let witness = Witness::new(&self.place.server, Hook::Output);
        let packets: Vec<_> = (0..OWN).map(|_| borders.outbound(dice)).collect();
        self.compare(&witness, &self.place.out, &packets, seen::outbound, tally)
    }

    fn compare(
        &self,
        witness: &Witness,
        sender: &Sender,
        packets: &[lab::Packet],
        see: impl Fn(&lab::Packet) -> (Packet, Facts),
        tally: &mut Tally,
    ) -> Result<(), TestCaseError> {
        for (sent, fate) in packets.iter().zip(witness.judge(sender, packets)) {
            let (packet, facts) = see(sent);
            let passed = match fate {
                Fate::Passed => true,
                Fate::Dropped => false,
                Fate::Lost => {
                    tally.lost += 1;
                    prop_assert!(is_refused_before_rules(sent), "lost: {sent:?}");
                    continue;
                }
            };
            tally.passed += usize::from(passed);
            tally.dropped += usize::from(!passed);
            self.by_table(&facts, passed)?;
            self.by_policy(&packet, &facts, passed)?;
        }
        Ok(())
    }

    fn by_table(&self, facts: &Facts, passed: bool) -> Result<(), TestCaseError> {
        let of = |above_limits| self.table.judge(&Facts { above_limits, ..facts.clone() }).decision;
        let (below, above) = (of(false), of(true));
        let fits = |decision: &Decision| match decision {
            Decision::Accept => passed,
            Decision::Drop | Decision::Reject => !passed,
            Decision::Unknown(_) => false,
        };
        // Only the limit of pings is ever met; of those some pass and some do not.
        let is_ping = facts.protocol.is_some_and(|protocol| is_echo(protocol, &facts.transport));
        prop_assert!(
            fits(&below) || is_ping && fits(&above),
            "the kernel {passed}, the table {below:?}: {facts:?}"
        );
        Ok(())
    }

    fn by_policy(&self, packet: &Packet, facts: &Facts, passed: bool) -> Result<(), TestCaseError> {
        let verdict = self.policy.judge(packet);
        let by_rules = reference::judge(self.policy, packet);
        prop_assert_eq!(&verdict, &by_rules, "{:?}", packet);
        if verdict == Verdict::Accept(Reason::Essential(Essential::Ping)) || is_in_the_midst(packet, facts) {
            return Ok(());
        }
        prop_assert_eq!(verdict.passes(), passed, "the kernel {}: {:?} {:?}", passed, verdict, packet);
        Ok(())
    }
}

/// IPv6 takes nothing from or to `::1` by a wire, and nothing from a multicast address.
fn is_refused_before_rules(packet: &lab::Packet) -> bool {
    let refused = |address: std::net::IpAddr| address.is_loopback() || address.is_unspecified();
    packet.source.is_ipv6()
        && (refused(packet.source) || refused(packet.destination) || packet.source.is_multicast())
}

fn is_echo(protocol: u8, transport: &[u8]) -> bool {
    matches!((protocol, transport.first()), (1, Some(8)) | (58, Some(128)))
}

/// What would go through in the midst of a TCP connection that is not known is refused whatever rules say.
fn is_in_the_midst(packet: &Packet, facts: &Facts) -> bool {
    packet.way == Way::Through
        && packet.protocol == 6
        && facts.transport.get(13).is_some_and(|flags| flags & 0x17 != 2)
}
