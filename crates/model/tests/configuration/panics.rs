//! No text makes the compiler or the rendering of its problems panic.

use crate::surroundings::{self, Case};
use model::{Compiled, compile, compile_text, quick_start};
use proptest::prelude::*;
use std::path::Path;

/// Everything that can be asked of a compiled configuration.
fn exercise(compiled: &Compiled) {
    assert_eq!(compiled.plan.is_some(), compiled.problems.errors() == 0);
    let _ = compiled.problems.render(true);
    let _ = compiled.problems.render(false);
    let _ = compiled.problems.to_json();
}

fn all_cases() -> Vec<String> {
    let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let folders = ["valid", "error"].map(|folder| std::fs::read_dir(cases.join(folder)).unwrap());
    let paths = folders.into_iter().flatten().map(|entry| entry.unwrap().path());
    let texts = paths.filter(|path| path.extension().is_some_and(|kind| kind == "toml"));
    texts.map(|path| std::fs::read_to_string(path).unwrap()).collect()
}

/// Pieces that mean something to the language, to be thrown together.
fn piece() -> impl Strategy<Value = String> {
    const WORDS: &[&str] = &[
        "[site]",
        "[site.\"a.test\"]",
        "[service.a]",
        "[firewall]",
        "[group.g]",
        "[host.h]",
        "[network]",
        "[nat]",
        "inbound",
        "outbound",
        "forward",
        "allow",
        "from",
        "to",
        "on",
        "groups",
        "addresses",
        "\"80/tcp\"",
        "\"icmp/8/0\"",
        "\"g\"",
        "\"h:80\"",
        "\"service:a\"",
        "\"10.0.0.1/8\"",
        "\"6/30s\"",
        "2026-12-31",
        "\n",
        "=",
        "\"",
        "'",
        "{",
        "}",
        "[",
        "]",
        ",",
        ".",
        "${",
        "}",
        "{{",
        "routes",
        "service",
        "files",
        "redirect",
        "\"localhost:3000\"",
        "\"/a/{b}/\"",
        "\"{param.b}\"",
        "aliases",
        "hsts",
        "instances",
        "\"unix:/x\"",
        "\"https://[::1]\"",
        "60",
        "true",
        "\"60s\"",
        "é",
        "“",
        "\u{0}",
        "\r\n",
        "#",
        ":",
        "*",
    ];
    prop_oneof![4 => proptest::sample::select(WORDS).prop_map(str::to_owned), 1 => ".{0,6}"]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(300) })]

    #[test]
    fn random_text_does_not_panic(text in "\\PC{0,200}") {
        exercise(&compile_text("portcullis.toml", &text));
    }

    #[test]
    fn random_words_do_not_panic(pieces in proptest::collection::vec(piece(), 0..40)) {
        exercise(&compile_text("portcullis.toml", &pieces.concat()));
    }

    #[test]
    fn random_bytes_do_not_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        exercise(&compile_text("portcullis.toml", &String::from_utf8_lossy(&bytes)));
    }

    #[test]
    fn random_arguments_do_not_panic(arguments in proptest::collection::vec(".{0,20}(=.{0,20})?", 0..4)) {
        exercise(&quick_start(&arguments));
    }

    #[test]
    fn mutated_cases_do_not_panic(
        which in any::<proptest::sample::Index>(),
        at in any::<proptest::sample::Index>(),
        remove in 0_usize..12,
        insert in piece(),
    ) {
        let cases = all_cases();
        let mut characters: Vec<char> = which.get(&cases).chars().collect();
        let at = at.index(characters.len() + 1);
        let end = (at + remove).min(characters.len());
        characters.splice(at..end, insert.chars());
        let text: String = characters.into_iter().collect();
        exercise(&compile(Path::new(surroundings::MAIN), &Case::parse(&text)));
    }
}
