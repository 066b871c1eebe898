//! Choosing an instance.

use super::{Instance, ServiceRuntime};
use crate::request::random;
use crate::worker::deadlines;
use foldhash::quality::FixedState;
use model::plan::Balance;
use std::hash::BuildHasher;
use std::net::IpAddr;
use std::rc::Rc;

impl ServiceRuntime {
    /// The instance for a request, other than those in `tried`. Instances that failed are left alone for a while,
    /// unless there is no other.
    pub(crate) fn choose(&self, tried: &[Rc<Instance>]) -> Option<Rc<Instance>> {
        self.choose_for(None, tried)
    }

    /// The same for a client, where its address may decide.
    pub(crate) fn choose_for(&self, client: Option<IpAddr>, tried: &[Rc<Instance>]) -> Option<Rc<Instance>> {
        let instances = self.instances.borrow();
        match instances.as_slice() {
            [] => None,
            [only] => (!is_among(only, tried)).then(|| Rc::clone(only)),
            several => {
                let fresh = |instance: &Rc<Instance>| !is_among(instance, tried);
                let chosen =
                    self.choose_of(client, several, |instance| !instance.is_ejected() && fresh(instance));
                chosen.or_else(|| self.choose_of(client, several, fresh))
            }
        }
        .inspect(|chosen| chosen.claim_probe(self.plan.connect_timeout, deadlines::now()))
    }

    fn choose_of(
        &self,
        client: Option<IpAddr>,
        instances: &[Rc<Instance>],
        eligible: impl Fn(&Rc<Instance>) -> bool,
    ) -> Option<Rc<Instance>> {
        match (self.plan.balance, client) {
            (Balance::LeastRequests, _) => Self::least_requests(instances, eligible),
            (Balance::Source, Some(client)) => Self::by_source(client, instances, eligible),
            (Balance::RoundRobin, _) | (Balance::Source, None) => self.round_robin(instances, eligible),
        }
    }

    /// The instance that suits the client best by a hash of both, so that only the clients of an instance that comes or
    /// goes change theirs (rendezvous hashing). The hash is the same on every thread and after a restart.
    fn by_source(
        client: IpAddr,
        instances: &[Rc<Instance>],
        eligible: impl Fn(&Rc<Instance>) -> bool,
    ) -> Option<Rc<Instance>> {
        let client = client.to_canonical();
        let suits =
            |instance: &&Rc<Instance>| FixedState::with_seed(0).hash_one((client, instance.label.as_str()));
        instances.iter().filter(|instance| eligible(instance)).max_by_key(suits).cloned()
    }

    fn round_robin(
        &self,
        instances: &[Rc<Instance>],
        eligible: impl Fn(&Rc<Instance>) -> bool,
    ) -> Option<Rc<Instance>> {
        let start = self.next.get();
        for step in 0..instances.len() {
            let place = start.wrapping_add(step) % instances.len();
            if eligible(&instances[place]) {
                self.next.set(place + 1);
                return Some(Rc::clone(&instances[place]));
            }
        }
        None
    }

    /// The less busy one of two random choices: nearly as even as looking at all, and no herd runs to one instance.
    fn least_requests(
        instances: &[Rc<Instance>],
        eligible: impl Fn(&Rc<Instance>) -> bool,
    ) -> Option<Rc<Instance>> {
        let count = instances.iter().filter(|instance| eligible(instance)).count();
        if count == 0 {
            return None;
        }
        let random = random();
        let first = (random as u32 as usize) % count;
        let second = ((random >> 32) as usize) % count;
        let pick = |number: usize| instances.iter().filter(|instance| eligible(instance)).nth(number);
        let (first, second) = (pick(first)?, pick(second)?);
        Some(Rc::clone(if second.in_flight() < first.in_flight() { second } else { first }))
    }
}

fn is_among(instance: &Rc<Instance>, tried: &[Rc<Instance>]) -> bool {
    tried.iter().any(|other| Rc::ptr_eq(other, instance))
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::plan::{Service, Target, TargetAddress};
    use std::time::Duration;

    fn service(balance: Balance) -> ServiceRuntime {
        let target = |port| Target::plain(TargetAddress::Tcp { host: "127.0.0.1".into(), port });
        let mut plan = Service::with_defaults("test".into(), vec![target(1), target(2), target(3)]);
        plan.balance = balance;
        ServiceRuntime::new(plan.into(), None, None)
    }

    #[test]
    fn round_robin_visits_each_instance_in_turn_and_skips_ejected_ones() {
        let service = service(Balance::RoundRobin);
        let labels: Vec<_> =
            (0..4).filter_map(|_| service.choose(&[])).map(|one| one.label.clone()).collect();
        assert_eq!(labels, ["127.0.0.1:1", "127.0.0.1:2", "127.0.0.1:3", "127.0.0.1:1"]);
        service.instances.borrow()[1].failed(Duration::from_secs(1));
        let labels: Vec<_> =
            (0..3).filter_map(|_| service.choose(&[])).map(|one| one.label.clone()).collect();
        assert_eq!(labels, ["127.0.0.1:3", "127.0.0.1:1", "127.0.0.1:3"]);
    }

    #[test]
    fn a_client_keeps_its_instance_and_others_take_over_while_it_is_ejected() {
        let service = service(Balance::Source);
        let client = |last: u8| Some(IpAddr::from([192, 0, 2, last]));
        let label = |last: u8| service.choose_for(client(last), &[]).map(|one| one.label.clone());
        let before: Vec<_> = (0..100).map(label).collect();
        assert_eq!(before, (0..100).map(label).collect::<Vec<_>>());
        for port in 1..=3 {
            let of = before.iter().flatten().filter(|label| label.ends_with(&format!(":{port}"))).count();
            assert!(of > 15, "{of} of 100 clients at instance {port}");
        }
        service.instances.borrow()[0].failed(Duration::from_secs(1));
        for (last, before) in (0..100).zip(&before) {
            let now = label(last);
            assert_ne!(now.as_deref(), Some("127.0.0.1:1"));
            assert!(before.as_deref() == Some("127.0.0.1:1") || now == *before);
        }
    }

    #[test]
    fn when_all_are_ejected_one_is_tried_all_the_same() {
        let service = service(Balance::LeastRequests);
        for instance in service.instances.borrow().iter() {
            instance.failed(Duration::from_secs(1));
        }
        assert!(service.choose(&[]).is_some());
        let all = service.instances.borrow().clone();
        assert!(service.choose(&all).is_none());
    }
}
