//! From what the files say to the plan: everything that needs more than one value to be judged.
//!
//! Each part reports all it finds and goes on with what is usable; whether a plan comes out is decided at the end.

mod fastcgi;
mod files;
mod handlers;
mod headers;
mod limits;
mod merge;
mod policy;
mod redirects;
mod routes;
mod script_routes;
mod scripts;
mod service_host;
mod service_settings;
mod services;
mod settings;
mod site_name;
mod sites;
mod streams;
mod target;
mod template;
mod unenforced;

pub(crate) use merge::Merged;
pub(crate) use policy::{ends_at, limit_of, traffic_of};
pub(crate) use template::is_variable;

use crate::plan::{Log, PlacedSite, Plan};
use crate::problem::{Problem, Severity, shown};
use crate::raw::decode::Text;
use crate::raw::site::SiteEntry;
use crate::source::{Located, Sources};
use std::path::PathBuf;

/// The longest path of a Unix socket in bytes (`sun_path` of unix(7), less its NUL).
const LONGEST_SOCKET: usize = 107;

/// With more problems than this no names are suggested.
const GUESSES: usize = 100;

/// Makes the plan, as far as it can be made.
pub(crate) fn lower(merged: &Merged, sources: &Sources, problems: &mut Vec<Problem>) -> Plan {
    let is_read = unenforced::is_read(problems);
    let mut lowering = Lowering { sources, problems };
    let mut plan = Plan {
        listen: settings::listen(merged.listen.as_ref(), &mut lowering),
        tls: settings::tls(merged.tls.as_ref(), &mut lowering),
        limits: limits::limits(merged.limits.as_ref(), &mut lowering),
        log: settings::log(merged.log.as_ref(), &mut lowering),
        admin: settings::admin(merged.admin.as_ref(), &mut lowering),
        state: settings::state(merged.state.as_ref(), &mut lowering),
        ..Plan::default()
    };
    let mut names = policy::Names::new(merged, &mut lowering);
    let hosts = policy::hosts(merged, &names, &mut lowering);
    let mut services = services::Services::new(merged, &plan.listen, &hosts, &names, &mut lowering);
    plan.sites = sites::sites(merged, &plan.listen, &mut services, &hosts, &mut names, &mut lowering);
    plan.streams = streams::streams(merged, &plan, &hosts, &mut names, &mut lowering);
    plan.policy = policy::policy(merged, &hosts, &plan.sites, &mut names, &mut lowering);
    unenforced::refuse_conditions(merged, &plan, &mut lowering);
    if is_read {
        unenforced::report(merged, &plan, &mut lowering);
    }
    plan.services = services.finish(&plan.sites, &names, &mut lowering);
    plan
}

/// Makes one site of a plan again, of which all but the sites was `merged` without any problem. `None` where something is
/// wrong with it, or where it means something to other parts of the plan that the one before did not mean.
pub(crate) fn site_again(
    merged: &Merged,
    sources: &Sources,
    plan: &Plan,
    site: (&Text, &Located<SiteEntry>),
    index: usize,
) -> Option<PlacedSite> {
    // Which files a site may send depends on the scripts of all the others.
    if merged.services.iter().any(|(_, service)| service.value.fastcgi.is_some()) {
        return None;
    }
    let mut problems = Vec::new();
    let mut lowering = Lowering { sources, problems: &mut problems };
    let mut names = policy::Names::new(merged, &mut lowering);
    let hosts = policy::hosts(merged, &names, &mut lowering);
    let mut services = services::Services::of_plan(merged, &plan.listen, &hosts, &plan.services);
    let mut claims = sites::HostClaims::new();
    let new = sites::site(site, &plan.listen, &mut claims, &mut services, &hosts, &mut names, &mut lowering)?;
    let old = &plan.sites[index];
    let claims =
        |site: &PlacedSite| (site.address.clone(), site.aliases.clone(), site.on.clone(), site.from.clone());
    let used = |new| services::used(plan, merged.services.len(), index, new);
    let is_alike = claims(old) == claims(&new)
        && unenforced::sends_files(old) == unenforced::sends_files(&new)
        && !unenforced::has_odd_conditions(&new)
        && used(&new).is_some_and(|now| Some(now) == used(old));
    (services.len() == plan.services.len() && is_alike && problems.is_empty()).then_some(new)
}

/// The folder of the state and the admin socket alone.
pub(crate) fn places(
    merged: &Merged,
    sources: &Sources,
    problems: &mut Vec<Problem>,
) -> (Option<PathBuf>, Option<PathBuf>) {
    let mut lowering = Lowering { sources, problems };
    let state = settings::state(merged.state.as_ref(), &mut lowering);
    let admin = settings::admin(merged.admin.as_ref(), &mut lowering);
    (state.folder, admin.socket)
}

/// The log alone.
pub(crate) fn log(merged: &Merged, sources: &Sources, problems: &mut Vec<Problem>) -> Log {
    settings::log(merged.log.as_ref(), &mut Lowering { sources, problems })
}

/// What every part needs: the texts, and where problems go.
pub(super) struct Lowering<'a> {
    sources: &'a Sources,
    problems: &'a mut Vec<Problem>,
}

impl Lowering<'_> {
    fn report(&mut self, problem: Problem) {
        self.problems.push(problem);
    }

    /// Whether an error is among the problems from this one on.
    fn failed_since(&self, first: usize) -> bool {
        self.problems[first..].iter().any(|problem| problem.severity == Severity::Error)
    }

    /// Whether a guess at what was meant is worth its time: whoever has so many problems has no need of one for each.
    fn may_guess(&self) -> bool {
        self.problems.len() < GUESSES
    }

    /// A path, from the folder of the file that names it.
    fn path(&mut self, text: &Text) -> Option<PathBuf> {
        let written = text.as_str();
        let refusal = match written {
            "" => Some(("empty", None)),
            _ if written.contains('\0') => Some(("has a NUL byte", None)),
            _ if written.starts_with('~') => {
                Some(("`~` is a word of the shell", Some("write the path of the folder itself")))
            }
            _ => None,
        };
        if let Some((label, hint)) = refusal {
            let problem = Problem::error(text.at, format!("{} is not a path", shown(written))).label(label);
            self.report(problem.hint_maybe(hint.map(str::to_owned)));
            return None;
        }
        Some(self.joined(text))
    }

    /// The same without a look at what is written.
    fn joined(&self, text: &Text) -> PathBuf {
        let written = text.as_str();
        let folder =
            self.sources.get(text.at.source).map(|source| source.folder().to_owned()).unwrap_or_default();
        folder.join(written.strip_prefix("./").unwrap_or(written))
    }

    /// The path of a Unix socket.
    fn socket(&mut self, text: &Text) -> Option<PathBuf> {
        let path = self.path(text)?;
        let length = path.as_os_str().len();
        if length <= LONGEST_SOCKET {
            return Some(path);
        }
        self.report(
            Problem::error(text.at, "the path of a Unix socket is too long")
                .label(format!("{length} bytes, at most {LONGEST_SOCKET} are possible")),
        );
        None
    }
}
