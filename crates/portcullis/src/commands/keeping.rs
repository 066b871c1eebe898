//! How commands reach whoever keeps the packets of this machine: the running gate, or else a keeper in this very process.
//! The answers are the same.

use crate::admin::{AskError, Client};
use crate::cli::{self, Common};
use crate::configuration::Origin;
use crate::failure::{Exit, Failure};
use crate::keeper::{Asked, Caller, Keeper, Refused, Request, Risks, Source, Wanted};
use crate::place::Places;
use crate::terminal;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::path::{Path, PathBuf};

/// Whoever keeps the packets, and who asks.
pub(super) struct Keeping {
    places: Places,
    caller: Caller,
}

impl Keeping {
    /// For a command that may name a file.
    pub(super) fn of(common: &Common, file: Option<&Path>, console: bool) -> Result<Self, Failure> {
        Ok(Self::at(super::places(common, file)?, console))
    }

    /// For the start of the machine, and for emergencies: no file is needed.
    pub(super) fn without_file(common: &Common) -> Self {
        let usual = || Places::of(&model::plan::Plan::default(), common.state.clone());
        let places = match Origin::of_command(common, None).and_then(|origin| origin.compile()) {
            Ok(compiled) => compiled.plan.map(|plan| Places::of(&plan, common.state.clone())),
            Err(_) => None,
        };
        Self::at(places.unwrap_or_else(usual), false)
    }

    pub(super) fn at(places: Places, console: bool) -> Self {
        Self { places, caller: Caller::find(console) }
    }

    /// Who asks.
    pub(super) const fn caller(&self) -> &Caller {
        &self.caller
    }

    /// Asks; problems of a file are written to standard error before the failure is given back.
    pub(super) fn ask(&self, request: Request) -> Result<Value, Failure> {
        let asked = Asked { caller: self.caller.clone(), request };
        match Client::new(&self.places.admin_socket).firewall(&asked) {
            Ok(value) => Ok(value),
            Err(AskError::FirewallRefused(refused)) => Err(explain(refused)),
            Err(AskError::NotRunning(_)) => self.ask_here(&asked).map_err(explain),
            Err(error) => Err(error.into()),
        }
    }

    /// Asks, and takes the answer as what it is.
    pub(super) fn ask_for<T: DeserializeOwned>(&self, request: Request) -> Result<T, Failure> {
        read(&self.ask(request)?)
    }

    fn ask_here(&self, asked: &Asked) -> Result<Value, Refused> {
        let mut keeper = Keeper::open(&self.places.state)?;
        let answer = keeper.ask(asked, None);
        for notice in keeper.take_notices() {
            terminal::warn(notice);
        }
        answer
    }
}

/// An answer as what it is.
pub(super) fn read<T: DeserializeOwned>(value: &Value) -> Result<T, Failure> {
    T::deserialize(value).map_err(|error| Failure {
        exit: Exit::Refused,
        reason: format!("the gate answered something else than expected: {error}"),
        hint: Some("the running gate may be of another version; `portcullis stop` ends it".to_owned()),
    })
}

/// What a command is about, for the keeper.
pub(super) fn wanted(
    common: &Common,
    file: Option<&Path>,
    host: &cli::Host,
    risks: cli::Risks,
) -> Result<Wanted, Failure> {
    let file = match Origin::of_command(common, file)? {
        Origin::File(path) => absolute(&path)?,
        Origin::QuickStart(_) => return Err(Failure::usage("packets need a file")),
    };
    Ok(Wanted { source: Source::File(file), host: host.name.clone(), risks: self::risks(risks) })
}

/// The risks that are taken, for the keeper.
pub(super) const fn risks(risks: cli::Risks) -> Risks {
    Risks { cut_my_session: risks.cut_my_session, close_last_way_in: risks.close_last_way_in }
}

/// The keeper may have another current folder.
pub(super) fn absolute(file: &Path) -> Result<PathBuf, Failure> {
    std::path::absolute(file)
        .map_err(|error| Failure::refused(format!("cannot name {}: {error}", file.display())))
}

fn explain(refused: Refused) -> Failure {
    terminal::say(&refused.problems);
    refused.into()
}
