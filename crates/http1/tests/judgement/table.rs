//! Reads tables of vectors: a line is the bytes, ` => ` and a verdict. In the bytes, `\r \n \t \0 \\ \xHH` are escapes,
//! `\-` is nothing, `{get}`, `{post}` and `{ok}` are the start of a head, `{TEXT*N}` is TEXT so many times. Lines that
//! start with `# ` and empty lines are for people.

/// One line of a table.
pub(crate) struct Vector {
    /// Where it stands, for messages.
    pub(crate) place: String,
    /// The bytes as written.
    pub(crate) written: String,
    /// The bytes.
    pub(crate) bytes: Vec<u8>,
    /// What is expected, without blanks at its ends.
    pub(crate) verdict: String,
}

/// The vectors of all tables of a folder, or of one file, beneath this test's own.
pub(crate) fn vectors(name: &str) -> Vec<Vector> {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/judgement").join(name);
    let files = if path.is_dir() {
        std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()).collect()
    } else {
        vec![path]
    };
    let vectors: Vec<Vector> = files.iter().flat_map(|file| read(file)).collect();
    assert!(!vectors.is_empty(), "{name} has vectors");
    vectors
}

fn read(file: &std::path::Path) -> Vec<Vector> {
    let table = std::fs::read_to_string(file).unwrap();
    let lines = table.lines().enumerate().filter(|(_, line)| !line.is_empty() && !line.starts_with("# "));
    let vector = |(at, line): (usize, &str)| {
        let (written, verdict) = line.rsplit_once(" => ").unwrap();
        Vector {
            place: format!("{}:{}", file.display(), at + 1),
            written: written.trim_end().to_owned(),
            bytes: unescape(written.trim_end()),
            verdict: verdict.trim().to_owned(),
        }
    };
    lines.map(vector).collect()
}

/// The bytes that a text stands for.
pub(crate) fn unescape(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '\\' => escape(rest, &mut bytes),
            '{' => repetition(rest, &mut bytes),
            _ => None,
        };
        let length = length.unwrap_or_else(|| {
            bytes.extend_from_slice(&rest.as_bytes()[..first.len_utf8()]);
            first.len_utf8()
        });
        rest = &rest[length..];
    }
    bytes
}

fn escape(text: &str, bytes: &mut Vec<u8>) -> Option<usize> {
    let byte = match text.as_bytes()[1] {
        b'r' => b'\r',
        b'n' => b'\n',
        b't' => b'\t',
        b'0' => 0,
        b'\\' => b'\\',
        b'-' => return Some(2),
        b'x' => {
            bytes.push(u8::from_str_radix(&text[2..4], 16).unwrap());
            return Some(4);
        }
        other => panic!("an escape that no vector may use: {}", char::from(other)),
    };
    bytes.push(byte);
    Some(2)
}

fn repetition(text: &str, bytes: &mut Vec<u8>) -> Option<usize> {
    let inner = &text[1..text.find('}')?];
    match inner {
        "get" => bytes.extend_from_slice(b"GET / HTTP/1.1\r\nHost: a\r\n"),
        "post" => bytes.extend_from_slice(b"POST / HTTP/1.1\r\nHost: a\r\n"),
        "ok" => bytes.extend_from_slice(b"HTTP/1.1 200 OK\r\n"),
        _ => {
            let (repeated, times) = inner.rsplit_once('*')?;
            bytes.extend_from_slice(&unescape(repeated).repeat(times.parse().ok()?));
        }
    }
    Some(inner.len() + 2)
}
