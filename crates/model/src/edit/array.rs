//! One item more or less in an array of the text, in the style that the array has.

use super::text::{WIDEST, line_end, line_start, spliced};
use crate::raw::tree::Node;
use std::ops::Range;

/// How an item is indented where no other shows it.
const INDENT: &str = "  ";

/// The text with one item more at the end of the array.
pub(super) fn push(text: &str, array: Range<usize>, items: &[Node], item: &str) -> String {
    if text[array.clone()].contains('\n') {
        return push_line(text, array, items, item);
    }
    let line = &text[line_start(text, array.start)..line_end(text, array.end)];
    let fits = line.trim_end().chars().count() + item.chars().count() + 2 <= WIDEST;
    let Some(last) = items.last() else {
        let inside = array.start + 1..array.end - 1;
        return spliced(text, inside, &if fits { item.to_owned() } else { format!("\n{INDENT}{item},\n") });
    };
    if fits {
        return spliced(text, last.at.end..last.at.end, &format!(", {item}"));
    }
    let written = items.iter().map(|other| &text[other.at.range()]);
    let lines: String = written.chain([item]).map(|item| format!("{INDENT}{item},\n")).collect();
    spliced(text, array, &format!("[\n{lines}]"))
}

/// One item more in an array that has several lines.
fn push_line(text: &str, array: Range<usize>, items: &[Node], item: &str) -> String {
    let closing = array.end - 1;
    let Some(last) = items.last() else {
        let own_line = text[line_start(text, closing)..closing].trim().is_empty();
        let (at, before) = if own_line { (line_start(text, closing), "") } else { (closing, "\n") };
        return spliced(text, at..at, &format!("{before}{INDENT}{item},\n"));
    };
    let start = line_start(text, last.at.start);
    let before_last = &text[start..last.at.start];
    let indent = if before_last.trim().is_empty() { before_last } else { INDENT };
    let comma = comma(text, last.at.end..closing);
    let end = line_end(text, comma.unwrap_or(last.at.end));
    // The bracket may close on the line of the last item.
    if end > closing {
        let at = comma.map_or(last.at.end, |comma| comma + 1);
        let before = if comma.is_some() { "" } else { "," };
        return spliced(text, at..at, &format!("{before}\n{indent}{item}"));
    }
    let with_comma =
        if comma.is_some() { text.to_owned() } else { spliced(text, last.at.end..last.at.end, ",") };
    let end = end + with_comma.len() - text.len();
    spliced(&with_comma, end..end, &format!("{indent}{item},\n"))
}

/// The text without one item of the array.
pub(super) fn take(text: &str, array: Range<usize>, items: &[Node], index: usize) -> String {
    let item = items[index].at.range();
    let next = items.get(index + 1).map_or(array.end - 1, |next| next.at.start);
    let comma = comma(text, item.end..next);
    let end = comma.map_or(item.end, |comma| comma + 1);
    let (first, last) = (line_start(text, item.start), line_end(text, end));
    let alone_before = text[first..item.start].trim().is_empty();
    let after = text[end..last].trim();
    // Whole lines go where nothing else stands on them but a comment on this very rule.
    if alone_before && (after.is_empty() || after.starts_with('#')) {
        return spliced(text, first..last, "");
    }
    if index + 1 < items.len() {
        let gap = text[end..next].len() - text[end..next].trim_start_matches([' ', '\t']).len();
        return spliced(text, item.start..end + gap, "");
    }
    let start = if index > 0 { items[index - 1].at.end } else { item.start };
    spliced(text, start..item.end, "")
}

/// The comma in a gap between two items, outside of comments.
fn comma(text: &str, gap: Range<usize>) -> Option<usize> {
    let mut comment = false;
    for (at, byte) in text[gap.clone()].bytes().enumerate() {
        match byte {
            b'#' => comment = true,
            b'\n' => comment = false,
            b',' if !comment => return Some(gap.start + at),
            _ => {}
        }
    }
    None
}
