//! The service on a machine to which the program was copied: units, users, folders, a first configuration. A package does
//! the same by its own means, from the same files.
//!
//! It makes the list of steps; a step knows whether it is done, so a second run changes nothing.

mod step;

use crate::failure::Failure;
use crate::gate_user;
use crate::ownership::{self, Untrusted};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use step::{Question, Step};

/// The units, as a package installs them.
const UNITS: [(&str, &str); 2] = [
    ("portcullis.service", include_str!("../../../../packaging/systemd/portcullis.service")),
    (
        "portcullis-firewall.service",
        include_str!("../../../../packaging/systemd/portcullis-firewall.service"),
    ),
];
const USERS: &str = include_str!("../../../../packaging/sysusers.d/portcullis.conf");
const CONFIGURATION: &str = include_str!("../../../../packaging/portcullis.toml");
/// Where the configuration of a package says that all keys are, and where they are without a package.
const REFERENCE_OF_PACKAGE: &str = "All keys are in /usr/share/doc/portcullis/configuration.md.";
const REFERENCE: &str = "All keys are in what `portcullis schema` prints.";
/// Where the units of a package start the program.
const OF_PACKAGE: &str = "/usr/bin/portcullis";

/// A machine to which the service comes.
#[derive(Clone, Debug)]
pub(crate) struct Machine {
    root: PathBuf,
    /// The program, without links.
    binary: PathBuf,
    has_sysusers: bool,
}

impl Machine {
    /// This one, where it is one for the service; to take it away, it need not be.
    pub(crate) fn this(is_removal: bool) -> Result<Self, Failure> {
        let binary = std::env::current_exe().map_err(|error| {
            Failure::refused(format!("it cannot be told where this program lies: {error}"))
        })?;
        let machine = Self { root: PathBuf::from("/"), binary, has_sysusers: find("systemd-sysusers") };
        if !is_removal {
            machine.judge()?;
        }
        Ok(machine)
    }

    /// Refuses where the units would not be found, would stand beside those of a package, or would start what others
    /// than root can replace.
    fn judge(&self) -> Result<(), Failure> {
        if !self.root.join("run/systemd/system").is_dir() {
            return Err(Failure::refused("systemd does not run this machine").with_hint(
                "`portcullis up` runs under any supervisor; docs/operations.md has the files for others",
            ));
        }
        let packaged = ["usr/lib/systemd/system", "lib/systemd/system"];
        if packaged.iter().any(|folder| self.root.join(folder).join(UNITS[0].0).exists()) {
            return Err(Failure::refused("a package has installed the service already")
                .with_hint("`systemctl enable --now portcullis` starts it"));
        }
        self.judge_binary()
    }

    fn judge_binary(&self) -> Result<(), Failure> {
        let binary = self.binary.display();
        let hint = format!(
            "`install -m 0755 {binary} /usr/local/bin/portcullis && /usr/local/bin/portcullis install-service`"
        );
        // The unit has a /tmp of its own.
        if ["/tmp", "/var/tmp"].iter().any(|folder| self.binary.starts_with(self.root.join(&folder[1..]))) {
            return Err(Failure::refused(format!("{binary} is a temporary file")).with_hint(hint));
        }
        let replaceable = self.binary.ancestors().find_map(|path| {
            let facts = fs::metadata(path).ok()?;
            let reason = ownership::judge(0, facts.uid(), facts.mode()).err()?;
            Some((path, reason))
        });
        replaceable.map_or(Ok(()), |(path, reason)| {
            let who = match reason {
                Untrusted::Owner(owner) => format!("the user with id {owner}"),
                Untrusted::Writable(mode) => format!("others, by the mode {mode:04o}"),
            };
            let reason =
                format!("{} can be changed by {who}, and root would run what they put there", path.display());
            Err(Failure::refused(reason).with_hint(hint))
        })
    }

    /// What brings the service.
    pub(crate) fn installation(&self) -> Steps {
        let mut steps = self.accounts();
        for (path, mode) in
            [("etc/portcullis", 0o755), ("var/lib/portcullis", 0o755), ("var/log/portcullis", 0o750)]
        {
            steps.push(Step::Folder { path: self.root.join(path), mode });
        }
        let path = self.root.join("etc/portcullis/portcullis.toml");
        let content = CONFIGURATION.replace(REFERENCE_OF_PACKAGE, REFERENCE);
        steps.push(Step::Write { path, content, keeps: true });
        let started = self.binary.display().to_string();
        let units: Vec<Step> = UNITS
            .iter()
            .map(|(name, content)| {
                let content = content.replace(OF_PACKAGE, &started);
                Step::Write { path: self.unit(name), content, keeps: false }
            })
            .collect();
        let are_new = units.iter().any(|unit| !unit.is_done());
        steps.extend(units);
        let reread = ["systemctl", "daemon-reload"].map(str::to_owned).to_vec();
        // Units that are there may be those of a run that failed just before this.
        steps.push(if are_new {
            Step::Run(reread)
        } else {
            Step::RunUnless { command: reread, done: has_read() }
        });
        Steps(steps)
    }

