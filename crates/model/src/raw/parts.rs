//! Reading a large text in parts, each by itself and several at once: a parser that is done with a part gives its memory
//! back to the next one, and to another core.
//!
//! It is for texts with nothing wrong in them. What comes out is what reading the whole says, or nothing: then the whole
//! is read, and says what is wrong.
//!
//! A text is cut before headers of sites and services. A part that is well-formed by itself leaves the parser between two
//! expressions, so the part after it means what it meant. What the parser would say of two parts together is looked for
//! here: things that are named twice, and tables that may not be added to.

use super::RawConfig;
use super::decode::{Decoder, Names};
use super::section::Section;
use super::tree::{self, Entry, Value};
use crate::source::{Located, Nothing, Source, SourceId, Surroundings, Task};
use std::collections::HashSet;
use std::ops::Range;
use std::sync::OnceLock;
use toml::de::DeTable;

/// Bytes of a part, as a rule.
const PART: usize = 64 << 10;
/// What has names that the file chooses.
const NAMED: [&str; 6] = ["site", "service", "stream", "group", "network", "host"];

/// Reads a text with nothing wrong in it, if it is worth being read in parts.
pub(super) fn parse(id: SourceId, source: &Source, surroundings: &dyn Surroundings) -> Option<RawConfig> {
    parse_by(PART, id, source, surroundings)
}

fn parse_by(
    size: usize,
    id: SourceId,
    source: &Source,
    surroundings: &dyn Surroundings,
) -> Option<RawConfig> {
    // Variables are asked for by one thread alone.
    if source.text.len() < 2 * size || source.text.contains("${") {
        return None;
    }
    let parts = cut(&source.text, size)?;
    let read: Vec<OnceLock<Option<RawConfig>>> = parts.iter().map(|_| OnceLock::new()).collect();
    let tasks = parts.into_iter().zip(&read).map(|(part, place)| {
        Box::new(move || {
            place.get_or_init(|| part_of(id, source, part));
        }) as Task<'_>
    });
    surroundings.carry_out(tasks.collect());
    let read: Option<Vec<RawConfig>> = read.into_iter().map(|part| part.into_inner().flatten()).collect();
    joined(read?).filter(are_distinct)
}

/// Parts of about this size, each but the first from the header of something that has a name. `None` where something in
/// the text is not seen through.
fn cut(text: &str, size: usize) -> Option<Vec<Range<usize>>> {
    let mut parts = Vec::new();
    let mut start = 0;
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let begin = at;
        at += line.len();
        let Some(header) = line.trim_start_matches([' ', '\t']).strip_prefix('[') else { continue };
        let header = header.split(']').next().unwrap_or_default();
        if header.contains('\\') {
            return None;
        }
        let is_whole_section = || NAMED.contains(&header.trim_matches([' ', '\t', '"', '\'', '[']));
        if !parts.is_empty() && is_whole_section() {
            // Whether it may be written here depends on the parts before.
            return None;
        }
        if begin - start >= size && line.starts_with('[') && is_of_one_name(header) {
            parts.push(start..begin);
            start = begin;
        }
    }
    parts.push(start..text.len());
    Some(parts)
}

/// Whether a header is one such as `site."a.test"` or `service.app`.
fn is_of_one_name(header: &str) -> bool {
    let Some((section, name)) = header.split_once('.') else { return false };
    let quoted = name.strip_prefix('"').and_then(|name| name.strip_suffix('"'));
    let is_one = quoted.map_or(!name.contains(['.', '"', '\'']), |name| !name.contains('"'));
    NAMED.contains(&section) && is_one
}

