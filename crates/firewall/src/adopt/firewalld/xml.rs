//! The little of XML that firewalld's files have: elements, attributes and text.

use quick_xml::XmlVersion;
use quick_xml::events::{BytesStart, Event};
use std::fmt;

/// How deep elements may be nested; firewalld's are three deep.
const DEPTH: usize = 16;

/// An element.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Element {
    pub(super) name: String,
    pub(super) attributes: Vec<(String, String)>,
    pub(super) children: Vec<Element>,
    pub(super) text: String,
    /// Where it stands, from 1.
    pub(super) line: usize,
}

/// Why a text is not read.
#[derive(Debug)]
pub(super) enum XmlError {
    Syntax(quick_xml::Error),
    Depth,
    Empty,
}

impl fmt::Display for XmlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Syntax(error) => write!(f, "no XML: {error}"),
            Self::Depth => f.write_str("elements are nested too deeply"),
            Self::Empty => f.write_str("no element"),
        }
    }
}

impl std::error::Error for XmlError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Syntax(error) => Some(error),
            _ => None,
        }
    }
}

impl Element {
    pub(super) fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub(super) fn children(&self, name: &str) -> impl Iterator<Item = &Self> {
        self.children.iter().filter(move |child| child.name == name)
    }

    pub(super) fn child(&self, name: &str) -> Option<&Self> {
        self.children.iter().find(|child| child.name == name)
    }

    /// How it is shown to people.
    pub(super) fn shown(&self) -> String {
        let attributes: String =
            self.attributes.iter().map(|(name, value)| format!(" {name}=\"{value}\"")).collect();
        let inner: String = self.children.iter().map(Self::shown).collect();
        if inner.is_empty() && self.text.is_empty() {
            format!("<{}{attributes}/>", self.name)
        } else {
            format!("<{0}{attributes}>{1}{inner}</{0}>", self.name, self.text)
        }
    }
}

/// Reads a document; entities of its own are not expanded.
pub(super) fn read(text: &str) -> Result<Element, XmlError> {
    let mut reader = quick_xml::Reader::from_str(text);
    let mut open: Vec<Element> = Vec::new();
    loop {
        let position = usize::try_from(reader.buffer_position()).unwrap_or(usize::MAX).min(text.len());
        let line = text.as_bytes()[..position].iter().filter(|byte| **byte == b'\n').count() + 1;
        let closed = match reader.read_event().map_err(XmlError::Syntax)? {
            Event::Start(start) => {
                open.push(element(&start, line)?);
                if open.len() > DEPTH {
                    return Err(XmlError::Depth);
                }
                None
            }
            Event::Empty(start) => Some(element(&start, line)?),
            Event::End(_) => open.pop(),
            Event::Text(content) => {
                if let Some(parent) = open.last_mut() {
                    parent.text.push_str(content.xml_content(XmlVersion::Implicit1_0).trim());
                }
                None
            }
            Event::Eof => return Err(XmlError::Empty),
            _ => None,
        };
        match (closed, open.last_mut()) {
            (Some(element), Some(parent)) => parent.children.push(element),
            (Some(element), None) => return Ok(element),
            (None, _) => {}
        }
    }
}

fn element(start: &BytesStart<'_>, line: usize) -> Result<Element, XmlError> {
    let mut attributes = Vec::new();
    for attribute in start.attributes() {
        let attribute = attribute.map_err(|error| XmlError::Syntax(error.into()))?;
        let value = attribute.normalized_value(XmlVersion::Implicit1_0).map_err(XmlError::Syntax)?;
        attributes.push((attribute.key.as_ref().to_owned(), value.into_owned()));
    }
    let name = start.name().as_ref().to_owned();
    Ok(Element { name, attributes, children: Vec::new(), text: String::new(), line })
}
