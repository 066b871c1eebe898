//! Files of this machine that a gate needs to know and cannot read.

use link::Texts;
use std::path::Path;

/// Bytes of such a file at most.
const LARGEST: u64 = 4 << 20;

/// How this machine resolves names now. What cannot be read is empty, as the C library takes it.
pub(crate) fn resolver_texts() -> Texts {
    Texts { resolv_conf: read("/etc/resolv.conf"), hosts: read("/etc/hosts") }
}

fn read(path: &str) -> Vec<u8> {
    let fits =
        std::fs::metadata(Path::new(path)).is_ok_and(|facts| facts.is_file() && facts.len() <= LARGEST);
    if fits { std::fs::read(path).unwrap_or_default() } else { Vec::new() }
}
