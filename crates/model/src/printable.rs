//! Text of others that people read on a terminal: whoever names a file, a note or a program must not be able to move the
//! cursor, colour what is not theirs, or turn the direction of what follows.

/// The text on one line: every character that a terminal obeys is escaped, also the end of a line.
#[must_use]
pub fn one_line(text: &str) -> String {
    escaped(text, is_obeyed)
}

/// The text with its lines and tabulators, and every other character that a terminal obeys escaped.
#[must_use]
pub fn lines(text: &str) -> String {
    escaped(text, |character| !matches!(character, '\n' | '\t') && is_obeyed(character))
}

/// Whether a text is the same as its [`lines`].
#[must_use]
pub fn are_plain_lines(text: &str) -> bool {
    !text.contains(|character| !matches!(character, '\n' | '\t') && is_obeyed(character))
}

/// Control characters, those of `U+0080` to `U+009F` too, and those that change the direction of text (Unicode
/// Technical Report 36, section 2.1).
fn is_obeyed(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn escaped(text: &str, is_refused: impl Fn(char) -> bool) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut out, character| {
        if is_refused(character) {
            out.extend(character.escape_default());
        } else {
            out.push(character);
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_obeys_is_escaped() {
        for (text, on_one_line, in_lines) in [
            ("a b", "a b", "a b"),
            ("grün 日本", "grün 日本", "grün 日本"),
            ("a\x1b[2Jb", "a\\u{1b}[2Jb", "a\\u{1b}[2Jb"),
            ("a\u{9b}2J\u{7f}", "a\\u{9b}2J\\u{7f}", "a\\u{9b}2J\\u{7f}"),
            ("a\r\n\tb", "a\\r\\n\\tb", "a\\r\n\tb"),
            ("a\u{202e}b", "a\\u{202e}b", "a\\u{202e}b"),
        ] {
            assert_eq!((one_line(text).as_str(), lines(text).as_str()), (on_one_line, in_lines));
            assert_eq!(are_plain_lines(text), text == in_lines);
        }
    }
}
