//! Plans on their way to another process.

use crate::cases::{cases, run};
use model::compile_text;
use model::plan::{Delta, Edition, Mismatch, Plan};

fn valid() -> impl Iterator<Item = Plan> {
    cases("valid").into_iter().map(|path| run(&path).plan.unwrap())
}

fn plan(text: &str) -> Plan {
    let compiled = compile_text("portcullis.toml", text);
    compiled.plan.unwrap_or_else(|| panic!("{}", compiled.problems.render(false)))
}

fn sent<T: serde::Serialize + serde::de::DeserializeOwned>(value: &T) -> T {
    postcard::from_bytes(&postcard::to_allocvec(value).unwrap()).unwrap()
}

#[test]
fn a_plan_that_is_sent_arrives_as_it_was() {
    for plan in valid() {
        assert_eq!(sent(&plan), plan);
    }
}

#[test]
fn a_delta_leads_from_every_plan_to_every_other() {
    let plans: Vec<Plan> = std::iter::once(Plan::default()).chain(valid()).collect();
    for (number, old) in plans.iter().enumerate() {
        let keeper = Edition { number: number as u64, plan: old.clone() };
        let gate = Edition { plan: old.for_gate(), ..keeper.clone() };
        for new in &plans {
            let new = Edition { number: 100, plan: new.clone() };
            let delta = sent(&Delta::between(&keeper, &new));
            assert_eq!(delta.apply(&gate), Ok(Edition { plan: new.plan.for_gate(), ..new }));
        }
    }
}

const SITES: &str =
    "[site]\n\"a.test\" = \"localhost:1\"\n\"b.test\" = \"localhost:2\"\n\"c.test\" = \"localhost:3\"\n";

/// A change of [`SITES`], and how many bytes more than none it takes at most.
const CHANGES: [(&str, &str, usize); 4] = [
    ("\"b.test\" =", "\n# moved\n\"b.test\" =", 0),
    // The service of the third site has another place then.
    ("\"b.test\" = \"localhost:2\"\n", "", 60),
    ("localhost:2", "localhost:4", 300),
    ("\"c.test\" = \"localhost:3\"\n", "\"c.test\" = \"localhost:3\"\n\"d.test\" = \"localhost:3\"\n", 100),
];

#[test]
fn what_stays_is_not_sent() {
    let old = Edition { number: 1, plan: plan(SITES) };
    let length = |new: &Plan| {
        let delta = Delta::between(&old, &Edition { number: 2, plan: new.clone() });
        postcard::to_allocvec(&delta).unwrap().len()
    };
    let nothing = length(&old.plan);
    for (before, after, most) in CHANGES {
        let new = plan(&SITES.replace(before, after));
        assert!(length(&new) <= nothing + most, "{after}: {} bytes more", length(&new) - nothing);
    }
}

#[test]
fn a_site_that_stays_is_shared_with_the_plan_before() {
    let old = Edition { number: 1, plan: plan(SITES).for_gate() };
    let new = Edition { number: 2, plan: plan(&SITES.replace("localhost:2", "localhost:4")) };
    let new = sent(&Delta::between(&old, &new)).apply(&old).unwrap();
    let is_shared = |at: usize| std::sync::Arc::ptr_eq(&old.plan.sites[at].site, &new.plan.sites[at].site);
    assert_eq!([0, 1, 2].map(is_shared), [true, true, true], "the service has changed, no site");
    assert!(!std::sync::Arc::ptr_eq(&old.plan.services[1], &new.plan.services[1]));
}

#[test]
fn a_delta_of_another_edition_is_refused() {
    let (empty, new) = (Edition::default(), Edition { number: 2, plan: plan(SITES) });
    let delta = Delta::between(&empty, &new);
    assert_eq!(delta.apply(&new), Err(Mismatch::Edition { expected: 0, found: 2 }));
    let same_number = Edition { number: 2, plan: Plan::default() };
    assert_eq!(Delta::between(&new, &new).apply(&same_number), Err(Mismatch::Kept));
    let mut without = new;
    without.plan.services.clear();
    assert_eq!(Delta::between(&empty, &without).apply(&empty), Err(Mismatch::Service));
}
