//! Builds and runs the fuzz targets of fuzz/ with the stable compiler. The coverage that libFuzzer steers by comes from
//! LLVM's pass, turned on by flags; no nightly compiler and no installed tool is needed, only a C++ compiler.

use crate::step::Steps;
use crate::{Outcome, workspace};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Bytes of the longest generated input.
const LONGEST: u32 = 64 << 10;

/// What makes the compiler count branches for libFuzzer, as cargo-fuzz does for `--sanitizer none`.
const FLAGS: [&str; 10] = [
    "--cfg=fuzzing",
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "-Cdebug-assertions=on",
    "-Coverflow-checks=on",
    "-Ccodegen-units=1",
    "-Clink-dead-code",
];

#[derive(clap::Args)]
pub(crate) struct Options {
    /// A target: a file of fuzz/targets without its ending; all of them when left out
    target: Option<String>,
    /// How long each target runs
    #[arg(long, default_value_t = 60)]
    seconds: u32,
}

/// Runs the targets one after the other; the first finding ends the task and stays in fuzz/artifacts.
pub(crate) fn run(options: &Options) -> Outcome {
    let folder = workspace::root().join("fuzz");
    let known = targets(&folder)?;
    let chosen: Vec<&String> =
        known.iter().filter(|name| options.target.as_ref().is_none_or(|one| one == *name)).collect();
    if chosen.is_empty() {
        return Err(format!("no such target; there are {}", known.join(", ")).into());
    }
    let mut steps = Steps::default();
    let outcome = build(&folder, &mut steps).and_then(|programs| {
        chosen.iter().try_for_each(|name| fuzz(&folder, &programs.join(name), options.seconds, &mut steps))
    });
    steps.print();
    outcome
}

fn targets(folder: &Path) -> std::io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder.join("targets"))? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        names.extend(name.strip_suffix(".rs").map(str::to_owned));
    }
    names.sort();
    Ok(names)
}

/// The target that the compiler builds for by default. Naming it keeps the flags away from build scripts and procedural
/// macros.
fn triple() -> Result<String, Box<dyn std::error::Error>> {
    let output = Command::new("rustc").arg("-vV").output()?;
    let text = String::from_utf8(output.stdout)?;
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(host.ok_or("rustc names no host")?.to_owned())
}

/// Builds every target and returns the folder of the programs.
fn build(folder: &Path, steps: &mut Steps) -> Result<PathBuf, Box<dyn std::error::Error>> {
    let triple = triple()?;
    let output = folder.join("target");
    let mut command = Command::new(env!("CARGO"));
    command
        .args(["build", "--release", "--bins", "--target", &triple, "--target-dir"])
        .arg(&output)
        .env("CARGO_ENCODED_RUSTFLAGS", FLAGS.join("\u{1f}"))
        .current_dir(folder);
    steps.program("build", &mut command)?;
    Ok(output.join(triple).join("release"))
}

fn fuzz(folder: &Path, program: &Path, seconds: u32, steps: &mut Steps) -> Outcome {
    let name = program.file_name().unwrap_or_default().to_string_lossy();
    let name = name.as_ref();
    let corpus = folder.join("corpus").join(name);
    let artifacts = folder.join("artifacts").join(name);
    fs::create_dir_all(&corpus)?;
    fs::create_dir_all(&artifacts)?;
    let dictionary = folder.join("dictionaries").join(format!("{name}.dict"));
    let mut command = Command::new(program);
    if dictionary.exists() {
        command.arg(format!("-dict={}", dictionary.display()));
    }
    command
        .arg(&corpus)
        .arg(folder.join("seeds").join(name))
        .arg(format!("-max_total_time={seconds}"))
        .arg(format!("-max_len={LONGEST}"))
        .arg(format!("-artifact_prefix={}/", artifacts.display()))
        .args(["-timeout=5", "-rss_limit_mb=1024", "-verbosity=0", "-print_final_stats=1"])
        .current_dir(folder);
    steps.program(name, &mut command)
}
