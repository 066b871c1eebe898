//! Packages: what is generated goes to packaging/generated, and cargo-deb and cargo-generate-rpm put it together. What is in
//! them stands in crates/portcullis/Cargo.toml.

use crate::step::Steps;
use crate::{Outcome, workspace};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{fs, io};

#[derive(clap::Args)]
pub(crate) struct Options {
    /// A program that was built before, in place of a release build; the package is not compressed well
    #[arg(long, value_name = "PROGRAM")]
    binary: Option<PathBuf>,
    /// Make the RPM as well
    #[arg(long)]
    rpm: bool,
    /// Install, start, upgrade, remove and purge the package in a fresh Debian (needs root and debootstrap)
    #[arg(long)]
    test: bool,
    /// The folder that keeps the fresh Debian for the next test
    #[arg(long, value_name = "FOLDER", default_value = "/var/tmp/portcullis-debian")]
    debian: PathBuf,
}

/// The shells whose completions are packaged, and the folder's names for them.
const SHELLS: [&str; 3] = ["bash", "zsh", "fish"];

/// Makes the packages.
pub(crate) fn run(options: &Options) -> Outcome {
    let root = workspace::root();
    let folder = root.join("packaging/generated");
    let mut steps = Steps::default();
    let binary = match &options.binary {
        Some(binary) => binary.clone(),
        None => build(&mut steps, &root)?,
    };
    steps.task("contents", || generate(&binary, &folder))?;
    let first = folder.join("portcullis.deb");
    let mut package = deb(&root, &first);
    if options.binary.is_some() {
        package.arg("--fast");
    }
    steps.program("deb", &mut package)?;
    if options.rpm {
        steps.program("rpm", &mut rpm(&root, &folder.join("portcullis.rpm")))?;
    }
    if options.test {
        let second = folder.join("portcullis-next.deb");
        steps.program("next deb", deb(&root, &second).args(["--fast", "--deb-version", "0.1.0-2"]))?;
        let mut test = Command::new(root.join("packaging/debian/test"));
        steps.program("test", test.arg(&options.debian).arg(&first).arg(&second))?;
    }
    steps.print();
    Ok(())
}

fn build(steps: &mut Steps, root: &Path) -> Result<PathBuf, Box<dyn std::error::Error>> {
    let mut cargo = Command::new(env!("CARGO"));
    steps.program(
        "build",
        cargo.args(["build", "--release", "--locked", "-p", "portcullis"]).current_dir(root),
    )?;
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    Ok(target.join("release/portcullis"))
}

/// What the program itself makes: manual pages and completions; and the program, where the manifest looks for it.
fn generate(binary: &Path, folder: &Path) -> Outcome {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
        _ => fs::create_dir_all(folder.join("completions"))?,
    }
    fs::copy(binary, folder.join("portcullis"))?;
    output(Command::new(binary).arg("man").arg(folder.join("man")))?;
    for shell in SHELLS {
        let script = output(Command::new(binary).args(["completions", shell]))?;
        fs::write(folder.join(format!("completions/portcullis.{shell}")), script)?;
    }
    Ok(())
}

fn output(command: &mut Command) -> Result<Vec<u8>, Box<dyn std::error::Error>> {
    let output = command.output()?;
    if !output.status.success() {
        return Err(format!("{}: {}", output.status, String::from_utf8_lossy(&output.stderr)).into());
    }
    Ok(output.stdout)
}

fn deb(root: &Path, package: &Path) -> Command {
    let mut command = tool(root, "deb");
    command.args(["--no-build", "--package", "portcullis", "--output"]).arg(package);
    command
}

fn rpm(root: &Path, package: &Path) -> Command {
    let mut command = tool(root, "generate-rpm");
    command.args(["--package", "crates/portcullis", "--output"]).arg(package);
    command
}

/// A subcommand that `cargo install cargo-NAME` brings.
fn tool(root: &Path, name: &str) -> Command {
    let mut command = Command::new(env!("CARGO"));
    command.arg(name).current_dir(root);
    command
}
