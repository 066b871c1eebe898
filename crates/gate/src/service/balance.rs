//! Choosing an instance.

use super::{Instance, ServiceRuntime};
use crate::request::random;
use crate::worker::deadlines;
use model::plan::Balance;
use std::rc::Rc;

impl ServiceRuntime {
    /// The instance for a request, other than those in `tried`. Instances that failed are left alone for a while,
    /// unless there is no other.
    pub(crate) fn choose(&self, tried: &[Rc<Instance>]) -> Option<Rc<Instance>> {
        let instances = self.instances.borrow();
        match instances.as_slice() {
            [] => None,
            [only] => (!is_among(only, tried)).then(|| Rc::clone(only)),
            several => {
                let chosen =
                    self.choose_of(several, |instance| !instance.is_ejected() && !is_among(instance, tried));
                chosen.or_else(|| self.choose_of(several, |instance| !is_among(instance, tried)))
            }
        }
        .inspect(|chosen| chosen.claim_probe(self.plan.connect_timeout, deadlines::now()))
    }

    fn choose_of(
        &self,
        instances: &[Rc<Instance>],
        eligible: impl Fn(&Rc<Instance>) -> bool,
    ) -> Option<Rc<Instance>> {
        match self.plan.balance {
            Balance::RoundRobin => self.round_robin(instances, eligible),
            Balance::LeastRequests => Self::least_requests(instances, eligible),
        }
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
        let target = |port| Target {
            address: TargetAddress::Tcp { host: "127.0.0.1".into(), port },
            tls: false,
            http2: false,
        };
        let mut plan = Service::with_defaults("test".into(), vec![target(1), target(2), target(3)]);
        plan.balance = balance;
        ServiceRuntime::new(plan, None, None)
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
