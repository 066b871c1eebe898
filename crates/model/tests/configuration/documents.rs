//! The documents say what the code does: their tables are made from it, their examples compile, and the defaults
//! that they state are the defaults. With `BLESS=1` in the environment the tables are written instead.

use model::plan::{Essential, Plan, Traffic};
use model::registry::{ICMP, IcmpCode, PROTOCOLS, SERVICES};
use model::{SectionReference, compile_text, reference};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

/// What stands around the tables of the keys.
const KEYS: &str = "made from the code";

/// The tests that write one document go one after the other.
static WRITING: Mutex<()> = Mutex::new(());

fn path(document: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs").join(document)
}

fn section(title: &str) -> SectionReference {
    reference().into_iter().find(|section| section.title == title).unwrap()
}

fn plan(text: &str) -> Plan {
    let compiled = compile_text("portcullis.toml", text);
    compiled.plan.unwrap_or_else(|| panic!("{text}\n{}", compiled.problems.render(false)))
}

fn check_table(document: &str, name: &str, table: &str) {
    let _writing = WRITING.lock().unwrap_or_else(PoisonError::into_inner);
    let (begin, end) = (format!("<!-- {name}: begin -->\n"), format!("<!-- {name}: end -->\n"));
    let path = path(document);
    let text = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = text.split_once(&begin).unwrap();
    let (_, after) = rest.split_once(&end).unwrap();
    let wanted = format!("{before}{begin}\n{table}\n{end}{after}");
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, &wanted).unwrap();
    } else {
        assert_eq!(text, wanted, "{document} is not what the code says; BLESS=1 writes it");
    }
}

#[test]
fn the_reference_is_made_from_the_sections() {
    let tables: Vec<String> =
        reference().iter().map(|section| section.to_string().trim_end().to_owned()).collect();
    check_table("configuration.md", KEYS, &format!("{}\n", tables.join("\n\n")));
}

#[test]
fn the_limits_are_made_from_their_section() {
    let limits = section("`[limits]`").to_string();
    let table = limits.lines().skip_while(|line| !line.starts_with('|')).collect::<Vec<_>>().join("\n");
    check_table("limits.md", KEYS, &format!("{table}\n"));
}

#[test]
fn the_names_of_services_and_protocols_are_made_from_their_tables() {
    let mut rows = vec!["| name | traffic |".to_owned(), "|---|---|".to_owned()];
    for service in SERVICES {
        let ports = service.ports.iter();
        let ports = ports.map(|p| Traffic::Ports { transport: p.transport, first: p.first, last: p.last });
        let ports: Vec<String> = ports.map(|ports| format!("`{ports}`")).collect();
        rows.push(format!("| `{}` | {} |", service.name, ports.join(", ")));
    }
    for protocol in PROTOCOLS {
        rows.push(format!("| `{}` | `proto/{}` |", protocol.name, protocol.number));
    }
    check_table("configuration.md", "services", &(rows.join("\n") + "\n"));
}

#[test]
fn the_names_of_messages_are_made_from_their_table() {
    let cell = |code: Option<IcmpCode>| match code {
        Some(IcmpCode { kind, code: Some(code) }) => format!("{kind}/{code}"),
        Some(IcmpCode { kind, code: None }) => kind.to_string(),
        None => "–".to_owned(),
    };
    let row = |icmp: &model::registry::IcmpName| {
        format!("| `{}` | {} | {} |", icmp.name, cell(icmp.v4), cell(icmp.v6))
    };
    let rows: Vec<String> = ICMP.iter().map(row).collect();
    let head = "| name | ICMP type | ICMPv6 type |\n|---|---|---|";
    check_table("configuration.md", "icmp", &format!("{head}\n{}\n", rows.join("\n")));
}

#[test]
fn every_essential_is_described() {
    let text = std::fs::read_to_string(path("configuration.md")).unwrap();
    for essential in Essential::ALL {
        assert!(text.contains(&format!("\n| `{}` |", essential.name())), "{}", essential.name());
        let plan = plan(&format!("[firewall]\nwithout = ['{}']\n", essential.name()));
        assert_eq!(plan.policy.firewall.unwrap().without, [essential]);
    }
}

