//! Finding, reading and compiling the configuration. What it means is decided in `model`; this is the edge to files.

use crate::cli::{Common, Up};
use crate::failure::Failure;
use crate::ownership;
use crate::terminal;
use model::plan::{Log, Plan};
use model::problem::Problems;
use model::source::{Surroundings, Task};
use model::{Compiled, Compiler, quick_start};
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

const IN_THIS_FOLDER: &str = "portcullis.toml";
pub(crate) const OF_THE_MACHINE: &str = "/etc/portcullis/portcullis.toml";
/// The name of a configuration that is no file.
pub(crate) const COMMAND_LINE: &str = "command line";
/// A configuration is written by people; something larger is another file.
const MAX_BYTES: u64 = 4 << 20;
/// Threads that read one file at most.
const MOST_THREADS: usize = 8;

/// Where a configuration comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// A file.
    File(PathBuf),
    /// `HOST=TARGET` arguments.
    QuickStart(Vec<String>),
}

impl Origin {
    /// The file that a command is about: its own argument, `--config`, or the usual places.
    pub(crate) fn of_command(common: &Common, argument: Option<&Path>) -> Result<Self, Failure> {
        match (argument, &common.config) {
            (Some(_), Some(_)) => Err(Failure::usage("the configuration is named twice")
                .with_hint("leave out --config, or the file after the command")),
            (Some(file), None) => Ok(Self::File(file.to_owned())),
            (None, Some(file)) => Ok(Self::File(file.clone())),
            (None, None) => find(&[Path::new(IN_THIS_FOLDER), Path::new(OF_THE_MACHINE)]).map(Self::File),
        }
    }

    /// What `portcullis up` is about.
    pub(crate) fn of_up(common: &Common, up: &Up) -> Result<Self, Failure> {
        let is_site = |argument: &String| argument.contains('=');
        match up.what.as_slice() {
            [] => Self::of_command(common, None),
            [host] if is_bare_host(host) => Err(Failure::refused(format!("there is no file {host}"))
                .with_hint(format!("`portcullis up {host}=localhost:3000` serves a site without a file"))),
            [file] if !is_site(file) => Self::of_command(common, Some(Path::new(file))),
            sites if sites.iter().all(is_site) && common.config.is_none() => {
                Ok(Self::QuickStart(sites.to_vec()))
            }
            _ => Err(Failure::usage("these arguments do not go together")
                .with_hint("name one file, or only HOST=TARGET arguments")),
        }
    }

    /// Reads and compiles it.
    ///
    /// Problems of the text are in the result. A file that cannot be read at all, or that root must not obey, is a
    /// failure.
    pub(crate) fn compile(&self) -> Result<Compiled, Failure> {
        self.compile_again(&mut Compiler::default())
    }

    /// The same, by somebody who compiles it again and again.
    pub(crate) fn compile_again(&self, compiler: &mut Compiler) -> Result<Compiled, Failure> {
        match self {
            Self::QuickStart(sites) => Ok(quick_start(sites)),
            Self::File(path) => {
                try_to_open(path)?;
                Ok(compiler.compile(path, &Machine))
            }
        }
    }

    /// Reads where state is kept, also of a file with errors; `None` where they leave that in doubt.
    ///
    /// A file that cannot be read at all, or that root must not obey, is a failure.
    pub(crate) fn places(&self) -> Result<Option<model::Places>, Failure> {
        match self {
            Self::QuickStart(_) => Ok(Some(model::Places::default())),
            Self::File(path) => {
                try_to_open(path)?;
                Ok(model::places(path, &Machine))
            }
        }
    }

    /// Reads where requests are logged, also of a file with errors; `None` where they leave that in doubt.
    ///
    /// A file that cannot be read at all, or that root must not obey, is a failure.
    pub(crate) fn log(&self) -> Result<Option<Log>, Failure> {
        match self {
            Self::QuickStart(_) => Ok(Some(Log::default())),
            Self::File(path) => {
                try_to_open(path)?;
                Ok(model::log(path, &Machine))
            }
        }
    }

    /// Its name for who has another current folder.
    pub(crate) fn full_name(&self) -> String {
        match self {
            Self::File(path) => {
                std::path::absolute(path).unwrap_or_else(|_| path.clone()).display().to_string()
            }
            Self::QuickStart(_) => self.name(),
        }
    }

