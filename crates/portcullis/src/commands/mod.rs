//! The commands, one file each. A command reads its arguments, asks the parts that know, and prints the answer.

mod allow;
mod apply;
mod ban;
mod cert;
mod check;
mod completions;
mod confirm;
mod doctor;
mod edit;
mod firewall;
mod grant;
mod history;
mod install_service;
mod keeping;
mod locate;
mod logs;
mod man;
mod orphaned;
mod plan;
mod reload;
mod revoke;
mod rollback;
mod schema;
mod status;
mod stop;
mod up;
mod upgrade;
mod words;

use crate::cli::{Arguments, Command, Common};
use crate::configuration::{Origin, require_plan};
use crate::failure::{Exit, Failure};
use crate::hello;
use model::plan::Plan;

/// Runs the command that was asked for.
pub(crate) fn run(arguments: Arguments) -> Result<Exit, Failure> {
    let common = arguments.common;
    match arguments.command {
        Command::Up(up) => up::run(&common, &up),
        Command::Check(check) => check::run(&common, &check),
        Command::Plan(plan) => plan::run(&common, &plan),
        Command::Apply(apply) => apply::run(&common, &apply),
        Command::Confirm(confirm) => confirm::run(&common, &confirm),
        Command::Rollback(rollback) => rollback::run(&common, &rollback),
        Command::History(history) => history::run(&common, &history),
        Command::Reload(reload) => reload::run(&common, &reload),
        Command::Status(status) => status::run(&common, &status),
        Command::Doctor(doctor) => doctor::run(&common, &doctor),
        Command::Logs(logs) => logs::run(&common, &logs),
        Command::Stop(stop) => stop::run(&common, &stop),
        Command::Upgrade(upgrade) => upgrade::run(&common, &upgrade),
        Command::Allow(allow) => allow::run(&common, &allow),
        Command::Revoke(revoke) => revoke::run(&common, &revoke),
        Command::Ban(ban) => ban::ban(&common, &ban),
        Command::Unban(unban) => ban::unban(&common, &unban),
        Command::Bans(bans) => ban::bans(&common, &bans),
        Command::Grant(grant) => grant::run(&common, &grant),
        Command::Firewall(command) => firewall::run(&common, &command),
        Command::Cert(cert) => cert::run(&common, &cert),
        Command::Hello(hello) => hello::serve(&hello),
        Command::InstallService(service) => install_service::run(&service),
        Command::Schema => schema::run(),
        Command::Completions { shell } => completions::run(shell),
        Command::Man { folder } => man::run(folder.as_deref()),
    }
}

/// The plan of the file that a command is about.
fn planned(common: &Common) -> Result<Plan, Failure> {
    let origin = Origin::of_command(common, None)?;
    require_plan(&origin, origin.compile()?)
}
