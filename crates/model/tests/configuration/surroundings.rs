//! Surroundings made from the text of a case.

use model::source::Surroundings;
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

/// The path of the main file of every case.
pub(crate) const MAIN: &str = "/etc/portcullis/portcullis.toml";

/// A main file, the files beside it, and environment variables.
#[derive(Clone, Debug, Default)]
pub(crate) struct Case {
    files: BTreeMap<PathBuf, Vec<u8>>,
    variables: BTreeMap<String, String>,
}

impl Case {
    /// A main file alone.
    pub(crate) fn of_bytes(bytes: Vec<u8>) -> Self {
        Self { files: BTreeMap::from([(PathBuf::from(MAIN), bytes)]), ..Self::default() }
    }

    /// Takes a case apart.
    pub(crate) fn parse(text: &str) -> Self {
        let mut case = Self::default();
        let mut file = PathBuf::from(MAIN);
        for line in text.split_inclusive('\n') {
            if let Some(path) = line.strip_prefix("#file ") {
                file = Path::new(MAIN).with_file_name("").join(path.trim());
                case.files.entry(file.clone()).or_default();
                continue;
            }
            if let Some((name, value)) = line.strip_prefix("#env ").and_then(|line| line.split_once('=')) {
                case.variables.insert(name.to_owned(), value.trim_end().to_owned());
            }
            case.files.entry(file.clone()).or_default().extend(line.bytes());
        }
        case.files.entry(PathBuf::from(MAIN)).or_default();
        case
    }
}

impl Surroundings for Case {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        self.files.get(path).cloned().ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "no such file"))
    }

    fn glob(&self, pattern: &Path) -> io::Result<Vec<PathBuf>> {
        let pattern = pattern.display().to_string();
        let (before, after) = pattern.split_once('*').unwrap_or((&pattern, ""));
        let fits = |path: &&PathBuf| {
            let path = path.display().to_string();
            path == pattern || pattern.contains('*') && path.starts_with(before) && path.ends_with(after)
        };
        Ok(self.files.keys().filter(fits).cloned().collect())
    }

    fn variable(&self, name: &str) -> Option<String> {
        self.variables.get(name).cloned()
    }
}
