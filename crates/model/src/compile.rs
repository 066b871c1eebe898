//! From a file or the command line to a plan or problems: the order of the steps, and nothing else.

use crate::again::Former;
use crate::lower::{self, Merged};
use crate::plan::Plan;
use crate::problem::{Problem, Problems};
use crate::raw::decode::Text;
use crate::raw::site::SiteEntry;
use crate::raw::{self, RawConfig};
use crate::source::{Located, Location, Nothing, Origin, Source, Sources, Surroundings};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// What became of a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compiled {
    /// The plan; there is none where a problem is an error.
    pub plan: Option<Plan>,
    /// Errors and warnings, with the texts that they point into.
    pub problems: Problems,
}

/// Compiles a file and what it includes.
///
/// Relative paths in a file start from its folder, so a plan's paths are absolute where `file` is.
#[must_use]
pub fn compile(file: &Path, surroundings: &dyn Surroundings) -> Compiled {
    let mut reading = Reading::new(surroundings);
    let configs = reading.read_with_includes(file);
    reading.finish(configs).0
}

/// Compiles a file again and again, and looks only at what changed where that is enough.
#[derive(Debug, Default)]
pub struct Compiler {
    former: Option<Former>,
}

impl Compiler {
    /// What [`compile()`] says.
    ///
    /// Environment variables in what did not change are taken to be what they were.
    pub fn compile(&mut self, file: &Path, surroundings: &dyn Surroundings) -> Compiled {
        let mut reading = Reading::new(surroundings);
        if let Some(mut former) = self.former.take()
            && let Ok(source) = reading.source(file)
            && let Some(plan) = former.compile(&source, surroundings)
        {
            self.former = Some(former);
            reading.sources.add(source);
            return Compiled { plan: Some(plan), problems: Problems::new(Vec::new(), reading.sources) };
        }
        let configs = reading.read_with_includes(file);
        let is_alone = configs.first().is_some_and(|main| main.include.is_none());
        let (compiled, merged) = reading.finish(configs);
        if let (true, true, Some(plan)) = (is_alone, compiled.problems.is_empty(), &compiled.plan) {
            let source = compiled.problems.sources().iter().next().cloned();
            self.former = source.and_then(|source| Former::new(source, merged, plan.clone()));
        }
        compiled
    }
}

/// Compiles a text that stands alone: nothing is included and no environment variable is set.
#[must_use]
pub fn compile_text(name: &str, text: &str) -> Compiled {
    struct One<'a>(&'a str);
    impl Surroundings for One<'_> {
        fn read(&self, _: &Path) -> std::io::Result<Vec<u8>> {
            Ok(self.0.as_bytes().to_vec())
        }

        fn glob(&self, pattern: &Path) -> std::io::Result<Vec<PathBuf>> {
            Nothing.glob(pattern)
        }

        fn variable(&self, name: &str) -> Option<String> {
            Nothing.variable(name)
        }
    }
    compile(Path::new(name), &One(text))
}

/// Compiles arguments of the form `HOST=TARGET`, each a site in its short form.
#[must_use]
pub fn quick_start<S: AsRef<str>>(arguments: &[S]) -> Compiled {
    let arguments: Vec<&str> = arguments.iter().map(AsRef::as_ref).collect();
    let source = Source::new(Origin::CommandLine, arguments.join(" "));
    let mut sources = Sources::default();
    let id = sources.add(source.clone());
    let mut problems = Vec::new();
    let mut merged = Merged::default();
    let mut start = 0;
    for argument in arguments {
        let at = Location { source: id, start, end: start + argument.len() };
        start = at.end + 1;
        match argument.split_once('=') {
            Some((host, target)) => {
                let middle = at.start + host.len();
                let name = Text::new(host.to_owned(), Location { end: middle, ..at }, &source);
                let target = Text::new(target.to_owned(), Location { start: middle + 1, ..at }, &source);
                merged.sites.push((name, Located::new(SiteEntry::Short(target), at)));
            }
            None => problems.push(
                Problem::error(at, format!("`{argument}` is not HOST=TARGET"))
                    .label("no `=`")
                    .hint("write for example example.test=localhost:3000"),
            ),
        }
    }
    lowered(&merged, sources, problems, true)
}

/// Files on their way in.
pub(crate) struct Reading<'a> {
    surroundings: &'a dyn Surroundings,
    sources: Sources,
    problems: Vec<Problem>,
    complete: bool,
    every_file: bool,
}

