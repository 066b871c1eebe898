//! Route patterns: which paths of a site a route is for.
//!
//! A pattern that ends in `/` covers the path and all beneath it, any other covers one path; `{name}` covers exactly
//! one segment. Literal segments are in the canonical form of [`crate::path`], as the paths that they are compared
//! with. Precedence between patterns is the matter of [`crate::routes`].

use crate::path::{PathError, canonicalize, key};
use serde::{Deserialize, Serialize};
use std::fmt;

/// The most parameters of a pattern.
pub const MAX_PARAMETERS: usize = 8;
/// The most segments of a pattern, which bounds the depth of a search.
pub const MAX_SEGMENTS: usize = 64;

/// A route pattern.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct RoutePattern {
    text: String,
    segments: Vec<PatternSegment>,
    parameters: Vec<String>,
    prefix_length: usize,
    is_subtree: bool,
}

/// What a pattern demands of one segment.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) enum PatternSegment {
    /// This name, as [`key`] gives it.
    Literal(Box<[u8]>),
    /// Any name.
    Parameter,
}

impl RoutePattern {
    /// Reads a pattern. Letters beyond ASCII may stand as they are; they are escaped as UTF-8.
    ///
    /// # Errors
    ///
    /// Names the rule that the text breaks.
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        let inner = text.strip_prefix('/').ok_or(PatternError::NoLeadingSlash)?;
        let is_subtree = inner.is_empty() || inner.ends_with('/');
        let inner = inner.strip_suffix('/').unwrap_or(inner);
        let mut pattern = Self {
            text: String::new(),
            segments: Vec::new(),
            parameters: Vec::new(),
            prefix_length: 0,
            is_subtree,
        };
        // `//` has the empty inner part of `/`, and an empty segment more.
        if inner.is_empty() && text.len() > 1 {
            return Err(PatternError::EmptySegment);
        }
        for segment in inner.split('/').filter(|_| !inner.is_empty()) {
            pattern.push(segment)?;
        }
        if pattern.is_subtree {
            pattern.text.push('/');
        }
        Ok(pattern)
    }

    fn push(&mut self, segment: &str) -> Result<(), PatternError> {
        if self.segments.len() == MAX_SEGMENTS {
            return Err(PatternError::TooManySegments);
        }
        self.text.push('/');
        if segment.contains(['{', '}']) {
            return self.push_parameter(segment);
        }
        let literal = canonical_literal(segment)?;
        self.text.push_str(&literal);
        self.segments.push(PatternSegment::Literal(key(literal.as_bytes()).into()));
        if self.parameters.is_empty() {
            self.prefix_length = self.text.len();
        }
        Ok(())
    }

    fn push_parameter(&mut self, segment: &str) -> Result<(), PatternError> {
        let name = parameter_name(segment).ok_or(PatternError::Braces)?;
        if self.parameters.iter().any(|other| other == name) {
            return Err(PatternError::DuplicateParameter(name.to_owned()));
        }
        if self.parameters.len() == MAX_PARAMETERS {
            return Err(PatternError::TooManyParameters);
        }
        self.parameters.push(name.to_owned());
        self.segments.push(PatternSegment::Parameter);
        self.text.push_str(segment);
        Ok(())
    }

    /// The canonical text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The names of the parameters, in order.
    #[must_use]
    pub fn parameters(&self) -> &[String] {
        &self.parameters
    }

    /// The whole segments before the first parameter, in canonical form without a slash at the end: `/api` of
    /// `/api/{id}/`, nothing of `/`.
    #[must_use]
    pub fn literal_prefix(&self) -> &str {
        self.text.get(..self.prefix_length).unwrap_or_default()
    }

    /// How many segments it names, parameters included.
    #[must_use]
    pub fn segment_count(&self) -> usize {
        self.segments.len()
    }

    /// Whether it covers all beneath it.
    #[must_use]
    pub fn is_subtree(&self) -> bool {
        self.is_subtree
    }

    pub(crate) fn segments(&self) -> &[PatternSegment] {
        &self.segments
    }
}

