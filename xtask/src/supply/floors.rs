//! Versions below which a package has a fault that matters here. They keep an old lock file from coming back.

use toml::{Table, Value};

/// A package, the lowest version, and why not an older one.
const FLOORS: [(&str, [u64; 3], &str); 9] = [
    ("rustls", [0, 23, 45], "RUSTSEC-2026-0285"),
    ("rustls-webpki", [0, 103, 13], "RUSTSEC-2026-0098, 0099 and 0104"),
    ("aws-lc-sys", [0, 39, 0], "faults of the C library inside"),
    ("hickory-proto", [0, 26, 1], "RUSTSEC-2026-0118, 0119 and 0120"),
    ("time", [0, 3, 47], "exhausts the stack on crafted dates"),
    ("bytes", [1, 11, 1], "an integer overflow in reserve"),
    ("h2", [0, 4, 16], "RUSTSEC-2026-0258"),
    ("tokio", [1, 54, 0], "the version that the gate is written for"),
    ("idna", [1, 0, 3], "Punycode that decodes to plain letters was accepted"),
];

/// Packages of the lock file that are older than they may be. Packages that are not used are no problem.
pub(super) fn problems(lock: &Table) -> Vec<String> {
    let packages = lock.get("package").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let mut problems = Vec::new();
    for package in packages {
        let text = |key: &str| package.get(key).and_then(Value::as_str).unwrap_or_default();
        let Some((name, floor, fault)) = FLOORS.iter().find(|(name, ..)| *name == text("name")) else {
            continue;
        };
        if numbers(text("version")) < *floor {
            let [major, minor, patch] = floor;
            let version = text("version");
            problems.push(format!("{name} {version} is older than {major}.{minor}.{patch}: {fault}"));
        }
    }
    problems
}

/// The numbers of a version; what is no number counts as 0, and thereby as old.
fn numbers(version: &str) -> [u64; 3] {
    let core = version.split(['-', '+']).next().unwrap_or_default();
    let mut parts = core.split('.').map(|part| part.parse().unwrap_or(0));
    [(); 3].map(|()| parts.next().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    fn count(version: &str) -> usize {
        problems(&format!("[[package]]\nname = \"bytes\"\nversion = \"{version}\"").parse().unwrap()).len()
    }

    #[test]
    fn the_floor_passes_and_what_is_below_does_not() {
        assert_eq!(count("1.11.1"), 0);
        assert_eq!(count("1.12.0"), 0);
        assert_eq!(count("1.11.0"), 1);
        assert_eq!(count("0.99.9"), 1);
    }

    #[test]
    fn what_follows_the_numbers_does_not_count() {
        assert_eq!(numbers("2.0.16+zstd.1.5.7"), [2, 0, 16]);
    }
}