impl<'a> Reading<'a> {
    pub(crate) fn new(surroundings: &'a dyn Surroundings) -> Self {
        Self {
            surroundings,
            sources: Sources::default(),
            problems: Vec::new(),
            complete: true,
            every_file: true,
        }
    }

    /// Whether every file could be read, whatever is wrong in it.
    pub(crate) const fn has_every_file(&self) -> bool {
        self.every_file
    }

    /// The texts, and what is wrong in them.
    pub(crate) fn into_parts(self) -> (Sources, Vec<Problem>) {
        (self.sources, self.problems)
    }

    /// Reads a file and what it includes, as far as they can be read.
    pub(crate) fn read_with_includes(&mut self, file: &Path) -> Vec<RawConfig> {
        let mut configs = Vec::new();
        match self.read(file) {
            Ok(main) => {
                let included = main.include.clone().map(|include| include.value).unwrap_or_default();
                configs.push(main);
                let mut seen = BTreeSet::from([file.to_owned()]);
                for pattern in &included {
                    self.include(&pattern.value, &mut seen, &mut configs);
                }
            }
            Err(reason) => {
                self.every_file = false;
                self.problems.push(Problem::placeless(format!("cannot read {}: {reason}", file.display())));
            }
        }
        configs
    }

    /// Reads and decodes one file.
    fn read(&mut self, file: &Path) -> Result<RawConfig, String> {
        let source = self.source(file)?;
        let id = self.sources.add(source.clone());
        let parsed = raw::parse(id, &source, self.surroundings, &mut self.problems);
        self.complete &= parsed.complete;
        Ok(parsed.config)
    }

    /// Reads the text of a file.
    fn source(&self, file: &Path) -> Result<Source, String> {
        let bytes = self.surroundings.read(file).map_err(|error| error.to_string())?;
        let text = String::from_utf8(bytes).map_err(|error| {
            let line =
                error.as_bytes()[..error.utf8_error().valid_up_to()].iter().filter(|b| **b == b'\n').count();
            format!("line {} is not UTF-8", line + 1)
        })?;
        Ok(Source::new(Origin::File(file.to_owned()), text))
    }

    /// Reads every file that one pattern names.
    fn include(&mut self, pattern: &Text, seen: &mut BTreeSet<PathBuf>, configs: &mut Vec<RawConfig>) {
        let folder =
            self.sources.get(pattern.at.source).map(|source| source.folder().to_owned()).unwrap_or_default();
        let path = folder.join(pattern.as_str());
        let mut files = match self.surroundings.glob(&path) {
            Ok(files) => files,
            Err(error) => {
                return self.refuse(pattern, format!("cannot look for {}: {error}", path.display()));
            }
        };
        files.sort();
        if files.is_empty() && !pattern.as_str().contains(['*', '?', '[']) {
            return self.refuse(pattern, format!("there is no file {}", path.display()));
        }
        for file in files {
            if !seen.insert(file.clone()) {
                continue;
            }
            match self.read(&file) {
                Ok(config) => {
                    self.refuse_nested(&config);
                    configs.push(config);
                }
                Err(reason) => self.refuse(pattern, format!("cannot read {}: {reason}", file.display())),
            }
        }
    }

    fn refuse_nested(&mut self, config: &RawConfig) {
        if let Some(nested) = &config.include {
            self.problems.push(
                Problem::error(nested.at, "only the main file includes others")
                    .label("in an included file")
                    .hint("list every file in the main one"),
            );
        }
    }

    fn refuse(&mut self, pattern: &Text, title: String) {
        (self.complete, self.every_file) = (false, false);
        self.problems.push(Problem::error(pattern.at, title).label("included here"));
    }

    fn finish(mut self, configs: Vec<RawConfig>) -> (Compiled, Merged) {
        let merged = Merged::new(configs, &mut self.problems);
        let compiled = lowered(&merged, self.sources, self.problems, self.complete);
        (compiled, merged)
    }
}

/// What is missing from an incomplete text must not be held against it: then only what is there was judged.
fn lowered(merged: &Merged, sources: Sources, mut problems: Vec<Problem>, complete: bool) -> Compiled {
    let mut plan = None;
    if complete && !sources.is_empty() {
        plan = Some(lower::lower(merged, &sources, &mut problems));
    }
    let problems = Problems::new(problems, sources);
    if problems.errors() > 0 {
        plan = None;
    }
    Compiled { plan, problems }
}
