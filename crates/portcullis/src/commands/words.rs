//! The words of a rule on the command line: as a rule to be written, and as the command that says it again.

use crate::cli::{Common, RuleWords};
use model::edit::RuleEdit;

/// The rule that is to be written, or to be found.
pub(super) fn edit(what: &str, words: &RuleWords) -> RuleEdit {
    RuleEdit {
        allow: vec![what.to_owned()],
        from: words.from.clone(),
        on: words.on.clone(),
        limit: words.limit.clone(),
        note: words.note.clone(),
        expires: words.until.clone(),
        id: words.id.clone(),
    }
}

/// The arguments that say a rule.
pub(super) fn arguments(rule: &RuleEdit) -> Vec<String> {
    let from = (!rule.from.is_empty()).then(|| rule.from.join(","));
    let flags = [
        ("--from", &from),
        ("--on", &rule.on),
        ("--limit", &rule.limit),
        ("--note", &rule.note),
        ("--until", &rule.expires),
        ("--id", &rule.id),
    ];
    let written = flags.into_iter().filter_map(|(flag, value)| Some([flag.to_owned(), value.clone()?]));
    std::iter::once(rule.allow.join(",")).chain(written.flatten()).collect()
}

/// A command that a person can type, about the same file.
pub(super) fn command(common: &Common, name: &str, arguments: &[impl AsRef<str>]) -> String {
    let file = common.config.as_ref().map(|file| format!(" -c {}", quoted(&file.display().to_string())));
    let arguments: String = arguments.iter().map(|word| format!(" {}", quoted(word.as_ref()))).collect();
    format!("portcullis {name}{}{arguments}", file.unwrap_or_default())
}

/// A word of a shell (POSIX, "Quoting").
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:,=@%+".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_can_be_typed_again() {
        let rule = RuleEdit {
            allow: vec!["5432/tcp".to_owned()],
            from: vec!["office".to_owned(), "10.0.0.0/8".to_owned()],
            note: Some("Anna's reports".to_owned()),
            ..RuleEdit::default()
        };
        let common = Common { config: Some("/srv/a.toml".into()), ..Common::default() };
        assert_eq!(
            command(&common, "allow", &arguments(&rule)),
            "portcullis allow -c /srv/a.toml 5432/tcp --from office,10.0.0.0/8 --note 'Anna'\\''s reports'"
        );
    }
}
