//! `${NAME}` in string values: environment variables. What they contain is never expanded again.

use super::decode::{Decoder, Text};
use crate::lower::is_variable;
use crate::problem::Problem;

/// Fills in every variable of a text; reports those that are malformed or not set.
pub(crate) fn expand(text: &Text, decoder: &mut Decoder<'_>) -> Option<Text> {
    let mut expanded = String::with_capacity(text.text.len());
    let mut complete = true;
    let mut rest = 0;
    while let Some(found) = text.text[rest..].find("${") {
        let open = rest + found;
        if text.text[..open].ends_with('$') {
            expanded.push_str(&text.text[rest..open - 1]);
            expanded.push_str("${");
            rest = open + 2;
            continue;
        }
        expanded.push_str(&text.text[rest..open]);
        let (value, next) = variable(text, open, decoder);
        complete &= value.is_some();
        expanded.push_str(value.as_deref().unwrap_or(""));
        rest = next;
    }
    expanded.push_str(&text.text[rest..]);
    complete.then(|| text.replaced(expanded))
}

/// The value of the variable that opens at a byte, and where the text goes on.
fn variable(text: &Text, open: usize, decoder: &mut Decoder<'_>) -> (Option<String>, usize) {
    let Some(length) = text.text[open..].find('}') else {
        decoder.report(
            Problem::error(text.part(open, text.text.len()), "unclosed `${`")
                .label("no `}` follows")
                .hint("write `$${` for the characters `${` themselves"),
        );
        return (None, text.text.len());
    };
    let next = open + length + 1;
    let name = &text.text[open + 2..next - 1];
    let at = text.part(open, next);
    if !is_name(name) {
        decoder.report(
            Problem::error(at, format!("`{name}` is not the name of an environment variable"))
                .label("letters, digits and underscores, no digit first")
                .hint("there are no defaults or operators; `$${` stands for the characters `${` themselves"),
        );
        return (None, next);
    }
    let value = decoder.surroundings.variable(name);
    if value.is_none() {
        let request = is_variable(name).then(|| format!("a fact of the request is written `{{{name}}}`"));
        decoder.report(
            Problem::error(at, format!("the environment variable `{name}` is not set"))
                .label("not set")
                .hint_maybe(request),
        );
    }
    (value, next)
}

fn is_name(name: &str) -> bool {
    let first = name.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_');
    first && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}
