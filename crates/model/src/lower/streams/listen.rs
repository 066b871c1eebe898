//! `listen` of a stream: `5432`, `53/udp`, `127.0.0.1:5432/tcp`, `[::1]:53/udp`.

use super::super::Lowering;
use crate::plan::{StreamListen, Transport};
use crate::problem::{Problem, shown};
use crate::raw::decode::Text;
use crate::raw::stream as raw;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Why a text is no place to listen.
struct Refusal {
    label: String,
    hint: String,
}

pub(super) fn listen(name: &Text, raw: &raw::Stream, lowering: &mut Lowering<'_>) -> Option<StreamListen> {
    let Some(written) = &raw.listen else {
        if !raw.broken {
            lowering.report(
                Problem::error(name.at, format!("the stream `{}` listens nowhere", name.as_str()))
                    .label("`listen` is missing")
                    .hint("write for example listen = \"5432\" or listen = \"53/udp\""),
            );
        }
        return None;
    };
    let text = &written.value;
    match read(text.as_str()) {
        Ok(listen) => Some(listen),
        Err(refusal) => {
            lowering.report(
                Problem::error(text.inner(), format!("{} is no place to listen", shown(text.as_str())))
                    .label(refusal.label)
                    .hint(refusal.hint),
            );
            None
        }
    }
}

fn read(text: &str) -> Result<StreamListen, Refusal> {
    let (place, transport) = match text.split_once('/') {
        None => (text, Transport::Tcp),
        Some((place, "tcp")) => (place, Transport::Tcp),
        Some((place, "udp")) => (place, Transport::Udp),
        Some((transport @ ("tcp" | "udp"), port)) => {
            return Err(Refusal {
                label: "the port comes first".to_owned(),
                hint: format!("write \"{port}/{transport}\""),
            });
        }
        Some((place, _)) => {
            return Err(Refusal {
                label: "neither /tcp nor /udp".to_owned(),
                hint: format!("write \"{place}/tcp\" or \"{place}/udp\""),
            });
        }
    };
    let (address, port) = match place.rsplit_once(':') {
        None => (None, place),
        Some(("", port)) => {
            return Err(Refusal {
                label: "no address before the colon".to_owned(),
                hint: format!(
                    "write \"{port}\" for the addresses of [listen], or for example \"127.0.0.1:{port}\""
                ),
            });
        }
        Some((address, port)) => (Some(self::address(address)?), port),
    };
    Ok(StreamListen { transport, address, port: self::port(port)? })
}

fn address(text: &str) -> Result<IpAddr, Refusal> {
    let bracketed = text.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
    let read = match bracketed {
        Some(v6) => v6.parse::<Ipv6Addr>().map(IpAddr::from).ok(),
        None => text.parse::<Ipv4Addr>().map(IpAddr::from).ok(),
    };
    read.ok_or_else(|| Refusal {
        label: "not the address of an interface".to_owned(),
        hint: "write for example \"127.0.0.1:5432\" or \"[::1]:5432\"".to_owned(),
    })
}

/// A port in the one spelling without leading zeros.
fn port(text: &str) -> Result<u16, Refusal> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit()) && !text.starts_with('0');
    text.parse().ok().filter(|_| digits).ok_or_else(|| Refusal {
        label: format!("{} is not a port from 1 to 65535", shown(text)),
        hint: "write for example \"5432\" or \"53/udp\"".to_owned(),
    })
}
