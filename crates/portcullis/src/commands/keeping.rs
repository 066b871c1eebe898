//! How commands reach whoever keeps the packets of this machine: the running gate, or else a keeper in this very process.
//! The answers are the same.

use super::locate;
use crate::admin::{AskError, Client, GateLock};
use crate::cli::{self, Common};
use crate::configuration::{OF_THE_MACHINE, Origin, require_plan};
use crate::failure::{Exit, Failure};
use crate::keeper::{self, Asked, Blame, Caller, Keeper, Refused, Request, Restored, Risks, Source, Wanted};
use crate::known;
use crate::place::{self, Places};
use crate::terminal;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::path::{Path, PathBuf};

/// What stands in for a state folder that cannot be used when the machine starts; it is gone at the next start.
const INSTEAD_OF_STATE: &str = "/run/portcullis";

/// Whoever keeps the packets, and who asks.
pub(super) struct Keeping {
    places: Places,
    /// The file whose place is noted once its packets are in force.
    noted: Option<PathBuf>,
    caller: Caller,
}

impl Keeping {
    /// For a command that needs no more of the file than where things are kept.
    pub(super) fn of(common: &Common, console: bool) -> Result<Self, Failure> {
        Ok(Self::at(locate::places(common, None)?, console))
    }

    /// For a command about what the file says. Its problems are shown; one that is an error ends the command.
    pub(super) fn of_file(common: &Common, file: Option<&Path>, console: bool) -> Result<Self, Failure> {
        let origin = Origin::of_command(common, file)?;
        let plan = require_plan(&origin, origin.compile()?).map_err(|failure| Failure {
            reason: format!("{}, so nothing is changed", failure.reason),
            ..failure
        })?;
        let places = Places::of(&plan, common.state.clone());
        let noted = match (&origin, &plan.policy.firewall, &common.state) {
            // A folder that was named on the command line has to be named again.
            (Origin::File(file), Some(_), None) => Some(file.clone()),
            _ => None,
        };
        Ok(Self { noted, ..Self::at(places, console) })
    }

    /// Notes where the state of the file is kept, once packets of it were put in force.
    pub(super) fn note(&self) {
        let noted = self.noted.as_deref().map_or(Ok(()), |file| known::note(file, &self.places));
        if let Err(reason) = noted {
            terminal::warn(format_args!(
                "it cannot be noted where the state is kept ({reason}); --state names it where the file has an error"
            ));
        }
    }

    /// For the start of the machine.
    pub(super) fn at_boot(common: &Common) -> Self {
        Self::at(locate::places_at_boot(common), false)
    }

    pub(super) fn at(places: Places, console: bool) -> Self {
        let caller = Caller::find(console);
        if let Some(from) = caller.seen_from().filter(|_| console) {
            terminal::warn(format_args!(
                "--console claims that you sit at the machine, but you are logged in from {from}: \
                 whether you can get in again is not checked"
            ));
        }
        Self { places, noted: None, caller }
    }