#[test]
fn stated_defaults_of_the_policy_are_the_defaults() {
    let rule = "[firewall]\ninbound = [{ allow = 'ssh' }]\noutbound = [{ allow = 'ssh' }]\n";
    let nat = "[firewall]\n[nat]\ninside = 'eth1'\nforward = [{ port = '1/tcp', to = '10.0.0.1' }]\n";
    let tables = [
        ("`[firewall]`", "[firewall]\n", ""),
        ("a group", "[group.g]\n", "[host.h]\ngroups = 'g'\n[firewall]\n"),
        ("a host", "[host.h]\n", ""),
        ("`[nat]`", "[nat]\n", "[firewall]\n"),
    ];
    for (title, head, tail) in tables {
        for key in section(title).keys {
            let Some(default) = key.default else { continue };
            let written = format!("{head}{} = {default}\n{tail}", key.name);
            assert_eq!(plan(&written), plan(&format!("{head}\n{tail}")), "{title} {}", key.name);
        }
    }
    for (title, text, at) in [("a rule", rule, "'ssh'"), ("a forward", nat, "'10.0.0.1'")] {
        for key in section(title).keys {
            let Some(default) = key.default else { continue };
            let key = key.name;
            let times = if key == "from" { 1 } else { usize::MAX };
            let from = if key == "to" { text.find("outbound").unwrap() } else { 0 };
            let (before, after) = text.split_at(from);
            let written =
                format!("{before}{}", after.replacen(at, &format!("{at}, {key} = {default}"), times));
            assert_eq!(plan(&written), plan(text), "{title} {key}");
        }
    }
}

#[test]
fn every_example_of_the_documents_compiles() {
    let folder = std::fs::read_dir(path("")).unwrap().map(|entry| entry.unwrap().path());
    let documents = folder.filter(|path| path.extension().is_some_and(|name| name == "md"));
    let mut examples = 0;
    for document in documents.chain([path("../README.md")]) {
        let text = std::fs::read_to_string(&document).unwrap();
        for block in text.split("```toml\n").skip(1) {
            let (block, _) = block.split_once("```").unwrap();
            let compiled = compile_text("portcullis.toml", block);
            let problems = compiled.problems.render(false);
            assert!(compiled.plan.is_some(), "{}\n{block}\n{problems}", document.display());
            examples += 1;
        }
    }
    assert!(examples >= 24, "only {examples} examples");
}

#[test]
fn stated_defaults_of_the_gate_are_the_defaults() {
    for name in ["listen", "tls", "limits", "log"] {
        for key in section(&format!("`[{name}]`")).keys {
            let Some(default) = key.default else { continue };
            let mut written = plan(&format!("[{name}]\n{} = {default}\n", key.name));
            written.listen.ports_written = false;
            assert_eq!(written, Plan::default(), "[{name}] {}", key.name);
        }
    }
}

#[test]
fn stated_defaults_of_services_are_the_defaults() {
    let base = "[site]\n'a.test' = 'app'\n[service.app]\ninstances = ['https://localhost:3000']\n";
    for key in section("a service").keys {
        let Some(default) = key.default else { continue };
        assert_eq!(plan(&format!("{base}{} = {default}\n", key.name)), plan(base), "{}", key.name);
    }
    for key in section("the `tls` of a service").keys {
        let Some(default) = key.default else { continue };
        assert_eq!(plan(&format!("{base}tls.{} = {default}\n", key.name)), plan(base), "{}", key.name);
    }
}

#[test]
fn stated_defaults_of_sites_and_routes_are_the_defaults() {
    let mut tested = 0;
    for handler in ["service = 'localhost:3000'", "files = '/srv'", "redirect = '/x'", "respond = ''"] {
        let base = format!("[site.'a.test']\nhsts.max_age = '1y'\nroutes.'/a/'.{handler}\n");
        for (section, prefix) in [("a route", "routes.'/a/'."), ("a site", ""), ("`hsts`", "hsts.")] {
            for key in self::section(section).keys {
                let Some(default) = key.default else { continue };
                let text = format!("{base}{prefix}{} = {default}\n", key.name);
                let Some(written) = compile_text("portcullis.toml", &text).plan else { continue };
                assert_eq!(written, plan(&base), "{text}");
                tested += 1;
            }
        }
    }
    assert!(tested >= 15, "only {tested} defaults were accepted with some handler");
}

#[test]
fn the_schema_knows_every_key_and_no_other() {
    let schema = model::schema();
    let route = schema["$defs"]["route"]["properties"].as_object().unwrap();
    let known: Vec<&str> = section("a route").keys.iter().map(|key| key.name).collect();
    assert_eq!(route.len(), known.len());
    assert!(known.iter().all(|key| route.contains_key(*key)));
    assert_eq!(schema["properties"]["limits"]["properties"]["header_count"]["default"], 100);
    assert_eq!(schema["properties"]["listen"]["additionalProperties"], false);
    assert!(schema["properties"]["site"]["additionalProperties"]["anyOf"].is_array());
}

#[test]
fn stated_defaults_of_streams_are_the_defaults() {
    let base = "[stream.s]\nlisten = '5432'\ninstances = ['localhost:5433']\n";
    for key in section("a stream").keys {
        let Some(default) = key.default else { continue };
        assert_eq!(plan(&format!("{base}{} = {default}\n", key.name)), plan(base), "{}", key.name);
    }
}