impl fmt::Display for RoutePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// The name in `{name}`: letters, digits and underscores, no digit first.
fn parameter_name(segment: &str) -> Option<&str> {
    let name = segment.strip_prefix('{')?.strip_suffix('}')?;
    let starts_well = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    (starts_well && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')).then_some(name)
}

/// One literal segment in canonical path form.
fn canonical_literal(segment: &str) -> Result<String, PatternError> {
    if segment.is_empty() {
        return Err(PatternError::EmptySegment);
    }
    if segment.contains('*') {
        return Err(PatternError::Star);
    }
    if segment.contains('?') {
        return Err(PatternError::Query);
    }
    let mut raw = String::from("/");
    for c in segment.chars() {
        if c.is_ascii() {
            raw.push(c);
        } else {
            let mut buffer = [0; 4];
            raw.extend(c.encode_utf8(&mut buffer).bytes().map(|b| format!("%{b:02X}")));
        }
    }
    let mut canonical = Vec::new();
    match canonicalize(raw.as_bytes(), &mut canonical) {
        Ok(facts) if facts.encoded_slash => return Err(PatternError::EncodedSlash),
        Ok(_) => {}
        Err(PathError::AboveRoot) => return Err(PatternError::DotSegment),
        Err(error) => return Err(PatternError::Path(error)),
    }
    let literal = String::from_utf8_lossy(&canonical[1..]).into_owned();
    if literal.is_empty() {
        return Err(PatternError::DotSegment);
    }
    if literal.contains(';') || literal.contains("%3B") {
        return Err(PatternError::Semicolon);
    }
    Ok(literal)
}

/// The rule that a route pattern breaks.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum PatternError {
    /// It does not start with `/`.
    NoLeadingSlash,
    /// Two slashes in a row.
    EmptySegment,
    /// Braces that are not a whole segment `{name}`.
    Braces,
    /// Two parameters of one name.
    DuplicateParameter(String),
    /// More than [`MAX_PARAMETERS`] parameters.
    TooManyParameters,
    /// More than [`MAX_SEGMENTS`] segments.
    TooManySegments,
    /// A `*`.
    Star,
    /// A `?`: queries are not matched.
    Query,
    /// A slash as `%2F`.
    EncodedSlash,
    /// `.` or `..`.
    DotSegment,
    /// A `;`: parameters of a path are not matched.
    Semicolon,
    /// Text that no path may have.
    Path(PathError),
}

impl PatternError {
    /// What to write instead, where that is known.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::NoLeadingSlash => Some("write `/` first"),
            Self::EmptySegment => Some("write one slash; slashes in a row in a request are merged"),
            Self::Braces => {
                Some("`{name}` stands for one whole segment, `name` being letters, digits and `_`")
            }
            Self::Star => {
                Some("a pattern that ends in `/` covers everything beneath; `{name}` covers one segment")
            }
            Self::Query => Some("leave the query out; a route matches with any query"),
            Self::EncodedSlash => Some("use a parameter, and `encoded_slashes = true` on the route"),
            Self::DotSegment => {
                Some("write the path without `.` and `..`, as requests are resolved before matching")
            }
            Self::Semicolon => Some("leave out `;` and what follows; a route matches with any parameters"),
            _ => None,
        }
    }
}

impl fmt::Display for PatternError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoLeadingSlash => f.write_str("the pattern does not start with `/`"),
            Self::EmptySegment => f.write_str("the pattern has an empty segment"),
            Self::Braces => f.write_str("the pattern has braces that are not a whole segment"),
            Self::DuplicateParameter(name) => write!(f, "the pattern has two parameters `{{{name}}}`"),
            Self::TooManyParameters => write!(f, "the pattern has more than {MAX_PARAMETERS} parameters"),
            Self::TooManySegments => write!(f, "the pattern has more than {MAX_SEGMENTS} segments"),
            Self::Star => f.write_str("the pattern has a `*`"),
            Self::Query => f.write_str("the pattern has a `?`"),
            Self::EncodedSlash => f.write_str("the pattern has an escaped slash"),
            Self::DotSegment => f.write_str("the pattern has a dot segment"),
            Self::Semicolon => f.write_str("the pattern has a `;`"),
            Self::Path(error) => write!(f, "{}", error.to_string().replacen("the path", "the pattern", 1)),
        }
    }
}

impl std::error::Error for PatternError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Path(error) => Some(error),
            _ => None,
        }
    }
}
