//! What a gate gets of what it asks for. It is judged as if somebody else had the gate: against what the file says and what
//! the keeper knows itself, by nothing that the gate says about itself.

use crate::supervision::Bucket;
use link::{Ask, AskRefused, Pem};
use model::host::HostPattern;
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// Bans at once. More clients that break a limit within a moment are met by the limit.
const BANS_AT_ONCE: u32 = 20;
/// Between two bans in the long run: each looks at the sessions of this machine anew and waits for the disk.
const BETWEEN_BANS: Duration = Duration::from_millis(200);
/// Certificates at once: as many as a public authority issues for one account within three hours.
const CERTIFICATES_AT_ONCE: u32 = 300;
/// Between two certificates in the long run: 300 in an hour.
const BETWEEN_CERTIFICATES: Duration = Duration::from_secs(12);

/// What the keeper can do for a gate, where it is right.
pub(super) trait Powers {
    /// Bans an address, unless something speaks against it.
    fn ban(&self, address: IpAddr, seconds: u32, rule: &str) -> Result<(), AskRefused>;

    /// Keeps a certificate, unless something speaks against it.
    fn keep(&self, host: &HostPattern, chain: &Pem, key: &Pem) -> Result<(), AskRefused>;
}

/// Judges what gates ask for. One lasts as long as the keeper, so that a gate that dies and comes back gets no more.
#[derive(Debug)]
pub(super) struct Judge {
    bans: Bucket,
    certificates: Bucket,
}

impl Judge {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            bans: Bucket::new(BANS_AT_ONCE, BETWEEN_BANS, now),
            certificates: Bucket::new(CERTIFICATES_AT_ONCE, BETWEEN_CERTIFICATES, now),
        }
    }

    /// Gives a gate what it asked for, or says why not.
    pub(super) fn judge(&mut self, ask: &Ask, powers: &dyn Powers, now: Instant) -> Result<(), AskRefused> {
        match ask {
            Ask::Ban { address, seconds, rule } => {
                within(&mut self.bans, now, "bans")?;
                powers.ban(*address, *seconds, rule)
            }
            Ask::StoreCertificate { host, chain, key } => {
                within(&mut self.certificates, now, "certificates")?;
                let host = HostPattern::parse(host)
                    .map_err(|_| AskRefused::new("malformed", "it is no host in canonical form"))?;
                powers.keep(&host, chain, key)
            }
            // Nothing in the file can allow these, so that there is nothing to look at.
            Ask::StartInstance { .. } => {
                Err(AskRefused::new("unknown-service", "Portcullis runs no instances of services"))
            }
            Ask::RunDnsHook { .. } => Err(AskRefused::new("no-hook", "the file names no program for DNS")),
            Ask::Grant { .. } => {
                Err(AskRefused::new("not-marked", "no port is marked to be opened by a gate"))
            }
        }
    }
}

fn within(bucket: &mut Bucket, now: Instant, what: &str) -> Result<(), AskRefused> {
    let is_within = bucket.take(now);
    is_within
        .then_some(())
        .ok_or_else(|| AskRefused::new("too-often", format!("there are too many {what} at once")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;

    #[derive(Default)]
    struct Recorder(RefCell<Vec<String>>);

    impl Powers for Recorder {
        fn ban(&self, address: IpAddr, seconds: u32, rule: &str) -> Result<(), AskRefused> {
            self.0.borrow_mut().push(format!("ban {address} {seconds} {rule}"));
            Ok(())
        }

        fn keep(&self, host: &HostPattern, _: &Pem, _: &Pem) -> Result<(), AskRefused> {
            self.0.borrow_mut().push(format!("keep {host}"));
            Err(AskRefused::new("validity", "no"))
        }
    }

    fn ban() -> Ask {
        Ask::Ban { address: [203, 0, 113, 1].into(), seconds: 60, rule: "x".to_owned() }
    }

    fn certificate() -> Ask {
        let pem = Pem(String::new());
        Ask::StoreCertificate { host: "a.test".to_owned(), chain: pem.clone(), key: pem }
    }

    #[test]
    fn what_nothing_in_the_file_allows_is_refused_before_anything_is_done() {
        let name = || "a".to_owned();
        let grant = Ask::Grant { address: [203, 0, 113, 1].into(), port: 22, seconds: 1, proof: name() };
        for (ask, rule, done) in [
            (ban(), None, &["ban 203.0.113.1 60 x"][..]),
            (certificate(), Some("validity"), &["keep a.test"]),
            (Ask::StartInstance { service: name() }, Some("unknown-service"), &[]),
            (Ask::RunDnsHook { host: "a.test".to_owned(), value: name() }, Some("no-hook"), &[]),
            (grant, Some("not-marked"), &[]),
        ] {
            let (recorder, now) = (Recorder::default(), Instant::now());
            let judged = Judge::new(now).judge(&ask, &recorder, now);
            assert_eq!(judged.err().map(|refused| refused.rule).as_deref(), rule, "{ask:?}");
            assert_eq!(recorder.0.into_inner(), done, "{ask:?}");
        }
    }

    #[test]
    fn bans_and_certificates_have_a_rate_of_their_own() {
        let (recorder, now) = (Recorder::default(), Instant::now());
        let mut judge = Judge::new(now);
        for (ask, most, rule) in [(ban(), 20, None), (certificate(), 300, Some("validity"))] {
            for number in 0..=most {
                let rule = if number == most { Some("too-often") } else { rule };
                let judged = judge.judge(&ask, &recorder, now);
                assert_eq!(judged.err().map(|refused| refused.rule).as_deref(), rule, "{number}");
            }
        }
        assert_eq!(recorder.0.borrow().len(), 320);
        judge.judge(&ban(), &recorder, now + BETWEEN_BANS).expect("another ban in time");
    }
}
