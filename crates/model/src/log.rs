//! Where requests are logged, read also from a file with errors elsewhere: when a change went wrong, the log is what
//! somebody wants to see.

use crate::compile::{Reading, compile};
use crate::lower;
use crate::narrowed::Narrowed;
use crate::plan::Log;
use crate::problem::Severity;
use crate::source::Surroundings;
use std::path::Path;

/// Reads `[log]` of a file and what it includes; `None` where an error of the file leaves it in doubt.
#[must_use]
pub fn log(file: &Path, surroundings: &dyn Surroundings) -> Option<Log> {
    if let Some(plan) = compile(file, surroundings).plan {
        return Some(plan.log);
    }
    let narrowed = Narrowed::new(surroundings, &["log"]);
    let mut reading = Reading::new(&narrowed);
    let configs = reading.read_with_includes(file);
    let (sources, mut problems) = reading.into_parts();
    let merged = lower::Merged::new(configs, &mut problems);
    // Without the section it may have been misspelt, or stand in a part that could not be read.
    let is_written = merged.log.is_some();
    let log = lower::log(&merged, &sources, &mut problems);
    let is_certain = problems.iter().all(|problem| problem.severity != Severity::Error);
    (is_written && is_certain).then_some(log)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::AccessLog;
    use std::io;
    use std::path::PathBuf;

    struct File(&'static str);

    impl Surroundings for File {
        fn read(&self, _: &Path) -> io::Result<Vec<u8>> {
            Ok(self.0.as_bytes().to_vec())
        }

        fn glob(&self, _: &Path) -> io::Result<Vec<PathBuf>> {
            Ok(Vec::new())
        }

        fn variable(&self, _: &str) -> Option<String> {
            None
        }
    }

    #[test]
    fn the_log_is_read_from_files_with_errors_elsewhere() {
        for (text, path) in [
            ("[site]\n\":80\" = \"helo\"\n[log]\naccess = \"/var/log/p\"\n", Some("/var/log/p")),
            ("[site\n[log]\naccess = \"/var/log/p\"\n[limits]\nbody = x\n", Some("/var/log/p")),
            ("[site]\n\":80\" = \"helo\"\n", None),
            ("[log]\nacess = \"/var/log/p\"\n", None),
            ("[log]\naccess = \"/var/log/p\n", None),
            ("[log\naccess = \"/var/log/p\"\n[sight]\n", None),
            ("[log]\naccess = \"/var/log/p\"\naccess = \"/q\"\n", None),
        ] {
            let log = log(Path::new("/etc/p.toml"), &File(text));
            let found = log.map(|log| log.access);
            assert_eq!(found, path.map(|path| AccessLog::File(path.into())), "{text}");
        }
    }
}
