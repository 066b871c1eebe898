//! Sites and services, which go with the packets.

use super::*;
use std::sync::Mutex;

/// A gate that serves whatever it is told.
struct Gate {
    served: Mutex<Served>,
    fails: bool,
    lacks: Vec<Finding>,
}

impl Routes for Gate {
    fn served(&self) -> Served {
        self.served.lock().expect("no test panics with the lock").clone()
    }

    fn lacks(&self, _plan: &model::plan::Plan) -> Vec<Finding> {
        self.lacks.clone()
    }

    fn install(&self, served: Served) -> Result<(), crate::failure::Failure> {
        if self.fails {
            return Err(crate::failure::Failure::no("a certificate is missing"));
        }
        *self.served.lock().expect("no test panics with the lock") = served;
        Ok(())
    }
}

fn gate(fails: bool) -> Gate {
    let origin = crate::configuration::Origin::QuickStart(Vec::new());
    let served = Mutex::new(Served { origin, plan: model::plan::Plan::default() });
    Gate { served, fails, lacks: Vec::new() }
}

const WITH_SITE: &str = "[firewall]\n[site]\n\"http://a.test\" = \"localhost:3000\"\n";

#[test]
fn the_routes_of_a_trial_go_back_with_its_packets() {
    let bench = Bench::new(WITH_SITE);
    let (mut keeper, gate) = (bench.keeper(), gate(false));
    let asked = |request| Asked { caller: console(), request };
    keeper.ask(&asked(bench.apply()), Some(&gate)).expect("an apply");
    assert_eq!(gate.served().plan.sites.len(), 1);
    bench.world.pass(60);
    keeper.tend(Some(&gate)).expect("a look");
    assert_eq!(gate.served().plan.sites.len(), 0);
}

#[test]
fn whoever_ends_a_trial_hears_that_its_sites_end_too() {
    let bench = Bench::new(WITH_SITE);
    let (mut keeper, gate) = (bench.keeper(), gate(false));
    let mut ask =
        |request| keeper.ask(&Asked { caller: console(), request }, Some(&gate)).expect("an answer");
    ask(bench.apply());
    assert_eq!(ask(Request::EndTrial)["routes_back"], true);
    let status = ask(Request::Status);
    let problem = status["problems"][0]["text"].as_str().expect("a problem");
    assert!(problem.starts_with("not enforced: snapshot 1 was rolled back: taken back by "), "{problem}");
}

#[test]
fn the_end_of_a_trial_says_that_its_sites_end_too() {
    let bench = Bench::new(WITH_SITE);
    let (mut keeper, gate) = (bench.keeper(), gate(false));
    keeper.ask(&Asked { caller: console(), request: bench.apply() }, Some(&gate)).expect("an apply");
    bench.world.pass(60);
    keeper.tend(Some(&gate)).expect("a look");
    let notices = keeper.take_notices();
    let told = "was rolled back: nobody confirmed it within 1m; the sites and services from before it are served again";
    assert!(notices.iter().any(|notice| notice.ends_with(told)), "{notices:?}");
}

#[test]
fn packets_go_back_when_the_gate_cannot_serve_the_routes() {
    let bench = Bench::new(WITH_SITE);
    let (mut keeper, gate) = (bench.keeper(), gate(true));
    let asked = Asked { caller: console(), request: bench.apply() };
    let refused = keeper.ask(&asked, Some(&gate)).expect_err("no certificate");
    assert_eq!(refused.reason, "a certificate is missing");
    assert_eq!(bench.world.shape(), "nothing");
    assert_eq!(fates(&mut keeper), ["not applied: a certificate is missing"]);
}

#[test]
fn nothing_is_changed_where_the_machine_lacks_what_the_routes_need() {
    for with_packets in [true, false] {
        let bench = Bench::new(if with_packets {
            WITH_SITE
        } else {
            "[site]\n\"http://a.test\" = \"localhost:1\"\n"
        });
        let lacks =
            ["no page", "no key"].map(|text| Finding { weight: Weight::Error, ..Finding::note(text) });
        let gate = Gate { lacks: lacks.to_vec(), ..gate(false) };
        let mut keeper = bench.keeper();
        let asked = Asked { caller: console(), request: bench.apply() };
        let refused = keeper.ask(&asked, Some(&gate)).expect_err("what is lacking");
        assert_eq!(refused.reason, "nothing is changed: no page, and 1 more in `portcullis plan`");
        assert_eq!((bench.world.shape().as_str(), gate.served().plan.sites.len()), ("nothing", 0));
        // Without a gate the packets alone are put in force.
        assert_eq!(keeper.ask(&asked, None).is_ok(), with_packets);
    }
}
