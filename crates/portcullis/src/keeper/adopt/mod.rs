//! Taking over from another firewall: its rules as a part of a file, and what differs packet by packet. It is switched off
//! only when that was asked for, and never before a policy of ours is confirmed.

mod files;

use super::Keeper;
use super::answer::{Adoption, Source};
use super::policy::{self, Compiled};
use super::request::{Adopt, Blame, Refused};
use super::state::{Entry, Fate};
use files::Files;
use firewall::adopt::{Effect, Imported, NotImported, compare, summary, to_toml};
use firewall::foreign::{ForeignTable, Owner, Published, of_chain, published};
use firewall::nft::{Expression, Rule, Verdict};
use firewall::observed::Observed;
use std::path::Path;
use std::process::Command;

/// A firewall that can be taken over from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Other {
    Ufw,
    Firewalld,
}

impl Other {
    const fn name(self) -> &'static str {
        match self {
            Self::Ufw => "ufw",
            Self::Firewalld => "firewalld",
        }
    }

    /// The command that switches it off, also for the next start of the machine.
    const fn off(self) -> &'static [&'static str] {
        match self {
            Self::Ufw => &["ufw", "disable"],
            Self::Firewalld => &["systemctl", "disable", "--now", "firewalld.service"],
        }
    }
}

impl Keeper {
    /// What another firewall of this machine admits.
    pub(super) fn adopt(&mut self, asked: &Adopt) -> Result<Adoption, Refused> {
        let root = Path::new("/");
        let foreign = self.kernel()?.foreign()?;
        let other = files::find(root, |other| is_on(other, &foreign)).ok_or_else(|| {
            Refused::no("neither ufw nor firewalld has rules on this machine")
                .with_hint("`portcullis allow` writes rules; other tables are read, never changed")
        })?;
        let observed = self.machine.observe(&[])?;
        let published = published(&foreign);
        let files = Files::read(root, other);
        let imported = files.import(&observed, &published);
        let in_force = self.in_force()?.map(|snapshot| snapshot.compiled);
        let adoption = describe(other, &imported, in_force.as_ref(), &published, &observed);
        if asked.disable {
            self.refuse_without_own_policy()?;
            switch_off(other)?;
        }
        let on = is_on(other, &foreign) && !asked.disable;
        Ok(Adoption { on, disabled: asked.disable, read_from: files.paths().collect(), ..adoption })
    }

    fn refuse_without_own_policy(&mut self) -> Result<(), Refused> {
        let confirmed = matches!(self.state.last(), Some(Entry { fate: Fate::Confirmed { .. }, .. }));
        let stands = match self.before()? {
            Some(snapshot) if confirmed => self.drifted(&snapshot)?.is_none(),
            _ => false,
        };
        if stands {
            return Ok(());
        }
        Err(Refused::no("no policy of ours is confirmed, so the other firewall stays on")
            .with_hint("put the rules into the file, then `portcullis apply` and `portcullis confirm`"))
    }
}

/// Whether a firewall judges packets, whatever its settings say: ufw leaves empty chains behind.
fn is_on(other: Other, tables: &[ForeignTable]) -> bool {
    let owner = match other {
        Other::Ufw => Owner::Ufw,
        Other::Firewalld => Owner::Firewalld,
    };
    let leads = |table: &ForeignTable, rule: &Rule| {
        rule.0.iter().any(|expression| match expression {
            Expression::Verdict(Verdict::Jump(chain) | Verdict::Goto(chain)) => {
                let is_empty = table.table.chains.get(chain).is_none_or(|chain| chain.rules.is_empty());
                of_chain(table, chain) == Some(owner) && !is_empty
            }
            _ => false,
        })
    };
    tables.iter().any(|table| {
        let mut first = table.table.chains.values().filter(|chain| chain.base.is_some());
        first.any(|chain| chain.rules.iter().any(|rule| leads(table, rule)))
    })
}

/// What would be different: from the policy in force, or else from the very rules that were taken over.
fn describe(
    other: Other,
    imported: &Imported,
    in_force: Option<&Compiled>,
    published: &[Published],
    observed: &Observed,
) -> Adoption {
    let toml = to_toml(imported);
    let composed = in_force.cloned().or_else(|| compiled(&toml, observed));
    let differences = composed.map(|new| compare(imported, &new, published)).unwrap_or_default();
    Adoption {
        name: other.name().to_owned(),
        toml,
        compared_with: if in_force.is_some() { Source::InForce } else { Source::Imported },
        differences: differences.iter().map(ToString::to_string).collect(),
        summary: summary(&differences),
        left_out: imported.not_imported.iter().map(left_out).collect(),
        on: false,
        disabled: false,
        read_from: Vec::new(),
    }
}

fn compiled(toml: &str, observed: &Observed) -> Option<Compiled> {
    let plan = model::compile_text("adopted.toml", toml).plan?;
    policy::compose(&plan, None, observed).map(|draft| draft.compiled().clone())
}

fn left_out(one: &NotImported) -> String {
    let effect = match one.effect {
        Effect::None => "",
        Effect::Narrower => "; less is admitted than before",
        Effect::Wider => "; MORE is admitted than before",
        Effect::Unknown => "; read it yourself",
    };
    let line = if one.line == 0 { String::new() } else { format!(":{}", one.line) };
    format!("{}{line}: {} ({}{effect})", one.file, one.text, one.why)
}

fn switch_off(other: Other) -> Result<(), Refused> {
    let [program, arguments @ ..] = other.off() else { return Ok(()) };
    let output = Command::new(program).args(arguments).output().map_err(|error| Refused::machine(&error))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    let reason = format!("`{}` failed: {said}", other.off().join(" "));
    Err(Refused { blame: Blame::Machine, ..Refused::no(reason) })
}
