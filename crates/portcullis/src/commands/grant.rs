//! `portcullis grant`: opens a port for one address and a time, or says which are open.

use super::keeping::{Keeping, read};
use crate::cli::{Common, Grant};
use crate::failure::{Exit, Failure};
use crate::keeper::{self, Caller, GrantInForce, Granted, Request};
use crate::show;
use crate::terminal;
use std::net::IpAddr;
use std::time::{SystemTime, UNIX_EPOCH};

pub(super) fn run(common: &Common, arguments: &Grant) -> Result<Exit, Failure> {
    let keeping = Keeping::of(common, false)?;
    let Some(port) = &arguments.port else { return list(&keeping, arguments.json) };
    let (port, protocol) = parse(port)?;
    let address = address(arguments.from, keeping.caller())?;
    let granted = Granted { address, protocol, port };
    let request = if arguments.revoke {
        Request::Ungrant(granted)
    } else {
        Request::Grant(keeper::Grant { granted, seconds: arguments.span.as_secs() })
    };
    let answer = keeping.ask(request)?;
    if arguments.json {
        terminal::print_json(&answer)?;
    } else if arguments.revoke {
        terminal::say(format_args!("{} is not granted any more\n", show::granted(&granted)));
    } else {
        let span = crate::span::text(arguments.span.as_secs());
        terminal::say(format_args!("{} is open for {span}\n", show::granted(&granted)));
    }
    Ok(Exit::Done)
}

fn list(keeping: &Keeping, json: bool) -> Result<Exit, Failure> {
    let answer = keeping.ask(Request::Grants)?;
    if json {
        terminal::print_json(&answer)?;
    } else {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        terminal::print(show::grants(&read::<Vec<GrantInForce>>(&answer)?, now))?;
    }
    Ok(Exit::Done)
}

/// Who is meant: the address that was named, or the one that the caller is logged in from.
fn address(from: Option<IpAddr>, caller: &Caller) -> Result<IpAddr, Failure> {
    from.or(caller.who.from).ok_or_else(|| {
        Failure::usage("you are not logged in from another machine, so the address must be named")
            .with_hint("--from ADDRESS names it")
    })
}

/// `22`, `22/tcp`, `51820/udp`, `ssh`.
fn parse(text: &str) -> Result<(u16, u8), Failure> {
    let expected = || {
        Failure::usage(format!("`{text}` is no port")).with_hint(
            "a port is written as 22, 8080/tcp or 51820/udp; `ssh`, `http` and `https` are names of some",
        )
    };
    let (port, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
    let protocol = match protocol {
        "tcp" => 6,
        "udp" => 17,
        _ => return Err(expected()),
    };
    let port = match port {
        "ssh" => 22,
        "http" => 80,
        "https" => 443,
        number => number.parse().ok().filter(|port| *port > 0).ok_or_else(expected)?,
    };
    Ok((port, protocol))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_has_a_number_or_a_name_and_a_protocol() {
        for (text, expected) in [
            ("22", Some((22, 6))),
            ("ssh", Some((22, 6))),
            ("8080/tcp", Some((8080, 6))),
            ("51820/udp", Some((51_820, 17))),
            ("0", None),
            ("65536", None),
            ("22/sctp", None),
            ("", None),
            ("22/", None),
        ] {
            assert_eq!(parse(text).ok(), expected, "{text}");
        }
    }

    #[test]
    fn without_an_address_the_caller_is_meant() {
        let here = IpAddr::from([192, 0, 2, 7]);
        let mut caller = Caller::default();
        assert!(address(None, &caller).is_err());
        caller.who.from = Some(here);
        assert_eq!(address(None, &caller), Ok(here));
        assert_eq!(address(Some([192, 0, 2, 8].into()), &caller), Ok([192, 0, 2, 8].into()));
    }
}
