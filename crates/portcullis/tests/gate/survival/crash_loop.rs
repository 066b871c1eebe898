//! A gate that dies again and again.

use super::gate_process;
use crate::running::Gate;
use testkit::eventually;
use testkit::load::kill;

#[test]
fn a_gate_that_dies_again_and_again_is_started_after_longer_and_longer_pauses() {
    let gate = Gate::any_host("routes = { \"/\" = { respond = \"here\" } }\n");
    for deaths in 1..=8 {
        kill(gate_process(&gate));
        eventually("its death", || (gate.status()["gate_deaths"] == deaths).then_some(()));
    }
    assert_eq!(gate.get("a.test", "/").text(), "here", "who came meanwhile is answered");
    let said = gate.stderr();
    let pauses =
        said.lines().filter_map(|line| line.split_once("the next one is started in ")?.1.strip_suffix(" s"));
    let pauses: Vec<f32> = pauses.map(|seconds| seconds.parse().unwrap()).collect();
    assert_eq!(pauses.len(), 3, "{said}");
    assert!(pauses.is_sorted() && pauses[0] > 0.2 && pauses[2] > 1.0, "{said}");
    assert_eq!(gate.status()["gate_deaths"], 8);
}