    /// What takes it away: units, and nothing that the operator wrote or the gate made.
    pub(crate) fn removal(&self) -> Steps {
        let units: Vec<_> = UNITS.iter().filter(|(name, _)| self.unit(name).exists()).collect();
        let mut steps: Vec<Step> =
            units.iter().map(|(name, _)| run(&["systemctl", "disable", "--now", name])).collect();
        steps.extend(units.iter().map(|(name, _)| Step::Remove(self.unit(name))));
        steps.push(Step::Remove(self.sysusers()));
        if !units.is_empty() {
            steps.push(run(&["systemctl", "daemon-reload"]));
        }
        Steps(steps)
    }

    /// What a removal leaves and is there, in the words of people.
    pub(crate) fn kept(&self) -> Vec<String> {
        let folders =
            ["etc/portcullis", "var/lib/portcullis", "var/log/portcullis"].map(|path| self.root.join(path));
        let there = folders.iter().filter(|path| path.exists()).map(|path| path.display().to_string());
        let names = [("passwd", "user", "portcullis"), ("group", "group", "portcullis-admin")];
        let names =
            names.iter().filter(|(list, _, name)| step::lists(&self.root.join("etc").join(list), name));
        there.chain(names.map(|(_, what, name)| format!("the {what} {name}"))).collect()
    }

    /// The user of the gate and the group of those who may give orders, as this distribution makes such.
    fn accounts(&self) -> Vec<Step> {
        if self.has_sysusers {
            let path = self.sysusers();
            let wanted = Step::Write { path: path.clone(), content: USERS.to_owned(), keeps: false };
            let command = ["systemd-sysusers", &path.display().to_string()].map(str::to_owned).to_vec();
            let database = self.root.join("etc/group");
            return vec![wanted, Step::Account { name: "portcullis-admin", database, command }];
        }
        let account = |database: &str, name, command: &[&str]| Step::Account {
            name,
            database: self.root.join(database),
            command: command.iter().map(|&word| word.to_owned()).collect(),
        };
        vec![
            account("etc/passwd", "portcullis", &gate_user::MADE_BY.split(' ').collect::<Vec<_>>()),
            account("etc/group", "portcullis-admin", &["groupadd", "--system", "portcullis-admin"]),
        ]
    }

    fn sysusers(&self) -> PathBuf {
        self.root.join("etc/sysusers.d/portcullis.conf")
    }

    fn unit(&self, name: &str) -> PathBuf {
        self.root.join("etc/systemd/system").join(name)
    }
}

/// Steps, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Steps(Vec<Step>);

impl Steps {
    /// Takes those that are not done, telling each before it is.
    pub(crate) fn take(
        &self,
        dry_run: bool,
        mut tell: impl FnMut(&dyn std::fmt::Display),
    ) -> Result<usize, Failure> {
        let mut taken = 0;
        for step in self.0.iter().filter(|step| !step.is_done()) {
            tell(step);
            if !dry_run {
                step.execute()?;
            }
            taken += 1;
        }
        Ok(taken)
    }
}

/// Asks systemd whether it has read the units as they lie there now.
fn has_read() -> Question {
    let words = ["systemctl", "show", "--property=NeedDaemonReload,LoadState"]
        .iter()
        .chain(UNITS.iter().map(|(name, _)| name));
    Question {
        command: words.map(|&word| word.to_owned()).collect(),
        no: &["NeedDaemonReload=yes", "LoadState=not-found"],
    }
}

fn run(command: &[&str]) -> Step {
    Step::Run(command.iter().map(|&word| word.to_owned()).collect())
}

/// Whether a program can be found, where root's programs lie.
fn find(program: &str) -> bool {
    ["/usr/bin", "/bin", "/usr/sbin", "/sbin"].iter().any(|folder| Path::new(folder).join(program).exists())
}

#[cfg(test)]
mod tests;