    /// Its name for people.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::File(path) => path.display().to_string(),
            Self::QuickStart(_) => COMMAND_LINE.to_owned(),
        }
    }
}

/// The plan, or a failure after every problem was written to standard error. Warnings are written in both cases.
pub(crate) fn require_plan(origin: &Origin, compiled: Compiled) -> Result<Plan, Failure> {
    show_problems(&compiled.problems);
    compiled.plan.ok_or_else(|| Failure::no(format!("{} cannot be used as it is", origin.name())))
}

/// Writes problems, where there are any, to standard error.
pub(crate) fn show_problems(problems: &Problems) {
    terminal::say_styled(problems.render(true));
}

/// Whether somebody named a host where a file is expected.
fn is_bare_host(argument: &str) -> bool {
    let is_file = argument.contains(['/', '=']) || argument.ends_with(".toml");
    !is_file && argument.contains('.') && !Path::new(argument).exists()
}

fn find(places: &[&Path]) -> Result<PathBuf, Failure> {
    // A place that cannot be looked at is taken, so that opening it says why.
    let exists = |path: &&&Path| path.try_exists().unwrap_or(true);
    places.iter().find(exists).map(|path| path.to_path_buf()).ok_or_else(|| {
        Failure::usage(format!(
            "there is no configuration: neither {IN_THIS_FOLDER} here nor {OF_THE_MACHINE}"
        ))
        .with_hint("--config names one; `portcullis up example.com=localhost:3000` needs none")
    })
}

/// Whether a file can be read and may be obeyed.
fn try_to_open(path: &Path) -> Result<(), Failure> {
    open(path).map(drop).map_err(|error| match error {
        ReadError::Untrusted(failure) => failure,
        ReadError::Io(error) => unreadable(path, &error),
    })
}

fn unreadable(path: &Path, error: &io::Error) -> Failure {
    let failure = Failure::refused(format!("cannot read {}: {error}", path.display()));
    match error.kind() {
        io::ErrorKind::NotFound => failure.with_hint("write it, or name another one"),
        io::ErrorKind::PermissionDenied => failure.with_hint("run this as root, or as its owner"),
        _ => failure,
    }
}

/// The files and variables of this machine.
#[derive(Debug)]
pub(crate) struct Machine;

/// The only one.
pub(crate) const MACHINE: Machine = Machine;

enum ReadError {
    Untrusted(Failure),
    Io(io::Error),
}

impl From<io::Error> for ReadError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Opens a configuration file and judges what was opened.
fn open(path: &Path) -> Result<File, ReadError> {
    // Opening a pipe must not wait for somebody to write into it.
    let flags = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
    let file = File::options().read(true).custom_flags(flags).open(path)?;
    let facts = file.metadata()?;
    if !facts.is_file() {
        return Err(io::Error::other("it is no regular file").into());
    }
    if facts.len() > MAX_BYTES {
        return Err(io::Error::other("it is larger than 4 MiB").into());
    }
    ownership::judge_file(path, &facts).map_err(ReadError::Untrusted)?;
    Ok(file)
}

impl Surroundings for Machine {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let file = open(path).map_err(|error| match error {
            ReadError::Io(error) => error,
            ReadError::Untrusted(failure) => {
                let hint = failure.hint.unwrap_or_default();
                io::Error::new(io::ErrorKind::PermissionDenied, format!("{} ({hint})", failure.reason))
            }
        })?;
        let mut bytes = Vec::new();
        file.take(MAX_BYTES + 1).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    fn glob(&self, pattern: &Path) -> io::Result<Vec<PathBuf>> {
        glob(pattern)
    }

    fn variable(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }

    fn carry_out(&self, tasks: Vec<Task<'_>>) {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let threads = cores.min(tasks.len()).min(MOST_THREADS);
        let left = Mutex::new(tasks.into_iter());
        let next = || left.lock().unwrap_or_else(PoisonError::into_inner).next();
        let work = || std::iter::from_fn(next).for_each(|task| task());
        std::thread::scope(|scope| {
            for _ in 1..threads {
                // Where there is no thread to be had, this one does it all.
                let _ = std::thread::Builder::new().spawn_scoped(scope, work);
            }
            work();
        });
    }
}

