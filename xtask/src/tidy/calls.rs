//! Calls that a crate may not make in the product. Tests are exempt: they open sockets and wait.

use super::Finding;
use super::arrows::PURE;
use crate::workspace::Source;

/// What some crates may not mention, and why.
struct Ban {
    crates: &'static [&'static str],
    words: &'static [&'static str],
    reason: &'static str,
}

const BANS: [Ban; 4] = [
    Ban {
        crates: &PURE,
        words: &["Instant::now", "SystemTime::now"],
        reason: "pure crates take the time as an argument",
    },
    Ban {
        crates: &PURE,
        words: &[
            "std::fs",
            "std::process",
            "std::thread",
            "std::env",
            "env::var",
            "UnixStream",
            "UnixListener",
        ],
        reason: "pure crates take facts as arguments and act through nobody",
    },
    Ban {
        crates: &PURE,
        words: &["TcpStream", "TcpListener", "UdpSocket", "tokio::"],
        reason: "pure crates have no sockets and no runtime",
    },
    Ban {
        crates: &["gate", "certs"],
        words: &[
            "thread::sleep",
            "std::net::TcpStream",
            "tokio::net::TcpStream::connect",
            "TcpStream::connect(",
        ],
        reason: "blocks the loop, or resolves names with getaddrinfo; use a timer, or TcpSocket with an address",
    },
];

pub(super) fn check(source: &Source) -> Vec<Finding> {
    let Some(name) = product_crate(&source.path) else { return Vec::new() };
    let mut findings = Vec::new();
    for (index, line) in product_lines(&source.text) {
        for ban in BANS.iter().filter(|ban| ban.crates.contains(&name)) {
            if let Some(word) = ban.words.iter().find(|word| line.contains(*word)) {
                findings.push(Finding::new(&source.path, index + 1, format!("`{word}`: {}", ban.reason)));
            }
        }
    }
    findings
}

/// The crate that a source belongs to, unless it is a test or no Rust.
fn product_crate(path: &str) -> Option<&str> {
    let (name, inside) = path.strip_prefix("crates/")?.split_once('/')?;
    let inside = inside.strip_prefix("src/")?.strip_suffix(".rs")?;
    let test = inside.split('/').any(|part| part == "tests" || part == "test" || part.ends_with("_tests"));
    (!test).then_some(name)
}

/// Lines of code before the tests of the file, without comments.
fn product_lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let lines = text.lines().enumerate().take_while(|(_, line)| line.trim() != "#[cfg(test)]");
    lines.map(|(index, line)| (index, line.split("//").next().unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(path: &str, text: &str) -> usize {
        check(&Source { path: path.to_owned(), text: text.to_owned() }).len()
    }

    #[test]
    fn a_pure_crate_does_not_read_the_clock() {
        assert_eq!(count("crates/model/src/a.rs", "let now = Instant::now();\n"), 1);
        assert_eq!(count("crates/gate/src/a.rs", "let now = Instant::now();\n"), 0);
    }

    #[test]
    fn tests_and_comments_are_exempt() {
        assert_eq!(count("crates/model/src/a.rs", "// std::fs\n#[cfg(test)]\nuse std::fs;\n"), 0);
        assert_eq!(count("crates/model/src/plan/tests.rs", "use std::fs;\n"), 0);
        assert_eq!(count("crates/model/tests/a.rs", "use std::fs;\n"), 0);
    }

    #[test]
    fn the_gate_connects_to_addresses_only() {
        assert_eq!(count("crates/gate/src/a.rs", "TcpStream::connect(name)\n"), 1);
    }
}
