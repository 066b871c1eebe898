//! A kernel whose tables have no owner: anybody with the rights changes the packets. It is seen, put back and told.

use super::*;
use firewall::nft::TABLE;
use host::nft::{Nft, Watch};
use std::process::Command;
use testkit::eventually;
use testkit::lab::Host;

fn nft(arguments: &[&str]) {
    let done = Command::new("nft").args(arguments).status().expect("nft is on the machine");
    assert!(done.success(), "{arguments:?}");
}

#[test]
fn without_owners_what_others_change_is_seen_put_back_and_told() {
    Host::new("old-kernel").run(|| {
        let bench = Bench::new(OPEN);
        let kernel = netlink::on(Nft::open().expect("this test needs root").without_owners());
        let state = bench.folder.join("state");
        let mut keeper =
            Keeper::with(&state, Ok(kernel.expect("it suffices")), Box::new(bench.world.clone()))
                .expect("a keeper");
        ask::<Applied>(&mut keeper, bench.apply()).expect("an apply");
        ask::<Confirmed>(&mut keeper, Request::Confirm).expect("a confirmation");
        keeper.tend(None).expect("a look");
        assert!(keeper.take_notices().is_empty());
        let status: Status = ask(&mut keeper, Request::Status).expect("a status");
        assert!(status.enforced && !status.features.owned, "{:?}", status.features);
        assert!(status.features.missing[0].contains("tables with an owner"), "{:?}", status.features);

        let mut watch = Watch::open().expect("a watch");
        for foreign in [
            &["flush", "ruleset"][..],
            &["delete", "table", "inet", TABLE],
            &["insert", "rule", "inet", TABLE, "inbound", "accept"],
            &["flush", "chain", "inet", TABLE, "inbound"],
        ] {
            nft(foreign);
            eventually("an event", || (!watch.read().expect("heard").is_empty()).then_some(()));
            let status: Status = ask(&mut keeper, Request::Status).expect("a status");
            assert!(!status.enforced, "{foreign:?}");
            keeper.tend(None).expect("a look");
            let notices = keeper.take_notices();
            assert!(notices[0].ends_with("and are put back"), "{foreign:?}: {notices:?}");
            let status: Status = ask(&mut keeper, Request::Status).expect("a status");
            assert!(status.enforced, "{foreign:?}: {:?}", status.problems);
            watch.read().expect("heard");
        }
        drop(keeper);
        let left = Nft::open().expect("opened").read_steady(TABLE).expect("read");
        assert!(left.is_some(), "the packets outlive the keeper");
    });
}
