//! A file that is compiled again is judged as if it were new, whatever changed in it.

use crate::surroundings::{Case, MAIN};
use model::plan::Plan;
use model::{Compiler, compile};
use proptest::prelude::*;
use std::path::Path;
use std::sync::Arc;

const BEFORE: &str = "# sites\n[listen]\nhttp = 8080\nhttps = 8443\n\n[firewall]\ninbound = [\"ssh\"]\n\n\
    [service.one]\ninstances = [\"localhost:3001\"]\ngroups = [\"web\"]\n[service.two]\ninstances = [\"localhost:3002\"]\n\n";
const SITES: [&str; 5] = [
    "[site.\"a.test\"]\nservice = \"one\"\naliases = [\"www.a.test\"]\n\n",
    "[site.\"b.test\"]\nfiles = \"b\"\nhidden = false\n[site.\"b.test\".routes]\n\"/two/\" = \"two\"\n\n",
    "# c\n[site.\"c.test\"]\nservice = \"localhost:4000\"\n\n",
    "[group.web]\ninbound = [\"http\"]\n[site]\n\"d.test\" = \"localhost:4001\"\n",
    "[site.\"e.test\"]\nroutes = { \"/\" = \"two\", \"/five\" = \"localhost:4000\", \"/respond\" = { respond = \"é\" } }\n",
];
const AFTER: &str = "\n[network]\nhome = \"192.0.2.0/24\"\n";

/// What is written in place of something else.
const EDITS: [(&str, &str); 28] = [
    ("", ""),
    ("respond = \"é\"", "respond = \"è\""),
    ("\"two\"", "\"one\""),
    ("service = \"one\"", "service = \"two\""),
    ("service = \"one\"", "service = \"localhost:4000\""),
    ("localhost:4000", "localhost:4001"),
    ("localhost:4000", "localhost:4002"),
    ("files = \"b\"", "files = \"b\"\n\nlisting = true # more lines"),
    ("hidden = false\n", ""),
    ("[site.\"a.test\"]", "# here\n[site.\"a.test\"]"),
    ("a.test", "f.test"),
    ("www.a.test", "b.test"),
    ("www.a.test", "www.b.test"),
    ("\"/two/\" = \"two\"\n", "\"/two/\" = \"two\"\n\"/two/\" = \"two\"\n"),
    ("\"/two/\" = \"two\"\n", "\"/two/\" = \"three\"\n"),
    ("[\"www.a.test\"]\n", "[\"www.a.test\"]\n[site.\"g.test\"]\nservice = \"one\"\n"),
    ("[\"www.a.test\"]\n", "[\"www.a.test\"]\n[limits]\nheader_count = 10\n"),
    ("[\"www.a.test\"]\n", "[\"www.a.test\"]\nmaintenance = '''\n"),
    ("[\"www.a.test\"]\n", "[\"www.a.test\"\n"),
    ("[\"www.a.test\"]\n", "[\"www.a.test\"]\nfrom = \"192.0.2.1\"\n"),
    ("[\"www.a.test\"]\n", "[\"www.a.test\"]\nredirect = \"https://x.test/\"\n"),
    ("[site.\"b.test\".routes]", "[site.\"a.test\".routes]"),
    ("[site.\"b.test\".routes]", "[site.'b.test'.routes]"),
    ("[site.\"e.test\"]\n", "[site.\"e.test\".error_pages]\n[site.\"e.test\"]\n"),
    ("\"/two/\" = \"two\"\n", "\"/two/\" = \"two\"\n\"/x\" = { respond = \"\"\"\n[site.\"z\"]\n\"\"\" }\n"),
    ("\"/two/\" = \"two\"\n", "\"/two/\" = \"two\"\n\"/x\" = { respond = \"\"\"\n\"\"\" }\n"),
    ("http = 8080", "http = 8081"),
    ("\n[network]", "[network]"),
];

fn file(edits: &[usize]) -> Case {
    let text = format!("{BEFORE}{}{AFTER}", SITES.concat());
    let edited = edits.iter().fold(text, |text, edit| text.replacen(EDITS[*edit].0, EDITS[*edit].1, 1));
    Case::parse(&edited)
}

/// Compiles files one after the other, and each for itself.
fn judge(files: &[Vec<usize>]) {
    let mut compiler = Compiler::default();
    for edits in files {
        let file = file(edits);
        let again = compiler.compile(Path::new(MAIN), &file);
        let anew = compile(Path::new(MAIN), &file);
        assert_eq!(again, anew, "{edits:?} of {files:?}");
    }
}

#[test]
fn every_edit_is_judged_as_in_a_new_file() {
    for edit in 0..EDITS.len() {
        judge(&[vec![], vec![edit], vec![]]);
    }
}

#[test]
fn sites_that_stay_are_shared_with_the_plan_before() {
    let mut compiler = Compiler::default();
    let mut compiled = |edits: &[usize]| {
        let compiled = compiler.compile(Path::new(MAIN), &file(edits));
        assert!(compiled.problems.is_empty(), "{}", compiled.problems.render(false));
        compiled.plan.unwrap()
    };
    let plans = [compiled(&[]), compiled(&[7]), compiled(&[7, 1]), compiled(&[9, 7, 1])];
    let changed = plans.windows(2).map(|pair| {
        let of = |plan: &Plan| plan.sites.iter().map(|site| Arc::as_ptr(&site.site)).collect::<Vec<_>>();
        of(&pair[0]).iter().zip(of(&pair[1])).filter(|(old, new)| *old != new).count()
    });
    assert_eq!(changed.collect::<Vec<_>>(), [1, 1, 1]);
    assert_eq!(plans[3].sites[1].place.line, plans[0].sites[1].place.line + 1);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn files_that_follow_each_other_are_judged_as_new_files(
        files in prop::collection::vec(prop::collection::vec(0..EDITS.len(), 0..3), 1..6),
    ) {
        judge(&files);
    }
}