    /// The command that confirms here, where who asks sits at the machine and no connection has to be new.
    pub(super) fn confirms_here(&self, console: bool) -> Option<&'static str> {
        match self.caller.seen_from() {
            None if console => Some("portcullis confirm --console"),
            None if self.caller.console => Some("portcullis confirm"),
            _ => None,
        }
    }

    /// Who asks.
    pub(super) const fn caller(&self) -> &Caller {
        &self.caller
    }

    /// Asks; problems of a file are written to standard error before the failure is given back.
    pub(super) fn ask(&self, request: Request) -> Result<Value, Failure> {
        let asked = Asked { caller: self.caller.clone(), request };
        let judge = || match asked.request {
            Request::ShowPlanned(_) => Ok(()),
            _ => self.places.refuse_in_place_of_root(),
        };
        if self.places.socket_to_ask() == self.places.admin_socket {
            judge()?;
        }
        if let Some(answer) = self.ask_gate(&asked) {
            return answer;
        }
        judge()?;
        match self.ask_here(&asked) {
            Ok(value) => Ok(not_owned_any_more(value)),
            // A gate that was starting has the packets, and may answer by now.
            Err(refused) if GateLock::is_taken(&self.places.state) => {
                self.ask_gate(&asked).unwrap_or_else(|| Err(explain(refused)))
            }
            Err(refused) => Err(explain(refused)),
        }
    }

    /// Asks the running gate; `None` where none answers.
    fn ask_gate(&self, asked: &Asked) -> Option<Result<Value, Failure>> {
        Some(match Client::new(&self.places.socket_to_ask()).firewall(asked) {
            Ok(value) => Ok(value),
            Err(AskError::NotRunning(_)) => return None,
            Err(AskError::FirewallRefused(refused)) => Err(explain(refused)),
            Err(error) => Err(error.into()),
        })
    }

    /// Asks, and takes the answer as what it is.
    pub(super) fn ask_for<T: DeserializeOwned>(&self, request: Request) -> Result<T, Failure> {
        read(&self.ask(request)?)
    }

    /// Puts the confirmed packets in force. Where the state cannot be used at all, nothing but ssh is reachable until it
    /// can: a disk that is missing never leaves the machine open.
    pub(super) fn restore(&self) -> Result<Restored, Failure> {
        let failure = match self.ask_for(Request::Restore) {
            Err(failure) if failure.exit == Exit::Refused => failure,
            other => return other,
        };
        let mut instead = Keeper::open(Path::new(INSTEAD_OF_STATE)).map_err(|_| failure.clone())?;
        let asked = Asked { caller: self.caller.clone(), request: Request::CloseOpen };
        match instead.ask(&asked, None) {
            Ok(Value::Bool(true)) => Err(Failure {
                reason: format!("{}; nothing but ssh is reachable meanwhile", failure.reason),
                ..failure
            }),
            _ => Err(failure),
        }
    }

    fn ask_here(&self, asked: &Asked) -> Result<Value, Refused> {
        // A folder that is mistyped is not made.
        if !self.places.are_used() && keeper::is_table_owned() {
            return Err(self.of_another_gate().unwrap_or_else(|| {
                let state = self.places.state.display();
                Refused::no(format!("another process owns the table, and nothing of it is kept in {state}"))
                    .with_hint("a gate that runs has it; --state names its state folder")
            }));
        }
        let answer = self.ask_keeper(asked);
        match answer {
            Err(Refused { blame: Blame::Machine, .. }) if keeper::is_table_owned() => {
                answer.map_err(|refused| self.of_another_gate().unwrap_or(refused))
            }
            answer => answer,
        }
    }

    /// That the gate with the usual state folder has the packets, where one runs and another folder was meant.
    fn of_another_gate(&self) -> Option<Refused> {
        let usual = place::default_state();
        let noted = known::places(Path::new(OF_THE_MACHINE)).map(|places| places.state);
        let mut others = noted.into_iter().chain([usual]).filter(|state| *state != self.places.state);
        let state = others.find(|state| GateLock::is_taken(state))?;
        let reason = format!(
            "the gate with state folder {} owns the table, and {} is not its folder",
            state.display(),
            self.places.state.display()
        );
        Some(Refused::no(reason).with_hint("leave --state out"))
    }

    fn ask_keeper(&self, asked: &Asked) -> Result<Value, Refused> {
        let mut keeper = Keeper::open(&self.places.state)?;
        let answer = keeper.ask(asked, None);
        // A refusal may say why by what has just been noticed, which is not said twice.
        let refused = answer.as_ref().err().map(|refused| refused.reason.clone()).unwrap_or_default();
        for notice in keeper.take_notices().iter().filter(|notice| !refused.contains(notice.as_str())) {
            terminal::warn(notice);
        }
        answer
    }
}

/// An answer of a keeper in this process, with which its ownership of the table ends.
fn not_owned_any_more(mut answer: Value) -> Value {
    if let Some(owned) = answer.pointer_mut("/features/owned") {
        *owned = Value::Bool(false);
    }
    answer
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
    let cli::Risks { console: _, cut_my_session, close_last_way_in, open_ssh } = risks;
    Risks { cut_my_session, close_last_way_in, open_ssh }
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
