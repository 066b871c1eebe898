//! Every file of `cases` is compiled and compared with what is expected beside it: `.plan` for `valid`, `.problems`
//! for `error`. With `BLESS=1` in the environment the expectations are written instead.
//!
//! A case is a file of the configuration. `#env NAME=value` sets a variable of its surroundings, and a line
//! `#file PATH` begins another file that it may include. A case that ends in `.args` holds arguments of the quick
//! start, one a line.

use crate::surroundings::{self, Case};
use model::{Compiled, compile, quick_start};
use std::fmt::Write;
use std::path::{Path, PathBuf};

#[test]
fn valid_cases_become_their_plans() {
    check("valid", "plan", |name, compiled| {
        let plan = compiled.plan.as_ref();
        let plan = plan.unwrap_or_else(|| panic!("{name} has errors:\n{}", compiled.problems.render(false)));
        let mut text = compiled.problems.render(false);
        if !text.is_empty() {
            text.push('\n');
        }
        text + &crate::plan::show(plan)
    });
}

#[test]
fn error_cases_report_their_problems() {
    check("error", "problems", |name, compiled| {
        assert!(compiled.plan.is_none(), "{name} has a plan");
        assert!(compiled.problems.errors() > 0, "{name} has no plan and no error");
        let colour = compiled.problems.render(true);
        assert!(colour.contains('\u{1b}'), "{name} has no colour");
        let json = compiled.problems.to_json();
        assert_eq!(json["errors"], compiled.problems.errors(), "{name}");
        compiled.problems.render(false)
    });
}

/// Compares every case of a folder, and names all that differ.
fn check(folder: &str, extension: &str, show: impl Fn(&str, &Compiled) -> String) {
    let bless = std::env::var_os("BLESS").is_some();
    let mut different = String::new();
    let cases = cases(folder);
    assert!(cases.len() >= 30, "only {} cases in {folder}", cases.len());
    for path in cases {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let actual = show(&name, &run(&path));
        let expected_path = path.with_extension(extension);
        if bless {
            std::fs::write(&expected_path, &actual).unwrap();
            continue;
        }
        let expected = std::fs::read_to_string(&expected_path).unwrap_or_default();
        if expected != actual {
            writeln!(different, "== {folder}/{name}\n-- expected\n{expected}\n-- actual\n{actual}").unwrap();
        }
    }
    assert!(different.is_empty(), "{different}");
}

pub(crate) fn cases(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases").join(folder);
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let is_case = |path: &PathBuf| path.extension().is_some_and(|kind| kind == "toml" || kind == "args");
    let mut cases: Vec<PathBuf> = entries.filter(is_case).collect();
    cases.sort();
    cases
}

pub(crate) fn run(path: &Path) -> Compiled {
    let text = std::fs::read_to_string(path).unwrap();
    if path.extension().is_some_and(|kind| kind == "args") {
        return quick_start(&text.lines().collect::<Vec<_>>());
    }
    let case = Case::parse(&text);
    compile(Path::new(surroundings::MAIN), &case)
}

#[test]
fn line_ends_of_windows_and_a_byte_order_mark_change_nothing() {
    let text = "[site]\n\"example.com\" = \"localhost:3000\"\n";
    let plan = model::compile_text("portcullis.toml", text).plan;
    assert!(plan.is_some());
    let windows = format!("\u{feff}{}", text.replace('\n', "\r\n"));
    assert_eq!(model::compile_text("portcullis.toml", &windows).plan, plan);
}

#[test]
fn a_main_file_that_cannot_be_read_is_a_problem_without_a_place() {
    let compiled = compile(Path::new("portcullis.toml"), &model::source::Nothing);
    assert_eq!(compiled.plan, None);
    assert!(compiled.problems.render(false).starts_with("error: cannot read portcullis.toml: "));
}

#[test]
fn bytes_that_are_no_text_are_a_problem_with_their_line() {
    let case = Case::of_bytes(b"[site]\n\xff\n".to_vec());
    let compiled = compile(Path::new(surroundings::MAIN), &case);
    assert!(compiled.problems.render(false).contains("line 2 is not UTF-8"));
}
