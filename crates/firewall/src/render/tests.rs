//! Text that people read: golden files, and the judgement of nft itself.

use super::text;
use crate::compile::{InSlot, Slot, samples, table};
use std::collections::BTreeMap;
use std::io::Write as _;
use std::process::{Command, Stdio};

fn labels() -> BTreeMap<String, String> {
    [("web", "80/tcp from anywhere"), ("ssh", "ssh from office")]
        .map(|(id, label)| (id.to_owned(), label.to_owned()))
        .into()
}

fn cases() -> Vec<(&'static str, String)> {
    let (web, everything, pairs) = (samples::web(), samples::everything(), samples::pairs());
    let a = |canonical| InSlot { slot: Slot::A, canonical };
    let b = |canonical| InSlot { slot: Slot::B, canonical };
    vec![
        ("web", text(&table(&a(&web), None), &labels())),
        ("everything", text(&table(&a(&everything), None), &labels())),
        ("pairs", text(&table(&a(&pairs), None), &labels())),
        ("trial", text(&table(&b(&web), Some(&a(&samples::closed()))), &BTreeMap::new())),
    ]
}

/// Loads a text into a network namespace of its own, which ends with the program.
fn load(text: &str) -> Result<(), String> {
    let mut nft = Command::new("unshare")
        .args(["--net", "nft", "-f", "-"])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("unshare and nft must be installed, and need the right CAP_SYS_ADMIN");
    nft.stdin.take().expect("piped").write_all(text.as_bytes()).expect("nft reads all");
    let output = nft.wait_with_output().expect("it ends");
    if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
}

#[test]
fn text_is_what_the_golden_files_say() {
    for (name, text) in cases() {
        let path = format!("{}/src/render/golden/{name}.nft", env!("CARGO_MANIFEST_DIR"));
        if std::env::var_os("BLESS").is_some() {
            std::fs::write(&path, &text).expect("the folder can be written");
        }
        let golden = std::fs::read_to_string(&path).expect("the file is there");
        assert_eq!(text, golden, "{name}: BLESS=1 writes the file anew");
    }
}

#[test]
fn nft_loads_the_text() {
    for (name, text) in cases() {
        assert_eq!(load(&text), Ok(()), "{name}");
    }
}

#[test]
fn ten_thousand_rules_load() {
    let many = samples::many(10_000);
    let text = text(&table(&InSlot { slot: Slot::A, canonical: &many }, None), &BTreeMap::new());
    load(&text).expect("nft loads it");
}
