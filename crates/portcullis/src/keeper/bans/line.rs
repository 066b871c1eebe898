//! A ban as a line of the journal: `+ SOURCE SINCE UNTIL NOTE`, or `- SOURCE` for one that is taken back.

use super::Ban;
use ipnet::IpNet;

/// What a line says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// A source is refused.
    Ban(Ban),
    /// It is not any more.
    Unban(IpNet),
}

pub(super) fn of_ban(ban: &Ban) -> String {
    let until = ban.until.map_or_else(|| "-".to_owned(), |until| until.to_string());
    format!("+ {} {} {until} {}", ban.source, ban.since, ban.note.as_deref().unwrap_or(""))
}

pub(super) fn of_unban(source: &IpNet) -> String {
    format!("- {source}")
}

pub(super) fn parse(line: &str) -> Option<Line> {
    let (sign, rest) = line.split_once(' ')?;
    if sign == "-" {
        return rest.parse().ok().map(Line::Unban);
    }
    let mut parts = rest.splitn(4, ' ');
    let (source, since, until, note) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let until = if until == "-" { None } else { Some(until.parse().ok()?) };
    let note = (!note.is_empty()).then(|| note.to_owned());
    (sign == "+").then_some(())?;
    Some(Line::Ban(Ban { source: source.parse().ok()?, since: since.parse().ok()?, until, note }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_say_what_was_written() {
        for (until, note) in [(None, None), (Some(7), Some("scans, again and again")), (Some(0), Some("a"))] {
            let source = "2001:db8::/32".parse().expect("a prefix");
            let ban = Ban { source, since: 3, until, note: note.map(str::to_owned) };
            assert_eq!(parse(&of_ban(&ban)), Some(Line::Ban(ban)));
            assert_eq!(parse(&of_unban(&source)), Some(Line::Unban(source)));
        }
        for line in ["", "+", "+ 192.0.2.1/32", "+ a 1 - ", "* 192.0.2.1/32 1 - ", "- a"] {
            assert_eq!(parse(line), None, "{line}");
        }
    }
}
