//! Why a request target is refused.

use std::fmt;

/// The rule that a request target breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PathError {
    /// It does not start with `/`.
    NoLeadingSlash,
    /// A `%` without two hexadecimal digits.
    BadEscape,
    /// An escaped control byte: `%00` to `%1F`, `%7F`.
    EscapedControl,
    /// A backslash, raw or as `%5C`.
    Backslash,
    /// A `#`: fragments are never sent.
    Fragment,
    /// A `?` where only a path may stand.
    Query,
    /// A raw space or control byte.
    Invisible,
    /// A raw byte beyond ASCII.
    NotAscii,
    /// A raw character that no URI has: `"<>^{}` or a backtick.
    ForbiddenCharacter,
    /// Escapes that no UTF-8 text has: overlong forms, surrogates, or code points beyond the last one.
    ImpossibleUtf8,
    /// An escaped escape of an ASCII character, such as `%252e`.
    DoubleEscape,
    /// `..` above the root.
    AboveRoot,
    /// `..` that takes back an empty segment: servers that merge slashes and those that do not disagree.
    ParentOfEmpty,
    /// A dot segment with parameters, `..;x`.
    DotParameters,
    /// A segment of nothing but parameters, `/;x/`, which some servers take for an empty one.
    OnlyParameters,
    /// A dot segment or empty parameters beside an escaped slash, `..%2F`.
    EncodedSlashDots,
    /// A byte in the query other than visible ASCII, or a `#`.
    QueryByte,
}

impl PathError {
    /// The rule's name, as in the log and in `explain`.
    #[must_use]
    pub fn rule(self) -> &'static str {
        match self {
            Self::NoLeadingSlash => "path-leading-slash",
            Self::BadEscape => "path-bad-escape",
            Self::EscapedControl => "path-escaped-control",
            Self::Backslash => "path-backslash",
            Self::Fragment => "path-fragment",
            Self::Query => "path-query",
            Self::Invisible => "path-invisible",
            Self::NotAscii => "path-not-ascii",
            Self::ForbiddenCharacter => "path-forbidden-character",
            Self::ImpossibleUtf8 => "path-impossible-utf8",
            Self::DoubleEscape => "path-double-escape",
            Self::AboveRoot => "path-above-root",
            Self::ParentOfEmpty => "path-parent-of-empty",
            Self::DotParameters => "path-dot-parameters",
            Self::OnlyParameters => "path-only-parameters",
            Self::EncodedSlashDots => "path-encoded-slash-dots",
            Self::QueryByte => "query-byte",
        }
    }
}

impl fmt::Display for PathError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoLeadingSlash => "the path does not start with `/`",
            Self::BadEscape => "the path has a `%` without two hexadecimal digits",
            Self::EscapedControl => "the path has an escaped control byte",
            Self::Backslash => "the path has a backslash",
            Self::Fragment => "the path has a `#`",
            Self::Query => "the path has a `?`",
            Self::Invisible => "the path has a space or control byte",
            Self::NotAscii => "the path has a byte beyond ASCII that is not escaped",
            Self::ForbiddenCharacter => "the path has a character that must be escaped",
            Self::ImpossibleUtf8 => "the path has escapes that cannot be UTF-8",
            Self::DoubleEscape => "the path is escaped twice",
            Self::AboveRoot => "the path leads above the root",
            Self::ParentOfEmpty => "the path has `..` after an empty segment",
            Self::DotParameters => "the path has a dot segment with parameters",
            Self::OnlyParameters => "the path has a segment of nothing but parameters",
            Self::EncodedSlashDots => "the path has a dot segment beside an escaped slash",
            Self::QueryByte => "the query has a byte other than visible ASCII",
        })
    }
}

impl std::error::Error for PathError {}
