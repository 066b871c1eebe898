//! Configuration files: any text ends in a plan, or in problems that can be shown; the same text always in the same.

#![no_main]

use libfuzzer_sys::fuzz_target;
use model::compile_text;

fuzz_target!(|text: &str| {
    let compiled = compile_text("/etc/portcullis/portcullis.toml", text);
    assert_eq!(compile_text("/etc/portcullis/portcullis.toml", text), compiled);
    let said = compiled.problems.render(false);
    let _ = compiled.problems.to_json();
    assert_eq!(
        compiled.plan.is_none(),
        compiled.problems.errors() > 0,
        "no plan where, and only where, an error is"
    );
    assert_eq!(compiled.problems.is_empty(), said.is_empty(), "what is wrong is said");
});
