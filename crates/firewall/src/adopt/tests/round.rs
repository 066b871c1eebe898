//! What is written is what the configuration understands: read back, it admits the same packets.

use super::{files, firewalld};
use crate::adopt::{Imported, compare, to_toml};
use crate::draft::Draft;
use crate::observed::Observed;

fn differences(imported: &Imported) -> Vec<String> {
    let text = to_toml(imported);
    let compiled = model::compile_text("portcullis.toml", &text);
    assert!(compiled.plan.is_some(), "{text}\n{:?}", compiled.problems);
    let draft = compiled.plan.and_then(|plan| Draft::compose(&plan, None, &Observed::default()));
    let draft = draft.expect("the text has [firewall]");
    compare(imported, draft.compiled(), &[]).iter().map(ToString::to_string).collect()
}

#[test]
fn the_text_of_ufw_admits_what_ufw_did_but_for_what_it_admits_by_itself() {
    let found = differences(&crate::adopt::ufw(&files::files()));
    assert!(
        found.iter().all(|text| text.contains("which was admitted without a rule")),
        "{}",
        found.join("\n")
    );
}

#[test]
fn the_text_of_firewalld_admits_what_its_zones_did() {
    assert_eq!(differences(&crate::adopt::firewalld(&firewalld::files())), [""; 0]);
}
