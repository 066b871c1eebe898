//! What the keeper of a running gate sees by itself.

use super::*;
use model::plan::InterfaceName;

#[test]
fn a_table_that_somebody_else_changed_is_put_back_and_reported() {
    let bench = Bench::confirmed(OPEN);
    let mut keeper = bench.keeper();
    keeper.tend(None).expect("a look");
    assert!(keeper.take_notices().is_empty());
    ask::<Banned>(&mut keeper, ban(&["203.0.113.1/32"], None)).expect("a ban");
    for foreign in ["flush", "a chain"] {
        let mut inner = bench.world.get();
        match foreign {
            "flush" => inner.table = None,
            _ => drop(inner.table.as_mut().expect("a table").chains.remove("inbound")),
        }
        inner.generation += 1;
        drop(inner);
        let status: Status = ask(&mut keeper, Request::Status).expect("a status");
        assert!(!status.enforced);
        keeper.tend(None).expect("a look");
        assert!(keeper.take_notices()[0].starts_with("the packets were changed by somebody else"));
        assert_eq!((bench.world.shape().as_str(), bench.world.keys("ban4").len()), ("b", 1), "{foreign}");
    }
}

#[test]
fn an_interface_of_containers_that_comes_follows_the_policy() {
    let bench = Bench::confirmed(OPEN);
    let mut keeper = bench.keeper();
    keeper.tend(None).expect("a look");
    let bridge = firewall::observed::Interface {
        name: InterfaceName("docker0".to_owned()),
        addresses: Vec::new(),
        kind: firewall::observed::InterfaceKind::Containers,
    };
    bench.world.get().interfaces.push(bridge);
    keeper.tend(None).expect("a look");
    assert!(keeper.take_notices()[0].starts_with("an interface of containers came"));
    let status: Status = ask(&mut keeper, Request::Status).expect("a status");
    assert!(status.enforced, "{:?}", status.problems);
    bench.world.get().changes.clear();
    keeper.tend(None).expect("a look");
    assert!(bench.world.get().changes.is_empty());
}

#[test]
fn a_nearly_full_table_of_connections_is_a_warning() {
    let bench = Bench::confirmed(OPEN);
    bench.world.get().conntrack = Some(ConnectionTable { count: 80, max: 100 });
    let status: Status = ask(&mut bench.keeper(), Request::Status).expect("a status");
    assert!(status.problems[0].text.contains("80 % full"), "{:?}", status.problems);
    let mut keeper = bench.keeper();
    keeper.tend(None).expect("a look");
    keeper.tend(None).expect("a look");
    assert_eq!(keeper.take_notices().len(), 1, "it is said once");
}

#[test]
fn names_of_rules_follow_their_answers_and_end_in_the_kernel() {
    let bench = Bench::new(
        "[firewall]\ninbound = [\"ssh\"]\noutbound = [{ allow = \"https\", to = \"api.example.com\" }]\n",
    );
    let answer = |addresses: &[&str], seconds| {
        let addresses = addresses.iter().map(|text| text.parse().expect("an address")).collect();
        let resolved = crate::watcher::Resolved { addresses, seconds };
        bench.world.get().names.insert("api.example.com".to_owned(), resolved);
    };
    answer(&["203.0.113.5", "2001:db8::5"], 60);
    let mut keeper = bench.keeper();
    ask::<Applied>(&mut keeper, bench.apply()).expect("an apply");
    ask::<Confirmed>(&mut keeper, Request::Confirm).expect("a confirmation");
    let v4 = || bench.world.keys("b_n0_4");
    assert_eq!((v4(), bench.world.keys("b_n0_6").len()), (vec![vec![203, 0, 113, 5]], 1));

    answer(&["203.0.113.6"], 60);
    keeper.tend(None).expect("a look");
    assert_eq!(v4().len(), 1, "the answer is still good");
    bench.world.pass(61);
    keeper.tend(None).expect("a look");
    assert_eq!(v4().len(), 2, "what was good a moment ago is not cut");

    bench.world.get().names.clear();
    bench.world.pass(3000);
    keeper.tend(None).expect("a look");
    assert_eq!(v4().len(), 2, "a resolver that fails cuts nothing");
    bench.world.pass(3700);
    assert_eq!(v4().len(), 0, "and the kernel forgets by itself");
}
