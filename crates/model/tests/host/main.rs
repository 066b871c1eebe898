//! Host names, by tables of cases.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a case that cannot be read fails the test")]

#[path = "../path/cases.rs"]
mod cases;

use cases::{lines, text};
use model::host::{HostError, HostName, HostPattern, HostTable, canonical_sni, parse_authority};
use proptest::prelude::*;

#[test]
fn written_names_have_one_canonical_form_or_break_a_rule() {
    for (line, fields) in lines(include_str!("names.txt")) {
        let fields: Vec<String> = fields.iter().map(|field| text(field)).collect();
        match (HostName::parse(&fields[0]), &fields[1..]) {
            (Ok(name), [canonical, kind]) => {
                let canonical = if canonical == "=" { &fields[0] } else { canonical };
                assert_eq!(name.as_str(), canonical, "line {line}");
                assert_eq!(&kind_of(&name), kind, "line {line}");
                assert_eq!(HostName::parse(name.as_str()), Ok(name), "line {line}");
            }
            (Err(error), [rule]) => assert_eq!(error.rule(), rule, "line {line}"),
            (result, _) => panic!("line {line}: {result:?}"),
        }
    }
}

fn kind_of(name: &HostName) -> String {
    let reach = if name.is_local() { "local" } else { "public" };
    if name.is_address() { format!("address-{reach}") } else { reach.to_owned() }
}

#[test]
fn authorities_are_host_and_port_or_break_a_rule() {
    let mut scratch = String::new();
    for (line, fields) in lines(include_str!("authorities.txt")) {
        match (parse_authority(&fields[0], &mut scratch), &fields[1..]) {
            (Ok(authority), [host, port]) => {
                assert_eq!(authority.host, text(host), "line {line}");
                assert_eq!(
                    authority.port.map_or("-".to_owned(), |port| port.to_string()),
                    text(port),
                    "line {line}"
                );
            }
            (Err(error), [rule]) => assert_eq!(error.rule(), text(rule), "line {line}: {}", text(&fields[0])),
            (result, _) => panic!("line {line}: {result:?}"),
        }
    }
}

#[test]
fn names_have_at_most_253_bytes() {
    let longest =
        format!("{}.{}", ["a".repeat(63), "b".repeat(63), "c".repeat(63)].join("."), "d".repeat(61));
    assert_eq!(longest.len(), 253);
    let longer = format!("{longest}d");
    let mut scratch = String::new();
    assert!(HostName::parse(&longest).is_ok());
    assert!(HostName::parse(&format!("{longest}.")).is_ok());
    assert_eq!(HostName::parse(&longer), Err(HostError::LongName));
    assert!(parse_authority(format!("{longest}.:80").as_bytes(), &mut scratch).is_ok());
    assert!(parse_authority(longer.as_bytes(), &mut scratch).is_err());
}

#[test]
fn server_names_are_names_and_no_addresses() {
    let mut scratch = String::new();
    assert_eq!(canonical_sni("WWW.Example.com", &mut scratch), Ok("www.example.com"));
    assert_eq!(canonical_sni("example.com.", &mut scratch), Ok("example.com"));
    assert_eq!(canonical_sni("localhost", &mut scratch), Ok("localhost"));
    assert_eq!(canonical_sni("1.2.3.4", &mut scratch), Err(HostError::Address));
    assert_eq!(canonical_sni("127.1", &mut scratch), Err(HostError::Address));
    assert_eq!(canonical_sni("::1", &mut scratch), Err(HostError::Character));
    assert_eq!(canonical_sni("", &mut scratch), Err(HostError::Empty));
    assert_eq!(canonical_sni("a..b", &mut scratch), Err(HostError::EmptyLabel));
}

#[test]
fn patterns_are_names_or_one_label_before_a_name() {
    for (written, shown) in [
        ("example.com", "example.com"),
        ("*.Example.com.", "*.example.com"),
        ("*.bücher.example", "*.xn--bcher-kva.example"),
        ("*.localhost", "*.localhost"),
        ("[::1]", "::1"),
    ] {
        assert_eq!(HostPattern::parse(written).unwrap().to_string(), shown);
    }
    for (written, error) in [
        ("*", HostError::Wildcard),
        ("*.*.com", HostError::Wildcard),
        ("a*.com", HostError::Wildcard),
        ("*.1.2.3.4", HostError::Wildcard),
        ("*.::1", HostError::Wildcard),
        ("*.", HostError::Empty),
        ("", HostError::Empty),
        ("*..com", HostError::EmptyLabel),
    ] {
        assert_eq!(HostPattern::parse(written), Err(error), "{written}");
    }
}

#[test]
fn a_wildcard_covers_exactly_one_label() {
    let pattern = HostPattern::parse("*.example.com").unwrap();
    assert!(pattern.matches("a.example.com"));
    for host in ["example.com", "a.b.example.com", ".example.com", "aexample.com", "a.example.org", "com", ""]
    {
        assert!(!pattern.matches(host), "{host}");
    }
}

#[test]
fn the_table_finds_the_most_specific_pattern() {
    let mut table = HostTable::new();
    assert!(table.is_empty());
    for (value, pattern) in ["example.com", "*.example.com", "www.example.com", "::1"].iter().enumerate() {
        assert_eq!(table.insert(Some(&HostPattern::parse(pattern).unwrap()), value), None);
    }
    assert_eq!(table.find("a.b.example.com"), None);
    assert_eq!(table.insert(None, 9), None);
    let cases = [
        ("example.com", 0),
        ("a.example.com", 1),
        ("www.example.com", 2),
        ("::1", 3),
        ("a.www.example.com", 9),
        ("a.b.example.com", 9),
        ("other", 9),
        ("1.2.3.4", 9),
        ("", 9),
    ];
    for (host, value) in cases {
        assert_eq!(table.find(host), Some(&value), "{host}");
    }
    *table.get_mut(None).unwrap() = 8;
    assert_eq!(table.find("other"), Some(&8));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    /// What a client may ask for is what a file may name, in the same form.
    #[test]
    fn an_authority_is_canonical_under_both_readings(raw in "[a-zA-Z0-9_.\\-]{1,20}(:[0-9]{1,6})?") {
        let mut scratch = String::new();
        if let Ok(authority) = parse_authority(raw.as_bytes(), &mut scratch) {
            let has_a_label = authority.host.contains("xn--");
            prop_assert!(has_a_label || HostName::parse(authority.host).is_ok_and(|n| n.as_str() == authority.host));
            let again = authority.host.to_owned();
            prop_assert_eq!(parse_authority(again.as_bytes(), &mut scratch).map(|a| a.host == again), Ok(true));
        }
    }

    #[test]
    fn no_bytes_make_an_authority_that_is_not_a_host(raw in prop::collection::vec(any::<u8>(), 0..20)) {
        let mut scratch = String::new();
        if let Ok(authority) = parse_authority(&raw, &mut scratch) {
            let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_.:".contains(&b);
            prop_assert!(authority.host.bytes().all(allowed));
        }
    }
}