/// One part, if nothing is wrong with it.
fn part_of(id: SourceId, source: &Source, part: Range<usize>) -> Option<RawConfig> {
    let text = source.text.get(part.clone())?;
    let (table, errors) = DeTable::parse_recoverable(text);
    if !errors.is_empty() {
        return None;
    }
    let tree = tree::build(table.get_ref(), (id, part.start));
    drop(table);
    let mut problems = Vec::new();
    let mut decoder = Decoder { problems: &mut problems, source, surroundings: &Nothing };
    let mut config = RawConfig::default();
    let all_taken = tree
        .iter()
        .all(|entry| may_be_added_to(entry, source, part.start == 0) && config.take(entry, &mut decoder));
    (all_taken && problems.is_empty()).then_some(config)
}

/// Whether a section stands under a header, so that other parts may have more of it: what is written as one value may not
/// be added to.
fn may_be_added_to(entry: &Entry, source: &Source, is_first: bool) -> bool {
    let line = source.text[..entry.key_at.start].rfind('\n').map_or(0, |newline| newline + 1);
    let before = source.text[line..entry.key_at.start].trim_start_matches([' ', '\t']);
    match entry.node.value {
        Value::Table(_) => before == "[",
        _ => is_first && before.is_empty(),
    }
}

/// All parts as one. `None` where two of them have what may be written once.
fn joined(mut parts: Vec<RawConfig>) -> Option<RawConfig> {
    let parts = parts.as_mut_slice();
    Some(RawConfig {
        include: once(parts, |part| part.include.take())?,
        listen: once(parts, |part| part.listen.take())?,
        tls: once(parts, |part| part.tls.take())?,
        limits: once(parts, |part| part.limits.take())?,
        log: once(parts, |part| part.log.take())?,
        admin: once(parts, |part| part.admin.take())?,
        state: once(parts, |part| part.state.take())?,
        service: all(parts, |part| part.service.take(), |names| names),
        site: all(parts, |part| part.site.take(), |sites| &mut sites.0),
        stream: all(parts, |part| part.stream.take(), |names| names),
        group: all(parts, |part| part.group.take(), |names| names),
        network: all(parts, |part| part.network.take(), |names| names),
        host: all(parts, |part| part.host.take(), |names| names),
        firewall: once(parts, |part| part.firewall.take())?,
        nat: once(parts, |part| part.nat.take())?,
        broken: parts.iter().any(|part| part.broken),
    })
}

/// What one part has at most; `None` where two have it.
fn once<T>(parts: &mut [RawConfig], take: impl Fn(&mut RawConfig) -> Option<T>) -> Option<Option<T>> {
    let mut found = parts.iter_mut().filter_map(take);
    let first = found.next();
    found.next().is_none().then_some(first)
}

/// The names of all parts, in their order.
fn all<S, T>(
    parts: &mut [RawConfig],
    take: impl Fn(&mut RawConfig) -> Option<Located<S>>,
    names: impl Fn(&mut S) -> &mut Names<T>,
) -> Option<Located<S>> {
    let mut sections: Vec<_> = parts.iter_mut().filter_map(take).collect();
    let total = sections.iter_mut().map(|section| names(&mut section.value).list.len()).sum();
    let mut list = Vec::with_capacity(total);
    let mut lost = Vec::new();
    for section in &mut sections {
        let names = names(&mut section.value);
        list.append(&mut names.list);
        lost.append(&mut names.lost);
    }
    let mut section = sections.into_iter().next()?;
    *names(&mut section.value) = Names { list, lost };
    Some(section)
}

