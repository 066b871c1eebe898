//! The media type of a file, by its name. Never by its content: what a file is is not guessed (`nosniff`).

/// The `Content-Type` of a file name. Text is UTF-8.
pub(super) fn content_type(name: &[u8]) -> (&'static str, &'static str) {
    let extension = name.rsplit(|&byte| byte == b'/').next().and_then(extension);
    let media = extension.and_then(|extension| mime_guess::from_ext(extension).first_raw());
    let media = media.unwrap_or("application/octet-stream");
    let is_text = media.starts_with("text/") || media == "application/javascript";
    (media, if is_text { "; charset=utf-8" } else { "" })
}

/// What stands behind the last dot of a file name that does not start with it.
fn extension(file: &[u8]) -> Option<&str> {
    let dot = file.iter().rposition(|&byte| byte == b'.').filter(|&dot| dot > 0)?;
    std::str::from_utf8(&file[dot + 1..]).ok()
}

#[cfg(test)]
mod tests {
    use super::content_type;

    #[test]
    fn text_has_a_charset_and_the_unknown_is_bytes() {
        for (name, expected) in [
            ("a/index.html", "text/html; charset=utf-8"),
            ("a.CSS", "text/css; charset=utf-8"),
            ("app.js", "text/javascript; charset=utf-8"),
            ("a.json", "application/json"),
            ("a.svg", "image/svg+xml"),
            ("a.wasm", "application/wasm"),
            ("a.woff2", "font/woff2"),
            ("a.tar.gz", "application/gzip"),
            ("README", "application/octet-stream"),
            ("a.html/README", "application/octet-stream"),
            (".html", "application/octet-stream"),
            ("a.", "application/octet-stream"),
        ] {
            let (media, charset) = content_type(name.as_bytes());
            assert_eq!(format!("{media}{charset}"), expected, "{name}");
        }
        assert_eq!(content_type(b"a.\xff").0, "application/octet-stream");
    }
}
