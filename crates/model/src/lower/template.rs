//! Templates: text with `{variables}` of the request.

use super::Lowering;
use crate::plan::{Piece, Template, Variable};
use crate::problem::{Problem, closest};
use crate::raw::decode::Text;

/// The variables without an argument.
const VARIABLES: [(&str, Variable); 10] = [
    ("host", Variable::Host),
    ("port", Variable::Port),
    ("method", Variable::Method),
    ("scheme", Variable::Scheme),
    ("path", Variable::Path),
    ("query", Variable::Query),
    ("uri", Variable::Uri),
    ("client_ip", Variable::ClientIp),
    ("peer_ip", Variable::PeerIp),
    ("request_id", Variable::RequestId),
];

/// Whether a variable has this name.
pub(crate) fn is_variable(name: &str) -> bool {
    VARIABLES.iter().any(|(variable, _)| *variable == name)
}

/// Reads a template of a route whose pattern has these parameters.
pub(super) fn template(text: &Text, parameters: &[String], lowering: &mut Lowering<'_>) -> Option<Template> {
    let mut reader = Reader { text, parameters, pieces: Vec::new(), literal: String::new(), complete: true };
    let mut rest = 0;
    while let Some(found) = text.as_str()[rest..].find(['{', '}']) {
        reader.literal.push_str(&text.as_str()[rest..rest + found]);
        rest = reader.brace(rest + found, lowering);
    }
    reader.literal.push_str(&text.as_str()[rest..]);
    reader.end_literal();
    reader.complete.then_some(Template { pieces: reader.pieces })
}

struct Reader<'a> {
    text: &'a Text,
    parameters: &'a [String],
    pieces: Vec<Piece>,
    literal: String,
    complete: bool,
}

impl Reader<'_> {
    /// Reads what a brace at a byte begins, and says where the text goes on.
    fn brace(&mut self, at: usize, lowering: &mut Lowering<'_>) -> usize {
        let text = self.text.as_str();
        for (doubled, single) in [("{{", '{'), ("}}", '}')] {
            if text[at..].starts_with(doubled) {
                self.literal.push(single);
                return at + 2;
            }
        }
        let end = text[at..].find('}').map(|length| at + length + 1);
        let name = end.and_then(|end| text.get(at + 1..end - 1));
        let (Some(end), Some(name)) = (end, name) else {
            self.refuse(at, at + 1, "a brace that stands alone", lowering);
            return at + 1;
        };
        match self.variable(name) {
            Ok(variable) => {
                self.end_literal();
                self.pieces.push(Piece::Variable(variable));
            }
            Err(hint) => self.unknown(at, end, hint, lowering),
        }
        end
    }

    fn variable(&self, name: &str) -> Result<Variable, Option<String>> {
        if let Some((_, variable)) = VARIABLES.iter().find(|(variable, _)| *variable == name) {
            return Ok(variable.clone());
        }
        if let Some(parameter) = name.strip_prefix("param.") {
            let position = self.parameters.iter().position(|other| other == parameter);
            let near = closest(parameter, self.parameters.iter().map(String::as_str));
            return position
                .map(Variable::Parameter)
                .ok_or_else(|| near.map(|near| format!("did you mean `{{param.{near}}}`?")));
        }
        if self.parameters.iter().any(|parameter| parameter == name) {
            return Err(Some(format!("a parameter of the pattern is written `{{param.{name}}}`")));
        }
        let near = closest(name, VARIABLES.iter().map(|(variable, _)| *variable));
        Err(near.map(|near| format!("did you mean `{{{near}}}`?")))
    }

    fn unknown(&mut self, start: usize, end: usize, hint: Option<String>, lowering: &mut Lowering<'_>) {
        self.complete = false;
        let written = &self.text.as_str()[start..end];
        let title = match written.strip_prefix("{param.") {
            Some(name) => format!("the pattern has no parameter `{}`", name.trim_end_matches('}')),
            None => format!("there is no variable `{written}`"),
        };
        let known: Vec<&str> = VARIABLES.iter().map(|(name, _)| *name).collect();
        let known =
            format!("there are {} and param.NAME; a brace itself is written twice: `{{{{`", known.join(", "));
        lowering.report(
            Problem::error(self.text.part(start, end), title).label("unknown").hint(hint.unwrap_or(known)),
        );
    }

    fn refuse(&mut self, start: usize, end: usize, title: &str, lowering: &mut Lowering<'_>) {
        self.complete = false;
        lowering.report(
            Problem::error(self.text.part(start, end), title)
                .label("no partner")
                .hint("a brace itself is written twice: `{{` or `}}`"),
        );
    }

    fn end_literal(&mut self) {
        if !self.literal.is_empty() {
            self.pieces.push(Piece::Literal(std::mem::take(&mut self.literal)));
        }
    }
}
