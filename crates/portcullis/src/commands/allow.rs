//! `portcullis allow`: writes a rule for this machine into the file.

use super::edit;
use crate::cli::{Allow, Common};
use crate::failure::{Exit, Failure};
use model::edit::{RuleEdit, add_rule};

pub(super) fn run(common: &Common, arguments: &Allow) -> Result<Exit, Failure> {
    edit::judge_options(&arguments.then)?;
    let rule = RuleEdit {
        allow: vec![arguments.what.clone()],
        from: arguments.from.clone(),
        on: arguments.on.clone(),
        limit: arguments.limit.clone(),
        note: arguments.note.clone(),
        expires: arguments.until.clone(),
        id: arguments.id.clone(),
    };
    let from = if rule.from.is_empty() { "anywhere".to_owned() } else { rule.from.join(", ") };
    let done = format!("{} from {from} is allowed", arguments.what);
    edit::change(common, |text| Ok((add_rule(text, &rule)?, done)))?;
    edit::then(common, &arguments.then)
}
