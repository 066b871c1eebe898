//! `portcullis revoke`: takes a rule of this machine out of the file.

use super::edit;
use crate::cli::{Common, Revoke};
use crate::failure::{Exit, Failure};
use model::edit::{EditError, Which, remove_rule};

pub(super) fn run(common: &Common, arguments: &Revoke) -> Result<Exit, Failure> {
    edit::judge_options(&arguments.then)?;
    let from = (!arguments.from.is_empty()).then_some(arguments.from.as_slice());
    let by_words = Which::Allow { allow: &arguments.rule, from };
    edit::change(common, |text| {
        // What is written may be an identity or what the rule allows; identities win.
        let removed = match remove_rule(text, &Which::Id(&arguments.rule)) {
            Err(EditError::NotThere { .. }) => remove_rule(text, &by_words),
            other => other,
        };
        removed.map(|(text, rule)| (text, format!("line {} is gone: {}", rule.line, rule.written)))
    })?;
    edit::then(common, &arguments.then)
}
