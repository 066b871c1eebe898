//! The listing of a folder as a page. Whoever names a file in it writes text, never markup.

use super::name::is_hidden;
use rustix::fs::{AtFlags, Dir, FileType};
use std::fmt::Write;
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, UNIX_EPOCH};

/// Entries of a listing at most; the page says when there are more.
const MOST: usize = 1000;

struct Entry {
    name: Vec<u8>,
    is_folder: bool,
    size: u64,
    modified: Option<u64>,
}

/// The page of a folder. `path` is the canonical path that it has for the client.
pub(super) fn page(folder: &OwnedFd, path: &[u8], hidden: bool) -> rustix::io::Result<Vec<u8>> {
    let (mut entries, is_cut) = entries(folder, hidden)?;
    entries.sort_by(|a, b| b.is_folder.cmp(&a.is_folder).then_with(|| a.name.cmp(&b.name)));
    let title = escaped(path);
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n\
         <title>{title}</title>\n<h1>{title}</h1>\n<table>\n\
         <tr><th align=\"left\">Name<th align=\"right\">Size<th align=\"left\">Modified\n"
    );
    page.push_str("<tr><td><a href=\"../\">../</a><td><td>\n");
    for entry in &entries {
        row(&mut page, entry);
    }
    page.push_str("</table>\n");
    if is_cut {
        // Writing to a string cannot fail; here and below.
        let _ = writeln!(page, "<p>Only {MOST} entries are shown.");
    }
    Ok(page.into_bytes())
}

/// Files and folders, and whether there are more. What is neither, and what cannot be looked at, is left out: it could
/// not be served either.
fn entries(folder: &OwnedFd, hidden: bool) -> rustix::io::Result<(Vec<Entry>, bool)> {
    let mut entries = Vec::new();
    let mut read = Dir::read_from(folder.as_fd())?;
    while let Some(entry) = read.read() {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        if matches!(name, b"." | b"..") || (is_hidden(name) && !hidden) {
            continue;
        }
        if entries.len() == MOST {
            return Ok((entries, true));
        }
        let Ok(facts) = rustix::fs::statat(folder, entry.file_name(), AtFlags::SYMLINK_NOFOLLOW) else {
            continue;
        };
        let kind = FileType::from_raw_mode(facts.st_mode);
        // Where a link leads is for the one who opens it to find out; its own size and date say nothing.
        let (size, modified) = match kind {
            FileType::RegularFile => {
                (u64::try_from(facts.st_size).unwrap_or(0), u64::try_from(facts.st_mtime).ok())
            }
            FileType::Directory | FileType::Symlink => (0, None),
            _ => continue,
        };
        entries.push(Entry { name: name.to_vec(), is_folder: kind == FileType::Directory, size, modified });
    }
    Ok((entries, false))
}

fn row(page: &mut String, entry: &Entry) {
    let slash = if entry.is_folder { "/" } else { "" };
    let _ = write!(
        page,
        "<tr><td><a href=\"./{}{slash}\">{}{slash}</a>",
        link(&entry.name),
        escaped(&entry.name)
    );
    let Some(modified) = entry.modified else {
        page.push_str("<td><td>\n");
        return;
    };
    let _ = writeln!(page, "<td align=\"right\">{}<td>{}", entry.size, minute(modified));
}

/// `2026-11-20 08:49` in UTC; nothing for a year that the calendar of HTTP does not have.
fn minute(modified: u64) -> String {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    if modified >= 253_402_300_800 {
        return String::new();
    }
    let date = httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(modified));
    let month = MONTHS.iter().position(|month| *month == &date[8..11]).map_or(0, |index| index + 1);
    format!("{}-{month:02}-{} {}", &date[12..16], &date[5..7], &date[17..22])
}

/// A name as text of a page: markup escaped, control characters and what is not UTF-8 replaced.
fn escaped(name: &[u8]) -> String {
    let mut out = String::with_capacity(name.len());
    for c in String::from_utf8_lossy(name).chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c if is_unsightly(c) => out.push(char::REPLACEMENT_CHARACTER),
            c => out.push(c),
        }
    }
    out
}

/// Control characters, and those that turn the direction of the text around them.
fn is_unsightly(c: char) -> bool {
    c.is_control() || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// A name as a part of a link: everything but unreserved characters is escaped (RFC 3986, 2.3).
fn link(name: &[u8]) -> String {
    let mut out = String::with_capacity(name.len());
    for &byte in name {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(byte.into());
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}