/// The files that a pattern names; `*` and `?` stand in its last part only. Hidden files are left out.
fn glob(pattern: &Path) -> io::Result<Vec<PathBuf>> {
    let (Some(folder), Some(name)) = (pattern.parent(), pattern.file_name().and_then(|name| name.to_str()))
    else {
        return Err(io::ErrorKind::InvalidInput.into());
    };
    if folder.to_string_lossy().contains(['*', '?', '[']) || name.contains('[') {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "only * and ? in the file name are understood",
        ));
    }
    if !name.contains(['*', '?']) {
        return Ok(if pattern.try_exists()? { vec![pattern.to_owned()] } else { Vec::new() });
    }
    let listed = if folder == Path::new("") { Path::new(".") } else { folder };
    let mut found = Vec::new();
    for entry in fs::read_dir(listed)? {
        let entry = entry?.file_name();
        let visible = entry.to_str().filter(|entry| !entry.starts_with('.'));
        if visible.is_some_and(|entry| matches(name, entry)) {
            found.push(folder.join(entry));
        }
    }
    Ok(found)
}

/// Whether a pattern of [`glob`] names a path, by their texts alone.
pub(crate) fn is_named_by(path: &Path, pattern: &Path) -> bool {
    let name = |path: &Path| path.file_name().and_then(|name| name.to_str()).map(str::to_owned);
    match (name(path), name(pattern)) {
        (Some(name), Some(wanted)) => path.parent() == pattern.parent() && matches(&wanted, &name),
        _ => false,
    }
}

/// Whether a name matches a pattern of `*` and `?`: remembers the last star and goes back to it, so the time is at
/// most the product of both lengths.
fn matches(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) = (pattern.chars().collect(), name.chars().collect());
    let (mut at, mut next, mut star) = (0, 0, None);
    while next < name.len() {
        match pattern.get(at) {
            Some('*') => {
                star = Some((at, next));
                at += 1;
            }
            Some(&wanted) if wanted == '?' || wanted == name[next] => (at, next) = (at + 1, next + 1),
            _ => match star {
                Some((star_at, taken)) => {
                    star = Some((star_at, taken + 1));
                    (at, next) = (star_at + 1, taken + 1);
                }
                None => return false,
            },
        }
    }
    pattern[at..].iter().all(|&rest| rest == '*')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::Host;

    #[test]
    fn patterns_match_names() {
        for (pattern, name, expected) in [
            ("*.toml", "a.toml", true),
            ("*.toml", "a.toml.bak", false),
            ("*", "", true),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("*a*b", "xaxxb", true),
            ("*a*b", "xaxxbx", false),
            ("a*", "ba", false),
        ] {
            assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn up_takes_one_file_or_only_sites() {
        let origin = |what: &[&str], config: Option<&str>| {
            let common = Common { config: config.map(PathBuf::from), ..Common::default() };
            let what = what.iter().map(ToString::to_string).collect();
            let up =
                Up { what, threads: None, host: Host::default(), yes: false, json: false, rehearse: false };
            Origin::of_up(&common, &up).map_err(|failure| failure.exit)
        };
        let usage = Err(crate::failure::Exit::Usage);
        assert_eq!(origin(&["a.toml"], None), Ok(Origin::File("a.toml".into())));
        assert_eq!(origin(&[], Some("a.toml")), Ok(Origin::File("a.toml".into())));
        assert_eq!(origin(&["a=b", "c=d"], None), Ok(Origin::QuickStart(vec!["a=b".into(), "c=d".into()])));
        assert_eq!(origin(&["a=b", "c.toml"], None), usage);
        assert_eq!(origin(&["a.toml", "c.toml"], None), usage);
        assert_eq!(origin(&["a=b"], Some("c.toml")), usage);
        assert_eq!(origin(&["a.toml"], Some("c.toml")), usage);
        let refused = Err(crate::failure::Exit::Refused);
        assert_eq!(origin(&["example.com"], None), refused, "a host without a target");
        assert_eq!(origin(&["./example.com"], None), Ok(Origin::File("./example.com".into())));
    }
}
