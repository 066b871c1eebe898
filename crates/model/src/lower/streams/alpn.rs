//! `alpn` of a stream: the protocols inside of TLS that the gate answers clients with.

use super::super::Lowering;
use crate::problem::{Problem, shown};
use crate::raw::stream as raw;

/// Bytes of a name at most (RFC 7301 section 3.1).
const LONGEST: usize = 255;

pub(super) fn protocols(raw: &raw::Stream, lowering: &mut Lowering<'_>) -> Vec<String> {
    let Some(written) = raw.alpn.as_ref().filter(|written| !written.value.is_empty()) else {
        return Vec::new();
    };
    if raw.tls.as_ref().is_none_or(|tls| tls.value != raw::StreamTls::Terminate) {
        lowering.report(
            Problem::error(written.at, "`alpn` of a stream whose TLS is not spoken by the gate")
                .label("would not be used")
                .hint("write tls = \"terminate\", or leave `alpn` out: what passes is the matter of client and instance"),
        );
        return Vec::new();
    }
    let mut protocols: Vec<String> = Vec::new();
    for text in &written.value {
        let name = text.value.as_str();
        let label =
            if name.is_empty() || name.len() > LONGEST || !name.bytes().all(|byte| byte.is_ascii_graphic()) {
                "1 to 255 letters, digits and signs, such as \"postgresql\""
            } else if protocols.iter().any(|other| other == name) {
                "written twice"
            } else {
                protocols.push(name.to_owned());
                continue;
            };
        lowering.report(
            Problem::error(text.at, format!("{} cannot be a protocol of `alpn`", shown(name))).label(label),
        );
    }
    protocols
}