/// Whether nothing is named twice.
fn are_distinct(config: &RawConfig) -> bool {
    fn distinct<T>(names: Option<&Names<T>>) -> bool {
        let Some(names) = names else { return true };
        let mut seen = HashSet::with_capacity(names.list.len());
        names.list.iter().all(|(name, _)| seen.insert(name.as_str()))
    }
    distinct(config.site.as_ref().map(|sites| &sites.value.0))
        && distinct(config.service.as_ref().map(|names| &names.value))
        && distinct(config.stream.as_ref().map(|names| &names.value))
        && distinct(config.group.as_ref().map(|names| &names.value))
        && distinct(config.network.as_ref().map(|names| &names.value))
        && distinct(config.host.as_ref().map(|names| &names.value))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::raw::recover;
    use crate::source::Origin;
    use std::fmt::Write;

    /// What reading a text in small parts says, and what reading the whole says, where nothing is wrong.
    fn both(text: &str) -> (Option<RawConfig>, Option<RawConfig>) {
        let source = Source::new(Origin::CommandLine, text.to_owned());
        let id = SourceId::default();
        let (tree, errors) = recover::parse(id, &source);
        let mut problems = Vec::new();
        let mut decoder = Decoder { problems: &mut problems, source: &source, surroundings: &Nothing };
        let mut whole = RawConfig::default();
        let taken = tree.iter().all(|entry| whole.take(entry, &mut decoder));
        let is_well = taken && errors.is_empty() && problems.is_empty();
        (parse_by(1, id, &source, &Nothing), is_well.then_some(whole))
    }

    #[test]
    fn parts_are_read_as_the_whole_is() {
        let mut text = "[listen]\nhttp = 80\n\n[site]\n\"first.test\" = \"localhost:1\"\n".to_owned();
        for site in 0..9 {
            write!(
                text,
                "[service.app{site}]\ninstances = [\"127.0.0.1:{site}\",\n\"[::1]:3\"]\n\
                [site.\"a{site}.test\"]\nhsts = \"1y\"\n[site.\"a{site}.test\".routes]\n\
                \"/\" = \"app{site}\"\n\"/ü\" = {{ respond = \"\"\"two\nlines\"\"\" }}\n"
            )
            .unwrap();
        }
        text += "[limits]\nconnections = 7\n";
        let (parts, whole) = both(&text);
        assert!(whole.is_some());
        assert_eq!(parts, whole);
    }

    #[test]
    fn what_the_whole_refuses_is_not_read_in_parts() {
        for text in [
            "[site.\"a.test\"]\nservice = \"a:1\"\n[site.\"b.test\"]\nservice = \"b:1\"\n[site.\"a.test\"]\nhsts = \"1y\"\n",
            "site = { \"a.test\" = \"a:1\" }\n[site.\"b.test\"]\nservice = \"b:1\"\n",
            "[[site]]\na = 1\n[site.\"b.test\"]\nservice = \"b:1\"\n",
            "[site.\"a.test\"]\nservice = \"a:1\"\n[site]\n\"b.test\" = \"a:1\"\n[site.\"c.test\"]\nservice = \"a:1\"\n[site]\n\"d.test\" = \"a:1\"\n",
            "[site.\"a.test\"]\nservice = \"a:1\"\n[site.\"b.test\"]\nservice = \n",
            "[site.\"a.test\"]\nservice = \"a:1\"\n[site.\"b.test\"]\nnothing = 1\n",
            "[limits]\nconnections = 7\n[site.\"a.test\"]\nservice = \"a:1\"\n[limits]\nhttp2_streams = 7\n[site.\"b.test\"]\nservice = \"a:1\"\n",
            "[service.a]\ninstances = \"\"\"\n[site.\"a.test\"]\n\"\"\"\n[site.\"b.test\"]\nservice = \"b:1\"\n",
        ] {
            let (parts, whole) = both(text);
            assert_eq!(whole, None, "{text}");
            assert_eq!(parts, None, "{text}");
        }
    }

    #[test]
    fn what_parts_cannot_tell_is_read_as_a_whole() {
        for text in [
            "site.\"a.test\" = \"a:1\"\n[service.b]\ninstances = []\n[site.\"c.test\"]\nservice = \"b:1\"\n",
            "[site.\"a.test\".routes]\n\"/\" = \"a:1\"\n[site.\"b.test\"]\nservice = \"b:1\"\n\
            [site.\"a.test\"]\nhsts = \"1y\"\n",
        ] {
            let (parts, whole) = both(text);
            assert!(whole.is_some(), "{text}");
            assert_eq!(parts, None, "{text}");
        }
    }
}
