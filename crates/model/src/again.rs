//! Compiling a file again of which one site changed: that site alone is read and judged, as long as it cannot matter to
//! anything else. What comes out is what [`compile`](crate::compile()) says of the whole file, or nothing.
//!
//! A text is cut before headers. A piece that is well-formed by itself leaves the parser between two expressions, so the
//! text after it means what it meant.

use crate::lower::{self, Merged};
use crate::plan::{PlacedSite, Plan};
use crate::raw;
use crate::source::{Source, Sources, Surroundings};
use std::ops::Range;

/// A file that was compiled without any problem.
#[derive(Debug)]
pub(crate) struct Former {
    source: Source,
    /// All but the sites.
    merged: Merged,
    plan: Plan,
    /// The sites that have a header of their own, in the order of the text.
    pieces: Vec<Piece>,
}

/// The text of a site, from its header to the next one that is not its own.
#[derive(Debug)]
struct Piece {
    text: Range<usize>,
    /// The place of the site in the plan.
    site: usize,
}

impl Former {
    /// What has to be known of a text to compile it again in part. There is nothing wrong with the text.
    pub(crate) fn new(source: Source, mut merged: Merged, plan: Plan) -> Option<Self> {
        let sites = std::mem::take(&mut merged.sites);
        let line = |key: usize| source.text[..key].rfind('\n').map_or(0, |newline| newline + 1);
        let starts: Vec<usize> = sites.iter().map(|(name, _)| line(name.at.start)).collect();
        let pieces = pieces(&source.text, &starts)?;
        Some(Self { source, merged, plan, pieces })
    }

    /// Compiles the next text of the same file. `None` where more than one site has to be looked at.
    pub(crate) fn compile(&mut self, source: &Source, surroundings: &dyn Surroundings) -> Option<Plan> {
        if source.origin != self.source.origin {
            return None;
        }
        if source.text != self.source.text {
            let changed = changed(&self.source.text, &source.text);
            let piece =
                self.pieces.partition_point(|piece| piece.text.start <= changed.start).checked_sub(1)?;
            if changed.end > self.pieces[piece].text.end {
                return None;
            }
            self.replace(piece, source, surroundings)?;
        }
        Some(self.plan.clone())
    }

    /// Takes over a text that differs in one piece alone.
    fn replace(&mut self, piece: usize, source: &Source, surroundings: &dyn Surroundings) -> Option<()> {
        let Piece { text: Range { start, end }, site } = self.pieces[piece];
        let grown = source.text.len().checked_signed_diff(self.source.text.len())?;
        let new_end = end.checked_add_signed(grown)?;
        let (before, after) = (self.source.text.get(start..end)?, source.text.get(start..new_end)?);
        if !after.ends_with('\n') && new_end != source.text.len() {
            return None;
        }
        let read = |text: &str| self.read(site, text, surroundings);
        let (old, new) = (read(before)?, read(after)?);
        let known = &mut self.plan.sites[site];
        if old.site != known.site || old.label != new.label {
            return None;
        }
        let below = known.place.line;
        let lines = |text: &str| i32::try_from(text.matches('\n').count()).ok();
        let shift = lines(after)? - lines(before)?;
        known.site = new.site;
        known.place.line = below.checked_add(new.place.line)?.checked_sub(old.place.line)?;
        if shift != 0 {
            let places =
                self.plan.places_mut().filter(|(index, place)| *index != Some(site) && place.line > below);
            places.for_each(|(_, place)| place.line = place.line.saturating_add_signed(shift));
        }
        self.pieces[piece].text.end = new_end;
        for Piece { text, .. } in &mut self.pieces[piece + 1..] {
            *text = text.start.checked_add_signed(grown)?..text.end.checked_add_signed(grown)?;
        }
        self.source = source.clone();
        Some(())
    }

    /// The site of a piece, whose place is a line of the piece; `None` where the piece has more in it or anything wrong
    /// with it, or where the site means something to other parts of the plan that it did not mean before.
    fn read(&self, site: usize, text: &str, surroundings: &dyn Surroundings) -> Option<PlacedSite> {
        let source = Source::new(self.source.origin.clone(), text.to_owned());
        let (name, entry) = raw::only_site(&source, surroundings)?;
        let mut sources = Sources::default();
        sources.add(source);
        lower::site_again(&self.merged, &sources, &self.plan, (&name, &entry), site)
    }
}

/// The pieces of the sites whose names stand on these lines. `None` where a line looks like a part of a site and is
/// outside of its piece.
fn pieces(text: &str, sites: &[usize]) -> Option<Vec<Piece>> {
    let mut pieces: Vec<Piece> = Vec::new();
    let mut own = None;
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let start = at;
        at += line.len();
        let Some(header) = line.trim_start().strip_prefix('[') else { continue };
        let name = header.strip_prefix("site.\"").and_then(|name| name.split_once('"'));
        let name = name.filter(|(name, _)| !name.contains('\\'));
        match (sites.binary_search(&start), name) {
            (_, Some((name, rest))) if rest.starts_with('.') && Some(name) == own => continue,
            (Ok(site), Some((name, "]\n"))) => {
                own = Some(name);
                pieces.push(Piece { text: start..text.len(), site });
            }
            _ if looks_like_site(header) => return None,
            _ => own = None,
        }
        let ended = pieces.len().checked_sub(1 + usize::from(own.is_some()));
        if let Some(ended) = ended.and_then(|ended| pieces.get_mut(ended)) {
            ended.text.end = ended.text.end.min(start);
        }
    }
    Some(pieces)
}

/// Whether a header may be one of a site, or of all of them.
fn looks_like_site(header: &str) -> bool {
    let header = header.trim_start_matches(['[', ' ', '\t', '"', '\'']);
    (header.starts_with("site") || header.contains('\\')) && header != "site]\n"
}

/// Which bytes of a text another one has not, on borders of characters.
fn changed(old: &str, new: &str) -> Range<usize> {
    let (one, other) = (old.as_bytes(), new.as_bytes());
    let blocks = one.chunks(BLOCK).zip(other.chunks(BLOCK)).take_while(|(one, other)| one == other);
    let same = blocks.map(|(block, _)| block.len()).sum();
    let mut start: usize = same;
    start += one[same..].iter().zip(&other[same..]).take_while(|(one, other)| one == other).count();
    while !old.is_char_boundary(start) {
        start -= 1;
    }
    let (one, other) = (&one[start..], &other[start..]);
    let blocks = one.rchunks(BLOCK).zip(other.rchunks(BLOCK)).take_while(|(one, other)| one == other);
    let same: usize = blocks.map(|(block, _)| block.len()).sum();
    let (one, other) = (&one[..one.len() - same], &other[..other.len() - same]);
    let bytes = one.iter().rev().zip(other.iter().rev()).take_while(|(one, other)| one == other).count();
    let mut end = old.len() - same - bytes;
    while !old.is_char_boundary(end) {
        end += 1;
    }
    start..end
}

/// How many bytes are compared at once.
const BLOCK: usize = 4096;
