//! Where the workspace is, which files it has and which crates. It reads; it never changes anything.

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{fs, io};

/// The root folder of the workspace.
pub(crate) fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_path_buf()
}

/// A text file of the repository.
pub(crate) struct Source {
    /// Relative to the root, with forward slashes.
    pub(crate) path: String,
    /// What it says.
    pub(crate) text: String,
}

impl Source {
    /// Whether it is Rust.
    pub(crate) fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }
}

/// Folders that hold no sources of ours, relative to the root.
const SKIPPED: [&str; 6] =
    ["target", ".git", "fuzz/target", "fuzz/corpus", "fuzz/artifacts", "packaging/generated"];

/// Every text file beneath the root, in order of path. Files that are not UTF-8 are left out.
pub(crate) fn sources(root: &Path) -> io::Result<Vec<Source>> {
    let mut found = Vec::new();
    let mut folders = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let (kind, path) = (entry.file_type()?, entry.path());
            let relative = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().into_owned();
            if kind.is_dir() && !SKIPPED.contains(&relative.as_str()) {
                folders.push(path);
            } else if kind.is_file()
                && let Ok(text) = fs::read_to_string(&path)
            {
                found.push(Source { path: relative, text });
            }
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(found)
}

/// A crate of the workspace and what its manifest asks for.
pub(crate) struct Member {
    /// Its name.
    pub(crate) name: String,
    /// Its folder, relative to the root.
    pub(crate) folder: String,
    /// What the product is built from.
    pub(crate) dependencies: Vec<String>,
    /// What its tests use besides.
    pub(crate) test_dependencies: Vec<String>,
}

/// The crates of the workspace, by `cargo metadata`.
pub(crate) fn members(root: &Path) -> Result<Vec<Member>, Box<dyn std::error::Error>> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--no-deps"])
        .current_dir(root)
        .output()?;
    if !output.status.success() {
        return Err(format!("cargo metadata: {}", String::from_utf8_lossy(&output.stderr)).into());
    }
    let metadata: Value = serde_json::from_slice(&output.stdout)?;
    let packages = metadata["packages"].as_array().ok_or("cargo metadata names no packages")?;
    Ok(packages.iter().map(|package| member(package, root)).collect())
}

fn member(package: &Value, root: &Path) -> Member {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let declared = package["dependencies"].as_array().map_or(&[][..], Vec::as_slice);
    let (test, product): (Vec<_>, Vec<_>) =
        declared.iter().partition(|one| one["kind"].as_str() == Some("dev"));
    let names = |list: Vec<&Value>| list.into_iter().map(|one| text(&one["name"])).collect();
    let manifest = PathBuf::from(text(&package["manifest_path"]));
    let folder = manifest.parent().and_then(|folder| folder.strip_prefix(root).ok());
    Member {
        name: text(&package["name"]),
        folder: folder.unwrap_or(Path::new("")).to_string_lossy().into_owned(),
        dependencies: names(product),
        test_dependencies: names(test),
    }
}
