//! `tls` and `hosts` of a stream: the names by which clients ask for it.

use super::super::Lowering;
use crate::host::HostPattern;
use crate::plan::{Stream, StreamTls, Transport};
use crate::problem::{Problem, shown};
use crate::raw::decode::Text;
use crate::raw::stream as raw;
use crate::source::{Located, Location};

/// Sets `tls` and `hosts`, which belong together.
pub(super) fn names(stream: &mut Stream, name: &Text, raw: &raw::Stream, lowering: &mut Lowering<'_>) {
    let written = raw.hosts.iter().flat_map(|hosts| &hosts.value.0);
    let mut seen: Vec<(HostPattern, Location)> = Vec::new();
    for text in written {
        let Some(host) = host(&text.value, lowering) else { continue };
        match seen.iter().find(|(other, _)| *other == host) {
            Some((_, first)) => lowering.report(
                Problem::error(text.at, format!("`{host}` is written twice"))
                    .label("again here")
                    .related(*first, "first here"),
            ),
            None => seen.push((host, text.at)),
        }
    }
    stream.hosts = seen.into_iter().map(|(host, _)| host).collect();
    let tls = raw.tls.as_ref().map_or(raw::StreamTls::Off, |tls| tls.value);
    if stream.listen.transport == Transport::Tcp {
        stream.tls = match tls {
            raw::StreamTls::Off => StreamTls::Off,
            raw::StreamTls::Terminate => StreamTls::Terminate,
            raw::StreamTls::Passthrough => StreamTls::Passthrough,
        };
    }
    let hosts = raw.hosts.as_ref().filter(|hosts| !hosts.value.0.is_empty());
    match (tls, hosts) {
        (raw::StreamTls::Off, Some(hosts)) => lowering.report(
            Problem::error(hosts.at, "`hosts` of a stream without `tls`")
                .label("would not be used")
                .hint("only TLS says which name a client asks for: write tls = \"passthrough\" or \"terminate\""),
        ),
        (raw::StreamTls::Terminate | raw::StreamTls::Passthrough, None) if !raw.broken => lowering.report(
            Problem::error(
                raw.tls.as_ref().map_or(name.at, |tls| tls.at),
                format!("the stream `{}` has no name", name.as_str()),
            )
            .label("which names do clients ask for?")
            .hint("write hosts = [\"db.example.com\"]; without a name, leave `tls` out and bytes pass as they are"),
        ),
        _ => {}
    }
}

/// Where each of its names is written.
pub(super) fn places(stream: &Stream, raw: &raw::Stream) -> Vec<Location> {
    let written: Vec<_> = raw.hosts.iter().flat_map(|hosts| &hosts.value.0).collect();
    let of = |host: &HostPattern| {
        let is_it = |text: &&&Located<Text>| HostPattern::parse(text.value.as_str()).as_ref() == Ok(host);
        written.iter().find(is_it).map_or_else(Location::default, |text| text.at)
    };
    stream.hosts.iter().map(of).collect()
}

fn host(text: &Text, lowering: &mut Lowering<'_>) -> Option<HostPattern> {
    let reason = match HostPattern::parse(text.as_str()) {
        Ok(host) if host.name().is_address() => "clients ask for no address by name".to_owned(),
        Ok(host) => return Some(host),
        Err(error) => error.to_string(),
    };
    lowering.report(
        Problem::error(text.inner(), format!("{} cannot be a name of a stream", shown(text.as_str())))
            .label(reason),
    );
    None
}
